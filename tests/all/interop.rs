//! What else is done with objects: operators, inspection, generators, context managers, exceptions,
//! code, output.

use crate::support::{interpreter, raised};
use ophidia::{CodeKind, CompareOp, Error, Function, Output, Python, PythonError, Value, chain};
use std::sync::{Arc, Mutex};

#[test]
fn operators_and_comparisons() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    let seven = py.object(7)?;
    let results = [
        seven.add(py, 2)?,
        seven.sub(py, 2)?,
        seven.mul(py, 2)?,
        seven.div(py, 2)?,
        seven.floor_div(py, 2)?,
        seven.rem(py, 2)?,
        seven.pow(py, 2)?,
        seven.lshift(py, 2)?,
        seven.rshift(py, 1)?,
        seven.bitand(py, 2)?,
        seven.bitor(py, 8)?,
        seven.bitxor(py, 1)?,
        seven.neg(py)?,
        seven.pos(py)?,
        seven.invert(py)?,
        seven.neg(py)?.abs(py)?,
    ];
    let mut texts = Vec::new();
    for result in results {
        texts.push(result.repr(py)?);
    }
    assert_eq!(texts.join(" "), "9 5 14 3.5 3 1 49 28 3 2 15 6 -7 7 -8 7");
    assert!(seven.eq(py, 7.0)? && seven.ne(py, 8)? && seven.lt(py, 8)? && seven.le(py, 7)?);
    assert!(seven.gt(py, 6)? && !seven.ge(py, 8)?);
    assert!(seven.rich_compare(py, 8, CompareOp::Lt)?.is_truthy(py)?);
    assert_eq!(raised(seven.lt(py, "x")).type_name, "TypeError");
    assert_eq!(seven.hash(py)?, 7);
    let list = py.object(vec![1, 2, 3, 4])?;
    assert_eq!(raised(list.hash(py)).type_name, "TypeError");
    assert!(list.iadd(py, vec![5])?.is(py, &list)?);
    assert_eq!(list.get_slice(py, (1, -1))?.extract::<Vec<i64>>(py)?, [2, 3, 4]);
    assert_eq!(list.get_slice(py, (None, None, Some(-2)))?.extract::<Vec<i64>>(py)?, [5, 3, 1]);
    list.set_slice(py, ..2, vec![9])?;
    list.del_slice(py, 2..)?;
    assert_eq!(list.extract::<Vec<i64>>(py)?, [9, 3]);
    assert_eq!(list.get_slice(py, ..)?.len(py)?, 2);
    let (quotient, rest): (i64, i64) = seven.divmod(py, 2)?.extract(py)?;
    assert_eq!((quotient, rest), (3, 1));
    assert_eq!(seven.pow_mod(py, 3, 10)?.extract::<i64>(py)?, 3);
    py.run("class M:\n    def __matmul__(self, other): return ('@', other)")?;
    let matrix = py.get("M")?.call(py, ())?;
    assert_eq!(matrix.matmul(py, 3)?.extract::<(String, i64)>(py)?, ("@".into(), 3));
    Ok(())
}

#[test]
fn operators_in_place_change_the_object_itself() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run(
        "class Log(list):
    def __getattribute__(self, name): return super().__getattribute__(name)
for name in 'add sub mul truediv floordiv mod pow matmul lshift rshift and or xor'.split():
    def change(self, other, name=name):
        self.append((name, other))
        return self
    setattr(Log, f'__i{name}__', change)",
    )?;
    let log = py.get("Log")?.call(py, ())?;
    let results = [
        log.iadd(py, 1)?,
        log.isub(py, 2)?,
        log.imul(py, 3)?,
        log.idiv(py, 4)?,
        log.ifloor_div(py, 5)?,
        log.irem(py, 6)?,
        log.ipow(py, 7)?,
        log.imatmul(py, 8)?,
        log.ilshift(py, 9)?,
        log.irshift(py, 10)?,
        log.ibitand(py, 11)?,
        log.ibitor(py, 12)?,
        log.ibitxor(py, 13)?,
    ];
    for result in results {
        assert!(result.is(py, &log)?);
    }
    let names = "add sub mul truediv floordiv mod pow matmul lshift rshift and or xor";
    let expected: Vec<(String, i64)> = names.split(' ').map(str::to_owned).zip(1..).collect();
    assert_eq!(log.extract::<Vec<(String, i64)>>(py)?, expected);
    assert_eq!(py.object(7)?.isub(py, 2)?.extract::<i64>(py)?, 5, "what cannot be changed is made");
    Ok(())
}

