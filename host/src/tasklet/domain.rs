//! A domain: an interpreter of a group, driven as a request of the pool. It holds no thread while its tasklets wait.

use super::inbox::{Inbox, Owner};
use super::router::{Router, Source};
use crate::error::{Error, Result};
use crate::python::{Interpreter, Program, Waits, Why};
use crate::sandbox::state::HasSandbox as _;
use ophidia_abi::message::HEAD;
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
        let holding = Arc::clone(&sandbox.ledger.holding);
        let owner = Owner { control: Arc::clone(&control), holding };
        self.router.lose(self.inbox.belongs_to(owner));
        let check = || Ok(control.check_cancelled()?);
        let source = Source::Domain(self.number, &check);
        let mut program =
            Program::new(py, |py| py.call_helper_own("domain.begin", (self.number, self.trusts)))?;
        program.waits_freely();
        let mut why = Why::Ready;
        loop {
            let came = self.bring(&mut program)?;
            let (waits, (address, len), (alive, refused)): (Option<Waits>, (u32, u32), (u64, u64)) =
                program.step_with("domain.step", why, came.into())?;
            self.inbox.set_alive(alive);
            // It has refused no more than have come.
            self.router.lose(refused.min(u64::from(came / HEAD)));
            if len > 0 {
                let routed = program.look(address, len, |frames| self.router.route(source, frames));
                routed.map_err(|fault| program.poison(fault))?;
            }
            let Some(waits) = waits else { return program.unit() };
            why = if self.inbox.is_empty() {
                program.rest(waits).await?
            } else {
                program.pass(&waits);
                Why::Ready
            };
        }
    }

    /// Writes what has come into the guest; gives how many bytes. What its memory has no room for is lost.
    fn bring(&self, program: &mut Program<'_>) -> Result<u32> {
        let taken = self.inbox.take();
        let frames = &taken.batch.frames;
        let Ok(len) = u32::try_from(frames.len()) else {
            return Err(Error::Host(format!("{} bytes of messages at once", frames.len())));
        };
        if len == 0 {
            return Ok(0);
        }
        let address = program.ask("domain.room", len)?;
        if address == 0 {
            self.router.lose(self.inbox.lose(taken));
            return Ok(0);
        }
        program.put(address, frames)?;
        Ok(len)
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        self.router.remove(self.number);
    }
}
