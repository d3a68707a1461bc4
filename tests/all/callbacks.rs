//! Functions of the host: what Python sees of them, how arguments and errors cross, and calls that
//! call back.

use crate::library::RUNTIME;
use crate::support::{interpreter, raised};
use ophidia::{
    Class, Error, Function, LimitExceeded, Module, Object, Python, PythonError, Shared, Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The example of py4cl2-cffi's documentation: a function is handed to Python, which calls it with
/// positional and keyword arguments.
#[test]
fn python_calls_what_it_is_handed() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run("def foo(fn, *args, **kwargs): return fn(*args, **kwargs)")?;
    let foo = py.get("foo")?;
    let sum = Function::new("sum", |first: i64, rest: Vec<i64>, named: Value| {
        let Value::Dict(named) = named else { return 0 };
        let named = named.iter().map(|(_, value)| match value {
            Value::Int(value) => *value,
            _ => 0,
        });
        first + rest.iter().sum::<i64>() + named.sum::<i64>()
    })
    .param("first")
    .var_args("rest")
    .var_keywords("named");
    let arguments = ophidia::Arguments::new().arg(sum).arg(8).arg(9);
    let arguments = arguments.kwarg("a", 2).kwarg("b", 3).kwarg("d", 5);
    assert_eq!(foo.call_as::<i64>(&mut py, arguments)?, 27);

    // Parameters that are given by place leave their names to keywords.
    let collect = |d: i64, e: i64, named: Value| Value::List(vec![(d - e).into(), named]);
    let collect = Function::new("collect", collect).positional("d").positional("e");
    py.set("collect", collect.var_keywords("named"))?;
    py.run(
        "import inspect
assert foo(collect, 8, 9, a=2, b=3, d=5) == [-1, {'a': 2, 'b': 3, 'd': 5}]
assert str(inspect.signature(collect)) == '(d, e, /, **named)', inspect.signature(collect)
try: collect(8, e=9)
except TypeError as error: assert 'missing required argument' in str(error), error",
    )?;

    // Objects beside values, of subclasses too, in any place.
    let count = |py: &mut Python<'_>, key: Object, first: (i64, i64), rest: Vec<i64>| {
        let key: i64 = key.call_as(py, (first.1,))?;
        Ok::<_, Error>(key + rest.iter().sum::<i64>())
    };
    py.set("count", Function::new("count", count).param("key").param("first").var_args("rest"))?;
    py.run(
        "import collections
class Count(int): pass
Pair = collections.namedtuple('Pair', 'a b')
assert count(abs, (1, -2), 3, Count(4)) == 9
assert count(abs, Pair(1, Count(-2))) == 2",
    )?;
    Ok(())
}

#[test]
fn it_is_a_function_like_any_other() -> ophidia::Result<()> {
    let mut py = interpreter();
    let scale = Function::new("scale", |value: f64, by: f64| value * by)
        .doc("Scale a value.")
        .param("value")
        .param_default("by", 10);
    py.set("scale", scale)?;
    py.set("negate", Function::new("negate", |value: i64| -value))?;
    py.run(
        "import inspect, functools, weakref
assert scale(2.0) == 20.0 and scale(2.0, by=3.0) == 6.0 and scale(by=1, value=4.0) == 4.0
assert str(inspect.signature(scale)) == '(value, by=10)', inspect.signature(scale)
assert str(inspect.signature(negate)) == '(arg0, /)'
assert scale.__name__ == scale.__qualname__ == 'scale' and scale.__doc__ == 'Scale a value.'
assert callable(scale) and repr(scale) == '<host function scale>'
help(scale)
assert list(map(negate, [1, 2])) == [-1, -2]
assert sorted([1, 3, 2], key=negate) == [3, 2, 1]
assert functools.reduce(lambda a, b: a + negate(b), [1, 2, 3]) == -4
@functools.wraps(scale)
def wrapper(*args): return scale(*args)
assert wrapper.__doc__ == 'Scale a value.' and wrapper(1.0) == 10.0
negate.note = 'kept'
assert negate.note == 'kept' and weakref.ref(negate)() is negate
class Uses:
    call = scale
assert Uses().call(1.0) == 10.0
assert functools.partial(scale, by=2.0)(4.0) == 8.0
@negate
def number(): pass
",
    )
    .map_err(|error| assert!(matches!(&error, Error::Python(e) if e.message.contains("arg0"))))
    .expect_err("a function is no int");
    let said = String::from_utf8(py.take_stdout()).expect("text");
    assert!(said.contains("scale(value, by=10)\n    Scale a value."), "{said}");
    py.run(
        "import pickle\ntry: pickle.dumps(scale)\nexcept Exception as e: print(type(e).__name__)",
    )?;
    assert_eq!(py.take_stdout(), b"TypeError\n");
    Ok(())
}