#[test]
fn a_chain_may_end_in_an_assignment() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run(
        "class Node:
    def __init__(self): self.items, self.count = [{}, 5], 1
    def child(self, name): return self.__dict__.setdefault(name, Node())
root = Node()",
    )?;
    let root = py.get("root")?;
    let (name, mut evaluated) = ("a", 0);
    chain!(py, root.child(name).items[0]["key"] = vec![1, 2])?;
    chain!(py, root.child("a").title = "tea")?;
    chain!(py, (root).child("b").items[1] *= 3)?;
    chain!(
        py,
        root.count += {
            evaluated += 1;
            4
        }
    )?;
    for change in 0..9 {
        match change {
            0 => chain!(py, root.count -= 1)?,
            1 => chain!(py, root.count *= 6)?,
            2 => chain!(py, root.count <<= 1)?,
            3 => chain!(py, root.count >>= 2)?,
            4 => chain!(py, root.count |= 32)?,
            5 => chain!(py, root.count &= 44)?,
            6 => chain!(py, root.count ^= 1)?,
            7 => chain!(py, root.count %= 10)?,
            _ => chain!(py, root.count /= 2)?,
        }
    }
    let indices = std::cell::Cell::new(0);
    let next = || {
        indices.set(indices.get() + 1);
        indices.get()
    };
    chain!(py, root.child("b").items[next()] += 1)?;
    assert_eq!((evaluated, indices.get()), (1, 1), "keys and values are evaluated once");
    py.run(
        "assert root.a.items == [{'key': [1, 2]}, 5] and root.a.title == 'tea'
assert root.b.items == [{}, 16] and root.count == 2.5, root.count",
    )?;
    assert_eq!(raised(chain!(py, root.items.x.y = 1)).type_name, "AttributeError");
    Ok(())
}

#[test]
fn objects_are_inspected() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run(
        "class Tea:
    'A drink.'
    def __init__(self): self.sugar = 2
    def stir(self, times: int = 1, *, quietly=False):
        'Stir it.'
class Green(Tea): pass
tea = Green()",
    )?;
    let (tea, class, number) = (py.get("tea")?, py.get("Tea")?, py.object(1)?);
    assert!(tea.is_instance(py, &class)? && !number.is_instance(py, &class)?);
    assert!(tea.get_type(py)?.is_subclass(py, &class)?);
    assert!(class.is_callable(py)? && !tea.is_callable(py)?);
    assert!(tea.downcast(py, &class)?.is(py, &tea)?);
    let error = number.downcast(py, &class).expect_err("an int is no tea");
    assert_eq!(error.to_string(), "expected Tea, got int");
    let members = tea.dir(py)?;
    assert!(members.attributes.contains(&"sugar".into()), "{members:?}");
    assert!(members.methods.contains(&"stir".into()), "{members:?}");
    let stir = tea.getattr(py, "stir")?;
    assert_eq!(stir.signature(py)?, "(times: int = 1, *, quietly=False)");
    assert!(stir.help(py)?.contains("Stir it."));
    assert!(class.help(py)?.contains("A drink."));
    Ok(())
}

