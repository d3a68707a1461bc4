//! Ctrl-C: a `KeyboardInterrupt` in the guest first, harder means when it is pressed again.

use ophidia::{Interpreter, Interrupter};
use parking_lot::Mutex;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread;

/// What is done when the program goes on in spite of a `KeyboardInterrupt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastResort {
    /// The second Ctrl-C ends this process.
    Die,
    /// The third Ctrl-C cancels the statement, and with it the interpreter.
    Cancel,
}

/// Listens for Ctrl-C.
#[derive(Debug)]
pub(crate) struct Interrupts(Arc<Mutex<Running>>);

/// What runs in the guest, and how often Ctrl-C was pressed meanwhile.
#[derive(Debug, Default)]
struct Running {
    interrupter: Option<Interrupter>,
    presses: u32,
}

impl Interrupts {
    pub(crate) fn listen(last_resort: LastResort) -> io::Result<Self> {
        let running = Arc::new(Mutex::new(Running::default()));
        let theirs = Arc::clone(&running);
        let mut signals = Signals::new([SIGINT])?;
        thread::Builder::new().name("ophidia-ctrl-c".into()).stack_size(64 << 10).spawn(
            move || {
                for _ in signals.forever() {
                    theirs.lock().pressed(last_resort);
                }
            },
        )?;
        Ok(Self(running))
    }

    /// Runs something in the guest; also tells whether Ctrl-C was pressed meanwhile.
    pub(crate) fn during<T>(
        &self,
        py: &mut Interpreter,
        call: impl FnOnce(&mut Interpreter) -> T,
    ) -> (T, bool) {
        *self.0.lock() = Running { interrupter: Some(py.interrupter()), presses: 0 };
        let answer = call(py);
        let running = std::mem::take(&mut *self.0.lock());
        (answer, running.presses > 0)
    }
}

impl Running {
    fn pressed(&mut self, last_resort: LastResort) {
        self.presses += 1;
        let die = last_resort == LastResort::Die;
        match &self.interrupter {
            Some(running) if self.presses == 1 || (!die && self.presses == 2) => {
                running.interrupt();
            }
            Some(running) if !die => running.cancel(),
            None if !die => {}
            _ => {
                let _ = emulate_default_handler(SIGINT);
            }
        }
    }
}

/// Listens for Ctrl-C and SIGTERM while many programs run at once.
///
/// The first interrupts all that run, the second cancels them, the third ends this process.
#[derive(Clone, Debug)]
pub(crate) struct Crowd(Arc<Mutex<Many>>);

#[derive(Debug, Default)]
struct Many {
    running: BTreeMap<u64, Interrupter>,
    presses: u32,
    over: bool,
}

impl Crowd {
    /// Calls `told` at each signal.
    pub(crate) fn listen(told: impl Fn() + Send + 'static) -> io::Result<Self> {
        let crowd = Self(Arc::default());
        let theirs = crowd.clone();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        thread::Builder::new().name("ophidia-ctrl-c".into()).stack_size(64 << 10).spawn(
            move || {
                for signal in signals.forever() {
                    theirs.0.lock().pressed(signal);
                    told();
                }
            },
        )?;
        Ok(crowd)
    }

    /// Runs something in the guest of one of them. Gives nothing where a signal came before or meanwhile.
    pub(crate) fn during<T>(
        &self,
        index: u64,
        py: &mut Interpreter,
        call: impl FnOnce(&mut Interpreter) -> T,
    ) -> Option<T> {
        let interrupter = py.interrupter();
        {
            let mut many = self.0.lock();
            if many.over {
                return None;
            }
            many.running.insert(index, interrupter);
        }
        let answer = call(py);
        let mut many = self.0.lock();
        many.running.remove(&index);
        (!many.over).then_some(answer)
    }

    /// Cancels all that run; nothing runs from here on.
    pub(crate) fn cancel(&self) {
        let mut many = self.0.lock();
        many.over = true;
        many.running.values().for_each(Interrupter::cancel);
    }

    /// Whether a signal came.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.0.lock().presses > 0
    }
}

impl Many {
    fn pressed(&mut self, signal: i32) {
        self.over = true;
        self.presses = self.presses.saturating_add(1);
        match self.presses {
            1 => self.running.values().for_each(Interrupter::interrupt),
            2 => self.running.values().for_each(Interrupter::cancel),
            _ => {
                let _ = emulate_default_handler(signal);
            }
        }
    }
}