#[test]
fn arguments_are_bound_as_python_binds_them() -> ophidia::Result<()> {
    let mut py = interpreter();
    let function = Function::new("f", |a: i64, b: i64, key: String| format!("{a} {b} {key}"))
        .param("a")
        .param_default("b", 2)
        .keyword_default("key", "k");
    py.set("f", function)?;
    py.set("nothing", Function::new("nothing", || ()))?;
    py.set("any", Function::variadic("any", |_, call| call.keywords.len()))?;
    assert_eq!(py.eval("f(1)")?, Value::Str("1 2 k".into()));
    assert_eq!(py.eval("f(b=3, a=1, key='x')")?, Value::Str("1 3 x".into()));
    assert_eq!(py.eval("any(1, **{'a': 1, 'b': 2})")?, Value::Int(2));
    for (call, message) in [
        ("f()", "f() missing required argument: 'a'"),
        ("f(1, 2, 3)", "f() takes 2 positional arguments but 3 were given"),
        ("f(1, a=2)", "f() got multiple values for argument 'a'"),
        ("f(1, c=2)", "f() got an unexpected keyword argument 'c'"),
        ("f('x')", "argument a: expected int, got str"),
        ("f(2 ** 70)", "argument a: expected an int from"),
        ("f(1, key=b'')", "argument key: expected str, got bytes"),
        ("nothing(1)", "nothing() takes 0 positional arguments but 1 were given"),
    ] {
        let error = raised(py.eval(call));
        assert_eq!(error.type_name, "TypeError", "{call}");
        assert!(error.message.contains(message), "{call}: {}", error.message);
    }
    let two = Function::new("two", |_: i64, _: i64| ()).param("only");
    let error = py.set("two", two).expect_err("one parameter for two");
    assert!(error.to_string().contains("2 named parameters of two"), "{error}");
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("no price for {0}")]
struct NoPrice(String, #[source] std::io::Error);

#[test]
fn errors_are_raised_and_come_back() -> ophidia::Result<()> {
    let mut py = interpreter();
    let price = |name: String| -> Result<f64, NoPrice> {
        Err(NoPrice(name, std::io::Error::other("the file is gone")))
    };
    py.set("price", Function::new("price", price))?;
    let error = raised(py.eval("price('tea')"));
    assert_eq!(error.type_name, "RuntimeError");
    assert_eq!(error.message, "no price for tea: the file is gone");

    let chosen =
        |name: String| -> Result<(), PythonError> { Err(PythonError::new(name, "as chosen")) };
    py.set("chosen", Function::new("chosen", chosen))?;
    for (name, raised_as) in [
        ("ValueError", "ValueError: as chosen"),
        ("json.decoder.JSONDecodeError", "RuntimeError: json.decoder.JSONDecodeError: as chosen"),
        ("decimal.Inexact", "decimal.Inexact: as chosen"),
        ("NoSuchError", "RuntimeError: NoSuchError: as chosen"),
        ("exec", "RuntimeError: exec: as chosen"),
    ] {
        assert_eq!(raised(py.run(&format!("chosen('{name}')"))).to_string(), raised_as);
    }
    // Of classes of the program, by name or with arguments.
    py.run(
        "class Refused(LookupError):
    class Twice(Exception): pass
class Coded(Exception):
    def __init__(self, code, *, path): super().__init__(code, path); self.path = path
try: chosen('Refused')
except Refused as error: assert str(error) == 'as chosen'
try: chosen('Refused.Twice')
except Refused.Twice: pass",
    )?;
    let coded = |py: &mut Python<'_>, class: Object| -> ophidia::Result<()> {
        let arguments = ophidia::Arguments::new().arg(7).kwarg("path", "/tmp");
        Err(PythonError::from_type(py, &class, arguments)?.into())
    };
    py.set("coded", Function::new("coded", coded))?;
    py.run(
        "try: coded(Coded)
except Coded as error: assert error.args == (7, '/tmp') and error.path == '/tmp'",
    )?;
    assert_eq!(raised(py.run("coded(dict)")).type_name, "TypeError", "no exception");
    assert_eq!(raised(py.run("coded(ValueError)")).type_name, "TypeError", "no such argument");

    // What a call back raises goes on as the same object.
    py.run("class Mine(Exception): pass\nmine = Mine(1, 2)\ndef fail(): raise mine")?;
    let fail = py.get("fail")?;
    let again = move |py: &mut Python<'_>| fail.call(py, ()).map(drop);
    py.set("again", Function::new("again", again))?;
    py.run("try:\n    again()\nexcept Mine as error:\n    assert error is mine")?;
    let error = raised(py.run("again()"));
    let mine = py.get("mine")?;
    assert!(error.exception().expect("the exception").is(&mut py, &mine)?);
    assert!(error.traceback(&mut py)?.contains("in fail"), "{error:?}");
    // And what it leaves by ends the program.
    let leave = |py: &mut Python<'_>| py.run("raise SystemExit(7)");
    py.set("leave", Function::new("leave", leave))?;
    assert_eq!(raised(py.run("leave()")).exit_status, Some(7));
    Ok(())
}