#[test]
fn weak_references_do_not_keep_alive() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run("class Thing: pass\nthing = Thing()")?;
    let thing = py.get("thing")?;
    let weak = thing.downgrade(py)?;
    assert!(weak.upgrade(py)?.expect("alive").is(py, &thing)?);
    py.run("del thing")?;
    assert!(weak.upgrade(py)?.is_some());
    drop(thing);
    assert!(weak.upgrade(py)?.is_none());
    let set = py.object(std::collections::HashSet::from([1]))?;
    let weak = set.downgrade(py)?;
    assert!(weak.upgrade(py)?.expect("alive").is(py, &set)?);
    let number = py.object(1)?;
    assert_eq!(raised(number.downgrade(py)).type_name, "TypeError");
    Ok(())
}

#[test]
fn generators_are_driven() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run(
        "log = []
def echo():
    value = yield 'ready'
    while value is not None:
        try:
            value = yield value * 2
        except KeyError as error:
            value = yield f'caught {error}'
        finally:
            log.append('turn')
async def sleepy(n):
    import asyncio
    await asyncio.sleep(0.001)
    return n + 1
async def countdown(n):
    for i in range(n, 0, -1):
        yield await sleepy(i)
",
    )?;
    let generator = py.get("echo")?.call(py, ())?;
    assert_eq!(generator.next(py)?.expect("one").str(py)?, "ready");
    assert_eq!(generator.send(py, 4)?.expect("one").extract::<i64>(py)?, 8);
    let error = PythonError::new("KeyError", "k");
    assert_eq!(generator.throw(py, &error)?.expect("one").str(py)?, "caught 'k'");
    assert!(generator.send(py, ())?.is_none());
    let generator = py.get("echo")?.call(py, ())?;
    generator.next(py)?;
    assert_eq!(
        raised(generator.throw(py, &PythonError::new("OSError", "o"))).to_string(),
        "OSError: o"
    );
    let generator = py.get("echo")?.call(py, ())?;
    generator.next(py)?;
    generator.close(py)?;
    assert!(generator.next(py)?.is_none());

    // Told apart by class, not by name.
    py.run(
        "class Last(StopIteration): pass
Namesake = type('StopIteration', (Exception,), {'__module__': 'builtins'})
class Ends:
    def __init__(self, kind): self.kind = kind
    def send(self, value): raise self.kind
    def throw(self, exc): raise self.kind",
    )?;
    let error = PythonError::new("KeyError", "k");
    let (ending, last, namesake) = (py.get("Ends")?, py.get("Last")?, py.get("Namesake")?);
    let ends = ending.call(py, (last,))?;
    assert!(ends.send(py, 1)?.is_none() && ends.throw(py, &error)?.is_none());
    let ends = ending.call(py, (namesake,))?;
    assert_eq!(raised(ends.send(py, 1)).type_name, "StopIteration");
    assert_eq!(raised(ends.throw(py, &error)).type_name, "StopIteration");

    let coroutine = py.get("sleepy")?.call(py, (41,))?;
    assert_eq!(coroutine.block_on(py)?.extract::<i64>(py)?, 42);
    let items = py.get("countdown")?.call(py, (3,))?.async_iter(py)?;
    let mut numbers = Vec::new();
    while let Some(item) = items.next(py)? {
        numbers.push(item.extract::<i64>(py)?);
    }
    assert_eq!(numbers, [4, 3, 2]);
    Ok(())
}

