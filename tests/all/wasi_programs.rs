//! The command that judges preview 1 by test programs: it passes what is right and fails what is not.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A program of these instructions, with a word of memory to write answers to.
fn program(folder: &Path, name: &str, body: &str, json: Option<&str>) {
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\10\00\00\00\03\00\00\00")
            (data (i32.const 16) "hi\n")
            (data (i32.const 32) "../out")
            (func (export "_start") {body}))"#
    );
    fs::write(folder.join(name).with_extension("wasm"), wat::parse_str(text).expect(name))
        .expect("a file");
    if let Some(json) = json {
        fs::write(folder.join(name).with_extension("json"), json).expect("a file");
    }
}

#[test]
fn programs_are_judged_by_what_they_do() {
    let made = tempfile::tempdir().expect("a folder");
    let at = made.path();
    fs::create_dir(at.join("dir")).expect("a folder");
    let says = "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))";
    program(at, "a_plain", "", None);
    program(at, "b_status", "(call $exit (i32.const 3))", Some(r#"{"exit_code": 3}"#));
    program(at, "c_says", says, Some(r#"{"stdout": "hi\n"}"#));
    program(
        at,
        "d_arguments",
        "(drop (call $args (i32.const 100) (i32.const 104)))
         (drop (call $env (i32.const 108) (i32.const 112)))
         (call $exit (i32.add (i32.mul (i32.const 10) (i32.load (i32.const 100))) (i32.load (i32.const 108))))",
        Some(r#"{"args": ["x", "y"], "env": {"A": "1"}, "exit_code": 31}"#),
    );
    // EPERM: the folder is 3.
    program(
        at,
        "e_escape",
        "(call $exit (call $mkdir (i32.const 3) (i32.const 32) (i32.const 6)))",
        Some(r#"{"dirs": ["dir"], "exit_code": 63}"#),
    );
    program(at, "f_wrong_status", "(call $exit (i32.const 1))", None);
    program(at, "g_wrong_output", says, Some(r#"{"stdout": "ho\n"}"#));
    program(at, "h_trap", "unreachable", None);
    program(at, "i_endless", "(loop (br 0))", None);
    program(at, "j_unknown", "", Some(r#"{"proposals": ["threads"]}"#));
    fs::write(at.join("k_no_module.wasm"), "nothing").expect("a file");
    let judged = Command::new(env!("CARGO_BIN_EXE_wasi")).arg(at).output().expect("it runs");
    let said = String::from_utf8_lossy(&judged.stdout);
    let lines: Vec<_> = said.lines().filter(|line| line.contains('_')).collect();
    let wanted = [
        "passed  a_plain",
        "passed  b_status",
        "passed  c_says",
        "passed  d_arguments",
        "passed  e_escape",
        "failed  f_wrong_status: status 1 instead of 0",
        "failed  g_wrong_output: stdout is \"hi\\n\" instead of \"ho\\n\"",
        "failed  h_trap: ",
        "failed  i_endless: ",
        "skipped j_unknown: \"proposals\"",
        "failed  k_no_module: ",
    ];
    for wanted in wanted {
        assert!(lines.iter().any(|line| line.starts_with(wanted)), "{wanted:?} in\n{said}");
    }
    assert!(said.ends_with("5 passed, 5 failed, 1 skipped\n"), "{said}");
    assert_eq!(judged.status.code(), Some(1));
    let nothing =
        Command::new(env!("CARGO_BIN_EXE_wasi")).arg(at.join("dir")).output().expect("it runs");
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no NAME.wasm"), "{nothing:?}");
}
