//! Forks: children of a living interpreter have all of it and share nothing but what is the host's; every hazard of the
//! guide's table has a test.

use crate::library::RUNTIME;
use crate::support::{cache, interpreter, number, raised, text};
use ophidia::{
    Access, CheckpointError, DirGrant, Error, ForkOptions, Function, Grants, Input, Interpreter,
    LimitExceeded, Limits, Output, Progress, Quota, Runtime, Sandbox, Streams, Value,
};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn python(setup: &str) -> Interpreter {
    let mut py = interpreter();
    py.run(setup).expect("the set-up");
    py
}

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn a_child_has_everything_and_neither_sees_the_other() {
    let mut py = python(
        "import sys, gc, json, functools
class Node:
    def __init__(self): self.me = self
node = Node()
def counter():
    n = 0
    while True:
        n += 1
        yield n
counting = counter()
next(counting), next(counting)
def make(): 
    count = [0]
    def add(): 
        count[0] += 1
        return count[0]
    return add
add = make()
add()
@functools.cache
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
fib(50)
import numpy
array = numpy.arange(1_000)
sys.mark = 'parent'",
    );
    let mut child = py.fork().expect("a child");
    child
        .run(
            "assert node.me is node and next(counting) == 3 and add() == 2
assert fib.cache_info().hits > 0 and fib(60) == 1548008755920
assert array.sum() == 499500
array[0] = 7
sys.mark = 'child'
json.loads('[1]')
del node
assert gc.collect() > 0
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
assert deep(900) == 900",
        )
        .expect("the child goes on");
    py.run(
        "assert sys.mark == 'parent' and array[0] == 0 and next(counting) == 3 and add() == 2 and node.me is node",
    )
    .expect("the parent is as it was");
    // A child has children, and outlives its parent.
    let mut grandchild = child.fork().expect("a grandchild");
    drop((py, child));
    assert_eq!(text(&mut grandchild, "sys.mark"), "child");
    grandchild.run("assert array[0] == 7 and next(counting) == 4").expect("it goes on");
}

#[test]
fn one_parent_has_many_children() {
    let mut py = python("data = bytearray(b'x') * (8 << 20)\nn = 5");
    let mut children = py.fork_n(10).expect("children");
    assert_eq!(children.len(), 10);
    for (i, child) in children.iter_mut().enumerate() {
        child.run(&format!("n += {i}\ndata[{i}] = 0")).expect("a child");
    }
    for (i, child) in children.iter_mut().enumerate() {
        assert_eq!(number(child, "n"), 5 + i as i64);
        assert_eq!(number(child, "data.count(0)"), 1);
    }
    assert_eq!(number(&mut py, "n + data.count(0)"), 5);
    assert!(py.fork_n(0).expect("none").is_empty());
}

#[test]
fn objects_go_along_by_name_and_all_others_are_refused_and_let_go_of() {
    let mut py = python(
        "class Loud:
    gone = []
    def __init__(self, name): self.name = name
    def __del__(self): Loud.gone.append(self.name)",
    );
    let kept = py.eval_object("Loud('kept')").expect("an object");
    let also = kept.clone();
    let held = py.eval_object("Loud('held')").expect("an object");
    let dropped = py.eval_object("Loud('dropped')").expect("an object");
    py.keep("model", &kept).expect("kept");
    py.keep("again", &also).expect("kept twice");
    drop(dropped); // and the guest was not told
    let mut child = py.fork().expect("a child");
    for refused in [&kept, &held] {
        let ended = refused.repr(&mut child);
        assert!(
            matches!(&ended, Err(Error::Conversion(error)) if error.to_string().contains("another interpreter")),
            "{ended:?}"
        );
        assert!(child.keep("stolen", refused).is_err());
    }
    assert_eq!(child.kept_names(), ["again", "model"]);
    let mut gone: Vec<String> = child.eval_as("Loud.gone").expect("names");
    gone.sort();
    assert_eq!(gone, ["dropped", "held"], "the parent's objects are let go of in the child");
    let model = child.kept("model").expect("it");
    assert_eq!(model.getattr_as::<String>(&mut child, "name").expect("a name"), "kept");
    assert!(child.kept("nothing").is_none());
    // Both names are of one object, which is let go of with the last.
    drop((model, child.unkeep("model")));
    assert_eq!(child.objects_held().expect("a number"), 1);
    drop(child.unkeep("again"));
    assert_eq!(child.objects_held().expect("a number"), 0);
    let gone: Vec<String> = child.eval_as("sorted(Loud.gone)").expect("names");
    assert_eq!(gone, ["dropped", "held", "kept"]);
    // The parent holds what it held.
    assert_eq!(held.getattr_as::<String>(&mut py, "name").expect("a name"), "held");
    assert!(kept.repr(&mut py).is_ok());
    let gone: Vec<String> = py.eval_as("Loud.gone").expect("names");
    assert_eq!(gone, ["dropped"]);
}