#[test]
fn asynchronous_generators_are_ended_with_their_iterators() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run(
        "import asyncio
log = []
async def numbers(fails):
    try:
        for n in range(3):
            if fails and n: raise OSError('broken')
            yield n
    finally:
        await asyncio.sleep(0)
        log.append('ended')
",
    )?;
    let numbers = py.get("numbers")?;
    let ended = |py: &mut Python<'_>| py.eval("(log.count('ended'), log.clear())[0]");
    let begin = |py: &mut Python<'_>, fails: bool| {
        let items = numbers.call(py, (fails,))?.async_iter(py)?;
        assert!(items.next(py)?.is_some());
        Ok::<_, Error>(items)
    };
    drop(begin(&mut py, false)?);
    assert_eq!(ended(&mut py)?, Value::Int(1), "let go of half-way");
    let items = begin(&mut py, false)?;
    items.close(&mut py)?;
    assert_eq!(ended(&mut py)?, Value::Int(1));
    assert!(items.next(&mut py)?.is_none());
    let items = begin(&mut py, true)?;
    assert_eq!(raised(items.next(&mut py)).to_string(), "OSError: broken");
    assert!(items.next(&mut py)?.is_none());
    assert_eq!(ended(&mut py)?, Value::Int(1));

    // Let go of while another event loop runs.
    let held = std::sync::Mutex::new(Some(begin(&mut py, false)?));
    let let_go = move |py: &mut Python<'_>| {
        held.lock().expect("no panic").take();
        py.objects_held().map(drop)
    };
    py.set("let_go", Function::new("let_go", let_go))?;
    py.run(
        "async def main():
    let_go()
    await asyncio.sleep(0)
    log.append(asyncio.get_running_loop().is_running())
asyncio.run(main())
assert log == ['ended', True], log",
    )?;
    assert_eq!(String::from_utf8_lossy(&py.take_stderr()), "");
    Ok(())
}

#[test]
fn context_managers_are_entered_and_left() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run(
        "import contextlib
log = []
@contextlib.contextmanager
def scope(name):
    log.append('in ' + name)
    try:
        yield name.upper()
    except KeyError as error:
        log.append(repr(error))
    finally:
        log.append('out ' + name)
",
    )?;
    let scope = py.get("scope")?;
    let manager = scope.call(py, ("a",))?;
    let name = manager.with(py, |py, name| name.extract::<String>(py))?;
    assert_eq!(name.as_deref(), Some("A"));
    let manager = scope.call(py, ("b",))?;
    let result = manager.with(py, |py, _| py.eval("{}['missing']"))?;
    assert!(result.is_none());
    let manager = scope.call(py, ("c",))?;
    let error = raised(manager.with(py, |py, _| py.run("1 / 0")));
    assert_eq!(error.type_name, "ZeroDivisionError");
    let log: Vec<String> = py.get("log")?.extract(py)?;
    assert_eq!(log, ["in a", "out a", "in b", "KeyError('missing')", "out b", "in c", "out c"]);
    Ok(())
}

#[test]
fn exceptions_tell_everything() -> ophidia::Result<()> {
    let mut py = interpreter();
    let py = &mut *py;
    py.run(
        "class Refused(LookupError): pass
def inner(): {}['k']
def outer():
    try:
        inner()
    except KeyError as error:
        refused = Refused('no', 7)
        refused.add_note('ask again')
        raise refused from error
def other():
    try:
        inner()
    except KeyError:
        raise ValueError('meanwhile')
",
    )?;
    let error = raised(py.run("outer()"));
    assert_eq!(error.type_name, "Refused");
    assert_eq!(error.args(py)?.extract::<(String, i64)>(py)?, ("no".into(), 7));
    assert_eq!(error.notes(py)?, ["ask again"]);
    assert!(error.is_instance(py, "LookupError")? && error.is_instance(py, "Refused")?);
    assert!(!error.is_instance(py, "json.JSONDecodeError")?);
    let frames = error.frames(py)?;
    let functions: Vec<&str> = frames.iter().map(|frame| &*frame.function).collect();
    assert_eq!(functions, ["<module>", "outer"]);
    assert_eq!((frames[1].line, &*frames[1].file), (9, "<string>"));
    let cause = error.cause(py)?.expect("a cause");
    assert_eq!(cause.to_string(), "KeyError: 'k'");
    assert!(cause.traceback(py)?.contains("in inner"));
    assert!(cause.cause(py)?.is_none());
    let error = raised(py.run("other()"));
    assert_eq!(error.context(py)?.expect("a context").type_name, "KeyError");
    assert!(error.cause(py)?.is_none());
    let classes = (py.get("KeyError")?, py.get("ValueError")?);
    assert!(error.is_instance(py, &classes.1)? && error.is_instance(py, &classes)?);
    assert!(!error.is_instance(py, &classes.0)?);
    let object = error.exception().expect("held").clone();
    assert_eq!(PythonError::from_exception(py, &object)?.to_string(), "ValueError: meanwhile");
    Ok(())
}

