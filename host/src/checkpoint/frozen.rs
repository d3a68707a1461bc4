//! What children begin from: an interpreter at rest, held fast.

use crate::error::{PythonError, Result};
use crate::python::{Carried, GoingOn, Interpreter, Pending, Runtime, Sandbox, Streams, Table};
use crate::sandbox::pages::Pages;
use crate::sandbox::wasi::{Branch, Stream};

/// What a child's `await` gets where its parent waits for the host.
const FORKED: &str = "this interpreter was forked while a function of the host was under way: its result goes to \
                      the interpreter that has called it; call it again";

/// An interpreter at rest, as its children have it.
pub(super) struct Frozen<'a> {
    pub(super) carried: Carried,
    pub(super) table: Table,
    pub(super) pages: Pages<'a>,
    /// The kinds of generators that a child lets draw new seeds.
    pub(super) drawn: u32,
}

impl<'a> Frozen<'a> {
    /// Holds an interpreter fast. With `reseed`, generators that have drawn are noted.
    pub(super) fn of(parent: &'a mut Interpreter, how: Branch, reseed: bool) -> Result<Self> {
        parent.check_at_rest()?;
        let pristine = parent.runtime().pristine()?;
        let drawn = if reseed { parent.drawn(&pristine)? } else { 0 };
        let carried = parent.carried(how)?;
        let table = parent.table().to_vec();
        let pages = parent.pages(&pristine)?;
        Ok(Self { carried, table, pages, drawn })
    }

    /// Lets the random bytes of the next child go on there.
    pub(super) fn set_entropy(&mut self, stream: Option<Stream>) {
        self.carried.sandbox.wasi.set_entropy(stream);
    }

    /// The same, which need the interpreter no longer.
    pub(super) fn taken(self) -> Frozen<'static> {
        let Self { carried, table, pages, drawn } = self;
        Frozen { carried, table, pages: pages.taken(), drawn }
    }

    /// A child that begins here, in this process.
    pub(super) fn child(
        &self,
        runtime: &Runtime,
        sandbox: &Sandbox,
        streams: Streams,
        how: Branch,
    ) -> Result<Interpreter> {
        let Self { carried, table, pages, drawn } = self;
        let table = table.clone();
        let from = GoingOn { runtime, sandbox, streams, carried, table, pages, how };
        let (mut child, pending) = Interpreter::going_on(from)?;
        for Pending { number, .. } in pending {
            let ended = PythonError::new("RuntimeError", FORKED);
            child.end_pending(number, Err(ended.into()));
        }
        child.renew(*drawn)?;
        Ok(child)
    }
}
