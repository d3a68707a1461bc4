//! Whatever can be reached from numpy's modules, called in many ways: no call ends the interpreter.

use std::process::Command;

#[test]
fn no_call_of_numpy_ends_the_interpreter() {
    let output = Command::new(env!("CARGO_BIN_EXE_sweep")).output().expect("it can be started");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let counted = |what: &str| -> u64 {
        let (before, _) = stdout.split_once(what).unwrap_or_else(|| panic!("no {what}: {stdout}"));
        before.rsplit([' ', '\n']).next().and_then(|count| count.parse().ok()).expect("a number")
    };
    assert_eq!(counted(" faults"), 0, "{stdout}");
    let many = counted(" subjects") > 1_000 && counted(" calls") > 500_000;
    assert!(many && counted(" returned") > 100_000, "it has not swept what there is: {stdout}");
}
