//! Ctrl-C: a `KeyboardInterrupt` in the guest first, harder means when it is pressed again.

use ophidia::{Interpreter, Interrupter};
use parking_lot::Mutex;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
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