#[test]
fn compiled_code_is_run_again() -> ophidia::Result<()> {
    let mut py = interpreter();
    let count = py.compile("n = globals().get('n', 0) + 1", "<count>", CodeKind::Statements)?;
    for _ in 0..3 {
        py.run_code(&count)?;
    }
    let next = py.compile("n * 2", "<next>", CodeKind::Expression)?;
    assert_eq!(py.eval_code(&next)?.extract::<i64>(&mut py)?, 6);
    assert_eq!(raised(py.compile("1 +", "<bad>", CodeKind::Expression)).type_name, "SyntaxError");
    let fails = py.compile("x = 1\nx / 0", "<fails>", CodeKind::Statements)?;
    let error = raised(py.run_code(&fails));
    let traceback = error.traceback(&mut py)?;
    assert!(traceback.contains("line 2") && traceback.contains("x / 0"), "{traceback}");
    Ok(())
}

#[test]
fn chains_read_as_in_python() -> ophidia::Result<()> {
    let mut py = interpreter();
    let re = py.import("re")?;
    let text = String::from("a-b c-d");
    let found = chain!(py, re.compile(r"(\w+)-(\w+)").sub(r"\2 \1", &*text, count = 1).upper())?;
    assert_eq!(found.str(&mut py)?, "B A C-D");
    let last = chain!(py, found.split()[-1])?;
    assert_eq!(last.str(&mut py)?, "C-D");
    let sum = chain!(py, (py.get("sum")?)(vec![1, 2], start = 3))?;
    assert_eq!(sum.extract::<i64>(&mut py)?, 6);
    let name = chain!(py, re.compile.__name__)?;
    assert_eq!(name.str(&mut py)?, "compile");
    assert_eq!(raised(chain!(py, re.no_such.thing(1))).type_name, "AttributeError");
    Ok(())
}

#[test]
fn output_is_captured_in_scopes() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run("import sys\nprint('before')")?;
    let ((), captured) = py.capture_output(|py| {
        py.run("print('inside')\nprint('problem', file=sys.stderr)")?;
        let ((), inner) = py.capture_output(|py| py.run("print('deeper')"))?;
        assert_eq!(inner.stdout, b"deeper\n");
        py.run("print('inside again')")
    })?;
    assert_eq!(captured.stdout, b"inside\ninside again\n");
    assert_eq!(captured.stderr, b"problem\n");
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lines);
    let output = Output::lines(move |line| told.lock().expect("lines").push(line.to_owned()));
    let error =
        py.with_output(output, None, |py| py.run("print('one\\ntwo')\nprint('rest', end='')\n1/0"));
    assert_eq!(raised(error).type_name, "ZeroDivisionError");
    assert_eq!(*lines.lock().expect("lines"), ["one", "two", "rest"]);
    // Inside a call, what is held back belongs to where it was printed.
    let quiet =
        Function::new("quiet", |py: &mut ophidia::Python<'_>| -> ophidia::Result<Vec<u8>> {
            let ((), captured) = py.capture_output(|py| py.run("print('hidden')"))?;
            Ok(captured.stdout)
        });
    py.set("quiet", quiet)?;
    py.run("print('a', end='')\nhidden = quiet()\nprint('b')")?;
    // Also what an exception leaves without a line break.
    let fails = Function::new("fails", |py: &mut ophidia::Python<'_>| {
        py.with_output(Output::discard(), None, |py| py.run("print('lost', end='')\n1 / 0"))
    });
    py.set("fails", fails)?;
    py.run("try: fails()\nexcept ZeroDivisionError: pass")?;
    assert_eq!(py.take_stdout(), b"before\nab\n");
    assert_eq!(py.eval("bytes(hidden)")?, Value::Bytes(b"hidden\n".to_vec()));
    Ok(())
}
