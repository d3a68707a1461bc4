//! While a view lives no Python runs and memory does not grow: programs that try do not compile.

use crate::compiling::builds;
use std::fs;

/// A program around these lines. There are two interpreters, and buffers `a` and `b` of
/// the first.
fn program(lines: &str) -> String {
    format!(
        "#![allow(unused)]
         use ophidia::array::ndarray::{{ArrayView1, Ix1}};
         use ophidia::{{Buffer, Interpreter, Python, Result}};
         pub fn program(mut py: Interpreter, other: Interpreter, a: Buffer, b: Buffer) -> Result<()> {{
             {lines}
             Ok(())
         }}"
    )
}

/// What the compiler says of a program.
fn compiled(lines: &str) -> Result<(), String> {
    let made = tempfile::tempdir().expect("a folder");
    let source = made.path().join("program.rs");
    fs::write(&source, program(lines)).expect("written");
    let [source, out] = [&source, made.path()].map(|path| path.to_str().expect("UTF-8").to_owned());
    let arguments = ["--crate-type", "lib", "--emit", "metadata", "--out-dir", &out, &source];
    // A build with other features may lie beside ours, whose dependencies do not fit.
    let mut said = String::new();
    for built in builds() {
        match built.compile("rustc", &arguments) {
            Err(error) if error.contains("error[E0460]") || error.contains("error[E0463]") => {
                said = error;
            }
            judged => return judged,
        }
    }
    Err(said)
}

fn refused(lines: &str, code: &str) {
    let said = compiled(lines).expect_err("it compiles");
    let expected = said.matches(&format!("error[{code}]")).count();
    assert!(expected > 0 && said.matches("error[").count() == expected, "{lines}:\n{said}");
}

const VIEW: &str = "let view = a.view::<f64, Ix1>(&py)?;";
const VIEW_MUT: &str = "let mut view = a.view_mut::<f64, Ix1>(&mut py)?;";

#[test]
fn views_that_are_used_before_python_runs_compile() {
    for lines in [
        format!("{VIEW} let other = b.view::<f64, Ix1>(&py)?; view.sum(); py.run(\"\")?;"),
        format!("{VIEW_MUT} view[0] = 1.0; py.run(\"\")?; b.view::<f64, Ix1>(&py)?;"),
        format!("{VIEW} drop(a); view.sum();"),
        "let asked = (a.writing::<f64, Ix1>(), b.reading::<f64, Ix1>());
         let (mut to, from) = py.views(asked)?; to.assign(&from); drop(py);"
            .into(),
    ] {
        compiled(&lines).unwrap_or_else(|said| panic!("{lines}:\n{said}"));
    }
}

/// T13: no view outlives the memory that it is of.
#[test]
fn python_does_not_run_while_a_view_lives() {
    for act in [
        "py.run(\"\")?;",
        "py.eval(\"1\")?;",
        "a.object().repr(&mut py)?;",
        "py.objects_held()?;",
        "py.zeros::<f64, _>(3)?;",
        "py.globals()?.set_item(&mut py, 1, 2)?;",
        "b.view_mut::<f64, Ix1>(&mut py)?;",
        "py.take_stdout();",
        "py.fork()?;",
        "py.checkpoint(&ophidia::CheckpointOptions::new())?;",
    ] {
        refused(&format!("{VIEW} {act} view.sum();"), "E0502");
        refused(&format!("{VIEW_MUT} {act} view[0] = 1.0;"), "E0499");
    }
    refused(&format!("{VIEW_MUT} b.view::<f64, Ix1>(&py)?; view[0] = 1.0;"), "E0502");
    refused(
        "let (view, other) = py.views((a.reading::<f64, Ix1>(), b.reading::<f64, Ix1>()))?;
         py.run(\"\")?; view.sum();",
        "E0499",
    );
}

#[test]
fn an_interpreter_outlives_its_views() {
    refused(&format!("{VIEW} drop(py); view.sum();"), "E0505");
    refused(&format!("{VIEW_MUT} drop(py); view[0] = 1.0;"), "E0505");
    refused(&format!("{VIEW} py = other; view.sum();"), "E0506");
    refused(&format!("{VIEW} std::thread::spawn(move || py.run(\"\")); view.sum();"), "E0505");
    refused("let view: ArrayView1<'static, f64> = a.view(&py)?;", "E0597");
    refused("let bytes: &'static [u8] = a.bytes(&py)?;", "E0597");
}

/// A function of the host that is given an interpreter cannot carry it to another thread, whose stack is
/// another. Between calls an interpreter itself can go anywhere.
#[test]
fn python_stays_on_its_thread() {
    compiled("std::thread::spawn(move || { let mut py = py; py.run(\"\") });")
        .unwrap_or_else(|said| panic!("{said}"));
    refused(
        "let f = |py: &mut Python<'_>| { std::thread::scope(|s| { s.spawn(|| py.run(\"\")); }); };",
        "E0277",
    );
    refused(
        "std::thread::scope(|s| { let py: &mut Python<'_> = &mut py; s.spawn(move || py.run(\"\")); });",
        "E0277",
    );
}
