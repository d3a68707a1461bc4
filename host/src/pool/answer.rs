//! What a request has come to, on its way to whoever asked for it; and waiting for that without an async runtime.

use crate::error::{PythonError, Result};
use crate::sandbox::control::{Control, Wake as Woken};
use crate::sandbox::{current, turn};
use ophidia_abi::ASK_TIMEOUT;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// A place for one result. The first that is put there stays.
pub(super) struct Answer<T>(Mutex<State<T>>);

struct State<T> {
    value: Option<T>,
    given: bool,
    waker: Option<Waker>,
}

impl<T> Answer<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { value: None, given: false, waker: None })))
    }

    /// Says whether it was the first.
    pub(super) fn give(&self, value: T) -> bool {
        let mut state = self.0.lock();
        if state.given {
            return false;
        }
        state.given = true;
        state.value = Some(value);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    pub(super) fn is_given(&self) -> bool {
        self.0.lock().given
    }

    /// Takes it, once; after that it never comes.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.lock();
        match state.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                let before = state.waker.replace(context.waker().clone());
                drop(state);
                drop(before); // it may be anybody's
                Poll::Pending
            }
        }
    }
}

/// Wakes a thread that waits on its own.
#[derive(Default)]
struct Alarm {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        *self.rung.lock() = true;
        self.changed.notify_one();
    }
}

/// Wakes a thread that waits in a call of a host function.
struct Inside {
    control: Arc<Control>,
    rung: AtomicBool,
}

impl Wake for Inside {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.control.wake();
    }
}

/// Waits until `poll` is ready. Inside a call of a host function the wait ends with that operation too, and a thread of
/// a pool gives its turn to others meanwhile.
pub(super) fn block<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Result<T> {
    match current::control() {
        Some(control) => block_inside(control, poll),
        None => {
            let alarm = Arc::new(Alarm::default());
            let waker = Waker::from(Arc::clone(&alarm));
            let mut away = turn::Away::default();
            let value = loop {
                if let Poll::Ready(value) = poll(&mut Context::from_waker(&waker)) {
                    break value;
                }
                if away.is_due(Instant::now(), None) {
                    away.begin();
                }
                let mut rung = alarm.rung.lock();
                while !*rung {
                    alarm.changed.wait(&mut rung);
                }
                *rung = false;
            };
            away.back(None)?;
            Ok(value)
        }
    }
}

fn block_inside<T>(
    control: Arc<Control>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Result<T> {
    let inside = Arc::new(Inside { control, rung: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&inside));
    loop {
        if let Poll::Ready(value) = poll(&mut Context::from_waker(&waker)) {
            return Ok(value);
        }
        let rung = || inside.rung.swap(false, Ordering::Acquire);
        match inside.control.wait_for(None, rung)? {
            Woken::Elapsed => {}
            Woken::Interrupted => {
                let class = match inside.control.take_interrupt() {
                    Some(ASK_TIMEOUT) => "TimeoutError",
                    _ => "KeyboardInterrupt",
                };
                return Err(PythonError::new(class, "").into());
            }
        }
    }
}