/// f(n) calls the host, which calls f(n - 1).
#[test]
fn host_and_guest_call_one_another() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run("def f(n): return 1 if n == 0 else n * down(n - 1)")?;
    let f = py.get("f")?;
    let down = move |py: &mut Python<'_>, n: i64| f.call_as::<i64>(py, (n,));
    py.set("down", Function::new("down", down))?;
    assert_eq!(py.eval("f(20)")?, Value::Int(2_432_902_008_176_640_000));
    assert_eq!(py.eval("f(19) + f(3)")?, Value::Int(121_645_100_408_832_006));
    let error = raised(py.eval("f(100)"));
    assert_eq!(error.type_name, "RecursionError", "{error}");
    assert!(error.message.contains("32 levels deep"), "{error}");
    assert_eq!(py.eval("f(5)")?, Value::Int(120));
    Ok(())
}

/// Code that runs in the middle of an entry, while its operands and its result are on their way.
#[test]
fn an_entry_does_not_disturb_the_one_it_happens_in() -> ophidia::Result<()> {
    let mut py = interpreter();
    let nested = |py: &mut Python<'_>, n: i64| -> ophidia::Result<String> {
        py.set("noise", vec![n; 400])?;
        py.eval("'x' * 5000")?;
        let list: Vec<String> = py.eval_object("[str(i) for i in range(300)]")?.extract(py)?;
        py.run("raise ValueError('inner')").expect_err("raised");
        Ok(list.join(","))
    };
    py.set("nested", Function::new("nested", nested))?;
    py.run(
        "class Noisy:
    def __init__(self, n): self.n = n
    def __hash__(self): nested(self.n); return self.n
    def __eq__(self, other): nested(0); return self is other
    def __del__(self): nested(self.n)
    def __repr__(self): nested(self.n); return f'Noisy({self.n})'
    def __str__(self): raise Loud(self)
class Loud(Exception):
    def __init__(self, noisy): self.noisy = noisy
    def __str__(self): nested(1); return 'loud'
def make(n): return [Noisy(n), 'result', list(range(300))]
def same(*args): return args
",
    )?;
    let make = py.get("make")?;
    let same = py.get("same")?;
    for n in 0..20 {
        // Its __del__ runs after the result stands in the frame.
        let (noisy, text, numbers): (Object, String, Vec<i64>) = make.call_as(&mut py, (n,))?;
        assert_eq!((text.as_str(), numbers.len()), ("result", 300));
        // Its __hash__ runs while the operands behind it are still to be decoded.
        let dict = Value::Dict(vec![
            (Value::Object(noisy.clone()), Value::Str("y".repeat(3_000))),
            (Value::Int(n), Value::Str("z".into())),
        ]);
        let (back, tail): (Object, String) = same
            .call(&mut py, (dict, "tail"))?
            .extract(&mut py)
            .or_else(|_| -> ophidia::Result<_> {
            let result = same.call(&mut py, (1, "tail"))?;
            let tail: Object = result.get_item(&mut py, 0)?;
            Ok((tail, result.get_item(&mut py, 1)?.extract(&mut py)?))
        })?;
        assert_eq!(tail, "tail");
        drop(back);
        assert_eq!(noisy.repr(&mut py)?, format!("Noisy({n})"));
        let error = raised(noisy.str(&mut py));
        assert_eq!((error.type_name.as_str(), error.message.as_str()), ("Loud", "loud"));
        drop(noisy);
    }
    Ok(())
}

