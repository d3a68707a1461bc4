//! Native stacks: too small a one is refused, and the smallest that is not is enough.

use crate::library::RUNTIME;
use crate::support::{interpreter, raised};
use ophidia::{Error, Function, Interpreter, Python};
use std::hint::black_box;
use std::thread;

fn on<T: Send>(stack: usize, body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(stack).spawn_scoped(scope, body);
        thread.expect("a thread").join().expect("no panic")
    })
}

#[test]
fn a_small_stack_is_refused() {
    let mut py = interpreter();
    let result = on(256 << 10, || py.run("x = 1"));
    match result {
        Err(Error::Host(said)) => assert!(said.contains("stack_size"), "{said}"),
        other => panic!("{other:?}"),
    }
    assert!(!py.is_poisoned());
    assert!(on(256 << 10, || RUNTIME.interpreter().build()).is_err());
    on(2 << 20, || py.run("x = 2")).expect("2 MiB are enough");
    py.run("assert x == 2").expect("here too");
}

/// Recursion of every kind, on as little as is accepted.
#[test]
fn the_smallest_stack_is_enough() {
    const SOURCES: [&str; 6] = [
        "f = lambda n: f(n + 1)\nf(0)",
        "repr(nested)",
        "json.dumps(nested)",
        "f = lambda x: sorted([1, 2], key=f)\nf(1)",
        "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().x",
        "again(lambda f: again(f))",
    ];
    fn recurse(py: &mut Interpreter) {
        for source in SOURCES {
            assert_eq!(raised(py.run(source)).type_name, "RecursionError", "{source}");
        }
    }
    let mut py = interpreter();
    py.run("import json\nnested = []\nfor _ in range(100_000): nested = [nested]").expect("a list");
    let again = |py: &mut Python<'_>, f: ophidia::Object| f.call(py, (&f,));
    py.set("again", Function::new("again", again)).expect("set");
    /// Goes down page by page until no call is accepted any more; a little above that Python recurses. A
    /// thread's stack may be larger than was asked for, so that its size would not do.
    fn down(py: &mut Interpreter) -> u32 {
        match py.run("1") {
            Err(Error::Host(_)) => return 0,
            other => other.expect("a call"),
        }
        let page = black_box([0_u8; 4 << 10]);
        let above = down(py) + 1;
        black_box(&page);
        if above == 3 {
            recurse(py);
        }
        above
    }
    assert!(on(4 << 20, || down(&mut py)) > 100);
}