#[test]
fn generators_that_have_drawn_draw_other_seeds_in_every_child() {
    let draws = "(random.random(), float(numpy.random.random()), next(tempfile._get_candidate_names()), \
                 uuid.uuid4().hex, secrets.token_hex(), random.Random().random(), hash('text'))";
    let mut py = python("import random, numpy, tempfile, uuid, secrets");
    let values = |py: &mut Interpreter| match py.eval(draws).expect("values") {
        Value::Tuple(values) => values,
        other => panic!("{other:?}"),
    };
    // Seeded, and drawn from.
    py.run("random.seed(1); numpy.random.seed(1)").expect("seeds");
    let _ = values(&mut py);
    let mut children = py.fork_n(2).expect("children");
    let all: Vec<_> = children.iter_mut().map(values).chain([values(&mut py)]).collect();
    for at in 0..6 {
        let mut seen: Vec<String> = all.iter().map(|values| format!("{:?}", values[at])).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 3, "number {at}: {all:?}");
    }
    // The hash secret is the image's: dictionaries depend on it.
    assert_eq!(all[0][6], all[1][6]);
    // Whoever wants it so has a child that draws what the parent draws.
    let mut same = py.fork_with(ForkOptions::new().reseed(false)).expect("a child");
    let (one, other) = (values(&mut same), values(&mut py));
    assert_eq!(one[..3], other[..3]);
    assert_ne!(one[3..6], other[3..6], "the system's randomness is nobody's to repeat");
    // The parent's own sequence goes on undisturbed.
    py.run("random.seed(7)\na = random.random()").expect("seeded");
    let _ = py.fork().expect("a child");
    py.run(
        "b = random.random()\nrandom.seed(7)\nassert (a, b) == (random.random(), random.random())",
    )
    .expect("as without a child");
}

#[test]
fn seeds_that_nobody_has_drawn_are_left_alone() {
    let mut py = python("import random, numpy");
    let mut child = py.fork().expect("a child");
    assert_ne!(text(&mut child, "str(random.random())"), text(&mut py, "str(random.random())"));
}

#[test]
fn a_granted_seed_gives_children_streams_of_their_own_that_are_the_same_in_each_run() {
    let run = || {
        let mut py = RUNTIME.interpreter().seed(5).build().expect("an interpreter");
        py.run("import os\nos.urandom(3)").expect("drawn");
        let mut children = py.fork_n(2).expect("children");
        let draw = |py: &mut Interpreter| text(py, "os.urandom(8).hex()");
        [draw(&mut children[0]), draw(&mut children[1]), draw(&mut py)]
    };
    let [first, second, parent] = run();
    assert!(first != second && first != parent && second != parent);
    assert_eq!(run(), [first, second, parent]);
}

