//! Groups: tasklets of several interpreters and mailboxes of Rust, and what becomes of messages between them.

use crate::library::RUNTIME;
use crate::pool::Gate;
use crate::tasklets::flush;
use ophidia::{Error, Group, GroupBuilder, Mailbox, Pid, Pool, Sandbox, SandboxBuilder, Value};
use std::time::Duration;
use tokio::time::timeout;

/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(60);

const SECOND: Duration = Duration::from_secs(1);

/// What the groups of these tests run first.
const BEGINS: &str = "
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
async def idle():
    await receive('never')
async def crash():
    await receive()
    raise ValueError('boom')
";

fn sandbox() -> SandboxBuilder {
    Sandbox::builder().timeout(LONG)
}

fn builder(sandbox: SandboxBuilder, code: &str) -> GroupBuilder {
    let sandbox = sandbox.build().expect("a sandbox");
    let pool = Pool::builder(RUNTIME.clone()).sandbox(sandbox).workers(2).build().expect("a pool");
    Group::builder(&pool).code(format!("{BEGINS}\n{}", flush(code)))
}

fn group(code: &str) -> Group {
    builder(sandbox(), code).build().expect("a group")
}

fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let bounded = async { timeout(LONG, future).await.expect("it ends") };
    runtime.expect("a runtime").block_on(bounded)
}

fn text(value: &Value) -> String {
    value.to_string()
}

/// What a function of the group's code gives, run as a tasklet of a domain.
async fn reported(
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

#[test]
fn pids_work_everywhere_and_name_nobody_once_theirs_has_ended() {
    let group = group(
        "
        async def child(to):
            to << ('alive', self_())
            await receive('end')
        async def parent(to, where):
            pid = await spawn_on(where, child, self_())
            assert pid.is_alive is None and pid in {pid}
            _, same = await receive()
            assert same == pid and hash(same) == hash(pid), (same, pid)
            ref = monitor(pid)
            pid << 'end'
            assert (await receive(('DOWN', ref, pid, ...)))[3] == 'normal'
            # It is gone: messages are lost, monitors say so, calls fail, links end.
            pid << 'lost'
            assert (await receive(('DOWN', monitor(pid), pid, ...)))[3] == 'noproc'
            try: await call(pid, 1)
            except ProcessExited as error: assert error.reason == 'noproc', error
            trap_exit(True)
            link(pid)
            assert await receive() == ('EXIT', pid, 'noproc')
            # Somebody else has its place now, and gets none of its messages.
            for _ in range(5):
                heir = await spawn_on(where, child, self_())
                await receive(('alive', heir))
            pid << 'end'
            assert process_info(self_())['message_queue_len'] == 0
            return 'fine'
        async def begin(to, where): await reporting(to, parent, self_(), where)
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let told =
            reported(&group, &mut me, one, "begin", vec![Value::from(other.cast_signed())]).await;
        assert_eq!(told, "('ok', 'fine')");
    });
}

#[test]
fn what_belongs_to_one_interpreter_goes_no_further() {
    let group = group(
        "
        import enum, numpy
        class Colour(enum.Enum): RED = 1
        class Own: pass
        async def attempts(where):
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
        async def begin(to, where): await reporting(to, attempts, where)
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let told =
            reported(&group, &mut me, one, "begin", vec![Value::from(other.cast_signed())]).await;
        assert_eq!(told, format!("('ok', [{}])", ["True"; 9].join(", ")));
        // Nor from Rust.
        let mut py = RUNTIME.interpreter().build()?;
        let object = py.get("__builtins__")?;
        assert!(matches!(group.send(me.pid(), &object), Err(Error::Conversion(_))));
        Ok::<_, Error>(())
    })
    .expect("no error");
}

#[test]
fn plain_data_and_arrays_arrive_as_they_were() {
    let group = group(
        "
        import datetime, decimal, fractions, numpy, pathlib, uuid
        async def same(where):
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
        async def begin(to, where): await reporting(to, same, where)
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let told =
            reported(&group, &mut me, one, "begin", vec![Value::from(other.cast_signed())]).await;
        assert_eq!(told, "('ok', 'same')");
    });
}

