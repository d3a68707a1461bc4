//! Ends that go between domains: links, monitors, exits, domains that end.

use crate::groups::{LONG, group, main_of, text, wait};
use ophidia::{Error, Value};
use std::time::Duration;

#[test]
fn pids_work_everywhere_and_name_nobody_once_theirs_has_ended() {
    let group = group(
        "
        async def child(to):
            to << ('alive', self_())
            await receive('end')
        async def main(where):
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
        ",
    );
    assert_eq!(wait(main_of(&group)), "('ok', 'fine')");
}

#[test]
fn links_and_monitors_reach_across_domains() {
    let group = group(
        "
        async def linked(to, other):
            link(other)
            to << 'linked'
            await idle()
        async def main(where):
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
        ",
    );
    assert_eq!(wait(main_of(&group)), "('ok', 'told')");
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
fn reasons_that_are_no_data_are_told_as_texts() {
    let group = group(
        "
        class Own:
            def __repr__(self): return 'my own'
        class Mute:
            def __repr__(self): raise LookupError
        async def ends(kind):
            await receive()
            exit(kind())
        async def linked(to, other):
            trap_exit()
            link(other)
            to << 'linked'
            to << await receive()
        async def main(where):
            told = []
            for kind in (Own, Mute):
                there = await spawn_on(where, idle)
                ref = monitor(there)
                exit(there, kind())
                told.append((await receive(('DOWN', ref, there, ...)))[3])
                # One that is linked to one of another domain.
                here = spawn(ends, kind)
                there = await spawn_on(where, linked, self_(), here)
                await receive('linked')
                here << 'go'
                told.append((await receive(('EXIT', here, ...)))[2])
            return told
        ",
    );
    let [own, mute] = ["'my own'", "'a reason that cannot be sent: LookupError'"];
    assert_eq!(wait(main_of(&group)), format!("('ok', [{own}, {own}, {mute}, {mute}])"));
}

#[test]
fn mailboxes_of_rust_that_are_gone_are_noproc() {
    let group = group(
        "
        async def ask(to, whom):
            to << (await receive(('DOWN', monitor(whom), whom, ...)))[3]
            try: await call(whom, 1)
            except ProcessExited as error: to << error.reason
            trap_exit()
            link(whom)
            to << await receive()
        ",
    );
    wait(async {
        let mut me = group.mailbox();
        let gone = group.mailbox().pid();
        group.spawn("ask", (me.pid(), gone)).await?;
        for told in ["'noproc'".into(), "'noproc'".into(), format!("('EXIT', {gone}, 'noproc')")] {
            assert_eq!(text(&me.receive().await), told);
        }
        Ok::<_, Error>(())
    })
    .expect("no error");
}

#[test]
fn monitors_tell_of_ends_where_the_mailbox_is_full() {
    let group = group(
        "
        async def fills(to, count, what, reason):
            await receive()
            for number in range(count):
                to << what
                if number % 1_000 == 0: await yield_()
            exit(reason)
        ",
    );
    let large = Value::Bytes(vec![0; 1_000_000]);
    let no_room = "a reason that the mailbox has no room for";
    for (count, most, what, reason, told) in [
        (100_100, 100_000, Value::from(1), Value::from("why"), "why"),
        (40, 33, large.clone(), large, no_room),
    ] {
        wait(async {
            let (mut full, mut other) = (group.mailbox(), group.mailbox());
            let echo = group.spawn("Echo", ()).await?;
            let args = (full.pid(), count, what, reason);
            let pid = group.spawn_on(echo.domain, "fills", args).await?;
            let reference = full.monitor(pid);
            other.monitor(pid);
            group.send(pid, "go")?;
            // Both have been told once this one has been, and a reply has come from there.
            assert!(text(&other.receive().await).starts_with("('DOWN'"));
            assert_eq!(other.call::<i64>(echo, 5, LONG).await?, 5);
            for _ in 0..most {
                assert!(!matches!(full.try_receive(), None | Some(Value::Tuple(_))));
            }
            let down = [Value::from("DOWN"), reference.into(), pid.into(), told.into()];
            assert_eq!(full.try_receive(), Some(Value::Tuple(down.into())));
            Ok::<_, Error>(())
        })
        .expect("no error");
    }
}

/// As where the tasklet itself says so: the domain ends, with that status, and no other does.
#[test]
fn sys_exit_ends_the_domain_wherever_it_is_called() {
    for function in ["quits", "cleans"] {
        let group = group(
            "
            import sys
            async def quits(to):
                to << 'begun'
                await receive()
                sys.exit(3)
            async def cleans(to):
                try:
                    to << 'begun'
                    await receive('never')
                finally: sys.exit(3)
            ",
        );
        wait(async {
            let mut me = group.mailbox();
            let [one, other] = group.domains()[..] else { panic!("two domains") };
            let pid = group.spawn_on(one, function, (me.pid(),)).await?;
            assert_eq!(me.receive().await, Value::from("begun"));
            me.monitor(pid);
            let echo = group.spawn_on(other, "Echo", ()).await?;
            group.send(pid, "go")?;
            if function == "cleans" {
                me.exit(pid, "kill")?;
            }
            me.receive().await;
            while group.domains().len() == 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let errors = group.errors();
            assert!(
                matches!(&errors[..], [(domain, Error::Python(error))]
                    if *domain == one && error.exit_status == Some(3)),
                "{function}: {errors:?}"
            );
            assert_eq!(me.call::<i64>(echo, 5, LONG).await?, 5);
            Ok::<_, Error>(())
        })
        .expect("no error");
    }
}
