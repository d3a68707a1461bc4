//! `ophidia.dispatch`: functions of several arities, and protocols.

use crate::support::{ophidia_command, repository};

#[test]
fn every_case_of_arities_and_protocols_holds() {
    let script = repository().join("tests/dispatch/cases.py");
    let output =
        ophidia_command().args(["run", "--timeout", "60s"]).arg(&script).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{told}");
    assert!(said.trim_end().ends_with("44 tests passed"), "{said}");
}
