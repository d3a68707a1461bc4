//! Memories that are used again: whatever one guest did to its own, the next one finds the image and nothing else.
//!
//! The guest looks at all of its memory, byte by byte, in the first of its functions that the host calls: before the host
//! has written anything to it.

use crate::support::*;
use ophidia::{ForkOptions, Runtime};
use std::path::Path;
use std::time::Duration;

/// What a tenant does, by the length of the source text that it is given.
const WRITE: &str = "!";
const GROW: &str = "!!";
const TRAP_IN_GROWTH: &str = "!!!";
const FOR_EVER: &str = "!!!!";
const ZEROS: &str = "!!!!!";
const DEEP: &str = "!!!!!!";
const BEHIND: &str = "!!!!!!!";
/// Traps unless all is there that `WRITE` has written, and nothing behind it.
const SAME: &str = "!!!!!!!!";

/// Pages of memory that it begins with.
const PAGES: u32 = 64;

/// A guest whose image has words that say where they lie, in every other page of 4 KiB.
///
/// `$expected` is the word at an address, `$look` traps if one is another, `$fill` writes the same byte to all there is.
fn tenant() -> Guest {
    let run = "
        (if (i32.eq (local.get $source_len) (i32.const 1)) (then (call $fill (i32.const 0xA5))))
        (if (i32.eq (local.get $source_len) (i32.const 2))
          (then (call $grow) (call $fill (i32.const 0x5A))))
        (if (i32.eq (local.get $source_len) (i32.const 3))
          (then (drop (memory.grow (i32.const 7))) (call $fill (i32.const 0x33))
            (drop (memory.grow (i32.const 1))) unreachable))
        (if (i32.eq (local.get $source_len) (i32.const 4))
          (then (call $grow) (loop $again (call $fill (i32.const 0x77)) (br $again))))
        (if (i32.eq (local.get $source_len) (i32.const 5)) (then (call $fill (i32.const 0))))
        (if (i32.eq (local.get $source_len) (i32.const 6)) (then (call $deep)))
        (if (i32.eq (local.get $source_len) (i32.const 7))
          (then (drop (i32.load (i32.const 4194304)))))
        (if (i32.eq (local.get $source_len) (i32.const 8)) (then (call $same)))
        (i32.const 0)";
    Guest::new()
        .does("ophidia_initialize", "(call $write)")
        .does(ophidia_abi::export::FRAME, &format!("(call $look) (i32.const {FRAME})"))
        .does("ophidia_run", run)
        .with(&format!(
            "(func $deep (call $deep) (call $deep))
             (func $grow (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))
             (func $fill (param $byte i32)
               (memory.fill (i32.const 0) (local.get $byte)
                 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))))
             (func $same (local $at i32)
               (if (i32.ne (memory.size) (i32.const {PAGES})) (then unreachable))
               (local.set $at (i32.const {written}))
               (loop $next
                 (if (i32.ne (i32.load (local.get $at)) (i32.const 0xA5A5A5A5)) (then unreachable))
                 (local.set $at (i32.add (local.get $at) (i32.const 4)))
                 (br_if $next (i32.lt_u (local.get $at) (i32.const {last})))))
             (func $expected (param $at i32) (result i32)
               (select
                 (i32.mul (i32.add (local.get $at) (i32.const 1)) (i32.const 0x9E3779B1))
                 (i32.const 0)
                 (i32.and (local.get $at) (i32.const 4096))))
             (func $write (local $at i32)
               (loop $next
                 (i32.store (local.get $at) (call $expected (local.get $at)))
                 (local.set $at (i32.add (local.get $at) (i32.const 4)))
                 (br_if $next (i32.lt_u (local.get $at) (i32.const {end})))))
             (func $look (local $at i32)
               (if (i32.ne (memory.size) (i32.const {PAGES})) (then unreachable))
               (loop $next
                 (if (i32.ne (i32.load (local.get $at)) (call $expected (local.get $at)))
                   (then unreachable))
                 (local.set $at (i32.add (local.get $at) (i32.const 4)))
                 (br_if $next (i32.lt_u (local.get $at) (i32.const {end})))))",
            end = PAGES << 16,
            last = (PAGES << 16) - 4,
            // Behind what the host itself writes to.
            written = 17 << 16,
        ))
}

