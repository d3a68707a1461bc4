//! The figures of the benches against their budgets: what counts as a miss, on lines that benches have printed.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::repository;

/// What `cargo bench --bench call -- --figures` printed, in part.
const PRINTED: &str = "figure call_str_ns 149.000 ns
figure call_int_ns 131.520 ns
figure getattr_int_ns 73.110 ns
figure call_method_ns 247.700 ns
figure callback_ns 181.000 ns
figure raised_us 2.000 us
figure python_callback_ns 40.100 ns
figure release_batched_ratio 1.900 x
figure py4cl2_cffi_ratio 47.100 x
";

fn budgets(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_budgets"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> String {
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{stdout}{stderr}")
}

/// The line of a figure.
fn line(output: &Output, key: &str) -> String {
    let said = said(output);
    let line = said.lines().find(|line| line.starts_with(&format!("{key} ")));
    line.unwrap_or_else(|| panic!("no {key}: {said}")).to_owned()
}

#[test]
fn a_table_tells_what_is_past_the_budget_and_what_has_become_worse() {
    let output = budgets(&["call"], PRINTED);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(line(&output, "call_str_ns").ends_with("≤ 220    met"), "{}", said(&output));
    assert!(line(&output, "call_int_ns").ends_with(" missed"), "{}", said(&output));
    assert!(line(&output, "callback_ns").ends_with("past the aim"), "{}", said(&output));
    assert!(said(&output).ends_with("6 of 8 budgets are met\n"), "{}", said(&output));
}

#[test]
fn all_met_is_success() {
    let faster = PRINTED.replace("131.520", "110.000").replace("181.000", "99.000");
    let output = budgets(&["call"], &faster);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_figure_that_is_not_printed_is_a_miss() {
    let fewer = PRINTED.replace("figure getattr_int_ns 73.110 ns\n", "");
    let output = budgets(&["call"], &fewer);
    assert!(!output.status.success());
    assert!(line(&output, "getattr_int_ns").ends_with("not printed"), "{}", said(&output));
    // Of all benches, most are missing.
    let output = budgets(&[], PRINTED);
    assert!(!output.status.success() && line(&output, "cold_start_us").ends_with("not printed"));
}

#[test]
fn what_cannot_be_judged_is_refused() {
    for (arguments, input, cause) in [
        (&["call"][..], "", "no figures on standard input"),
        (&["calls"], PRINTED, "calls is not in benches/budgets.toml"),
        (&["call"], "figure call_str_ns 0.149 us\n", "printed in us"),
        (&["call"], "figure call_str_ns fast ns\n", "invalid float"),
        (&["call"], "figure call_str_ns NaN ns\n", "not a number"),
        (&["call"], "figure call_str_ns 149\n", "not `figure KEY VALUE UNIT`"),
        (&["call"], &PRINTED.repeat(2), "given twice"),
    ] {
        let output = budgets(arguments, input);
        assert!(!output.status.success() && said(&output).contains(cause), "{}", said(&output));
    }
}

#[test]
fn other_programs_get_json() {
    let output = budgets(&["--json", "call"], PRINTED);
    assert_eq!(output.status.code(), Some(1));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(rows.len(), 8);
    let row = rows.iter().find(|row| row["key"] == "call_int_ns").expect("the row");
    assert_eq!((&row["value"], &row["most"]), (&Value::from(131.52), &Value::from(110.0)));
    assert_eq!((&row["standing"], &row["unit"]), (&Value::from("missed"), &Value::from("ns")));
}

#[test]
fn the_guide_says_what_each_figure_is() {
    let read = |path| std::fs::read_to_string(repository().join(path)).expect("a file");
    let (file, page) = (read("benches/budgets.toml"), read("docs/src/figures.md"));
    let keys: Vec<_> = file.lines().filter_map(|line| line.split_once(" = {")).collect();
    assert!(keys.len() > 20, "{keys:?}");
    for (key, _) in keys {
        let named = page.contains(&format!("`{key}`"));
        let in_numpys_table = key.starts_with("numpy_") && page.contains("`numpy_*_ratio`");
        assert!(named || in_numpys_table, "{key} is not in docs/src/figures.md");
    }
}
