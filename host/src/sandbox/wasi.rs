//! WASI preview 1: everything of the host that the guest's C library can ask for.
//!
//! Every call is answered on the thread that runs the guest; no executor is needed and none is started.
//! What the guest chooses (lengths, counts, offsets, paths) never sizes an allocation of the host. Calls that
//! move or wait look at the interpreter's [`Control`], so that they end with the deadline.

mod abi;
mod call;
mod descriptors;
mod errno;
mod files;
mod folders;
mod input;
mod link;
mod output;
mod paths;
mod poll;
mod process;
mod tree;

pub use input::Input;
pub use output::Output;
pub(crate) use {input::Stdin, link::add_to_linker, output::Stdout};

use crate::error::{Error, Result};
use crate::policy::{Access, DirGrant, Grants};
use crate::sandbox::control::Control;
use descriptors::{Descriptor, Descriptors, OpenFolder};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tree::Folder;

/// Where the guest finds its standard library; the bridge names the same folder.
const STDLIB: &str = "/usr/lib/python3.13";

/// What one guest has been given, and what it has opened.
#[derive(Debug)]
pub(crate) struct Context {
    descriptors: Descriptors,
    args: Arc<[String]>,
    /// Each as `NAME=VALUE`.
    env: Arc<[String]>,
    control: Arc<Control>,
    /// When the monotonic clock read zero.
    started: Instant,
}

/// The three standard streams.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Stdout,
    pub(crate) stderr: Stdout,
}

/// The folder of the standard library, opened for all interpreters of a runtime.
#[derive(Clone, Debug)]
pub(crate) struct Stdlib(Folder);

impl Stdlib {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Folder::open_ambient(path, false)
            .map(Self)
            .map_err(|error| Error::Host(format!("standard library {}: {error}", path.display())))
    }
}

/// What a guest is given, checked, opened and written as it reads it: once for all that begin with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    folders: Vec<(Folder, Arc<str>)>,
    args: Arc<[String]>,
    env: Arc<[String]>,
}

impl World {
    pub(crate) fn new(grants: &Grants, args: &[String]) -> Result<Self> {
        check(grants, args)?;
        let opened = |dir: &DirGrant| {
            let folder = Folder::open_ambient(&dir.host, dir.access == Access::ReadWrite);
            let folder = folder.map_err(|error| {
                Error::Grant(format!(
                    "granted folder {}: {error} (name a folder that exists and can be opened)",
                    dir.host.display()
                ))
            })?;
            Ok((folder, dir.guest.as_str().into()))
        };
        let mut folders: Vec<(Folder, Arc<str>)> =
            grants.dirs.iter().map(opened).collect::<Result<_>>()?;
        for (number, (folder, _)) in folders.iter_mut().enumerate() {
            *folder = folder.clone().keeping(kept_below(&grants.dirs, number));
        }
        Ok(Self {
            folders,
            args: args.into(),
            env: grants.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        })
    }
}

/// The folders below one granted for writing that are granted for reading alone, relative to it.
fn kept_below(dirs: &[DirGrant], number: usize) -> Vec<PathBuf> {
    let place = |dir: &DirGrant| fs::canonicalize(&dir.host).ok();
    let Some(outer) =
        dirs.get(number).filter(|dir| dir.access == Access::ReadWrite).and_then(place)
    else {
        return Vec::new();
    };
    let inner = dirs.iter().filter(|dir| dir.access == Access::ReadOnly).filter_map(place);
    inner
        .filter(|inner| *inner != outer)
        .filter_map(|inner| Some(inner.strip_prefix(&outer).ok()?.to_owned()))
        .collect()
}

impl Context {
    /// What one interpreter begins with; of more than that it may open `files`. The standard library comes
    /// first: the snapshot remembers its descriptor.
    pub(crate) fn new(
        stdlib: &Stdlib,
        world: &World,
        files: u32,
        streams: Streams,
        control: Arc<Control>,
    ) -> Self {
        let mut first = vec![
            Descriptor::Input(streams.stdin),
            Descriptor::Output(streams.stdout),
            Descriptor::Output(streams.stderr),
            granted(&stdlib.0, STDLIB.into()),
        ];
        first.extend(world.folders.iter().map(|(folder, path)| granted(folder, Arc::clone(path))));
        Self {
            descriptors: Descriptors::new(first, files),
            args: Arc::clone(&world.args),
            env: Arc::clone(&world.env),
            control,
            started: Instant::now(),
        }
    }
}

fn granted(folder: &Folder, path: Arc<str>) -> Descriptor {
    Descriptor::Folder(OpenFolder { folder: folder.clone(), granted: Some(path) })
}

/// That a guest can be given these names and texts.
fn check(grants: &Grants, args: &[String]) -> Result<()> {
    grants.dirs.iter().try_for_each(|dir| check_guest_path(&dir.guest))?;
    for (name, value) in &grants.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(Error::Grant(format!(
                "environment variable {name:?}: a name must not be empty or contain '=', \
                 and neither name nor value a null byte"
            )));
        }
    }
    match args.iter().find(|arg| arg.contains('\0')) {
        Some(arg) => Err(Error::Grant(format!("argument {arg:?}: contains a null byte"))),
        None => Ok(()),
    }
}

fn check_guest_path(path: &str) -> Result<()> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(Error::Grant(format!(
            "guest path {path:?}: must be absolute, such as /data, and without null bytes"
        )));
    }
    if path.trim_end_matches('/') == STDLIB {
        return Err(Error::Grant(format!("guest path {path:?}: is the standard library's")));
    }
    Ok(())
}
