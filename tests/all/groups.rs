//! Groups: tasklets of several interpreters and mailboxes of Rust, and what becomes of messages between them.

use crate::library::RUNTIME;
use crate::tasklets::flush;
use ophidia::{Error, Group, GroupBuilder, Mailbox, Pid, Pool, Sandbox, SandboxBuilder, Value};
use std::time::Duration;
use tokio::time::timeout;

/// Longer than anything takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What the groups of these tests run first.
pub(crate) const BEGINS: &str = "
import logging
from ophidia.tasklets import *
logging.getLogger('ophidia.tasklets').setLevel(logging.CRITICAL)
class Echo(Server):
    async def handle_call(self, request): return request
async def relay(to):
    while True: to << await receive()
async def reporting(to, function, *arguments):
    try: to << ('ok', await function(*arguments))
    except Exception as error: to << (type(error).__name__, str(error))
async def begin(to, where): await reporting(to, main, where)
async def idle():
    await receive('never')
async def crash():
    await receive()
    raise ValueError('boom')
";

pub(crate) fn sandbox() -> SandboxBuilder {
    Sandbox::builder().timeout(LONG)
}

pub(crate) fn builder(sandbox: SandboxBuilder, code: &str) -> GroupBuilder {
    let sandbox = sandbox.build().expect("a sandbox");
    let pool = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(2).build().expect("a pool");
    Group::builder(&pool).code(format!("{BEGINS}\n{}", flush(code)))
}

pub(crate) fn group(code: &str) -> Group {
    builder(sandbox(), code).build().expect("a group")
}

pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let bounded = async { timeout(LONG, future).await.expect("it ends") };
    runtime.expect("a runtime").block_on(bounded)
}

pub(crate) fn text(value: &Value) -> String {
    value.to_string()
}

/// What a function of the group's code gives, run as a tasklet of a domain.
pub(crate) async fn reported(
    group: &Group,
    me: &mut Mailbox,
    domain: u64,
    call: &str,
    args: Vec<Value>,
) -> String {
    let mut all = vec![Value::Pid(me.pid())];
    all.extend(args);
    group.spawn_on(domain, call, Value::Tuple(all)).await.expect("spawned");
    text(&me.receive().await)
}

/// What `main(where)` of the group's code gives in the first of two domains; `where` is the second.
pub(crate) async fn main_of(group: &Group) -> String {
    let [one, other] = group.domains()[..] else { panic!("two domains") };
    let args = vec![Value::from(other.cast_signed())];
    reported(group, &mut group.mailbox(), one, "begin", args).await
}

#[test]
fn calls_and_messages_go_between_rust_and_domains() {
    let group = group("");
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let there = group.spawn_on(one, "Echo", ()).await?;
        assert_eq!(there.domain, one);
        let sent = Value::from(vec![
            Value::from(1),
            Value::from("text"),
            Value::Bytes(vec![1, 2]),
            Value::None,
            Value::Pid(there),
        ]);
        assert_eq!(me.call::<Value>(there, sent.clone(), LONG).await?, sent);
        // From one domain through another back here, in order.
        let back = group.spawn_on(other, "relay", (Value::Pid(me.pid()),)).await?;
        let through = group.spawn_on(one, "relay", (Value::Pid(back),)).await?;
        for number in 0..1_000 {
            group.send(through, number)?;
        }
        for number in 0..1_000 {
            assert_eq!(me.receive().await, Value::from(number));
        }
        assert_eq!(me.try_receive(), None);
        Ok::<_, Error>(())
    })
    .expect("no error");
}

/// T15: messages are data, and handles are none.
#[test]
fn what_belongs_to_one_interpreter_goes_no_further() {
    let group = group(
        "
        import enum, numpy
        class Colour(enum.Enum): RED = 1
        class Own: pass
        async def main(where):
            pid = await spawn_on(where, Echo)
            told = []
            for thing in (Own(), len, print, Colour.RED, [1, {'a': (Own(),)}], numpy.array([Own()]), lambda: 1, open):
                try: pid << thing
                except TypeError as error: told.append('cannot go to another interpreter' in str(error))
            deep = []
            for _ in range(100): deep = [deep]
            try: pid << deep
            except TypeError as error: told.append('64 deep' in str(error))
            # Nothing of it is lost or left.
            assert await call(pid, 'still') == 'still'
            return told
        ",
    );
    let told = wait(main_of(&group));
    assert_eq!(told, format!("('ok', [{}])", ["True"; 9].join(", ")));
    // Nor from Rust.
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    let object = py.get("__builtins__").expect("it");
    let sent = group.send(group.mailbox().pid(), &object);
    assert!(matches!(sent, Err(Error::Conversion(_))));
}

