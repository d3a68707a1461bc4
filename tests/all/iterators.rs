//! Rust iterators and streams that Python pulls item by item.

use crate::library::RUNTIME;
use crate::support::{interpreter, raised};
use futures_core::Stream;
use ophidia::{Class, Error, Function, HostIterator, HostStream, Interpreter, Python, Value};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

/// Counts up; says how far it was asked, and when it is dropped.
struct Count {
    next: i64,
    end: i64,
    asked: Arc<AtomicI64>,
}

impl Count {
    fn to(end: i64) -> (Self, Arc<AtomicI64>) {
        let asked = Arc::new(AtomicI64::new(0));
        (Self { next: 0, end, asked: Arc::clone(&asked) }, asked)
    }
}

impl Iterator for Count {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.next += 1;
        (self.next <= self.end).then_some(self.next)
    }
}

impl Stream for Count {
    type Item = i64;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<i64>> {
        // Not at the first time of asking.
        if self.asked.fetch_add(1, Ordering::Relaxed) % 2 == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.next += 1;
        Poll::Ready((self.next <= self.end).then_some(self.next))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.asked.fetch_add(1_000, Ordering::Relaxed);
    }
}

#[test]
fn python_pulls_one_item_at_a_time() -> ophidia::Result<()> {
    let mut py = interpreter();
    let (count, asked) = Count::to(i64::MAX);
    py.set("numbers", HostIterator::new(count))?;
    assert_eq!(asked.load(Ordering::Relaxed), 0, "nothing is pulled ahead");
    py.run("assert iter(numbers) is numbers and [next(numbers), next(numbers)] == [1, 2]")?;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    py.run("del numbers")?;
    assert_eq!(asked.load(Ordering::Relaxed), 1_002, "dropped when Python drops it");

    let (count, asked) = Count::to(3);
    py.set("numbers", HostIterator::new(count))?;
    py.run("assert list(numbers) == [1, 2, 3] and list(numbers) == []")?;
    assert_eq!(asked.load(Ordering::Relaxed), 1_004, "dropped at its end, and not asked again");

    let (count, asked) = Count::to(3);
    py.set("numbers", HostIterator::new(count))?;
    py.run("next(numbers); numbers.close(); assert next(numbers, None) is None")?;
    assert_eq!(asked.load(Ordering::Relaxed), 1_001, "dropped when Python says so");

    let none = HostIterator::new([None, Some("x")]);
    py.set("maybe", none)?;
    py.run("assert list(maybe) == [None, 'x']")
}

#[test]
fn errors_are_raised_where_python_asks() -> ophidia::Result<()> {
    let mut py = interpreter();
    let parsed = HostIterator::new("1 x 3".split(' ').map(str::parse::<i32>));
    py.set("parsed", parsed)?;
    py.run(
        "assert next(parsed) == 1
try: next(parsed)
except RuntimeError as error: assert 'invalid digit' in str(error)
assert next(parsed) == 3 and next(parsed, 'end') == 'end'",
    )?;
    let again = Arc::new(std::sync::OnceLock::<HostIterator>::new());
    let inner = Arc::clone(&again);
    let own = HostIterator::from_fn(move |py: &mut Python<'_>| {
        let own = inner.get().expect("set").clone();
        Some(py.eval_with::<i64>("next(own)", ophidia::values! { own }))
    });
    again.set(own.clone()).expect("once");
    py.set("own", own)?;
    let error = raised(py.run("next(own)"));
    assert!(error.message.contains("in use already"), "{error}");

    py.set("bad", HostIterator::from_fn(|_: &mut Python<'_>| -> Option<i64> { panic!("oh no") }))?;
    match py.run("try: next(bad)\nexcept BaseException: pass") {
        Err(Error::Host(said)) => assert!(said.contains("oh no"), "{said}"),
        other => panic!("{other:?}"),
    }
    assert!(py.is_poisoned());
    Ok(())
}

#[test]
fn iterators_come_from_functions_and_classes_too() -> ophidia::Result<()> {
    struct Page(Vec<String>);
    let mut py = interpreter();
    let split =
        |text: String| HostIterator::new(text.split(' ').map(str::to_owned).collect::<Vec<_>>());
    py.set("split", Function::new("split", split))?;
    let class = Class::<Page>::new("Page")
        .init(|lines: Vec<String>| Page(lines))
        .iter(|page: &Page| HostIterator::new(page.0.clone()));
    let class = py.class(&class)?;
    py.set("Page", class)?;
    py.run(
        "assert [word.upper() for word in split('a b')] == ['A', 'B']
page = Page(['x', 'y'])
assert [*page, *page] == ['x', 'y', 'x', 'y']",
    )
}

/// One for all tests here.
static TOKIO: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().expect("tokio"));

fn asynchronous() -> Interpreter {
    RUNTIME.interpreter().tokio(TOKIO.handle().clone()).build().expect("an interpreter")
}

#[test]
fn streams_are_awaited_item_by_item() -> ophidia::Result<()> {
    let mut py = asynchronous();
    let (count, asked) = Count::to(3);
    py.set("numbers", HostStream::new(count))?;
    let failing = Arc::new(AtomicUsize::new(0));
    let calls = Arc::clone(&failing);
    let failing = HostStream::from_fn(move || {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            match call {
                0 => Some(Ok("tea")),
                1 => Some(Err(std::io::Error::other("the shop is closed"))),
                _ => None,
            }
        }
    });
    py.set("failing", failing)?;
    py.run(
        "import asyncio
async def main():
    got = [n async for n in numbers]
    assert [n async for n in numbers] == []
    got.append(await anext(failing))
    try: await anext(failing)
    except RuntimeError as error: got.append(str(error))
    got += [item async for item in failing]
    return got
got = asyncio.run(main())",
    )?;
    let expected =
        Value::List(vec![1.into(), 2.into(), 3.into(), "tea".into(), "the shop is closed".into()]);
    assert_eq!(py.eval("got")?, expected);
    assert_eq!(asked.load(Ordering::Relaxed), 1_008, "four items, each asked for twice; dropped");
    Ok(())
}

#[test]
fn giving_up_on_an_item_does_not_lose_it() -> ophidia::Result<()> {
    let mut py = asynchronous();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<i64>();
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let slow = HostStream::from_fn(move || {
        let receiver = Arc::clone(&receiver);
        async move { receiver.lock().await.recv().await }
    });
    py.set("slow", slow)?;
    let send = move |number: i64| sender.send(number).is_ok();
    py.set("send", Function::new("send", send))?;
    py.run(
        "import asyncio
async def main():
    for _ in range(3):
        try:
            async with asyncio.timeout(0.02): await anext(slow)
        except TimeoutError: pass
        else: raise AssertionError
    send(1); send(2)
    return [await anext(slow), await anext(slow)]
assert asyncio.run(main()) == [1, 2]",
    )?;
    py.run("del slow")?;
    // The task of the last pull has ended by then, and with it the receiver.
    for _ in 0..1_000 {
        if py.eval("send(3)")? == Value::Bool(false) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the stream is still there");
}
