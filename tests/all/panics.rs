//! Host code that panics: the call that led there ends with an error, whatever Python catches, and the
//! process goes on.

use crate::library::RUNTIME;
use crate::support::interpreter;
use ophidia::{Converters, Error, Function, Input, Interpreter, Object, Output, Python, Value};
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is said of the panic that ended a call; no other call is possible after it.
fn panicked<T: std::fmt::Debug>(py: &mut Interpreter, result: ophidia::Result<T>) -> String {
    let said = match result {
        Err(Error::Host(said)) => said.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(matches!(py.run("1"), Err(Error::Poisoned { .. })));
    said
}

/// T13: a panic of a closure stops at the boundary.
#[test]
fn a_function() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.set("bad", Function::new("bad", || -> i64 { panic!("{} left", 0) }))?;
    let result = py.run("try:\n    bad()\nexcept BaseException: pass");
    assert_eq!(panicked(&mut py, result), "the host function bad panicked: 0 left");
    Ok(())
}

#[test]
fn an_asynchronous_function() -> ophidia::Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let tokio = tokio.expect("a runtime");
    struct Brittle;
    impl Drop for Brittle {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "let go of");
        }
    }
    let at_once = Function::new_async("bad", || async {
        assert!(std::hint::black_box(false), "at once");
    });
    let later = Function::new_async("bad", || async {
        tokio::task::yield_now().await;
        assert!(std::hint::black_box(false), "later");
    });
    let at_the_end = Function::new_async("bad", || {
        let brittle = Brittle;
        std::future::poll_fn(move |_| {
            let _keep = &brittle;
            std::task::Poll::Ready(7)
        })
    });
    for (function, said) in [(at_once, "at once"), (later, "later"), (at_the_end, "let go of")] {
        let mut py = RUNTIME.interpreter().tokio(tokio.handle().clone()).build()?;
        py.set("bad", function)?;
        let result = py.run(
            "import asyncio
async def main():
    try: await bad()
    except BaseException: pass
    print('went on')
asyncio.run(main())",
        );
        assert_eq!(panicked(&mut py, result), format!("the host function bad panicked: {said}"));
        assert!(py.take_stdout().is_empty());
    }
    Ok(())
}

struct Panics;

impl Write for Panics {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("no paper")
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Panics {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("no cards")
    }
}

#[test]
fn what_takes_output_and_gives_input() -> ophidia::Result<()> {
    let lines = || Output::lines(|line| panic!("not {line}"));
    for (output, said) in [(lines(), "not a"), (Output::writer(Panics), "no paper")] {
        let mut py = RUNTIME.interpreter().stdout(output).build()?;
        let result = py.run("try:\n    print('a')\nexcept BaseException: pass");
        assert_eq!(panicked(&mut py, result), format!("the receiver of output panicked: {said}"));
    }
    // In a scope, at its end too: that is when the last line is told.
    for source in ["print('a')", "print('a', end='')"] {
        let mut py = interpreter();
        let result = py.with_output(lines(), None, |py| py.run(source));
        assert_eq!(panicked(&mut py, result), "the receiver of output panicked: not a");
    }
    let mut py = RUNTIME.interpreter().stdin(Input::reader(Panics)).build()?;
    let result = py.run("try:\n    input()\nexcept BaseException: pass");
    assert_eq!(panicked(&mut py, result), "the reader of standard input panicked: no cards");
    Ok(())
}

#[test]
fn a_converter() -> ophidia::Result<()> {
    let converters = || {
        Converters::new()
            .from_python("Thing", |_: &mut Python<'_>, _: Object| -> ophidia::Result<Value> {
                panic!("not convertible")
            })
    };
    let source = "class Thing: pass";
    let mut py = interpreter();
    py.run(source)?;
    let result = py.with_converters(converters(), |py| py.eval("[Thing()]"));
    assert_eq!(panicked(&mut py, result), "a converter panicked: not convertible");

    let mut py = interpreter();
    py.run(source)?;
    py.set("take", Function::variadic("take", |_, call| call.positional.len()))?;
    let call = "try:\n    take(Thing())\nexcept BaseException: pass";
    let result = py.with_converters(converters(), |py| py.run(call));
    assert_eq!(panicked(&mut py, result), "a converter panicked: not convertible");
    Ok(())
}

/// Whatever unwinds through an entry leaves the guest in the middle of it.
#[test]
fn in_the_middle_of_an_entry() {
    let mut py = interpreter();
    let entered = catch_unwind(AssertUnwindSafe(|| py.entered(|| panic!("below"))));
    assert!(entered.is_err());
    assert!(py.is_poisoned());
    let Err(Error::Poisoned(poisoned)) = py.run("1") else { panic!("it goes on") };
    let cause = poisoned.cause.to_string();
    assert!(cause.contains("panicked in the middle of a call"), "{cause}");
}

/// Inside an asynchronous runtime, calls of WASI either work or poison.
#[test]
fn in_a_runtime() {
    let tokio = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    tokio.block_on(async {
        let mut py = interpreter();
        let source = "import os, time; time.sleep(0.01); open(os.__file__).read()";
        match catch_unwind(AssertUnwindSafe(|| py.run(source))) {
            Ok(ended) => ended.expect("it works"),
            Err(_) => assert!(py.is_poisoned()),
        }
    });
}
