//! Estimate pi from random points, in four interpreters at once: numpy draws them, Rust counts.
//!
//! ```console
//! cargo run --release --example monte_carlo
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use ophidia::array::ndarray::{Axis, Ix2};
use ophidia::{Buffer, Runtime};
use std::thread;

const INTERPRETERS: u64 = 4;

/// An estimate by each interpreter, of so many points.
pub(crate) fn estimates(runtime: &Runtime, points: u32) -> ophidia::Result<Vec<f64>> {
    thread::scope(|scope| {
        let start = |seed| scope.spawn(move || estimate(runtime, seed, points));
        let threads: Vec<_> = (0..INTERPRETERS).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    })
}

fn estimate(runtime: &Runtime, seed: u64, points: u32) -> ophidia::Result<f64> {
    let mut py = runtime.interpreter().build()?; // takes microseconds
    let chance = py.get("numpy.random.default_rng")?.call(&mut py, (seed,))?;
    let drawn: Buffer = chance.call_method_as(&mut py, "random", ((points, 2),))?;
    let view = drawn.view::<f64, Ix2>(&py)?; // straight into the guest's memory
    let inside = view.axis_iter(Axis(0)).filter(|point| point.dot(point) < 1.0).count();
    Ok(4.0 * inside as f64 / f64::from(points))
}

fn main() -> ophidia::Result<()> {
    let estimates = estimates(&Runtime::ambient()?, 1_000_000)?;
    let mean = estimates.iter().sum::<f64>() / estimates.len() as f64;
    println!("{estimates:.4?}: pi is about {mean:.4}");
    Ok(())
}
