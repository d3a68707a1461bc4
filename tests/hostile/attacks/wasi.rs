//! Lengths, counts, offsets and pointers in calls of WASI: none sizes what the host takes, none leads outside.

use crate::support::{Error, ROOM, Value, attack, data, fault, running, value};
use ophidia::guest::STDLIB;

const INVALID: i64 = 28;
const BAD_DESCRIPTOR: i64 = 8;
const NAME_TOO_LONG: i64 = 37;

/// What a call answers, after this was done.
fn answer(before: &str, call: &str) -> i64 {
    let body = format!(
        "{before} (call $value (i32.const 2) (i32.const 0) (i64.extend_i32_u (call {call})))"
    );
    match value(&body) {
        Ok(Value::Int(answer)) => answer,
        other => panic!("{call}: {other:?}"),
    }
}

/// The 64 bits that a call leaves at an offset of memory that was full of ones.
fn left(call: &str, offset: u32) -> i64 {
    let body = format!(
        "(memory.fill (i32.const {ROOM}) (i32.const 255) (i32.const 256)) (drop (call {call}))
         (call $value (i32.const 2) (i32.const 0) (i64.load (i32.const {})))",
        ROOM + offset
    );
    match value(&body) {
        Ok(Value::Int(left)) => left,
        other => panic!("{call}: {other:?}"),
    }
}

#[test]
fn counts_are_bounded() {
    for count in ["1025", "1048576", "89478486", "-1"] {
        // 89478486 subscriptions take 32 bytes more than the address space has.
        let poll = format!("$poll (i32.const 0) (i32.const 0) (i32.const {count}) (i32.const 0)");
        assert_eq!(answer("", &poll), INVALID, "{poll}");
        for (call, offset) in [("$fd_read", ""), ("$fd_write", ""), ("$fd_pread", "(i64.const 0)")]
        {
            let call = format!(
                "{call} (i32.const 3) (i32.const 0) (i32.const {count}) {offset} (i32.const 0)"
            );
            assert_eq!(answer("", &call), INVALID, "{call}");
        }
    }
}

#[test]
fn lengths_of_paths_are_bounded() {
    for len in ["4097", "2147483647", "-1"] {
        for call in [
            format!(
                "$path_filestat (i32.const 3) (i32.const 1) (i32.const 0) (i32.const {len}) (i32.const 0)"
            ),
            format!(
                "$path_readlink (i32.const 3) (i32.const 0) (i32.const {len}) (i32.const 0) (i32.const 9) (i32.const 0)"
            ),
            format!(
                "$path_open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const {len}) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)"
            ),
        ] {
            assert_eq!(answer("", &call), NAME_TOO_LONG, "{call}");
        }
    }
}

