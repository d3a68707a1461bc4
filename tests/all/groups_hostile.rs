//! Domains that claim what is not so: the host refuses it, and at most the one that lies ends.

use crate::groups::{LONG, builder, group, main_of, sandbox, text, wait};
use ophidia::Error;
use std::time::Duration;

/// T15: what is no message ends its sender.
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
                domain.core = type('Core', (), {'gone': core.gone, 'deliver': core.deliver, 'counters': core.counters, 'traced': core.traced,
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
        async def main(where):
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
        ";
    for (trusted, end) in [(false, "'refused'"), (true, "42")] {
        let group = builder(sandbox(), code).trusted(trusted).build().expect("a group");
        wait(async {
            let told = main_of(&group).await;
            assert!(
                told.starts_with("('ok', [") && told.ends_with(&format!(", {end}])")),
                "{told}"
            );
            assert_eq!(told.matches("Error'").count(), 6, "{told}");
            let [_, other] = group.domains()[..] else { panic!("two domains") };
            for name in ["os.getcwd", "builtins.exec", "nothing", "Echo.handle_call.__func__"] {
                assert!(group.spawn_on(other, name, ("x",)).await.is_err(), "{name}");
            }
        });
    }
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

/// Domains have pids for the host and for calls; a program that makes one changes nothing by what it sends there.
#[test]
fn what_a_program_sends_to_a_domain_is_lost() {
    let group = group(
        "
        from _ophidia import _tasklets as core
        async def look(to, other):
            # Told of the end of one that has not ended.
            ref = monitor(other)
            to << 'looks'
            await receive()
            to << (domains(), process_info(self_())['monitors'] == [other])
        async def main(where):
            own, echo = core.own_domain(), await spawn_on(where, Echo)
            looks = await spawn_on(where, look, self_(), self_())
            await receive('looks')
            domain = core.make_pid(where, 0xFFFFFFFF, 0)
            sent = [
                ('gone', own), ('gone', where), ('domains', []), ('ended', self_(), 'x'), ('ended', echo, 'x'),
                ('exit', self_(), 'kill', False), ('exit', echo, 'kill', False), ('publish', 'all', 1), ('link', self_()),
                ('unlink', self_()), ('watch', core.make_pid(own, 0xFFFFFFFF, 0)), ('$call',), ('$call', 5),
                ('$call', (echo, make_ref()), 'info'), ('$call', echo, 'info'), 'gone', 5, None, (),
            ]
            for said in sent:
                domain << said
                send(domain, said, priority=True)
            core.reply((domain, make_ref()), 5)
            looks << 'go'
            known, watches = await receive()
            assert known == [own] and watches and domains() == [where], (known, watches)
            assert await call(echo, 5) == 5 and (await call(domain, ('info', 1)))[0] == 'ok'
            return 2 * len(sent) + 1
        ",
    );
    let told = wait(main_of(&group));
    assert_eq!(told, format!("('ok', {})", group.messages().1));
    assert_eq!((group.domains().len(), group.errors().len()), (2, 0));
}
