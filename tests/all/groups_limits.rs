//! Domains and their limits: time, memory, what waits, the pool's own.

use crate::groups::{LONG, SECOND, builder, group, reported, sandbox, text, wait};
use crate::pool::Gate;
use ophidia::{Error, Value};
use std::time::Duration;

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