#[test]
fn large_lengths_take_nothing_of_the_host() {
    // 60 MiB of the guest's own memory, of which a copy would be noticed.
    let grow = "(drop (memory.grow (i32.const 896)))";
    assert_eq!(answer(grow, "$random (i32.const 1048576) (i32.const 8388608)"), 0);
    // Cargo.toml, opened and read into all of it.
    let buffer = format!(
        "{grow} (i32.store (i32.const 0) (i32.const 1048576))
         (i32.store (i32.const 4) (i32.const 58720256))
         (drop (call $path_open (i32.const 3) (i32.const 1) (i32.const {ROOM}) (i32.const 29)
           (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))"
    );
    let read = "(i32.load (i32.const 8)) (i32.const 0) (i32.const 1)";
    for call in [
        format!("$fd_pread {read} (i64.const 0) (i32.const 12)"),
        format!("$fd_pread {read} (i64.const 1099511627776) (i32.const 12)"),
        format!("$fd_read {read} (i32.const 12)"),
        "$fd_readdir (i32.const 3) (i32.const 1048576) (i32.const 58720256) (i64.const 0) (i32.const 12)".to_owned(),
    ] {
        let body = format!(
            "{buffer} (call $value (i32.const 2) (i32.const 0) (i64.extend_i32_u (call {call})))"
        );
        let file = format!("{}/Cargo.toml", STDLIB.trim_start_matches('/'));
        let guest = running(&format!("{body} (i32.const 0)")).with(&data(ROOM, file.as_bytes()));
        let result = attack(&guest, |py| py.eval("!"));
        assert!(matches!(result, Ok(Value::Int(0))), "{call}: {result:?}");
    }
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    for (call, said) in [
        (
            "$fd_readdir (i32.const 3) (i32.const 0) (i32.const 99) (i64.const -1) (i32.const 0)",
            INVALID,
        ),
        ("$fd_seek (i32.const 3) (i64.const 0) (i32.const 0) (i32.const 0)", BAD_DESCRIPTOR),
        ("$fd_renumber (i32.const 3) (i32.const -1)", BAD_DESCRIPTOR),
        ("$fd_renumber (i32.const -1) (i32.const 3)", BAD_DESCRIPTOR),
        ("$fd_close (i32.const 2147483647)", BAD_DESCRIPTOR),
        ("$clock (i32.const 99) (i64.const 0) (i32.const 0)", INVALID),
        (
            "$path_filestat (i32.const 3) (i32.const 6) (i32.const 0) (i32.const 1) (i32.const 0)",
            INVALID,
        ),
        (
            "$path_open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)",
            INVALID,
        ),
        (
            "$path_open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 32) (i32.const 0)",
            INVALID,
        ),
    ] {
        assert_eq!(answer("", call), said, "{call}");
    }
}

#[test]
fn wild_pointers_are_faults() {
    for call in [
        "$args_sizes (i32.const -8) (i32.const 0)",
        "$clock (i32.const 1) (i64.const 0) (i32.const -4)",
        "$fd_fdstat (i32.const 3) (i32.const -8)",
        "$fd_filestat (i32.const 3) (i32.const -8)",
        "$fd_prestat (i32.const 3) (i32.const -4)",
        "$fd_prestat_name (i32.const 3) (i32.const -4) (i32.const -1)",
        "$fd_read (i32.const 0) (i32.const -8) (i32.const 1) (i32.const 0)",
        "$fd_write (i32.const 1) (i32.const -4) (i32.const 1) (i32.const 0)",
        "$fd_readdir (i32.const 3) (i32.const 0) (i32.const -1) (i64.const 0) (i32.const 0)",
        "$path_filestat (i32.const 3) (i32.const 1) (i32.const -4) (i32.const 8) (i32.const 0)",
        "$path_rename (i32.const 3) (i32.const -4) (i32.const 8) (i32.const 3) (i32.const 0) (i32.const 1)",
        "$poll (i32.const -8) (i32.const 0) (i32.const 1) (i32.const 0)",
        "$random (i32.const -8) (i32.const 16)",
    ] {
        let body = format!("(drop (call {call})) (i32.const 0)");
        let said = fault(attack(&running(&body), |py| py.run("!")));
        assert!(said.starts_with("a call of WASI: "), "{call}: {said}");
    }
}

#[test]
fn what_is_written_out_has_no_holes() {
    let at = ROOM;
    // A byte of padding after the type, and four before the rights; bytes of the type are not zero.
    let fdstat = left(&format!("$fd_fdstat (i32.const 3) (i32.const {at})"), 0);
    assert_eq!(fdstat, 3, "a folder, no flags");
    let filestat = left(&format!("$fd_filestat (i32.const 3) (i32.const {at})"), 16);
    assert_eq!(filestat, 3, "a folder");
    let prestat = left(&format!("$fd_prestat (i32.const 3) (i32.const {at})"), 0);
    assert_eq!(prestat & 0xffff_ffff, 0, "a tag");
    let listed = "(i32.const 256) (i64.const 0)";
    let entry =
        left(&format!("$fd_readdir (i32.const 3) (i32.const {at}) {listed} (i32.const 0)"), 16);
    assert_eq!(entry >> 40, 0, "a length of a name, a type");
    // A subscription of a clock that is due: its event.
    let poll = format!("$poll (i32.const 0) (i32.const {at}) (i32.const 1) (i32.const 60)");
    assert_eq!(left(&poll, 8), 0, "no error, a clock");
    assert_eq!([left(&poll, 16), left(&poll, 24)], [0, 0], "nothing to read");
}

#[test]
fn a_closed_stream_costs_nothing() {
    let closed =
        "(drop (call $fd_close (i32.const 1))) (i32.store (i32.const 4) (i32.const 4194304))";
    let write = "$fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)";
    assert_eq!(answer(closed, write), BAD_DESCRIPTOR);
    let loops = format!("{closed} (loop (drop (call {write})) (br 0)) (i32.const 0)");
    let result = attack(&running(&loops), |py| py.run("!"));
    assert!(matches!(result, Err(Error::Limit(_))), "{result:?}");
}