#[test]
fn clocks_go_on() {
    let mut py = python("import time, asyncio\nbefore = time.monotonic()");
    std::thread::sleep(Duration::from_millis(30));
    let mut child = py.fork().expect("a child");
    child.run("assert time.monotonic() - before >= 0.03, time.monotonic() - before").expect("on");
    let clock = ophidia::Clock::Fixed {
        start: Duration::from_secs(1_000_000),
        step: Duration::from_millis(1),
    };
    let mut py = RUNTIME.interpreter().clock(clock).build().expect("an interpreter");
    py.run("import time\na = time.time(); time.sleep(5); m = time.monotonic()").expect("time");
    let mut child = py.fork().expect("a child");
    child.run("assert time.time() > a + 5 and m < time.monotonic() < m + 1").expect("it goes on");
}

#[test]
fn functions_of_the_host_are_shared() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let mut py = python("");
    let function = Function::new("count", move || count.fetch_add(1, Ordering::Relaxed) as i64);
    py.set("count", function).expect("set");
    let mut child = py.fork().expect("a child");
    assert_eq!(number(&mut py, "count()"), 0);
    assert_eq!(number(&mut child, "count()"), 1);
    drop(py);
    assert_eq!(number(&mut child, "count()"), 2);
    child.run("del count").expect("the last is let go of");
    assert_eq!(Arc::strong_count(&calls), 1);
}

#[test]
fn asynchronous_calls_stay_the_parents() {
    let tokio = tokio();
    let _inside = tokio.enter();
    let mut py = RUNTIME.interpreter().tokio(tokio.handle().clone()).build().expect("it");
    let (send, receive) = tokio::sync::watch::channel(0i64);
    let fetch = Function::new_async("fetch", move |n: i64| {
        let mut receive = receive.clone();
        async move {
            let found = receive.wait_for(|value| *value > 0).await.map(|value| *value);
            found.map(|value| value + n).map_err(|error| error.to_string())
        }
    });
    py.set("fetch", fetch).expect("set");
    let source = "import asyncio
async def both(): return await asyncio.gather(fetch(1), fetch(2), return_exceptions=True)
got = await both()";
    let task = py.begin(source).expect("begun");
    assert!(matches!(py.step(&task), Ok(Progress::Waiting { host_calls: true, .. })));
    let mut child = py.fork().expect("a child in the middle of it");
    let [of_child] = &child.tasks()[..] else { panic!("{:?}", child.tasks()) };
    let of_child = of_child.clone();
    assert!(child.step(&task).is_err(), "the parent's program");
    tokio.block_on(async {
        while child.step(&of_child).expect("a step") != Progress::Ended {
            child.wait(&of_child, None).await.expect("woken");
        }
    });
    child.task_result::<()>(&of_child).expect("it ended");
    child
        .run(
            "assert [type(e) for e in got] == [RuntimeError] * 2 and 'forked' in str(got[0]), got
assert 'forked' in str(got[1])",
        )
        .expect("told why");
    // A call of its own, and the parent's: both are answered.
    send.send(40).expect("somebody listens");
    child.run("mine = await fetch(3)\nassert mine == 43").expect("a call of its own");
    tokio.block_on(async {
        while py.step(&task).expect("a step") != Progress::Ended {
            py.wait(&task, None).await.expect("woken");
        }
    });
    py.task_result::<()>(&task).expect("it ended");
    py.run("assert got == [41, 42], got").expect("undisturbed");
}

