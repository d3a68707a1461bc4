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
    pub(super) setup: Option<Setup>,
    pub(super) code: Arc<str>,
    pub(super) trusts: bool,
    /// Whether it is the first of its group: the one that runs the program's main tasklet.
    pub(super) is_first: bool,
    pub(super) trace: Option<Trace>,
}

/// Who is told what happens to tasklets, in lines of JSON.
pub(super) type Trace = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Where what was traced lies, how long it is, and how many lines are missing in all.
type Traced = (u32, u32, u64);

/// What has come of a step: what it waits for; where what is to go to others lies; how many tasklets there are, and refused
/// messages; and what was traced.
type Stepped = (Option<Waits>, (u32, u32), (u64, u64), Traced);

/// What the host does in each before its code runs.
pub(super) type Setup = Arc<dyn Fn(&mut Interpreter) -> Result<()> + Send + Sync>;

impl Domain {
    /// Runs the group's code, and then tasklets, until the interpreter ends.
    pub(super) async fn run(&self, py: &mut Interpreter) -> Result<()> {
        py.call_helper_unit("domain.prepare", (self.number, self.is_first, self.trace.is_some()))?;
        if let Some(setup) = &self.setup {
            setup(py)?;
        }
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
            Program::new(py, |py| py.call_helper_own("domain.begin", (self.trusts,)))?;
        program.waits_freely();
        let (mut why, mut left_out) = (Why::Ready, 0);
        loop {
            let came = self.bring(&mut program)?;
            let (waits, (address, len), (alive, refused), traced): Stepped =
                program.step_with("domain.step", why, came.into())?;
            self.inbox.set_seen(alive, program.memory());
            self.trace(&mut program, traced, &mut left_out)?;
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

    /// Hands on what was traced: lines of text, from a guest that may say anything.
    fn trace(&self, program: &mut Program<'_>, traced: Traced, left_out: &mut u64) -> Result<()> {
        let (address, len, missing) = traced;
        let Some(trace) = &self.trace else { return Ok(()) };
        if len > 0 {
            let look = |lines: &[u8]| {
                let is_text = lines.iter().all(|byte| matches!(byte, b'\n' | b' '..=b'~'));
                if !is_text {
                    return Err(Error::GuestFault("a trace that is no text".into()));
                }
                trace(lines);
                Ok(())
            };
            program.look(address, len, look).map_err(|fault| program.poison(fault))?;
        }
        if missing > *left_out {
            let line = format!("{{\"event\":\"left-out\",\"count\":{}}}\n", missing - *left_out);
            trace(line.as_bytes());
            *left_out = missing;
        }
        Ok(())
    }

    /// Writes what has come into the guest; gives how many bytes. What its memory has no room for is lost.
    fn bring(&self, program: &mut Program<'_>) -> Result<u32> {
        let taken = self.inbox.take();
        let frames = &taken.batch.frames;
        let Ok(len) = u32::try_from(frames.len()) else {
            return Err(Error::host(format!("{} bytes of messages at once", frames.len())));
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
