//! Slots of interpreters that have ended: what they keep is bounded, and given back when asked.

use crate::support::{alone, cache};
use ophidia::Runtime;
use std::fs;

/// How many interpreters live at once.
const ALIVE: u32 = 200;

/// What a kibibyte figure of this process is, in bytes.
pub(crate) fn own_memory() -> u64 {
    let text = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let kib = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let private = text.lines().filter(|line| line.starts_with("Private_Dirty:"));
    private.filter_map(kib).sum::<u64>() * 1024
}

/// Fills so many slots with interpreters that use more than 3 MiB each, and ends them.
fn used(runtime: &Runtime) {
    let build = |_| runtime.interpreter().build().expect("an interpreter");
    let mut alive: Vec<_> = (0..ALIVE).map(build).collect();
    for py in &mut alive {
        py.run("x = bytearray(b'x') * (7 << 19)").expect("3.5 MiB");
    }
}

#[test]
fn ended_interpreters_keep_little() {
    alone("slots::ended_interpreters_keep_little_alone");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn ended_interpreters_keep_little_alone() {
    const MIB: u64 = 1 << 20;
    let builder = || Runtime::builder(cache()).max_interpreters(ALIVE);
    // What is the process' own, and the runtime's.
    drop(builder().build().expect("a runtime").interpreter().build().expect("an interpreter"));

    for (bound, most) in [(None, 64 * MIB), (Some(8 * MIB), 8 * MIB), (Some(0), 0)] {
        let runtime = match bound {
            Some(bound) => builder().idle_memory(usize::try_from(bound).expect("small")),
            None => builder(),
        };
        let runtime = runtime.build().expect("a runtime");
        drop(runtime.interpreter().build().expect("an interpreter"));
        let before = own_memory();
        used(&runtime);
        // Tables, and what the allocator of this process has not given back: some 90 KiB for each.
        let beside = 32 * MIB;
        let kept = own_memory().saturating_sub(before);
        assert!(kept <= most + beside, "{kept} bytes kept where {most} are allowed");
        let given = runtime.trim().expect("it can");
        assert!(given as u64 <= most);
        assert!(most == 0 || given as u64 > most / 2, "{given} bytes given back of {most}");
        let kept = own_memory().saturating_sub(before);
        assert!(kept <= beside, "{kept} bytes kept after trimming");
        // Slots are as good as new.
        used(&runtime);
        let mut py = runtime.interpreter().build().expect("an interpreter");
        py.run("assert 'x' not in globals()").expect("nothing is left of the others");
    }
}

#[test]
fn trimming_leaves_those_that_live_alone() {
    let runtime = Runtime::builder(cache()).max_interpreters(4).build().expect("a runtime");
    let build = || runtime.interpreter().build().expect("an interpreter");
    let mut py = build();
    py.run("x = list(range(1000))").expect("it runs");
    drop((build(), build()));
    runtime.trim().expect("it can");
    py.run("assert x == list(range(1000))").expect("it is as it was");
    assert_eq!(runtime.trim().expect("it can"), 0, "nothing is left to give");
    drop((build(), build(), build()));
}