/// Counts how many of it there are.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn what_python_drops_is_dropped_here() -> ophidia::Result<()> {
    let mut py = interpreter();
    let alive = Arc::new(AtomicUsize::new(0));
    let function = || {
        alive.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&alive));
        Function::new("f", move || counted.0.load(Ordering::Relaxed))
    };
    for _ in 0..1_000 {
        py.set("f", function())?;
    }
    assert_eq!(alive.load(Ordering::Relaxed), 1);
    py.run("functions = [f]\nf = None\nfunctions.append(functions[0])")?;
    assert_eq!(py.eval("functions[1]()")?, Value::Int(1));
    py.run("import gc\nfunctions[0].loop = functions\nfunctions = None\ngc.collect()")?;
    assert_eq!(alive.load(Ordering::Relaxed), 0);
    // What never arrives is dropped too.
    let other = interpreter().eval_object("object()")?;
    py.object((function(), other)).expect_err("an object of another interpreter");
    assert_eq!(alive.load(Ordering::Relaxed), 0);
    py.set("f", function())?;
    drop(py);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
    Ok(())
}

#[test]
fn limits_hold_in_calls_that_call_back() -> ophidia::Result<()> {
    let late = RUNTIME.interpreter().timeout(Duration::from_millis(200)).grace(Duration::ZERO);
    let mut py = late.objects(100).build()?;
    // Swallowing the error does not keep the guest going.
    let swallow = |py: &mut Python<'_>| {
        let _ = py.run("while True: pass");
    };
    py.set("swallow", Function::new("swallow", swallow))?;
    let error = py.run("swallow()\nprint('went on')").expect_err("a timeout");
    assert!(matches!(error, Error::Limit(LimitExceeded::Timeout { .. })), "{error:?}");
    assert!(py.take_stdout().is_empty());

    let mut py = RUNTIME.interpreter().objects(100).value(10_000).build()?;
    let make = |py: &mut Python<'_>| py.object(Function::new("g", || 1));
    py.set("make", Function::new("make", make))?;
    // Python sees a MemoryError; the caller, if nothing catches it, the limit.
    let error = py.run("many = []\nwhile True: many.append(make())").expect_err("a limit");
    let hosts = LimitExceeded::HostObjects { asked: 101, limit: 100 };
    assert!(matches!(&error, Error::Limit(limit) if *limit == hosts), "{error:?}");
    py.run("try: make()\nexcept MemoryError as error: text = str(error)")?;
    let text: String = py.get("text")?.extract(&mut py)?;
    assert!(text.contains("101 functions and objects of the host, 100 allowed"), "{text}");
    py.run("many = None")?;
    py.set("len_of", Function::new("len_of", |text: String| text.len()))?;
    let error = py.eval("len_of('x' * 20_000)").expect_err("a limit");
    assert!(matches!(error, Error::Limit(LimitExceeded::Value { limit: 10_000 })), "{error:?}");
    py.run("try: len_of('x' * 20_000)\nexcept MemoryError: pass")?;
    let error = raised(py.run("try: len_of('x' * 20_000)\nexcept MemoryError: raise ValueError"));
    assert_eq!(error.type_name, "ValueError");
    assert_eq!(py.eval("len_of('x' * 2_000)")?, Value::Int(2_000));
    Ok(())
}

