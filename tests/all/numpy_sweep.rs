//! Whatever can be reached from numpy's modules, called in many ways: no call ends the interpreter.

use std::process::Command;

#[test]
fn no_call_of_numpy_ends_the_interpreter() {
    let output = Command::new(env!("CARGO_BIN_EXE_sweep")).output().expect("it can be started");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("calls, 0 faults"), "{stdout}");
}
