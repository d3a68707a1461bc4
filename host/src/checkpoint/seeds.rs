//! Seeds: generators of random numbers that have drawn would draw the same in every child, so each draws a new one.
//!
//! The parent says where the state of the generators lies that every program has. Whether it is as in the image, the
//! host sees for itself, so that a child of a parent that never drew has nothing to do.

use crate::convert::read;
use crate::error::Result;
use crate::python::state::Guest;
use crate::python::{Interpreter, Python, SEEDS};
use crate::sandbox::memories::Beginning;
use crate::value::Object;
use ophidia_abi::{Operation, Want};

/// The functions, in Python.
const SOURCE: &str = include_str!("seeds.py");

/// More kinds of generators than there are, and more bytes than the state of any takes.
const MOST_KINDS: usize = 8;
const MOST_STATE: usize = 64 << 10;

/// Kinds of generators, and for each where its state lies; and the kinds that have drawn for sure.
type Watched = (Vec<(u32, usize, usize)>, u32);

/// The function in the guest, made the first time.
fn function(guest: &mut Guest<'_>) -> Result<Object> {
    guest.kept(SEEDS, |guest| {
        let py: &mut Python<'_> = &mut guest.python();
        let names = ("source", "names");
        let made = py.call_helper_own(
            "bind",
            ("exec(source, names) or names['seeds']", names, "eval", None::<i64>),
        )?;
        let mut guest = py.guest();
        let on = guest.on(&made)?;
        let empty = std::collections::BTreeMap::<String, i64>::new();
        guest.operate_own(Operation::Call, on, &(SOURCE, empty))
    })
}

impl Interpreter {
    /// The kinds of generators that have drawn, or were seeded. The first time takes some 0.3 ms.
    pub(super) fn drawn(&mut self, pristine: &Beginning) -> Result<u32> {
        let (watched, mut drawn): Watched = self.operation(|py| {
            let mut guest = py.guest();
            let function = function(&mut guest)?;
            let on = guest.on(&function)?;
            guest.perform(Operation::Help, on, &(0,), Want::Value)?;
            let value = guest.value()?;
            read(value, &mut guest.python())
        })?;
        let memory = self.state().sandbox.memory()?;
        let memory = memory.all(self.context());
        for (kind, at, len) in watched.into_iter().take(MOST_KINDS) {
            // A guest that says something else draws as its parent does, and has little looked at.
            if pristine.differs(memory, at..at.saturating_add(len.min(MOST_STATE))) {
                drawn |= kind;
            }
        }
        Ok(drawn)
    }

    /// Lets these draw new seeds.
    pub(super) fn renew(&mut self, drawn: u32) -> Result<()> {
        if drawn == 0 {
            return Ok(());
        }
        self.operation(|py| {
            let mut guest = py.guest();
            let function = function(&mut guest)?;
            let on = guest.on(&function)?;
            guest.operate_unit(Operation::Help, on, &(drawn,))
        })
    }
}