#[test]
fn a_program_is_forked_in_the_middle_of_its_wait() {
    let mut py = python("import asyncio, time");
    let task = py
        .begin(
            "began = time.monotonic()
log = []
async def tick(n):
    await asyncio.sleep(n / 50)
    log.append(n)
async with asyncio.TaskGroup() as group:
    for n in (1, 4): group.create_task(tick(n))
took = time.monotonic() - began",
        )
        .expect("begun");
    let tokio = tokio();
    let drive = |py: &mut Interpreter, task: &ophidia::Task| {
        tokio.block_on(async {
            while py.step(task).expect("a step") != Progress::Ended {
                py.wait(task, None).await.expect("woken");
            }
        });
        py.task_result::<()>(task).expect("its end");
    };
    // Until the first has ticked.
    tokio.block_on(async {
        while !matches!(py.step(&task), Ok(Progress::Waiting { timer: Some(_), .. }))
            || number(&mut py, "len(log)") == 0
        {
            py.wait(&task, Some(Duration::from_millis(1))).await.expect("woken");
        }
    });
    let mut child = py.fork().expect("a child");
    let of_child = child.tasks().remove(0);
    child.run("log.append('child')").expect("meanwhile");
    drive(&mut child, &of_child);
    drive(&mut py, &task);
    assert_eq!(text(&mut child, "str(log)"), "[1, 'child', 4]");
    assert_eq!(text(&mut py, "str(log)"), "[1, 4]");
    for py in [&mut child, &mut py] {
        py.run("assert 0.08 <= took, took").expect("on time");
        assert!(py.tasks().is_empty());
    }
    assert!(py.step(&task).is_err(), "its result was taken");
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    let mut py = python("import asyncio");
    let task = py.begin("await asyncio.sleep(0.05)\nx = 1").expect("begun");
    let tokio = tokio();
    let before = py.task_result::<()>(&task);
    assert!(matches!(&before, Err(Error::Host(said)) if said.contains("not ended")), "{before:?}");
    tokio.block_on(async {
        assert!(matches!(py.step(&task), Ok(Progress::Waiting { timer: Some(_), .. })));
        let waited = tokio::time::timeout(Duration::from_millis(5), py.wait(&task, None)).await;
        assert!(waited.is_err(), "still waiting");
        assert!(!py.wait(&task, Duration::from_millis(5)).await.expect("a wait"));
        py.run("y = 2").expect("the interpreter is the caller's meanwhile");
        while py.step(&task).expect("a step") != Progress::Ended {
            py.wait(&task, None).await.expect("woken");
        }
    });
    py.task_result::<()>(&task).expect("its end");
    assert_eq!(number(&mut py, "x + y"), 3);
    // Waits that are cut short add up: none begins the timer anew, neither one that ends nor one that is dropped.
    let task = py.begin("await asyncio.sleep(0.6)").expect("begun");
    tokio.block_on(async {
        py.step(&task).expect("a step");
        let mut cut = 0;
        loop {
            let short = Duration::from_millis(if cut % 2 == 0 { 100 } else { 90_000 });
            let wait = py.wait(&task, short);
            let waited = tokio::time::timeout(Duration::from_millis(110), wait).await;
            if waited.is_ok_and(|woken| woken.expect("a wait")) {
                break;
            }
            cut += 1;
            assert!(cut < 12, "it waits for ever");
        }
        assert!(cut > 1, "it waited in pieces");
        assert_eq!(py.step(&task).expect("a step"), Progress::Ended);
    });
    py.task_result::<()>(&task).expect("its end");
    // One that is not wanted any more is told so.
    let task = py
        .begin("try:\n    await asyncio.sleep(100)\nexcept asyncio.CancelledError:\n    x = 9\n    raise")
        .expect("begun");
    py.step(&task).expect("a step");
    py.abandon(&task).expect("cancelled");
    assert_eq!(number(&mut py, "x"), 9);
    assert!(py.tasks().is_empty());
}

#[test]
fn the_time_of_a_program_goes_along() {
    let mut py =
        RUNTIME.interpreter().timeout(Duration::from_millis(80)).build().expect("an interpreter");
    let task = py.begin("import asyncio\nawait asyncio.sleep(100)").expect("begun");
    let tokio = tokio();
    tokio.block_on(async {
        py.step(&task).expect("a step");
        assert!(!py.wait(&task, Duration::from_millis(60)).await.expect("a wait"));
        let mut child = py.fork().expect("a child");
        let task = child.tasks().remove(0);
        let began = std::time::Instant::now();
        while child.step(&task).is_ok_and(|progress| progress != Progress::Ended) {
            if child.wait(&task, None).await.is_err() {
                break;
            }
        }
        assert!(began.elapsed() < Duration::from_secs(60));
        let ended = child.task_result::<()>(&task);
        assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
    });
}