#[test]
fn links_and_monitors_reach_across_domains() {
    let group = group(
        "
        async def linked(to, other):
            link(other)
            to << 'linked'
            await idle()
        async def watch(where):
            pid = await spawn_on(where, crash)
            trap_exit(True)
            link(pid)
            ref = monitor(pid)
            pid << 'go'
            down, ended = await receive(('DOWN', ...,  ..., ...)), await receive(('EXIT', ..., ...))
            assert down[1:3] == (ref, pid) and ended[1] == pid
            assert down[3][:2] == ended[2][:2] == ('ValueError', 'boom'), (down, ended)
            # The other way round: one that is linked to one here ends with it.
            here = spawn(crash)
            there = await spawn_on(where, linked, self_(), here)
            ref = monitor(there)
            assert await receive('linked') == 'linked'
            here << 'go'
            assert (await receive(('DOWN', ref, ...,  ...)))[3][:2] == ('ValueError', 'boom')
            # And by exit signals.
            there = await spawn_on(where, idle)
            ref = monitor(there)
            exit(there, 'normal')
            exit(there, 'enough')
            assert (await receive(('DOWN', ref, ..., ...)))[3] == 'enough'
            there = await spawn_on(where, idle)
            ref = monitor(there)
            assert demonitor(ref) and not demonitor(ref)
            exit(there, 'kill')
            try: await receive(('DOWN', ...), 0.05)
            except TimeoutError: pass
            # A call whose server ends while it is under way.
            slow = await spawn_on(where, crash)
            try: await call(slow, 'x')
            except ProcessExited as error: assert error.reason[:2] == ('ValueError', 'boom'), error
            return 'told'
        async def begin(to, where): await reporting(to, watch, where)
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let told =
            reported(&group, &mut me, one, "begin", vec![Value::from(other.cast_signed())]).await;
        assert_eq!(told, "('ok', 'told')");
    });
}

#[test]
fn a_domain_that_ends_is_told_of_to_all_who_waited() {
    let group = group(
        "
        async def wait_for(where):
            trap_exit(True)
            pid = await spawn_on(where, idle)
            link(pid)
            ref = monitor(pid)
            return pid, ref
        async def hold(to, where):
            pid, ref = await wait_for(where)
            to << 'ready'
            try: await call(pid, 'x', 60)
            except ProcessExited as error: assert error.reason == 'noconnection', error
            assert (await receive(('DOWN', ref, pid, ...)))[3] == 'noconnection'
            assert (await receive(('EXIT', pid, ...)))[2] == 'noconnection'
            assert domains() == []
            try: await spawn_on(where, idle)
            except ProcessExited as error: to << error.reason
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let there = group.spawn_on(other, "idle", ()).await?;
        let reference = me.monitor(there);
        let where_ = Value::from(other.cast_signed());
        group.spawn_on(one, "hold", (Value::Pid(me.pid()), where_)).await?;
        assert_eq!(me.receive().await, Value::from("ready"));
        group.end(other);
        let down = me.receive().await;
        let told = [Value::from("DOWN"), reference.into(), there.into(), "noconnection".into()];
        assert_eq!(down, Value::Tuple(told.into()));
        assert_eq!(me.receive().await, Value::from("noconnection"));
        assert_eq!(group.domains(), [one]);
        let gone = me.call::<Value>(there, 1, LONG).await;
        assert!(
            matches!(&gone, Err(Error::Python(e)) if e.message.contains("noconnection")),
            "{gone:?}"
        );
        Ok::<_, Error>(())
    })
    .expect("no error");
}

#[test]
fn a_guest_that_writes_no_messages_ends_alone() {
    for lie in [
        "b'junk'",
        "(2**32 - 16, 64)",
        "b'\\xff\\xff\\xff\\xff' + bytes(40)",
        // Handles, functions and objects of the host by their numbers, what is made by calling, too deep ones.
        "frame(b'\\x0f' + bytes(8))",
        "frame(b'\\x10' + bytes(4))",
        "frame(b'\\x11' + bytes(4))",
        "frame(b'\\x1b' + bytes(9))",
        "frame(b'\\x1d\\x00')",
        "frame(b'\\x0a\\x01\\x00\\x00\\x00' * 70 + b'\\x00')",
        "frame(b'\\x0a\\xff\\xff\\xff\\x00')",
        "frame(b'\\x07\\x01\\x00\\x00\\x00\\xff')",
        // An array of objects, and one of fewer bytes than it says.
        "frame(array(b'|O8', 1, bytes(8)))",
        "frame(array(b'<f8', 2, bytes(8)))",
        "frame(array(b'<f8', 2**61 + 1, bytes(8)))",
    ] {
        let group = group(
            "
            import struct
            from _ophidia import domain
            def frame(value): return struct.pack('<IBQII', 17 + len(value), 0, 5, 0, 1) + value
            def counted(tag, data): return bytes([tag]) + struct.pack('<I', len(data)) + data
            def array(kind, count, data):
                shape = b'\\x0b\\x01\\x00\\x00\\x00\\x03' + struct.pack('<Q', count)
                return b'\\x1c\\x0b\\x04\\x00\\x00\\x00' + counted(7, b'') + counted(7, kind) + shape + counted(9, data)
            async def lie(what):
                said = eval(what)
                # Where the bytes lie: behind the head of an object of bytes.
                at, length = said if isinstance(said, tuple) else (id(said) + bytes.__basicsize__ - 1, len(said))
                core = domain.core
                domain.core = type('Core', (), {'gone': core.gone, 'deliver': core.deliver, 'counters': core.counters,
                                                'outgoing': lambda: (at, length)})
                lie.said = said
            ",
        );
        wait(async {
            let mut me = group.mailbox();
            let [one, other] = group.domains()[..] else { panic!("two domains") };
            let there = group.spawn_on(one, "idle", ()).await?;
            let reference = me.monitor(there);
            let _ = group.spawn_on(one, "lie", (lie,)).await;
            let down = text(&me.receive().await);
            assert!(down.contains("noconnection"), "{lie}: {down} of {reference}");
            let errors = group.errors();
            assert!(
                matches!(&errors[..], [(domain, Error::GuestFault(_))] if *domain == one),
                "{lie}: {errors:?}"
            );
            let echo = group.spawn_on(other, "Echo", ()).await?;
            assert_eq!(me.call::<i64>(echo, 1, LONG).await?, 1);
            Ok::<_, Error>(())
        })
        .expect("no error");
    }
}

