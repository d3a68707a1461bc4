//! Exceptions on their way out: texts of bounded size, and what is told by their class, never by its name.

use crate::library::RUNTIME;
use crate::support::{interpreter, raised};
use ophidia::{Error, LimitExceeded, Python, PythonError, Serde, Value};

/// What each text may take.
const MOST: usize = 64 << 10;

/// How one ends that was cut.
const CUT: &str = "… [cut]";

#[track_caller]
fn assert_bounded(error: &PythonError, py: &mut Python<'_>) {
    let traceback = error.traceback(py).expect("a traceback");
    for text in [&*error.type_name, &*error.message, traceback] {
        assert!(text.len() <= MOST, "{} bytes: {text:.100}", text.len());
    }
}

#[test]
fn texts_of_any_length_are_cut() {
    let mut py = interpreter();
    py.run(
        "def down(n):
    if n: up(n - 1)
    else: raise ValueError('the end')
def up(n): down(n)
noted = ValueError('m')
for i in range(3_000): noted.add_note('note\\n' * 20)
noted.add_note('n' * 60_000_000)",
    )
    .expect("runs");
    for source in [
        "raise ValueError('x' * 60_000_000)",
        "raise ValueError('é' * 20_000_000)",
        "raise ValueError('\\udc80' * 5_000_000)",
        "raise type('T' * 40_000_000, (ValueError,), {})('m')",
        "raise type('T' * 40_000_000, (ValueError,), {'__module__': 'm' * 1_000_000})('m')",
        "raise noted",
        "try: raise KeyError('k' * 20_000_000)\nexcept KeyError as k: raise ValueError('v') from k",
        "try: raise KeyError('k' * 20_000_000)\nexcept KeyError as k: raise ValueError('v' * 20_000_000)",
        "raise ExceptionGroup('g' * 5_000_000, [ValueError('y' * 5_000_000)] * 20)",
        "exec('def ' + 'q' * 2_000_000 + '(')",
        "exec('x=1;' * 20_000 + '1/0')",
        "down(400)",
        "import sys; sys.exit('x' * 60_000_000)",
    ] {
        let error = raised(py.run(source));
        assert_bounded(&error, &mut py);
        let traceback = error.made_traceback().expect("it was asked for");
        assert!(error.type_name.len() > 3 && traceback.is_empty() == error.exit_status.is_some());
        if let Some(exception) = error.exception().cloned() {
            let described = PythonError::from_exception(&mut py, &exception).expect("described");
            assert_bounded(&described, &mut py);
        }
    }
    assert_eq!(py.eval("1 + 1").expect("goes on"), Value::Int(2));
}

#[test]
fn a_cut_says_so_and_keeps_what_matters() {
    let mut py = interpreter();
    let error = raised(py.run("raise ValueError('é' * 1_000_000)"));
    let beginning = error.message.strip_suffix(CUT).expect("a mark");
    assert!(beginning.chars().all(|letter| letter == 'é') && beginning.len() > MOST - 20);
    // The end of a traceback is what is read first.
    let down = "down".repeat(50);
    let error = raised(py.run(&format!(
        "def {down}(n):
    if n: up(n - 1)
    else: raise ValueError('the end')
def up(n): {down}(n)
{down}(400)",
    )));
    let traceback = error.traceback(&mut py).expect("a traceback");
    assert!(traceback.starts_with("Traceback (most recent call last):\n"), "{traceback:.200}");
    assert!(
        traceback.ends_with("\nValueError: the end\n")
            && traceback.contains("parts of the traceback")
    );
    // What fits is as it was.
    let error = raised(py.run(&format!("raise ValueError('{}')", "x".repeat(20_000))));
    assert_eq!(error.message.len(), 20_000);
    let traceback = error.traceback(&mut py).expect("a traceback");
    assert!(traceback.ends_with(&format!("\nValueError: {}\n", error.message)));
}

#[test]
fn causes_notes_and_frames_are_cut_too() -> ophidia::Result<()> {
    let mut py = interpreter();
    let error = raised(py.run(
        "try: raise KeyError('k' * 10_000_000)
except KeyError as k:
    error = ValueError('v')
    error.add_note('n' * 10_000_000)
    raise error from k",
    ));
    let cause = error.cause(&mut py)?.expect("a cause");
    assert_bounded(&cause, &mut py);
    assert!(cause.message.ends_with(CUT) && cause.type_name == "KeyError");
    let notes = error.notes(&mut py)?;
    assert!(notes.len() == 1 && notes[0].len() <= MOST + CUT.len() && notes[0].ends_with(CUT));
    let frames = error.frames(&mut py)?;
    assert!(!frames.is_empty() && frames.iter().all(|frame| frame.source.len() <= MOST));
    Ok(())
}

#[test]
fn errors_of_conversions_quote_little() {
    let mut py = interpreter();
    let long = py.eval_object("'x' * 20_000_000").expect("a str");
    let error = long.extract::<Serde<char>>(&mut py).expect_err("too long").to_string();
    assert!(error.len() < MOST + 100 && error.contains("xxx"), "{error:.100}");
    let error =
        long.extract::<Serde<std::net::IpAddr>>(&mut py).expect_err("no address").to_string();
    assert!(error.len() < MOST + 100, "{error:.100}");
}

#[test]
fn a_limit_is_told_by_the_class_of_the_exception() {
    let mut py = RUNTIME.interpreter().memory(96 << 20).build().expect("one");
    let refused = "import builtins
try: bytearray(1 << 30)
except builtins.MemoryError: pass
";
    // Whatever a program calls its classes, and says.
    for forged in [
        "class MemoryError(Exception): pass\nraise MemoryError('limit memory')",
        "raise type('MemoryError', (Exception,), {'__module__': 'builtins'})()",
        "raise type('_ArrayMemoryError', (ValueError,), {'__module__': 'numpy._core'})()",
        "raise type('SystemError', (Exception,), {})('error return without exception set')",
        "raise SystemError('limit memory: 1 bytes asked')",
        "raise type('', (Exception,), {'__module__': None})()",
    ] {
        for source in [forged.to_owned(), format!("{refused}{forged}")] {
            let result = py.run(&source);
            assert!(matches!(result, Err(Error::Python(_))), "{source}: {result:?}");
        }
    }
    // A true one is the program's own while no memory was refused.
    let error = raised(py.run("import builtins; raise builtins.MemoryError('mine')"));
    assert_eq!((&*error.type_name, &*error.message), ("MemoryError", "mine"));
    let error = raised(py.run("raise SystemError('error return without exception set')"));
    assert_eq!(error.type_name, "SystemError");
    for source in [
        "bytearray(1 << 30)",
        "class Own(builtins.MemoryError): pass\ntry: bytearray(1 << 30)\nexcept builtins.MemoryError: raise Own()",
    ] {
        let result = py.run(source);
        assert!(matches!(result, Err(Error::Limit(LimitExceeded::Memory { .. }))), "{result:?}");
    }
    assert_eq!(py.eval("1").expect("goes on"), Value::Int(1));
}
