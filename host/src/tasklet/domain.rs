//! A domain: an interpreter of a group, driven as a request of the pool. It holds no thread while its tasklets wait.

use super::inbox::{Inbox, Owner};
use super::router::Router;
use crate::error::{Error, Result};
use crate::python::{Interpreter, Program, Waits};
use crate::sandbox::state::HasSandbox as _;
use std::sync::Arc;

/// What a domain is started with.
pub(super) struct Domain {
    pub(super) number: u64,
    pub(super) inbox: Arc<Inbox>,
    pub(super) router: Arc<Router>,
    pub(super) code: Arc<str>,
    pub(super) trusts: bool,
}

impl Domain {
    /// Runs the group's code, and then tasklets, until the interpreter ends.
    pub(super) async fn run(&self, py: &mut Interpreter) -> Result<()> {
        if !self.code.is_empty() {
            py.run_async(&self.code).await?;
        }
        let sandbox = py.state_mut().sandbox_mut();
        let control = Arc::clone(&sandbox.control);
        self.inbox.belongs_to(Owner { control, holding: Arc::clone(&sandbox.ledger.holding) });
        let number = self.number.cast_signed();
        let mut program =
            Program::new(py, |py| py.call_helper_own("domain.begin", (number, self.trusts)))?;
        program.waits_freely();
        let mut why = program.ready();
        loop {
            let came = self.bring(&mut program)?;
            let (waits, (address, len), (alive, refused)): (Option<Waits>, (u32, u32), (u64, u64)) =
                program.step_with("domain.step", why, came.into())?;
            self.inbox.set_alive(alive);
            self.router.lose(refused);
            if len > 0 {
                let routed = program
                    .look(address, len, |frames| self.router.route(Some(self.number), frames));
                routed.map_err(|fault| program.poison(fault))?;
            }
            let Some(waits) = waits else { return program.unit() };
            why = if self.inbox.is_empty() { program.rest(waits).await? } else { program.ready() };
        }
    }
}

impl Domain {
    /// Writes what has come into the guest; gives how many bytes.
    fn bring(&self, program: &mut Program<'_>) -> Result<u32> {
        let came = self.inbox.take();
        let Ok(len) = u32::try_from(came.len()) else {
            return Err(Error::Host(format!("{} bytes of messages at once", came.len())));
        };
        if len > 0 {
            let address = program.ask("domain.room", len)?;
            program.put(address, &came)?;
        }
        Ok(len)
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        self.router.remove(self.number);
    }
}