#[test]
fn objects_come_as_they_are() -> ophidia::Result<()> {
    let mut py = interpreter();
    let append = |py: &mut Python<'_>,
                  list: Object,
                  value: i64,
                  extra: Option<Object>|
     -> ophidia::Result<Object> {
        list.call_method(py, "append", (value,))?;
        if let Some(extra) = extra {
            list.call_method(py, "append", (extra,))?;
        }
        Ok(list)
    };
    let append = Function::new("append", append).param("list").param("value");
    py.set("append", append.param_default("extra", ()))?;
    py.run(
        "items = []
assert append(items, 1) is items and append(value=2, list=items, extra=items) is items
append(items, 3, None)
assert items == [1, 2, items, 3]",
    )?;
    assert_eq!(raised(py.run("append(items, 'x')")).type_name, "TypeError");
    // As a decorator.
    let register = |py: &mut Python<'_>, function: Object| -> ophidia::Result<Object> {
        function.setattr(py, "registered", true)?;
        Ok(function)
    };
    py.set("register", Function::new("register", register))?;
    py.run("@register\ndef plug_in(): return 7\nassert plug_in() == 7 and plug_in.registered")?;
    Ok(())
}

struct Account {
    owner: String,
    balance: i64,
    history: Vec<i64>,
}

fn account() -> Class<Account> {
    let open = |owner: String, balance: i64| match balance {
        0.. => Ok(Account { owner, balance, history: vec![balance] }),
        _ => Err(PythonError::new("ValueError", "nobody begins with debts")),
    };
    Class::<Account>::new("Account")
        .doc("Somebody's money.")
        .init(open)
        .method_with(
            "deposit",
            |account: &mut Account, amount: i64| {
                account.balance += amount;
                account.history.push(amount);
                account.balance
            },
            |deposit| deposit.doc("Puts money in.").param("self").param_default("amount", 1),
        )
        .method("__len__", |account: &Account| account.history.len())
        .method("__getitem__", |account: &Account, index: i64| {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            let amount = account.history.get(index).copied();
            amount.ok_or_else(|| PythonError::new("IndexError", "no such amount"))
        })
        .method("__contains__", |account: &Account, amount: i64| account.history.contains(&amount))
        .method("__repr__", |account: &Account| format!("Account({:?})", account.owner))
        .method("__enter__", |account: &mut Account| account.balance)
        .method("__exit__", |account: &mut Account, _: Value, _: Value, _: Value| {
            account.balance = 0;
            false
        })
        .method(
            "each",
            |account: &mut Account, py: &mut Python<'_>, then: Object| -> ophidia::Result<()> {
                for amount in &account.history {
                    then.call(py, (*amount,))?;
                }
                Ok(())
            },
        )
        .property("owner", |account: &Account| account.owner.clone())
        .property_mut(
            "balance",
            |account: &Account| account.balance,
            |account: &mut Account, balance: i64| account.balance = balance,
        )
        .iter(|account: &Account| account.history.clone())
}

#[test]
fn a_rust_type_is_a_class() -> ophidia::Result<()> {
    let mut py = interpreter();
    let class = py.class(&account())?;
    py.set("Account", &class)?;
    py.run(
        "import inspect, weakref, copy
a = Account('Ada', 5)
assert a.deposit(3) == 8 and a.deposit() == 9 and a.deposit(amount=1) == 10
assert a.balance == 10 and a.owner == 'Ada' and repr(a) == 'Account(\"Ada\")'
a.balance = 4
assert a.balance == 4
assert len(a) == 4 and a[1] == 3 and list(a) == [5, 3, 1, 1] and 3 in a and 4 not in a
with a as money:
    assert money == 4
assert a.balance == 0
assert Account.__doc__ == \"Somebody's money.\" and Account.deposit.__doc__ == 'Puts money in.'
assert str(inspect.signature(Account.deposit)) == '(self, /, amount=1)', inspect.signature(Account.deposit)
assert isinstance(a, Account) and weakref.ref(a)() is a
class Child(Account):
    def deposit(self, amount): return super().deposit(amount * 2)
c = Child('Bob', 0)
assert c.deposit(2) == 4 and isinstance(c, Account)
seen = []
a.each(seen.append)
assert seen == [5, 3, 1, 1]
",
    )?;
    for (source, message) in [
        ("Account('x', -1)", "ValueError: nobody begins with debts"),
        ("Account('x')", "TypeError: Account() missing required argument: 'arg1'"),
        ("a[9]", "IndexError: no such amount"),
        ("a.owner = 1", "AttributeError"),
        ("a.nothing", "AttributeError"),
        ("Account.deposit(3)", "TypeError: argument self: expected Account, got int"),
        ("copy.copy(a)", "TypeError: cannot pickle 'Account' object: its value is the host's"),
        (
            "a.each(lambda n: a.deposit(n))",
            "RuntimeError: this Account is in use already, further out",
        ),
        ("object.__new__(Account)", "TypeError"),
        ("Account.__base__(1)", "TypeError"),
    ] {
        let error = raised(py.run(source)).to_string();
        assert!(error.starts_with(message), "{source}: {error}");
    }
    // From here, and back.
    let shared = Shared::new(Account { owner: "Eve".into(), balance: 1, history: Vec::new() });
    let eve = py.instance(&class, &shared)?;
    assert_eq!(eve.call_method_as::<i64>(&mut py, "deposit", (41,))?, 42);
    assert_eq!(shared.with(|account| account.balance)?, 42);
    let back: Shared<Account> = eve.extract(&mut py)?;
    assert_eq!(back.with(|account| account.owner.clone())?, "Eve");
    let merge = |a: Shared<Account>, b: Shared<Account>| -> Result<i64, PythonError> {
        Ok(a.with(|a| a.balance)? + b.with(|b| b.balance)?)
    };
    py.set("merge", Function::new("merge", merge))?;
    py.set("eve", eve)?;
    assert_eq!(py.eval("merge(eve, c)")?, Value::Int(46));
    Ok(())
}

