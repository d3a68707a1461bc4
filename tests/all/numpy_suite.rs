//! A few quick files of numpy's test-suite, through the command that runs them all.

use std::process::Command;

#[test]
fn the_quick_files_differ_from_numpy_only_as_written_down() {
    let output = Command::new(env!("CARGO_BIN_EXE_numpy"))
        .arg("--quick")
        .output()
        .expect("the command can be started");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("8 files"), "{stdout}");
}