#[test]
fn a_domain_spawns_the_programs_own_tasklets_and_no_other() {
    let code = "
        async def attempts(where):
            import asyncio, os
            told = []
            for function in (os.getcwd, exec, asyncio.sleep, relay.__get__, logging.getLogger, lambda: 1):
                try: await spawn_on(where, function, 'x')
                except (ValueError, RuntimeError, TypeError) as error: told.append(type(error).__name__)
            number = 20
            async def inner(to, by): to << by * 2
            try:
                await spawn_on(where, inner, self_(), 21)
                told.append(await receive())
            except ValueError: told.append('refused')
            return told
        async def begin(to, where): await reporting(to, attempts, where)
        ";
    for (trusted, end) in [(false, "'refused'"), (true, "42")] {
        let group = builder(sandbox(), code).trusted(trusted).build().expect("a group");
        wait(async {
            let mut me = group.mailbox();
            let [one, other] = group.domains()[..] else { panic!("two domains") };
            let told =
                reported(&group, &mut me, one, "begin", vec![Value::from(other.cast_signed())])
                    .await;
            assert!(
                told.starts_with("('ok', [") && told.ends_with(&format!(", {end}])")),
                "{told}"
            );
            assert_eq!(told.matches("Error'").count(), 6, "{told}");
            for name in ["os.getcwd", "builtins.exec", "nothing", "Echo.handle_call.__func__"] {
                assert!(group.spawn_on(other, name, ("x",)).await.is_err(), "{name}");
            }
        });
    }
}

#[test]
fn a_receiver_that_never_reads_costs_its_own_account_only() {
    let code = "
        async def busy():
            import gate
            gate.wait()
        async def flood(to, messages):
            for number in range(messages):
                to << b'x' * 10_000
                if number % 100 == 0: await yield_()
            return 'sent'
        async def begin(to, whom): await reporting(to, flood, whom, 2_000)
        ";
    let gate = Gate::default();
    let sandbox = sandbox().host_memory(4 << 20).module(gate.module());
    let group = builder(sandbox, code).build().expect("a group");
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let deaf = group.spawn_on(other, "busy", ()).await?;
        gate.reached(1);
        let told = reported(&group, &mut me, one, "begin", vec![Value::Pid(deaf)]).await;
        assert_eq!(told, "('ok', 'sent')");
        let (_, lost) = group.messages();
        assert!(lost > 1_000, "20 MB into 4 MiB: {lost} lost");
        gate.open();
        let echo = group.spawn_on(one, "Echo", ()).await?;
        assert_eq!(me.call::<i64>(echo, 5, LONG).await?, 5);
        Ok::<_, Error>(())
    })
    .expect("no error");
}

#[test]
fn a_domain_that_is_busy_for_too_long_ends_and_waiting_is_not_being_busy() {
    let code = "
        async def spin():
            await sleep(0.01)
            while True:
                try:
                    while True: pass
                except BaseException: pass
        ";
    let group = builder(sandbox().timeout(SECOND), code).build().expect("a group");
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let echo = group.spawn_on(one, "Echo", ()).await?;
        let spinning = group.spawn_on(other, "spin", ()).await?;
        me.monitor(spinning);
        assert!(text(&me.receive().await).contains("noconnection"));
        assert!(matches!(&group.errors()[..], [(domain, Error::Limit(_))] if *domain == other));
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(me.call::<i64>(echo, 5, LONG).await?, 5);
        Ok::<_, Error>(())
    })
    .expect("no error");
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