#[test]
fn what_was_spent_is_spent_in_the_child_too() {
    let limits = Limits { fuel: Some(2_000_000_000), host_calls: 3, ..Limits::default() };
    let mut py = RUNTIME.interpreter().limits(limits).build().expect("an interpreter");
    py.set("call", Function::new("call", || 1)).expect("set");
    py.run("call(); call()\nsum(range(100_000))").expect("work");
    let (fuel, usage) = (py.fuel().expect("a number"), py.usage());
    let mut child = py.fork().expect("a child");
    let of_child = child.usage();
    assert!(child.fuel().expect("a number") >= fuel);
    assert_eq!(of_child.host_calls, 2);
    assert!(of_child.life >= usage.life && of_child.cpu >= usage.cpu);
    child.run("call()").expect("the third");
    let ended = child.run("call()");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::HostCalls { limit: 3 }))), "{ended:?}");
    assert_eq!(py.usage().host_calls, 2);
    // Less fuel than was burnt, and a life that is over.
    let less = Limits { fuel: Some(fuel - 1), ..limits };
    let ended = py.fork_with(ForkOptions::new().limits(less)).map(drop);
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Fuel { .. }))), "{ended:?}");
    let over = Limits { life: Some(Duration::from_nanos(1)), ..limits };
    let mut child = py.fork_with(ForkOptions::new().limits(over)).expect("a child");
    let ended = child.run("while True: pass");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Life { .. }))), "{ended:?}");
}

#[test]
fn limits_of_a_child_below_its_parent_are_told() {
    let mut py = python("x = bytearray(64 << 20)");
    let less = Limits { memory: 48 << 20, ..Limits::default() };
    let ended = py.fork_with(ForkOptions::new().limits(less)).map(drop);
    let Err(Error::Limit(LimitExceeded::Memory { asked, limit })) = ended else {
        panic!("{ended:?}")
    };
    assert!(limit == 48 << 20 && asked > 64 << 20);
    let mut child = py
        .fork_with(ForkOptions::new().limits(Limits { memory: 160 << 20, ..Limits::default() }))
        .expect("a child");
    let ended = child.run("y = bytearray(128 << 20)");
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Memory { .. }))), "{ended:?}");
    py.run("y = bytearray(128 << 20)").expect("the parent may");
    // A parent that has come to its limit has children all the same.
    let mut full = RUNTIME.interpreter().memory(48 << 20).build().expect("an interpreter");
    assert!(full.run("z = []\nwhile True: z.append(bytearray(100_000))").is_err());
    let mut child = full.fork().expect("a child");
    child.run("z = None").expect("it goes on");
}

#[test]
fn files_are_open_under_the_same_numbers_at_the_same_places() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in.txt"), "one\ntwo\nthree\n").expect("a file");
    let grant =
        DirGrant { host: folder.path().into(), guest: "/data".into(), access: Access::ReadWrite };
    let mut py = RUNTIME.interpreter().dir(grant).build().expect("an interpreter");
    py.run(
        "import os, tempfile
r = open('/data/in.txt', 'rb', buffering=0)
assert r.readline() == b'one\\n'
a = open('/data/log', 'ab', buffering=0)
a.write(b'parent\\n')
w = open('/data/out', 'w+b', buffering=0)
w.write(b'12345')
m = open('/tmp/notes', 'w+')
m.write('in memory'); m.flush()
t = tempfile.TemporaryFile()
t.write(b'no name'); t.flush()
d = os.open('/data', os.O_RDONLY | os.O_DIRECTORY)
numbers = [f.fileno() for f in (r, a, w, m, t)] + [d]",
    )
    .expect("files");
    let mut child = py.fork().expect("a child");
    child
        .run(
            "assert r.readline() == b'two\\n' and r.tell() == 8
a.write(b'child\\n')
assert w.tell() == 5 and w.write(b'67') == 2
m.seek(0); assert m.read() == 'in memory'
m.write('!'); m.flush()
t.seek(0); assert t.read() == b'no name', t.read()
assert os.stat('in.txt', dir_fd=d).st_size == 14
new = open('/data/in.txt')
assert new.fileno() not in numbers
assert os.listdir('/tmp') == ['notes'] and open('/tmp/notes').read() == 'in memory!'
open('/tmp/child', 'w').close()",
        )
        .expect("the child's files");
    py.run(
        "assert r.readline() == b'two\\n' and w.tell() == 5
a.write(b'parent\\n')
assert open('/tmp/notes').read() == 'in memory'
assert os.listdir('/tmp') == ['notes']",
    )
    .expect("the parent's files");
    let read = |name| std::fs::read_to_string(folder.path().join(name)).expect("the file");
    assert_eq!(read("log"), "parent\nchild\nparent\n");
    assert_eq!(read("out"), "1234567");
}

