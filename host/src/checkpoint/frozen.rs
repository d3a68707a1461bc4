//! What children begin from: an interpreter at rest, held fast.

use crate::error::{PythonError, Result};
use crate::python::{Carried, GoingOn, Interpreter, Pending, Runtime, Sandbox, Streams, Table};
use crate::sandbox::memories::Beginning;
use crate::sandbox::pages::Pages;
use crate::sandbox::wasi::{Branch, Stream};
use std::sync::Arc;

/// What a child's `await` gets where its parent waits for the host.
const FORKED: &str = "this interpreter was forked while a function of the host was under way: its result goes to \
                      the interpreter that has called it; call it again";

/// From so many bytes on, several children do not copy their parent's pages: these are written down once, and mapped by
/// each.
pub(super) const MAPPED: usize = 256 << 10;

/// An interpreter at rest, as its children have it.
pub(super) struct Frozen<'a> {
    pub(super) carried: Carried,
    pub(super) table: Table,
    /// What their memories begin with.
    pub(super) began: Arc<Beginning>,
    /// The pages that differ from that, which each copies.
    pub(super) pages: Pages<'a>,
    /// The kinds of generators that a child lets draw new seeds.
    pub(super) drawn: u32,
}

/// What pages are to differ from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// What the interpreter's own memory began with: as few as can be.
    Began,
    /// The image, which others have too.
    Image,
}

impl<'a> Frozen<'a> {
    /// Holds an interpreter fast. With `reseed`, generators that have drawn are noted.
    pub(super) fn of(
        parent: &'a mut Interpreter,
        from: From,
        how: Branch,
        reseed: bool,
    ) -> Result<Self> {
        parent.check_at_rest()?;
        let image = Arc::clone(parent.runtime().image());
        let drawn = if reseed { parent.drawn(&image)? } else { 0 };
        let carried = parent.carried(how)?;
        let table = parent.table().to_vec();
        let began = if from == From::Image { image } else { Arc::clone(parent.began()) };
        let pages = parent.pages(&began)?;
        Ok(Self { carried, table, began, pages, drawn })
    }

    /// Lets the random bytes of the next child go on there.
    pub(super) fn set_entropy(&mut self, stream: Option<Stream>) {
        self.carried.sandbox.wasi.set_entropy(stream);
    }

    /// The same, which need the interpreter no longer. Its pages are those that differ from the image.
    pub(super) fn mapped(self, runtime: &Runtime) -> Result<Frozen<'static>> {
        let Self { carried, table, began, pages, drawn } = self;
        let began = pages.frozen(runtime.memories(), &began)?;
        let pages = Pages::none(&began);
        Ok(Frozen { carried, table, began, pages, drawn })
    }

    /// A child that begins here, in this process.
    pub(super) fn child(
        &self,
        runtime: &Runtime,
        sandbox: &Sandbox,
        streams: Streams,
        how: Branch,
    ) -> Result<Interpreter> {
        let Self { carried, table, began, pages, drawn } = self;
        let table = table.clone();
        let from = GoingOn { runtime, sandbox, streams, carried, table, began, pages, how };
        let (mut child, pending) = Interpreter::going_on(from)?;
        for Pending { number, .. } in pending {
            let ended = PythonError::new("RuntimeError", FORKED);
            child.end_pending(number, Err(ended.into()));
        }
        child.renew(*drawn)?;
        Ok(child)
    }
}
