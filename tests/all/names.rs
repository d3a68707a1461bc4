//! Names that are looked up once, what the library holds for itself, and objects let go of.

use crate::library::RUNTIME;
use crate::support::{interpreter, raised};
use ophidia::{
    Arguments, Converters, Error, Function, LimitExceeded, Name, Object, Python, Value, intern,
};
use std::sync::{Arc, Mutex};

#[test]
fn a_name_is_taken_wherever_text_is() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run(
        "class Thing:\n    size = 7\n    def join(self, a, b='!'): return a + b\nthing = Thing()",
    )?;
    let thing = py.get("thing")?;
    assert_eq!(thing.getattr_as::<i64>(&mut py, intern!("size"))?, 7);
    assert_eq!(thing.getattr(&mut py, intern!("size"))?.extract::<i64>(&mut py)?, 7);
    thing.setattr(&mut py, intern!("size"), 8)?;
    assert_eq!(thing.getattr_as::<i64>(&mut py, &String::from("size"))?, 8);
    assert!(thing.hasattr(&mut py, intern!("size"))? && !thing.hasattr(&mut py, intern!("no"))?);
    assert_eq!(thing.call_method_as::<String>(&mut py, intern!("join"), ("a", "b"))?, "ab");
    let named = Arguments::new().arg("a").kwarg("b", "c");
    assert_eq!(thing.call_method(&mut py, intern!("join"), named)?.str(&mut py)?, "ac");
    thing.delattr(&mut py, intern!("size"))?;
    assert_eq!(thing.getattr_as::<i64>(&mut py, "size")?, 7, "the class' own");
    let error = raised(thing.getattr(&mut py, intern!("missing")));
    assert_eq!(error.message, "'Thing' object has no attribute 'missing'");
    static NAME: &Name = intern!("size");
    assert_eq!(NAME.as_str(), "size");
    Ok(())
}

/// Each counts as one of its own.
static MANY: [Name; 5_000] = [const { Name::new("real") }; 5_000];

#[test]
fn thousands_of_names_in_several_interpreters_on_several_threads() {
    let read = || {
        for round in 0..3 {
            let mut py = RUNTIME.interpreter().objects(1).build().expect("one");
            let number = py.object(round).expect("the only object");
            for name in MANY.iter().rev().chain(&MANY) {
                assert_eq!(number.getattr_as::<i64>(&mut py, name).expect("an int"), round);
            }
            for i in 0..5_000 {
                let name = format!("name_{i}");
                assert!(!number.hasattr(&mut py, &name).expect("told"));
            }
            assert_eq!(number.getattr_as::<i64>(&mut py, &MANY[0]).expect("an int"), round);
            assert_eq!(py.objects_held().expect("told"), 1);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(read);
        }
    });
}

