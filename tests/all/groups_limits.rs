//! Domains and their limits: time, memory, what waits, the pool's own.

use crate::groups::{LONG, SECOND, builder, group, main_of, reported, sandbox, text, wait};
use crate::library::RUNTIME;
use crate::pool::Gate;
use ophidia::{Error, Group, LimitExceeded, Pool, PoolError, Tenant, Value};
use std::time::{Duration, Instant};

/// T15: what waits is charged to its receiver.
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

/// Each has its time, and the domain too: it is told anew after it has waited.
#[test]
fn tasklets_that_are_late_end_alone() {
    let code = "
        import asyncio
        async def spin():
            await receive()
            while True: pass
        # Most of the time the event loop runs, between its steps.
        async def turns():
            await receive()
            while True: await asyncio.sleep(0)
        ";
    let group = builder(sandbox().timeout(SECOND).grace(LONG), code).build().expect("a group");
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let echo = group.spawn_on(one, "Echo", ()).await?;
        for function in ["spin", "spin", "turns", "turns"] {
            let pid = group.spawn_on(one, function, ()).await?;
            me.monitor(pid);
            group.send(pid, "go")?;
            let down = text(&me.receive().await);
            let late = "'TimeoutError', 'the time limit of the sandbox'";
            assert!(down.contains(late), "{function}: {down}");
        }
        assert_eq!(me.call::<i64>(echo, 5, LONG).await?, 5);
        assert_eq!(group.domains(), [one, other]);
        Ok::<_, Error>(())
    })
    .expect("no error");
}

/// It takes what has come, and has nothing left to do: that more has come meanwhile makes it no later.
#[test]
fn a_domain_that_is_sent_messages_all_the_time_is_not_late() {
    let code = "
        async def takes():
            while True: await receive()
        ";
    let group = builder(sandbox().timeout(SECOND), code).build().expect("a group");
    wait(async {
        let mut me = group.mailbox();
        let takes = group.spawn("takes", ()).await?;
        me.monitor(takes);
        let until = Instant::now() + 3 * SECOND;
        while Instant::now() < until {
            group.send(takes, 1)?;
        }
        let echo = group.spawn_on(takes.domain, "Echo", ()).await?;
        assert_eq!(me.call::<i64>(echo, 5, LONG).await?, 5);
        assert_eq!(me.try_receive(), None);
        Ok::<_, Error>(())
    })
    .expect("no error");
}

#[test]
fn large_reasons_and_publications_are_messages_like_others() {
    let group = group(
        "
        LARGE = 6 << 20
        async def member(to):
            join('all')
            to << 'joined'
            to << len(await receive())
        async def ends():
            await receive()
            exit(bytes(LARGE))
        async def main(where):
            trap_exit()
            pid = await spawn_on(where, ends)
            link(pid)
            ref = monitor(pid)
            pid << 'go'
            assert len((await receive(('DOWN', ref, pid, ...)))[3]) == LARGE
            assert len((await receive(('EXIT', pid, ...)))[2]) == LARGE
            await spawn_on(where, member, self_())
            await receive('joined')
            publish('all', bytes(LARGE))
            assert await receive() == LARGE
            return 'fine'
        ",
    );
    assert_eq!(wait(main_of(&group)), "('ok', 'fine')");
    wait(async {
        let mut me = group.mailbox();
        let pid = group.spawn("ends", ()).await?;
        me.monitor(pid);
        group.send(pid, "go")?;
        let Value::Tuple(down) = me.receive().await else { panic!("no DOWN") };
        assert!(matches!(&down[3], Value::Bytes(bytes) if bytes.len() == 6 << 20));
        Ok::<_, Error>(())
    })
    .expect("no error");
    assert_eq!((group.domains().len(), group.errors().len()), (2, 0));
}

