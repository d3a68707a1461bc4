//! Inputs for which the guest has no memory: refused, by a limit, and the interpreter goes on.

use crate::library::RUNTIME;
use ophidia::{Error, Function, Interpreter, LimitExceeded, Python, Result};
use std::fmt::Debug;

fn small() -> Interpreter {
    RUNTIME.interpreter().memory(64 << 20).build().expect("an interpreter")
}

#[track_caller]
fn refused<T: Debug>(result: Result<T>, py: &mut Interpreter) {
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Memory { .. }))), "{result:?}");
    assert!(!py.is_poisoned());
    py.run("assert 1 + 1 == 2").expect("it goes on");
}

#[test]
fn whatever_goes_in() -> Result<()> {
    let mut py = small();
    let large = "x".repeat(100 << 20);
    let length = py.get("len")?;
    let result = length.call_as::<i64>(&mut py, (&large,));
    refused(result, &mut py);
    let result = py.object(&large);
    refused(result, &mut py);
    let result = py.set("x", &large);
    refused(result, &mut py);
    let result = length.getattr(&mut py, &large);
    refused(result, &mut py);
    let result = length.call(&mut py, ophidia::Arguments::new().kwarg(large.as_str(), 1));
    refused(result, &mut py);
    let result = py.get(&large);
    refused(result, &mut py);
    let result = py.run(&large);
    refused(result, &mut py);
    let result = py.eval(&large);
    refused(result, &mut py);
    let result = py.completeness(&large);
    refused(result, &mut py);
    let result = py.import(&large);
    refused(result, &mut py);
    let result = py.array_from(large.as_bytes());
    refused(result, &mut py);
    let result = py.zeros::<u8, _>(50 << 20);
    refused(result, &mut py);
    // Dropped meanwhile: nothing is lost that the guest was to be told.
    let held = py.objects_held()?;
    let objects: Vec<_> = (0..100).map(|i| py.object(i)).collect::<Result<_>>()?;
    drop(objects);
    let result = py.object(&large);
    refused(result, &mut py);
    assert_eq!(py.objects_held()?, held);
    assert_eq!(length.call_as::<i64>(&mut py, ("abc",))?, 3);
    Ok(())
}

#[test]
fn larger_than_anything_may_be() -> Result<()> {
    let mut py = RUNTIME.interpreter().memory(4 << 30).build()?;
    let source = "#".repeat((1 << 30) + 1);
    let result = py.run(&source);
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Input { .. }))), "{result:?}");
    drop(source);
    let result = py.object("x".repeat(300 << 20));
    assert!(matches!(result, Err(Error::Conversion(_))), "{result:?}");
    py.run("1")
}

#[test]
fn inside_a_call_it_is_a_memory_error() -> Result<()> {
    let mut py = small();
    py.set("answer", Function::new("answer", || "x".repeat(100 << 20)))?;
    let given = |py: &mut Python<'_>| py.object("x".repeat(100 << 20)).map(drop);
    py.set("given", Function::new("given", given))?;
    let failed = || Err::<(), _>(Error::Host("x".repeat(100 << 20).into()));
    py.set("failed", Function::new("failed", failed))?;
    for call in ["answer()", "given()"] {
        py.run(&format!(
            "try: {call}\nexcept MemoryError: caught = True\nassert caught\ncaught = False"
        ))?;
        let result = py.run(call);
        refused(result, &mut py);
    }
    py.run("try: failed()\nexcept RuntimeError as error: caught = str(error)\nassert 'cannot be told' in caught")?;
    Ok(())
}

#[test]
fn of_asynchronous_answers_only_the_large_fail() -> Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let tokio = tokio.expect("a runtime");
    let mut py = RUNTIME.interpreter().memory(64 << 20).tokio(tokio.handle().clone()).build()?;
    py.set("large", Function::new_async("large", || async { "x".repeat(100 << 20) }))?;
    py.set("small", Function::new_async("small", || async { "x" }))?;
    py.run(
        "import asyncio
async def main():
    return await asyncio.gather(large(), small(), small(), return_exceptions=True)
first, *others = asyncio.run(main())
assert isinstance(first, MemoryError) and others == ['x', 'x'], (first, others)",
    )
}

/// What a nested entry is refused is its own, and the outer one's stays.
#[test]
fn a_refusal_is_of_the_entry_it_happened_in() -> Result<()> {
    let mut py = small();
    let nothing = |py: &mut Python<'_>| py.run("1");
    py.set("nothing", Function::new("nothing", nothing))?;
    let result = py.run(
        "try: bytearray(10**9)
except MemoryError:
    nothing()
    raise",
    );
    refused(result, &mut py);
    let caught = |py: &mut Python<'_>| py.run("try: bytearray(10**9)\nexcept MemoryError: pass");
    py.set("caught", Function::new("caught", caught))?;
    let result = py.run("caught()\nraise MemoryError('of its own')");
    assert!(matches!(result, Err(Error::Python(_))), "{result:?}");
    Ok(())
}