#[test]
fn modules_of_the_host_are_imported() -> ophidia::Result<()> {
    let mut py = interpreter();
    let class = py.class(&account())?;
    let prices = Module::new("host.shop.prices")
        .doc("Prices of today.")
        .function("of", |name: String| name.len())
        .value("currency", "EUR")
        .value("Account", class);
    py.add_module(&prices)?;
    py.run(
        "import host.shop.prices
from host.shop import prices
from host.shop.prices import of, currency, Account
assert prices is host.shop.prices and of('tea') == 3 and currency == 'EUR'
assert prices.__doc__ == 'Prices of today.' and Account('a', 1).balance == 1
import importlib
assert importlib.import_module('host.shop.prices') is prices",
    )?;
    let error = raised(py.run("import host.shop.other"));
    assert_eq!(error.to_string(), "ModuleNotFoundError: No module named 'host.shop.other'");
    py.add_module(&Module::new("host").value("version", 2))?;
    assert_eq!(
        py.eval("host.version, host.shop.prices.currency")?,
        Value::Tuple(vec![Value::Int(2), Value::Str("EUR".into())])
    );
    Ok(())
}

#[test]
fn asynchronous_functions_are_awaited() -> ophidia::Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build();
    let tokio = tokio.expect("a runtime");
    let mut py = RUNTIME.interpreter().tokio(tokio.handle().clone()).build()?;
    let fetch = |name: String, wait: u64| async move {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        match name.as_str() {
            "" => Err(PythonError::new("LookupError", "no name")),
            _ => Ok(format!("<{name}>")),
        }
    };
    py.set("fetch", Function::new_async("fetch", fetch).param("name").param_default("wait", 5))?;
    let dropped = Arc::new(AtomicUsize::new(1));
    let counted = Arc::clone(&dropped);
    let never = move || {
        let guard = Counted(Arc::clone(&counted));
        async move {
            std::future::pending::<()>().await;
            drop(guard);
        }
    };
    py.set("never", Function::new_async("never", never))?;
    py.run(
        "import asyncio, time
async def main():
    start = time.monotonic()
    both = await asyncio.gather(fetch('a', 100), fetch('b', wait=100), asyncio.sleep(0.1))
    assert time.monotonic() - start < 0.19, time.monotonic() - start
    assert both == ['<a>', '<b>', None], both
    try:
        await fetch('')
    except LookupError as error:
        assert str(error) == 'no name'
    try:
        await asyncio.wait_for(never(), 0.02)
    except TimeoutError:
        pass
    first, _ = await asyncio.wait([asyncio.ensure_future(fetch('c')), asyncio.ensure_future(fetch('d', 9_000))],
                                  return_when=asyncio.FIRST_COMPLETED)
    return [task.result() for task in first]
assert asyncio.run(main()) == ['<c>']",
    )?;
    let start = std::time::Instant::now();
    while dropped.load(Ordering::Relaxed) != 0 && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(dropped.load(Ordering::Relaxed), 0, "what was cancelled is dropped");
    let error = raised(py.run("fetch('x')"));
    assert!(error.message.contains("needs a running event loop"), "{error}");

    // A deadline ends the wait.
    let timeout = Duration::from_millis(100);
    let builder = RUNTIME.interpreter().tokio(tokio.handle().clone());
    let mut py = builder.timeout(timeout).build()?;
    py.set("never", Function::new_async("never", std::future::pending::<()>))?;
    let error = py.run("import asyncio\nasync def main(): await never()\nasyncio.run(main())");
    assert!(matches!(error, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{error:?}");

    // Without a runtime there is an error that says so.
    let mut py = interpreter();
    py.set("never", Function::new_async("never", std::future::pending::<()>))?;
    let error =
        raised(py.run("import asyncio\nasync def main(): await never()\nasyncio.run(main())"));
    assert!(error.message.contains("no tokio runtime"), "{error}");
    Ok(())
}

/// Every kind of closure has up to eight parameters.
#[test]
fn eight_parameters_are_taken_by_every_kind_of_closure() -> ophidia::Result<()> {
    type Eight = (i64, i64, i64, i64, i64, i64, i64, i64);
    let mut py = interpreter();
    let all =
        |a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64| (a, b, c, d, e, f, g, h);
    let sum = |(a, b, c, d, e, f, g, h): Eight| a + b + c + d + e + f + g + h;
    py.set("all", Function::new("all", all))?;
    let class = Class::<Eight>::new("Eight").init(all).method(
        "plus",
        move |this: &Eight, a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64| {
            sum(*this) + sum((a, b, c, d, e, f, g, h))
        },
    );
    let class = py.class(&class)?;
    py.set("Eight", &class)?;
    py.run(
        "assert all(1, 2, 3, 4, 5, 6, 7, 8) == (1, 2, 3, 4, 5, 6, 7, 8)
assert Eight(*range(8)).plus(*range(8)) == 56",
    )?;
    let eight: Eight = py.get("all")?.call_as(&mut py, (1, 2, 3, 4, 5, 6, 7, 8))?;
    assert_eq!(sum(eight), 36);
    Ok(())
}

#[test]
fn a_class_answers_for_attributes_that_it_does_not_declare() -> ophidia::Result<()> {
    struct Record {
        fields: BTreeMap<String, i64>,
        size: i64,
    }
    let missing = |name: &str| PythonError::new("AttributeError", format!("no field {name}"));
    let class = Class::<Record>::new("Record")
        .init(|| Record { fields: BTreeMap::new(), size: 7 })
        .property_mut(
            "size",
            |record: &Record| record.size,
            |record: &mut Record, size: i64| record.size = size,
        )
        .property("count", |record: &Record| record.fields.len())
        .method("clear", |record: &mut Record| record.fields.clear())
        .method("__getattr__", move |record: &Record, name: String| {
            record.fields.get(&name).copied().ok_or_else(|| missing(&name))
        })
        .method("__setattr__", |record: &mut Record, name: String, value: i64| {
            record.fields.insert(name, value);
        })
        .method("__delattr__", move |record: &mut Record, name: String| {
            record.fields.remove(&name).map(drop).ok_or_else(|| missing(&name))
        });
    let mut py = interpreter();
    let class = py.class(&class)?;
    py.set("Record", class)?;
    py.run(
        "record = Record()
record.price, record.tax = 5, 1
assert (record.price, record.tax, record.count) == (5, 1, 2)
assert getattr(record, 'other', None) is None and not hasattr(record, 'other')
del record.tax
assert not hasattr(record, 'tax') and record.count == 1
record.size = 9  # a property is one, whatever else is set
assert record.size == 9 and record.count == 1
try: record.count = 5
except AttributeError as error: assert 'has no setter' in str(error)
try: del record.gone
except AttributeError as error: assert str(error) == 'no field gone'
try: record.price = 'x'
except TypeError as error: assert 'expected int, got str' in str(error)
record.clear()
assert record.count == 0 and setattr(record, 'a b', 1) is None and record.__getattr__('a b') == 1
class Special(Record):
    own = 'class'
special = Special()
special.x = 1
assert (special.own, special.x, special.count) == ('class', 1, 1)",
    )
}
