//! Several interpreters in one another's calls: an error of one ends only the one it is about.

use crate::library::RUNTIME;
use crate::support::{interpreter, raised};
use ophidia::{Error, Function, Interpreter, Python, Result};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An interpreter that a host function of another one may use.
type Inner = Arc<Mutex<Interpreter>>;

fn inner(py: Interpreter) -> Inner {
    Arc::new(Mutex::new(py))
}

/// What Python sees of a host function that passes on what this gives.
fn seen(fail: impl Fn() -> Result<()> + Send + Sync + 'static) -> Result<(String, String)> {
    let mut py = interpreter();
    py.set("f", Function::new("f", fail))?;
    py.run("try: f()\nexcept BaseException as error: seen = type(error).__name__, str(error)")?;
    let seen = py.get("seen")?.extract(&mut py)?;
    assert!(!py.is_poisoned());
    Ok(seen)
}

/// What Python sees of what a call of another interpreter ends with, and whether that one goes on.
fn ended_by(py: Interpreter, source: &'static str) -> Result<(String, String, bool)> {
    let inner = inner(py);
    let used = Arc::clone(&inner);
    let (kind, said) = seen(move || used.lock().expect("nobody panics").run(source))?;
    let poisoned = inner.lock().expect("nobody panics").is_poisoned();
    Ok((kind, said, poisoned))
}

/// T13: what ends one interpreter is not believed of another.
#[test]
fn limits_of_another_are_no_limits_here() -> Result<()> {
    let small = || RUNTIME.interpreter().memory(64 << 20).value(1_000).output(100);
    let quick = || RUNTIME.interpreter().timeout(Duration::from_millis(300)).grace(Duration::ZERO);
    let (kind, said, poisoned) = ended_by(small().build()?, "bytearray(10**9)")?;
    assert_eq!((&*kind, poisoned), ("RuntimeError", false), "{said}");
    assert!(said.contains("limit memory"), "{said}");
    let (kind, said, poisoned) = ended_by(quick().build()?, "while True: pass")?;
    assert_eq!((&*kind, poisoned), ("RuntimeError", true), "{said}");
    assert!(said.contains("limit timeout"), "{said}");
    let (kind, said, _) = ended_by(small().build()?, "print('x' * 1000)")?;
    assert_eq!(kind, "RuntimeError", "{said}");
    assert!(said.contains("limit output"), "{said}");
    let used = inner(small().build()?);
    let (kind, said) =
        seen(move || used.lock().expect("nobody panics").eval("'x' * 10_000").map(drop))?;
    assert_eq!(kind, "RuntimeError", "{said}");
    assert!(said.contains("limit value"), "{said}");
    Ok(())
}

#[test]
fn own_limits_are_memory_errors() -> Result<()> {
    let mut py = RUNTIME.interpreter().memory(64 << 20).value(1_000).build()?;
    let large = |py: &mut Python<'_>| py.eval("'x' * 10_000").map(drop);
    py.set("large", Function::new("large", large))?;
    py.set("hungry", Function::new("hungry", |py: &mut Python<'_>| py.run("bytearray(10**9)")))?;
    for call in ["large()", "hungry()"] {
        py.run(&format!("try: {call}\nexcept MemoryError: pass"))?;
    }
    Ok(())
}

#[test]
fn faults_exits_and_poison_stay_where_they_are() -> Result<()> {
    // The end of a program is no end of the one that uses it.
    let (kind, said, _) = ended_by(interpreter(), "raise SystemExit(3)")?;
    assert_eq!((&*kind, said.contains("SystemExit")), ("RuntimeError", true), "{said}");
    let (kind, _, poisoned) = ended_by(interpreter(), "import os; os._exit(3)")?;
    assert_eq!((&*kind, poisoned), ("RuntimeError", true));
    // An exception is no more than its class and its message.
    let (kind, said, _) =
        ended_by(interpreter(), "class Odd(ValueError): pass\nraise KeyError(7)")?;
    assert_eq!((&*kind, &*said), ("KeyError", "'7'"));
    // Cancelled, and poisoned by it.
    let py = interpreter();
    py.interrupter().cancel();
    let used = inner(py);
    let again = Arc::clone(&used);
    let (kind, said) = seen(move || used.lock().expect("nobody panics").run("while True: pass"))?;
    assert_eq!((&*kind, &*said), ("RuntimeError", "cancelled by the host"));
    let (kind, said) = seen(move || again.lock().expect("nobody panics").run("1"))?;
    assert_eq!(kind, "RuntimeError");
    assert!(said.contains("no longer be used"), "{said}");
    // What a closure makes up itself.
    let fault = || Err(Error::GuestFault("of somebody's".into()));
    assert_eq!(seen(fault)?.0, "RuntimeError");
    assert_eq!(seen(|| Err(Error::Host("no room".into())))?.0, "RuntimeError");
    assert_eq!(seen(|| Err(Error::Cancelled))?.0, "RuntimeError");
    Ok(())
}

#[test]
fn three_deep() -> Result<()> {
    // The innermost is out of time; each function passes that on.
    let quick = inner(
        RUNTIME.interpreter().timeout(Duration::from_millis(300)).grace(Duration::ZERO).build()?,
    );
    let used = Arc::clone(&quick);
    let mut middle = interpreter();
    middle.set(
        "deeper",
        Function::new("deeper", move || {
            used.lock().expect("nobody panics").run("while True: pass")
        }),
    )?;
    let middle = inner(middle);
    let used = Arc::clone(&middle);
    let mut py = interpreter();
    py.set(
        "deep",
        Function::new("deep", move || used.lock().expect("nobody panics").run("deeper()")),
    )?;
    let error = raised(py.run("deep()"));
    assert_eq!(error.type_name, "RuntimeError");
    assert!(error.message.contains("limit timeout"), "{}", error.message);
    py.run("1")?;
    middle.lock().expect("nobody panics").run("1")?;
    assert!(quick.lock().expect("nobody panics").is_poisoned());
    Ok(())
}
