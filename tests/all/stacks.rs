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

/// Deep programs compile, or Python says that they are too deep.
fn compile_deep(py: &mut Interpreter) {
    py.run(
        r#"
for source in (
    "+".join(["a"] * 6_000),
    "f" + "()" * 8_000,
    "f(" * 150 + ")" * 150,
    "a" + ".a" * 8_000,
    "a" + "[0]" * 8_000,
    "if a: pass\n" + "elif a: pass\n" * 3_000,
    "1 if a else " * 3_000 + "1",
    "lambda: " * 3_000 + "1",
    "not " * 3_000 + "1",
    "-" * 8_000 + "1",
    "a" + " ** a" * 3_000,
    "match a:\n case " + "[" * 150 + "]" * 150 + ": pass",
    "match a:\n case " + " | ".join(["1"] * 6_000) + ": pass",
    "f'{" * 140 + "a" + "}'" * 140,
    "".join(" " * depth + "for a in a:\n" for depth in range(19)) + " " * 19 + "pass",
    "[" + "".join(f" for a{n} in a" for n in range(3_000)).join(["a", "]"]),
    "with " + ", ".join(["a"] * 3_000) + ": pass",
    "x = " * 6_000 + "1",
    "async def f():\n " + "await " * 3_000 + "a",
    "def f(" + ", ".join(f"a{n}: a" for n in range(6_000)) + "): pass",
):
    try:
        compile(source, "deep", "exec")
    except (RecursionError, MemoryError, SyntaxError):
        pass
"#,
    )
    .expect("an error of Python at most");
}

#[test]
fn deep_programs_are_compiled_or_refused() {
    let mut py = interpreter();
    on(2 << 20, || compile_deep(&mut py));
    py.run("f = lambda n: n and f(n - 1)\nf(900)").expect("as deep as before");
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
        compile_deep(py);
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
