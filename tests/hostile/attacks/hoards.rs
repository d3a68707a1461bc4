//! What grows when it is done over and over is bounded.

use crate::support::*;
use ophidia::{Function, Object, Python};
use ophidia_abi::{Encoded, RELEASES};

/// Calls the host with what is in the room so many times.
fn calling(number: u32, len: u32, times: u32) -> String {
    format!(
        "(loop
           (drop (call $call (i32.const {number}) (i32.const {ROOM}) (i32.const {len})
             (i32.const 1) (i32.const 0) (i32.const 1)))
           (local.set $mode (i32.add (local.get $mode) (i32.const 1)))
           (br_if 0 (i32.lt_u (local.get $mode) (i32.const {times}))))
         (i32.const 0)"
    )
}

#[test]
fn objects_that_the_host_lets_go_of() {
    // One forged handle as the argument, a million times: the host lets go of each at once.
    let handle = [&[Encoded::Handle as u8][..], &[0; 8]].concat();
    let guest = running(&calling(0, 9, 1_000_000)).with(&data(ROOM, &handle));
    let result = attack(&guest, |py| {
        py.set("f", Function::new("f", |_: Object| ()))?;
        py.run("!")
    });
    assert!(matches!(result, Ok(()) | Err(Error::Limit(_))), "{result:?}");
}

#[test]
fn arguments_of_calls_within_calls() {
    // Half of what one value may take, at every level.
    let text = [&[Encoded::Str as u8][..], &(VALUE as u32 / 2).to_le_bytes()].concat();
    let guest = running(&calling(0, 5 + VALUE as u32 / 2, 1));
    let result = attack(&guest.with(&data(ROOM, &text)), |py| {
        let again = |py: &mut Python<'_>, _: String| py.run("!");
        py.set("f", Function::new("f", again))?;
        py.run("!")
    });
    assert!(result.is_ok(), "the innermost are refused, the guest does not care: {result:?}");
}

#[test]
fn asynchronous_calls_that_nobody_awaits() {
    // Each holds on to its argument, half of what one value may take.
    let tokio = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _inside = tokio.enter();
    let text = [&[Encoded::Str as u8][..], &(VALUE as u32 / 2).to_le_bytes()].concat();
    let guest = running(&calling(0, 5 + VALUE as u32 / 2, 100)).with(&data(ROOM, &text));
    let result = attack(&guest, |py| {
        let wait = |text: String| async move {
            std::future::pending::<()>().await;
            text
        };
        py.set("f", Function::new_async("f", wait))?;
        py.run("!")
    });
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn asynchronous_calls_that_are_cancelled() {
    // Started and cancelled, over and over; their numbers are 1, 2, 3 and so on.
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let tokio = tokio.expect("a runtime");
    let _inside = tokio.enter();
    let body = format!(
        "(loop
           (drop (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
             (i32.const 1)))
           (local.set $mode (i32.add (local.get $mode) (i32.const 1)))
           (i32.store8 (i32.const {ROOM}) (i32.const {int}))
           (i64.store offset=1 (i32.const {ROOM}) (i64.extend_i32_u (local.get $mode)))
           (drop (call $call (i32.const {attend}) (i32.const {ROOM}) (i32.const 9) (i32.const 1)
             (i32.const 0) (i32.const 1)))
           (br_if 0 (i32.lt_u (local.get $mode) (i32.const 200000))))
         (i32.const 0)",
        int = Encoded::Int as u8,
        attend = ophidia_abi::ATTEND,
    );
    let result = attack(&running(&body), |py| {
        py.set("f", Function::new_async("f", || async { 1 }))?;
        py.run("!")
    });
    assert!(matches!(result, Ok(()) | Err(Error::Limit(_))), "{result:?}");
}

#[test]
fn functions_that_are_never_forgotten() {
    let guest = running(&calling(0, 1, 100_000)).with(&data(ROOM, &[0]));
    let result = attack(&guest, |py| {
        let make = |_: Value| Function::new("g", || 1);
        py.set("f", Function::new("f", make))?;
        py.run("!")
    });
    assert!(matches!(result, Ok(()) | Err(Error::Limit(_))), "{result:?}");
}

#[test]
fn exceptions_that_are_never_let_go_of() {
    let raise = "(call $slot (i32.const 0) (i32.const 5) (i32.const 6) (i32.const 1) (i64.const 3))
        (i32.const 1)";
    attack(&running(raise), |py| {
        let errors: Vec<Error> = (0..5_000).filter_map(|_| py.run("!").err()).collect();
        assert_eq!(errors.len(), 5_000);
        assert!(errors.iter().all(|error| matches!(error, Error::Python(_))));
        let with = |error: &&Error| matches!(error, Error::Python(e) if e.exception().is_some());
        assert!(errors.iter().filter(with).count() <= OBJECTS as usize);
        Ok(())
    })
    .expect("each is an error of Python's");
}

/// So many handles ride in the frame, and no more; what is more is encoded. None is lost either way.
#[test]
fn handles_let_go_of_fit_the_frame() {
    let int = "(call $value (i32.const 2) (i32.const 0) (i64.extend_i32_u ";
    let guest = Guest::new()
        .does(
            "ophidia_operate_on",
            &format!("{int} (i32.shr_u (local.get $form) (i32.const 16)))) (i32.const 0)"),
        )
        .does(
            "ophidia_operate",
            &format!(
                "{int} (i32.add (i32.const 1000) (i32.load (local.get $input))))) (i32.const 0)"
            ),
        );
    attack(&guest, |py| {
        let kept = Object::forged(py, 0, 1)?;
        for many in [0, 1, 2, RELEASES, RELEASES + 1, 100] {
            let dropped = (0..many).map(|i| Object::forged(py, i, 2));
            drop(dropped.collect::<Result<Vec<_>, _>>()?);
            let told = if many <= RELEASES { many } else { 1_000 + many };
            assert_eq!(kept.len(py)?, told as usize);
            assert_eq!(kept.len(py)?, 0, "told once");
        }
        Ok(())
    })
    .expect("nothing is at fault");
}
