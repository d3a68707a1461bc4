//! Ends that go between domains: links, monitors, exits, domains that end.

use crate::groups::{LONG, group, main_of, text, wait};
use ophidia::{Error, Value};

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
