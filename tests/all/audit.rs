//! The audit of signatures and names over all that the guest is linked from.

use std::process::Command;

#[test]
fn what_the_guest_is_linked_from_has_no_unknown_traps_and_no_stolen_names() {
    let output = Command::new(env!("CARGO_BIN_EXE_audit")).output().expect("it can be started");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("pointers to functions compared"), "{stdout}");
}