#[test]
fn waiting_costs_no_time_and_being_busy_does() {
    let code = "
        async def turn():
            while True: await yield_()
        ";
    let group = builder(sandbox().timeout(SECOND).grace(LONG), code).build().expect("a group");
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let echo = group.spawn_on(one, "Echo", ()).await?;
        let busy = group.spawn_on(other, "turn", ()).await?;
        me.monitor(busy);
        // One that is never without something to do is busy all the time: it is told, as whatever runs too long.
        assert!(text(&me.receive().await).contains("TimeoutError"));
        tokio::time::sleep(2 * SECOND).await;
        let there = group.spawn_on(other, "Echo", ()).await?;
        for echo in [echo, there] {
            assert_eq!(me.call::<i64>(echo, 5, LONG).await?, 5);
        }
        Ok::<_, Error>(())
    })
    .expect("no error");
    // The life of an interpreter ends while it waits.
    let group = builder(sandbox().life(Duration::from_millis(300)), "").build().expect("a group");
    wait(async {
        while !group.domains().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(group.errors().iter().all(|(_, error)| matches!(error, Error::Limit(_))));
}

#[test]
fn mailboxes_of_rust_hear_of_ends() {
    let group = group(
        "
        async def linked(to, whom):
            trap_exit(True)
            link(whom)
            to << 'linked'
            to << await receive()
        async def ending():
            pass
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let pid = group.spawn("crash", ()).await?;
        let reference = me.monitor(pid);
        group.send(pid, "go")?;
        let down = text(&me.receive().await);
        assert!(
            down.starts_with(&format!("('DOWN', {reference}, {pid}, ('ValueError', 'boom'")),
            "{down}"
        );
        // One that has ended already.
        let again = me.monitor(pid);
        assert_eq!(text(&me.receive().await), format!("('DOWN', {again}, {pid}, 'noproc')"));
        let gone = me.call::<Value>(pid, 1, LONG).await;
        assert!(matches!(&gone, Err(Error::Python(e)) if e.message.contains("noproc")), "{gone:?}");
        // Links to a mailbox.
        let linked = group.mailbox();
        group.spawn("linked", (me.pid(), linked.pid())).await?;
        assert_eq!(me.receive().await, Value::from("linked"));
        let name = linked.pid();
        drop(linked);
        assert_eq!(text(&me.receive().await), format!("('EXIT', {name}, 'normal')"));
        Ok::<_, Error>(())
    })
    .expect("no error");
}

#[test]
fn a_domain_says_nothing_of_others() {
    for lie in [
        "('gone', where)",
        "('domains', [])",
        "('ended', other, 'normal')",
        "('exit', other, 'kill', False)",
        "('link', other)",
        "('watch', where)",
        "('watch',)",
        "'nothing'",
    ] {
        let group = group(
            "
            from _ophidia import _tasklets as core
            async def lie(what, where, other):
                core.post(core.make_pid(where, 0xFFFFFFFF, 0), eval(what, {'where': where, 'other': other}))
                await idle()
            ",
        );
        wait(async {
            let mut me = group.mailbox();
            let [one, other] = group.domains()[..] else { panic!("two domains") };
            let there = group.spawn_on(other, "Echo", ()).await?;
            let _ = group.spawn_on(one, "lie", (lie, other.cast_signed(), there)).await;
            while group.domains().len() == 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(group.domains(), [other], "{lie}");
            assert!(matches!(&group.errors()[..], [(_, Error::GuestFault(_))]), "{lie}");
            assert_eq!(me.call::<i64>(there, 5, LONG).await?, 5);
            Ok::<_, Error>(())
        })
        .expect("no error");
    }
}

#[test]
fn a_mailbox_of_rust_holds_so_much() {
    let group = group(
        "
        async def flood(to):
            for _ in range(100):
                to << b'x' * 1_000_000
                await sleep(0)
            to << 'sent'
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let flood = group.spawn("flood", (me.pid(),)).await?;
        let mut ends = group.mailbox();
        ends.monitor(flood);
        ends.receive().await;
        let mut large = 0;
        while let Some(message) = me.try_receive() {
            large +=
                usize::from(matches!(&message, Value::Bytes(bytes) if bytes.len() == 1_000_000));
        }
        assert_eq!(large, 33, "of 32 MiB in all");
        assert!(group.messages().1 >= 67);
        Ok::<_, Error>(())
    })
    .expect("no error");
}