#[test]
fn what_the_library_holds_is_not_counted() -> ophidia::Result<()> {
    let mut py = RUNTIME.interpreter().objects(1).build()?;
    py.run("import pathlib\nclass Thing:\n    size = 7\n    def fail(self): raise KeyError('x')")?;
    assert_eq!(py.objects_held()?, 0);
    let thing = py.get("Thing")?.call(&mut py, ());
    assert!(matches!(thing, Err(Error::Limit(LimitExceeded::Objects { limit: 1 }))), "{thing:?}");
    let thing = py.eval_object("Thing()")?;
    // Attributes, helpers, names of `__main__`.
    thing.setattr(&mut py, "size", 8)?;
    assert_eq!(thing.getattr_as::<i64>(&mut py, "size")?, 8);
    assert!(thing.is_instance(&mut py, "x").is_err() && !thing.is_callable(&mut py)?);
    assert!(!thing.dir(&mut py)?.methods.is_empty() && thing.hash(&mut py).is_ok());
    py.set("value", 1)?;
    py.set("Thing.kind", "new")?;
    py.delete("value")?;
    assert_eq!(thing.getattr_as::<String>(&mut py, "kind")?, "new");
    // Exceptions: described without a place for them, and asked.
    let error = raised(thing.call_method(&mut py, intern!("fail"), ()));
    assert_eq!((&*error.type_name, error.exception()), ("KeyError", None));
    assert!(error.is_instance(&mut py, "LookupError")? && !error.is_instance(&mut py, "OSError")?);
    // Converters: their classes, too.
    let converters = Converters::new()
        .from_python("pathlib.PurePath", |_, _| Ok(Value::None))
        .from_python("Thing", |py, thing: Object| Ok(Value::Int(thing.getattr_as(py, "size")?)))
        .to_python("list", Function::new("sum", |list: Vec<i64>| list.iter().sum::<i64>()));
    py.with_converters(converters, |py| {
        assert_eq!(thing.getattr_as::<i64>(py, "size")?, 8);
        thing.setattr(py, "size", vec![1, 2, 3])
    })?;
    assert_eq!(thing.getattr_as::<i64>(&mut py, "size")?, 6);
    assert_eq!(py.objects_held()?, 1);
    drop(thing);
    assert_eq!(py.objects_held()?, 0);
    // There is no more room for a second one than there was.
    let one = py.object(1)?;
    assert!(matches!(py.object(2), Err(Error::Limit(LimitExceeded::Objects { limit: 1 }))));
    drop(one);
    py.object(3).map(drop)
}

/// However many there are: few ride in the frame, many go the long way.
#[test]
fn what_is_dropped_is_gone_before_the_next_operation() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run(
        "alive = 0
class Thing:
    def __init__(self):
        global alive
        alive += 1
    def __del__(self):
        global alive
        alive -= 1
def count(*args): return alive",
    )?;
    let (make, count) = (py.get("Thing")?, py.get("count")?);
    let held = py.objects_held()?;
    for many in [0, 1, 2, 7, 8, 9, 10, 100] {
        for arguments in 0..5 {
            let things: Vec<_> =
                (0..many).map(|_| make.call(&mut py, ())).collect::<ophidia::Result<_>>()?;
            assert_eq!(count.call_as::<usize>(&mut py, ())?, many);
            std::thread::spawn(move || drop(things)).join().expect("dropped elsewhere");
            // Operands that are plain, and one that is not.
            let left: usize = match arguments {
                0 => count.call_as(&mut py, ())?,
                1 => count.call_as(&mut py, (1, "text"))?,
                2 => count.call_as(&mut py, (vec![1],))?,
                3 => {
                    py.run("left = alive")?;
                    py.get("left")?.extract(&mut py)?
                }
                _ => count.call_method_as(&mut py, "__call__", ())?,
            };
            assert_eq!(left, 0, "{many} dropped, then {arguments}");
            assert_eq!(py.objects_held()?, held);
        }
    }
    Ok(())
}

/// What runs while an object is let go of may use the interpreter in turn, and drop others.
#[test]
fn letting_go_may_call_the_host() -> ophidia::Result<()> {
    let mut py = interpreter();
    py.run("class Thing:\n    def __del__(self): gone(self.number)\n    number = 0\ndef same(x): return x")?;
    let (make, same) = (py.get("Thing")?, py.get("same")?);
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&told);
    let inner = make.clone();
    let gone = move |py: &mut Python<'_>, number: i64| {
        list.lock().expect("no panic").push(number);
        if number > 0 {
            let next = inner.call(py, ())?;
            next.setattr(py, "number", number - 1)?;
        }
        Ok::<_, ophidia::Error>(())
    };
    py.set("gone", Function::new("gone", gone))?;
    let held = py.objects_held()?;
    let first = make.call(&mut py, ())?;
    first.setattr(&mut py, "number", 20)?;
    drop(first);
    // The operand waits in its slot meanwhile.
    for i in 0..30 {
        let text = format!("text {i}");
        assert_eq!(same.call_as::<String>(&mut py, (&*text,))?, text);
    }
    assert_eq!(*told.lock().expect("no panic"), (0..=20).rev().collect::<Vec<_>>());
    assert_eq!(py.objects_held()?, held);
    Ok(())
}