/// The guest's memory has no room for a message, and that a domain has ended is told all the same.
#[test]
fn a_message_larger_than_the_receiver_is_lost() {
    let code = "
        async def watches(to, whom):
            ref = monitor(whom)
            to << 'watches'
            to << (await receive(('DOWN', ref, whom, ...)))[3]
        async def busy():
            import gate
            gate.wait()
        ";
    let gate = Gate::default();
    let sandbox = sandbox().memory(96 << 20).module(gate.module());
    let group = builder(sandbox, code).build().expect("a group");
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let there = group.spawn_on(other, "idle", ()).await?;
        let watching = group.spawn_on(one, "watches", (me.pid(), there)).await?;
        assert_eq!(me.receive().await, Value::from("watches"));
        group.spawn_on(one, "busy", ()).await?;
        gate.reached(1);
        group.send(watching, Value::Bytes(vec![0; 120 << 20]))?;
        group.end(other);
        while group.domains().len() == 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gate.open();
        assert_eq!(me.receive().await, Value::from("noconnection"));
        assert_eq!(group.messages().1, 1);
        let echo = group.spawn_on(one, "Echo", ()).await?;
        assert_eq!(me.call::<i64>(echo, 5, LONG).await?, 5);
        Ok::<_, Error>(())
    })
    .expect("no error");
}

/// Many that have no room together: the domain refuses them, or ends alone.
#[test]
fn a_flood_larger_than_the_receiver_hurts_nobody_else() {
    let group = builder(sandbox().memory(96 << 20), "").build().expect("a group");
    wait(async {
        let mut me = group.mailbox();
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        let near = group.spawn_on(one, "Echo", ()).await?;
        let far = group.spawn_on(other, "Echo", ()).await?;
        let deaf = group.spawn_on(other, "idle", ()).await?;
        me.monitor(deaf);
        for _ in 0..200 {
            group.send(deaf, Value::Bytes(vec![0; 1 << 20]))?;
        }
        me.exit(deaf, "kill")?;
        let down = text(&me.receive().await);
        if down.ends_with("'killed')") {
            assert!(group.messages().1 > 100, "{:?}", group.messages());
            assert_eq!(me.call::<i64>(far, 5, LONG).await?, 5);
            assert_eq!(group.domains(), [one, other]);
        } else {
            let errors = group.errors();
            let memory =
                |error: &Error| matches!(error, Error::Limit(LimitExceeded::Memory { .. }));
            assert!(matches!(&errors[..], [(_, error)] if memory(error)), "{down}: {errors:?}");
        }
        assert_eq!(me.call::<i64>(near, 5, LONG).await?, 5);
        Ok::<_, Error>(())
    })
    .expect("no error");
}

#[test]
fn domains_that_the_pool_refuses_are_told_of() {
    let sandbox = sandbox().build().expect("a sandbox");
    let pool = |tenant: Tenant| {
        let builder = Pool::builder(RUNTIME.clone()).sandbox(sandbox.clone()).workers(2);
        builder.tenants(tenant).queue_time(Duration::from_millis(50)).build().expect("a pool")
    };
    // At once.
    let refused = Group::builder(&pool(Tenant::default().most(1).queued(0))).build();
    assert!(
        matches!(&refused, Err(Error::Pool(PoolError::TenantQuota { quota: "queued", .. }))),
        "{refused:?}"
    );
    // Later: the first one lives on.
    let code = "async def idle():\n    from ophidia.tasklets import receive\n    await receive()";
    let group = Group::builder(&pool(Tenant::default().most(1))).code(code).build().expect("one");
    wait(async {
        let [one, other] = group.domains()[..] else { panic!("two domains") };
        while group.errors().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let errors = group.errors();
        assert!(
            matches!(&errors[..], [(domain, Error::Pool(PoolError::QueueTimeout { .. }))]
                if *domain == other),
            "{errors:?}"
        );
        assert_eq!(group.domains(), [one]);
        assert_eq!(group.spawn("idle", ()).await?.domain, one);
        group.end(one);
        while !group.domains().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let none = group.spawn("idle", ()).await;
        let said = "RuntimeError: idle was not spawned: no domain is left";
        assert_eq!(none.expect_err("none").to_string(), said);
        Ok::<_, Error>(())
    })
    .expect("no error");
}