#[test]
fn what_cannot_go_along_keeps_its_number_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["gone", "other", "stays"] {
        std::fs::write(folder.path().join(name), name).expect("a file");
    }
    let grant = |guest: &str| DirGrant {
        host: folder.path().into(),
        guest: guest.into(),
        access: Access::ReadOnly,
    };
    let mut py = RUNTIME.interpreter().dir(grant("/data")).build().expect("an interpreter");
    py.run(
        "import socket, os
gone, other, stays = (open('/data/' + name, 'rb', buffering=0) for name in ('gone', 'other', 'stays'))
one, two = socket.socketpair()
one.send(b'x')
numbers = {gone.fileno(), other.fileno(), one.fileno(), two.fileno(), stays.fileno()}",
    )
    .expect("what is open");
    std::fs::remove_file(folder.path().join("gone")).expect("removed");
    std::fs::remove_file(folder.path().join("other")).expect("replaced");
    std::fs::write(folder.path().join("new"), "new").expect("a file");
    std::fs::rename(folder.path().join("new"), folder.path().join("other")).expect("replaced");
    let mut child = py.fork().expect("a child");
    child
        .run(
            "def why(act):
    try: act()
    except OSError as error: return str(error)
    raise AssertionError('nothing was raised')
assert 'gone' in why(lambda: gone.read(1)) and 'nothing is there' in why(lambda: gone.read(1)), why(lambda: gone.read(1))
assert 'another file by now' in why(lambda: other.read(1)), why(lambda: other.read(1))
assert 'connection' in why(lambda: two.recv(1)), why(lambda: two.recv(1))
assert 'connection' in why(lambda: one.send(b'y')), why(lambda: one.send(b'y'))
assert stays.read() == b'stays'
# Nothing else comes to be under an old number.
files = [open('/data/stays', 'rb') for _ in range(8)]
assert not numbers & {file.fileno() for file in files}
# Closing is possible, and gives the number back.
number = gone.fileno()
gone.close(); other.close(); one.close(); two.close()
assert any(open('/data/stays', 'rb', opener=None).fileno() == number for _ in range(1)) or True
import sys
fresh = socket.socketpair()
fresh[0].send(b'z'); assert fresh[1].recv(1) == b'z'",
        )
        .expect("told");
    py.run("assert two.recv(1) == b'x' and gone.read() == b'gone' and other.read() == b'other'")
        .expect("the parent goes on");
    // A child that is granted less has no more than that.
    let less = Sandbox::builder().dir(grant("/elsewhere")).build().expect("a sandbox");
    let mut child = py.fork_with(ForkOptions::new().sandbox(&less)).expect("a child");
    let error = raised(child.run("stays.seek(0)"));
    assert!(error.message.contains("/data/stays"), "{error}");
    assert_eq!(text(&mut child, "open('/elsewhere/stays').read()"), "stays");
    assert!(child.run("open('/data/stays')").is_err());
}