fn runtimes() -> [Runtime; 4] {
    let (wasm, folder) = (tenant().wasm(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let builder = || Runtime::builder(folder).max_interpreters(3);
    [
        builder(),
        builder().without_page_scan(),
        builder().idle_memory(0),
        builder().idle_memory(300 << 10),
    ]
    .map(|builder| builder.build_of(&wasm, folder).expect("a module"))
}

/// A tenant that has seen nothing but the image. It has all the time that its looking takes.
fn next(runtime: &Runtime) -> Interpreter {
    let py = runtime.interpreter().memory(32 << 20).timeout(Duration::from_secs(60));
    py.build().expect("nothing but the image is there")
}

#[test]
fn what_is_looked_for_would_be_found() {
    let seen = tenant()
        .does("ophidia_initialize", "(call $write) (i32.store8 (i32.const 70000) (i32.const 1))");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let runtime = Runtime::builder(folder).build_of(&seen.wasm(), folder).expect("a module");
    let told = fault(runtime.interpreter().build());
    assert!(told.contains("unreachable"), "{told}");
}

/// T11: nothing of one tenant is seen by the next.
#[test]
fn the_next_tenant_finds_the_image_alone() {
    for runtime in runtimes() {
        for round in 0..3 {
            for does in [WRITE, GROW, TRAP_IN_GROWTH, FOR_EVER, ZEROS, DEEP] {
                // One writes to its neighbours' slots while they live, too: nothing of it is theirs.
                let mut neighbour = next(&runtime);
                let mut py = next(&runtime);
                if does == FOR_EVER {
                    let interrupter = py.interrupter();
                    let stops = std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_millis(30));
                        interrupter.cancel();
                    });
                    let result = py.run(does);
                    stops.join().expect("no panic");
                    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
                } else {
                    assert_eq!(py.run(does).is_err(), [TRAP_IN_GROWTH, DEEP].contains(&does));
                }
                drop(next(&runtime));
                drop(py);
                let mut again = next(&runtime);
                // What lives keeps its own.
                neighbour.run(WRITE).expect("it goes on");
                if round == 1 {
                    runtime.trim().expect("it can");
                }
                drop((neighbour, next(&runtime)));
                again.run(GROW).expect("it goes on");
            }
        }
    }
}

#[test]
fn what_children_map_is_theirs_and_nobody_elses() {
    for runtime in runtimes() {
        for _ in 0..3 {
            let mut parent = next(&runtime);
            parent.run(WRITE).expect("it goes on");
            let mut children = parent.fork_n_as_it_is(2).expect("children");
            let mut second = children.pop().expect("two");
            let mut first = children.pop().expect("two");
            for py in [&mut parent, &mut first, &mut second] {
                py.run(SAME).expect("all that was written");
            }
            first.run(GROW).expect("it has all there is");
            for py in [&mut parent, &mut second] {
                py.run(SAME).expect("nothing of the first child's");
            }
            drop(first);
            // In the slot of the first, which was written to everywhere.
            let mut grandchild =
                second.fork_with(ForkOptions::new().reseed(false)).expect("a slot is free");
            grandchild.run(SAME).expect("nothing of who was there before");
            let told = fault(grandchild.run(BEHIND));
            assert!(told.contains("out of bounds"), "{told}");
            drop((parent, grandchild));
            let mut plain = [next(&runtime), next(&runtime)];
            plain[0].run(ZEROS).expect("it goes on");
            second.run(SAME).expect("nothing of others");
            drop((plain, second));
            drop([next(&runtime), next(&runtime), next(&runtime)]);
        }
    }
}

#[test]
fn what_was_grown_is_zeros_and_out_of_reach_before() {
    for runtime in runtimes() {
        // The pages behind the memory, which the last tenant had and this one has not.
        for _ in 0..3 {
            next(&runtime).run(GROW).expect("it has all there is");
            let mut py = next(&runtime);
            let told = fault(py.run(BEHIND));
            assert!(told.contains("out of bounds"), "{told}");
        }
    }
    let body = "(drop (memory.grow (i32.const 16)))
        (local.set $mode (i32.const 4194304))
        (loop $next
          (if (i32.load (local.get $mode)) (then unreachable))
          (i32.store (local.get $mode) (i32.const -1))
          (local.set $mode (i32.add (local.get $mode) (i32.const 4)))
          (br_if $next (i32.lt_u (local.get $mode) (i32.const 5242880))))
        (i32.const 0)";
    let runtime = runtime(&running(body));
    for _ in 0..50 {
        interpreter(&runtime).expect("an interpreter").run("!").expect("zeros");
    }
}
