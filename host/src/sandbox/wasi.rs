//! WASI preview 1: everything of the host that the guest's C library can ask for.
//!
//! Every call is answered on the thread that runs the guest; no executor is needed and none is started.
//! What the guest chooses (lengths, counts, offsets, paths) never sizes an allocation of the host. Calls that
//! move or wait look at the interpreter's [`Control`], so that they end with the deadline.

mod abi;
mod audit;
mod call;
mod carried;
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
mod secure;
mod sockets;
mod tree;
mod world;

pub use audit::{Audit, AuditEvent};
pub(crate) use carried::{Branch, Carried, NoWay};
pub use exchange::{ChangeKind, FileChange, FileEntry, FileKind};
pub use input::Input;
pub use output::Output;
pub(crate) use poll::{MOST_SUBSCRIPTIONS, Watched};
pub(crate) use world::{Stdlib, World};
pub(crate) use {input::Stdin, link::add_to_linker, output::Stdout};

use crate::policy::Limits;
use crate::sandbox::control::Control;
use crate::sandbox::holding::Holding;
use crate::sandbox::net::Network;
pub(crate) use clocks::Stream;
use clocks::{Clocks, Entropy};
use descriptors::{Descriptor, Descriptors, OpenFolder};
use errno::Errno;
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
    audit: Option<Audit>,
    /// The working directory that the program begins in, which need not be granted.
    here: Arc<str>,
    control: Arc<Control>,
    pub(crate) network: Network,
    /// What the host holds for it in all.
    pub(crate) holding: Arc<Holding>,
    /// What is to be said of the last error of this number.
    denial: Option<(Errno, String)>,
}

/// The three standard streams, and who listens besides.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Stdout,
    pub(crate) stderr: Stdout,
    /// Who is told of what it opens and may not.
    pub(crate) audit: Option<Audit>,
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
        let holding = Holding::new(limits.host_memory);
        let namespace = world.namespace(stdlib, limits.folder, &holding);
        let first = [
            Descriptor::Input(streams.stdin),
            Descriptor::Output(streams.stdout),
            Descriptor::Output(streams.stderr),
            Descriptor::Folder(OpenFolder {
                position: namespace.root(),
                path: "/".into(),
                granted: true,
            }),
        ];
        Self {
            descriptors: Descriptors::new(first, limits.files),
            namespace,
            clocks: Clocks::new(world.clock()),
            entropy: Entropy::new(world.seed()),
            args: world.args(),
            env: world.env(),
            audit: streams.audit,
            here: world.here(),
            network: Network::new(world.network(), limits.network, Arc::clone(&control)),
            control,
            holding,
            denial: None,
        }
    }

    /// What a program begins with that is no guest: these folders, each by itself.
    #[cfg(feature = "any-guest")]
    pub(crate) fn over(
        dirs: &[(std::path::PathBuf, String)],
        args: &[String],
        env: &[(String, String)],
        streams: Streams,
        control: Arc<Control>,
    ) -> crate::Result<Self> {
        let mut first = vec![
            Descriptor::Input(streams.stdin),
            Descriptor::Output(streams.stdout),
            Descriptor::Output(streams.stderr),
        ];
        for (host, name) in dirs {
            let folder = tree::host::Folder::open_ambient(host, true).map_err(|error| {
                crate::Error::grant(format!("folder {}: {error}", host.display())).because(error)
            })?;
            let position = mounts::Position::folder(tree::Folder::Host(folder));
            first.push(Descriptor::Folder(OpenFolder {
                position,
                path: (**name).into(),
                granted: true,
            }));
        }
        Ok(Self {
            descriptors: Descriptors::new(first, 1_000),
            namespace: Namespace::new(Arc::default(), Vec::new()),
            clocks: Clocks::new(crate::policy::Clock::Host),
            entropy: Entropy::new(None),
            args: args.into(),
            env: env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            audit: None,
            here: "/".into(),
            network: Network::new(
                Arc::default(),
                crate::policy::NetworkLimits::default(),
                Arc::clone(&control),
            ),
            control,
            holding: Holding::new(u64::MAX),
            denial: None,
        })
    }

    /// How many descriptors the guest has open, and has had at once.
    pub(crate) fn opened(&self) -> (u32, u32) {
        self.descriptors.opened()
    }

    /// The time of day by the guest's clock, in nanoseconds since 1970.
    fn now(&self) -> u64 {
        self.clocks.now()
    }
}