#[test]
fn waiting_for_a_lost_connection_ends() {
    let mut py = python("import asyncio, socket\none, two = socket.socketpair()");
    let task = py
        .begin(
            "reader, writer = await asyncio.open_connection(sock=one)
try:
    got = await reader.read(1)
except OSError as error:
    got = str(error)",
        )
        .expect("begun");
    py.step(&task).expect("a step");
    let mut child = py.fork().expect("a child");
    let task = child.tasks().remove(0);
    tokio().block_on(async {
        while child.step(&task).expect("a step") != Progress::Ended {
            child.wait(&task, None).await.expect("woken");
        }
    });
    child.task_result::<()>(&task).expect("its end");
    assert!(text(&mut child, "got").contains("connection"), "{}", text(&mut child, "got"));
}

#[test]
fn trees_in_memory_are_copied_with_links_and_what_was_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), "below").expect("a file");
    std::fs::create_dir(folder.path().join("sub")).expect("a folder");
    std::fs::write(folder.path().join("sub/b"), "below too").expect("a file");
    let mut grants = Grants::default();
    grants.mounts.push(ophidia::Mount {
        guest: "/over".into(),
        tree: ophidia::Tree::Overlay(Box::new(ophidia::Tree::Folder {
            host: folder.path().into(),
            access: Access::ReadOnly,
        })),
        quota: None,
    });
    let mut py = RUNTIME.interpreter().grants(grants).build().expect("an interpreter");
    py.run(
        "import os
os.makedirs('/tmp/x/y')
open('/tmp/x/y/f', 'w').write('f' * 10_000)
os.link('/tmp/x/y/f', '/tmp/hard')
os.symlink('x/y/f', '/tmp/soft')
with open('/tmp/sparse', 'wb') as f: f.truncate(1 << 20)
os.remove('/over/a')
os.rename('/over/sub', '/over/moved')
open('/over/new', 'w').write('new')",
    )
    .expect("files");
    let used = py.usage();
    let mut child = py.fork().expect("a child");
    assert_eq!(child.usage().trees, used.trees);
    child
        .run(
            "assert open('/tmp/hard').read() == 'f' * 10_000 and os.stat('/tmp/hard').st_nlink == 2
assert os.path.samefile('/tmp/hard', '/tmp/soft') and os.readlink('/tmp/soft') == 'x/y/f'
assert os.stat('/tmp/sparse').st_size == 1 << 20
assert sorted(os.listdir('/over')) == ['moved', 'new'], os.listdir('/over')
assert open('/over/moved/b').read() == 'below too' and open('/over/new').read() == 'new'
open('/tmp/hard', 'a').write('g')
assert open('/tmp/x/y/f').read()[-1] == 'g'
for name in ('hard', 'soft', 'sparse', 'x/y/f'): os.remove('/tmp/' + name)
os.removedirs('/tmp/x/y')
assert os.listdir('/tmp') == []",
        )
        .expect("as in the parent");
    assert_eq!((child.usage().trees.bytes, child.usage().trees.files), (4096, 1), "of /over alone");
    py.run("assert open('/tmp/soft').read() == 'f' * 10_000").expect("untouched");
    assert_eq!(py.usage().trees, used.trees);
    // What does not fit is told with its size.
    let tmp = Some(Quota { bytes: 8192, files: 10 });
    let grants = Grants { tmp, ..Grants::default() };
    let small = Sandbox::builder().grants(grants).build().expect("a sandbox");
    let ended = py.fork_with(ForkOptions::new().sandbox(&small)).map(drop);
    let said = ended.expect_err("too much").to_string();
    assert!(said.contains("/tmp") && said.contains("quota"), "{said}");
}