#[test]
fn plain_data_and_arrays_arrive_as_they_were() {
    let group = group(
        "
        import datetime, decimal, fractions, numpy, pathlib, uuid
        async def main(where):
            pid = await spawn_on(where, Echo)
            for sent in (None, True, -1, 2**70, 1.5, 2j, 'ü\\ud800', b'x', (1, [2, {3: {4}}]), frozenset({1}),
                         datetime.datetime(2026, 1, 2, 3, 4, 5), datetime.timedelta(1), decimal.Decimal('1.5'),
                         fractions.Fraction(1, 3), pathlib.Path('/a'), uuid.UUID(int=7), range(3), self_(), make_ref()):
                got = await call(pid, sent)
                assert got == sent and type(got) is type(sent), (got, sent)
            for array in (numpy.arange(12.).reshape(3, 4), numpy.arange(6)[::2], numpy.array('text'), numpy.zeros((0, 3)),
                          numpy.array(['2026-01-01'], 'M8[D]'), numpy.array([True]), numpy.array([1j], 'c8')):
                got = await call(pid, [array])
                assert got[0].dtype == array.dtype and got[0].shape == array.shape and (got[0] == array).all()
                got[0].fill(0)
            assert await call(pid, bytearray(b'y')) == b'y'
            return 'same'
        ",
    );
    assert_eq!(wait(main_of(&group)), "('ok', 'same')");
}

#[test]
fn python_calls_and_watches_mailboxes_of_rust() {
    let group = group(
        "
        async def ask(to, whom):
            ref = monitor(whom)
            to << ('ok', await call(whom, 'question'))
            to << (await receive(('DOWN', ref, ..., ...)))[3]
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let mut asked = group.mailbox();
        group.spawn("ask", (Value::Pid(me.pid()), Value::Pid(asked.pid()))).await?;
        let Value::Tuple(call) = asked.receive().await else { panic!("a call") };
        assert_eq!(call[2], Value::from("question"));
        asked.reply(&call[1], "answer")?;
        assert_eq!(text(&me.receive().await), "('ok', 'answer')");
        drop(asked);
        assert_eq!(me.receive().await, Value::from("normal"));
        // One that nobody answers.
        let nobody = group.spawn("idle", ()).await?;
        let late = me.call::<Value>(nobody, 1, Duration::from_millis(20)).await;
        assert!(
            matches!(&late, Err(Error::Python(e)) if e.type_name == "TimeoutError"),
            "{late:?}"
        );
        Ok::<_, Error>(())
    })
    .expect("no error");
}

#[test]
fn one_message_a_domain_reaches_all_members_of_a_group() {
    let group = group(
        "
        async def member(to):
            join('all')
            to << 'joined'
            to << await receive()
        async def speak(): publish('all', 'hello')
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        for domain in [one, one, other, other, other] {
            group.spawn_on(domain, "member", (Value::Pid(me.pid()),)).await?;
            assert_eq!(me.receive().await, Value::from("joined"));
        }
        group.spawn_on(one, "speak", ()).await?;
        for _ in 0..5 {
            assert_eq!(me.receive().await, Value::from("hello"));
        }
        // Each domain is told of the other; five members are asked for, and reply, and join; then the request to speak and
        // its reply, one message for the other domain, and five that come here. One is counted when it has come.
        let all = 2 + 5 * 3 + 2 + 1 + 5;
        while group.messages().0 < all {
            tokio::task::yield_now().await;
        }
        assert_eq!(group.messages(), (all, 0));
        Ok::<_, Error>(())
    })
    .expect("no error");
}

#[test]
fn many_domains_wait_on_two_workers() {
    let group = builder(sandbox(), "").domains(40).build().expect("a group");
    wait(async {
        let mut me = group.mailbox();
        let mut echoes: Vec<Pid> = Vec::new();
        for _ in 0..80 {
            echoes.push(group.spawn("Echo", ()).await?);
        }
        let mut homes: Vec<u64> = echoes.iter().map(|pid| pid.domain).collect();
        homes.sort_unstable();
        homes.dedup();
        assert!(homes.len() > 20, "by load: {} of 40 domains", homes.len());
        for (number, pid) in (0i64..).zip(&echoes) {
            assert_eq!(me.call::<i64>(*pid, number, LONG).await?, number);
        }
        Ok::<_, Error>(())
    })
    .expect("no error");
    let domains = group.domains().len();
    assert_eq!(domains, 40);
}
