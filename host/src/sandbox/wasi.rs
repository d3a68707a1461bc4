//! WASI preview 1: everything of the host that the guest's C library can ask for.
//!
//! Every call is answered on the thread that runs the guest; no executor is needed and none is started.
//! What the guest chooses (lengths, counts, offsets, paths) never sizes an allocation of the host. Calls that
//! move or wait look at the interpreter's [`Control`], so that they end with the deadline.

mod abi;
mod call;
mod clocks;
mod descriptors;
mod errno;
mod exchange;
mod files;
mod folders;
mod input;
mod link;
mod mounts;
mod output;
mod paths;
mod poll;
mod process;
mod tree;
mod world;

pub use exchange::{ChangeKind, FileChange, FileEntry, FileKind};
pub use input::Input;
pub use output::Output;
pub(crate) use world::{Stdlib, World};
pub(crate) use {input::Stdin, link::add_to_linker, output::Stdout};

use crate::policy::Limits;
use crate::sandbox::control::Control;
use clocks::{Clocks, Entropy};
use descriptors::{Descriptor, Descriptors, OpenFolder};
use mounts::Namespace;
use std::sync::Arc;

/// What one guest has been given, and what it has opened.
#[derive(Debug)]
pub(crate) struct Context {
    descriptors: Descriptors,
    namespace: Namespace,
    clocks: Clocks,
    entropy: Entropy,
    args: Arc<[String]>,
    /// Each as `NAME=VALUE`.
    env: Arc<[String]>,
    control: Arc<Control>,
}

/// The three standard streams.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Stdout,
    pub(crate) stderr: Stdout,
}

impl Context {
    /// What one interpreter begins with. The beginning of all paths comes behind the streams: the snapshot remembers
    /// its descriptor.
    pub(crate) fn new(
        stdlib: &Stdlib,
        world: &World,
        limits: &Limits,
        streams: Streams,
        control: Arc<Control>,
    ) -> Self {
        let namespace = world.namespace(stdlib, limits.folder);
        let first = [
            Descriptor::Input(streams.stdin),
            Descriptor::Output(streams.stdout),
            Descriptor::Output(streams.stderr),
            Descriptor::Folder(OpenFolder {
                position: namespace.root(),
                granted: Some("/".into()),
            }),
        ];
        Self {
            descriptors: Descriptors::new(first, limits.files),
            namespace,
            clocks: Clocks::new(world.clock()),
            entropy: Entropy::new(world.seed()),
            args: world.args(),
            env: world.env(),
            control,
        }
    }

    /// The time of day by the guest's clock, in nanoseconds since 1970.
    fn now(&self) -> u64 {
        self.clocks.now()
    }
}