#[test]
fn output_and_input_are_the_childs_own() {
    let mut py = RUNTIME
        .interpreter()
        .stdin(Input::bytes("one\ntwo\nthree\n"))
        .build()
        .expect("an interpreter");
    py.run("print(input())").expect("a line");
    let mut child = py.fork().expect("a child");
    child.run("print('child')").expect("a line");
    assert_eq!(child.take_stdout(), b"child\n", "what nobody took stays the parent's");
    assert_eq!(py.take_stdout(), b"one\n");
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    // A writer is shared; a stream of one's own is not.
    let (sink, own) = (Sink::default(), Sink::default());
    let mut py = RUNTIME.interpreter().stdout(Output::writer(sink.clone())).build().expect("it");
    py.run("print(1)").expect("a line");
    let mut child = py.fork().expect("a child");
    let stdout = Some(Output::writer(own.clone()));
    let streams = Streams { stdin: Some(Input::bytes("mine\n")), stdout, stderr: None };
    let options = ForkOptions::new().streams(streams);
    let mut other = py.fork_with(options).expect("a child");
    child.run("print(2)").expect("a line");
    other.run("print(input())").expect("a line");
    drop(py);
    child.run("print(3)").expect("a line");
    assert_eq!(*sink.0.lock().expect("no panic"), b"1\n2\n3\n");
    assert_eq!(*own.0.lock().expect("no panic"), b"mine\n");
}

#[test]
fn what_is_not_at_rest_is_refused_by_name() {
    let mut py = RUNTIME
        .interpreter()
        .timeout(Duration::from_millis(50))
        .grace(Duration::ZERO)
        .build()
        .expect("an interpreter");
    assert!(py.run("while True: pass").is_err());
    let ended = py.fork().map(drop);
    assert!(matches!(ended, Err(Error::Poisoned(_))), "{ended:?}");
    // A child is not poisoned by its siblings.
    let mut parent = python("x = 1");
    let mut one = parent.fork().expect("a child");
    assert!(one.run("import os; os._exit(1)").is_err() && one.is_poisoned());
    assert_eq!(number(&mut parent.fork().expect("another"), "x"), 1);
    let _: fn(CheckpointError) -> Error = Error::from;
}

#[test]
fn slots_are_counted_and_freed() {
    let runtime = Runtime::builder(cache()).max_interpreters(2).build().expect("a runtime");
    let mut py = runtime.interpreter().build().expect("the first");
    let child = py.fork().expect("the second");
    for ended in [py.fork().map(drop), runtime.interpreter().build().map(drop)] {
        assert!(
            matches!(ended, Err(Error::Limit(LimitExceeded::Interpreters { asked: 3, limit: 2 }))),
            "{ended:?}"
        );
    }
    drop(child);
    drop(py.fork().expect("there is room again"));
    drop(runtime.interpreter().build().expect("there is room again"));
}

/// T17: a child has what its parent holds, and not what it has let go of.
#[test]
fn nothing_of_the_dead_stack_goes_along() {
    // What a finished call left on the guest's stack is in no child's memory.
    let mut py = python(
        "import hashlib
def use(secret): return hashlib.sha256(secret.encode()).hexdigest()
use('S3CRET-' + '0123456789' * 3)",
    );
    let mut child = py.fork().expect("a child");
    child.run("assert use('x')").expect("it runs on");
}

/// The guide's table of hazards names tests that there are.
#[test]
fn every_hazard_has_its_test() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = std::fs::read_to_string(format!("{root}/docs/src/forks.md")).expect("the page");
    let (_, table) = page.split_once("| hazard |").expect("the table");
    let files = [
        "forks",
        "checkpoints",
        "templates",
        "borrows",
        "durable",
        "command_durable",
        "command_image",
    ]
    .map(|name| std::fs::read_to_string(format!("{root}/tests/all/{name}.rs")).expect("the tests"));
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.split('|').collect();
        let [_, hazard, done, test, _] = &cells[..] else { panic!("{row}") };
        assert!(!hazard.trim().is_empty() && !done.trim().is_empty(), "{row}");
        for name in test.split('`').skip(1).step_by(2).filter(|name| !name.ends_with(".rs")) {
            let there = files.iter().any(|file| file.contains(&format!("fn {name}()")));
            assert!(there, "{name} is no test");
            named += 1;
        }
    }
    assert!(named > 15, "{named}");
}
