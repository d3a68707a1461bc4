//! What guests are given: checked and opened once for all that begin with it.

use super::mounts::{Namespace, Shape};
use super::tree::memory::{Below, FolderNode, Kind, Tree, devices};
use super::tree::quota::Quota as Account;
use super::tree::{Folder, given, host};
use crate::error::{Error, Result};
use crate::policy::{self, Access, Clock, Grants, Limits, Mount, Quota};
use crate::sandbox::holding::Holding;
use crate::sandbox::net::Rules;
use ophidia_guest::STDLIB;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const DEVICES: &str = "/dev";

/// What a file in memory takes at least, once something is written.
const PAGE: u64 = 4096;

/// Numbers of trees, by which programs tell them apart: of the host's folders it is 1.
const STDLIB_DEVICE: u64 = 2;
const DEVICES_DEVICE: u64 = 3;
const FIRST_DEVICE: u64 = 4;

/// What all interpreters of a runtime read: the standard library, from the folder that it is in.
#[derive(Clone, Debug)]
pub(crate) struct Stdlib {
    library: Arc<FolderNode>,
    devices: Arc<FolderNode>,
}

impl Stdlib {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let folder = host::Folder::open_ambient(path, false).map_err(|error| {
            Error::host(format!("standard library {}: {error}", path.display())).because(error)
        })?;
        Ok(Self { library: kept(folder, STDLIB_DEVICE), devices: devices(DEVICES_DEVICE) })
    }
}

/// A folder of the host that is read once.
fn kept(folder: host::Folder, device: u64) -> Arc<FolderNode> {
    Tree::root(Kind::Shared, Account::none(), device, Some(Below::Host(folder, PathBuf::new())), 0)
}

/// What a guest is given, checked, opened and written as it reads it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    shape: Arc<Shape>,
    /// The first two are the standard library and the devices.
    trees: Vec<Granted>,
    args: Arc<[String]>,
    env: Arc<[String]>,
    /// The working directory.
    here: Arc<str>,
    clock: Clock,
    seed: Option<u64>,
    network: Arc<Rules>,
}

/// A tree, and what may be added to it.
#[derive(Clone, Debug)]
struct Granted {
    tree: Ready,
    quota: Option<Quota>,
    /// What the quota is called when it is used up.
    bound: Arc<str>,
}

/// A tree, as far as it can be made for all.
#[derive(Clone, Debug)]
enum Ready {
    Stdlib,
    Devices,
    Host(host::Folder),
    Shared(Arc<FolderNode>),
    /// One in memory, over this.
    Own(Option<Below>),
}

impl Default for World {
    fn default() -> Self {
        let mut world = Self {
            shape: Arc::default(),
            trees: Vec::new(),
            args: Arc::default(),
            env: Arc::default(),
            here: "/".into(),
            clock: Clock::default(),
            seed: None,
            network: Arc::default(),
        };
        let mut shape = Shape::default();
        for (path, tree) in [(STDLIB, Ready::Stdlib), (DEVICES, Ready::Devices)] {
            shape.mount(path, world.trees.len());
            world.trees.push(Granted { tree, quota: None, bound: Arc::default() });
        }
        world.shape = Arc::new(shape);
        world
    }
}

impl World {
    pub(crate) fn new(grants: &Grants, args: &[String]) -> Result<Self> {
        check(grants, args)?;
        grants.check().map_err(Error::grant)?;
        let mut world = Self::default();
        let mut shape = (*world.shape).clone();
        let now = match grants.clock {
            Clock::Fixed { start, .. } => start,
            Clock::Host => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        };
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mounts = grants.all_mounts();
        for mount in &mounts {
            check_guest_path(&mount.guest)?;
            let is_devices = mount.guest.trim_end_matches('/') == DEVICES;
            if is_devices {
                // What is granted there takes the place of what is there by default.
                shape = shape.without(DEVICES);
            }
            if !shape.mount(&mount.guest, world.trees.len()) {
                return Err(Error::grant(format!(
                    "guest path {:?}: two grants have it: give one of them another path",
                    mount.guest
                )));
            }
            let device = FIRST_DEVICE + world.trees.len() as u64;
            let tree = open(&mount.tree, mount, &mounts, device, now)?;
            if let (
                Ready::Own(_) | Ready::Host(_),
                Some(Quota { bytes: 0, .. } | Quota { files: 0, .. }),
            ) = (&tree, mount.quota)
            {
                return Err(Error::grant(format!(
                    "guest path {:?}: a quota of nothing: give it bytes and files, or grant it for reading",
                    mount.guest
                )));
            }
            let bound = match (&tree, mount.quota) {
                (Ready::Host(_), None) => format!("limit folder, of {}", mount.guest),
                _ => format!("quota of {}", mount.guest),
            };
            if let (Ready::Own(_), Some(Quota { bytes: 1..PAGE, .. })) = (&tree, mount.quota) {
                return Err(Error::grant(format!(
                    "guest path {:?}: a quota of less than {PAGE} bytes: files in memory take whole pages of these: give \
                     at least one",
                    mount.guest
                )));
            }
            world.trees.push(Granted { tree, quota: mount.quota, bound: bound.into() });
        }
        world.shape = Arc::new(shape);
        world.args = args.into();
        world.env = grants.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (world.clock, world.seed) = (grants.clock, grants.seed);
        world.network = Arc::new(Rules::new(&grants.network)?);
        Ok(world)
    }

    /// The same, with a working directory to begin in.
    pub(crate) fn standing_at(self, path: &str) -> Self {
        Self { here: path.into(), ..self }
    }

    /// That what is granted can be used within these limits.
    pub(crate) fn check(&self, limits: &Limits) -> Result<()> {
        limits.check().map_err(Error::grant)?;
        let is_bound = |granted: &&Granted| {
            granted.quota.is_none() && matches!(&granted.tree, Ready::Host(host) if host.writable)
        };
        if let (Quota { bytes: 0, .. } | Quota { files: 0, .. }, Some(granted)) =
            (limits.folder, self.trees.iter().find(is_bound))
        {
            return Err(Error::grant(format!(
                "{}: a quota of nothing: give it bytes and files, or grant it for reading",
                granted.bound
            )));
        }
        self.network.check(&limits.network)
    }

    /// The names and trees of one guest, which may add so much to folders of the host.
    /// What it holds in memory counts in its account.
    pub(super) fn namespace(
        &self,
        stdlib: &Stdlib,
        folder: Quota,
        holding: &Arc<Holding>,
    ) -> Namespace {
        let trees =
            (FIRST_DEVICE..).zip(&self.trees).map(|(device, granted)| match &granted.tree {
                Ready::Stdlib => Folder::Memory(Arc::clone(&stdlib.library)),
                Ready::Devices => Folder::Memory(Arc::clone(&stdlib.devices)),
                Ready::Host(host) if host.writable => {
                    let quota = granted.quota.unwrap_or(folder);
                    Folder::Host(host.with_quota(quota, Arc::clone(&granted.bound)))
                }
                Ready::Host(host) => Folder::Host(host.clone()),
                Ready::Shared(tree) => Folder::Memory(Arc::clone(tree)),
                Ready::Own(below) => {
                    let (quota, bound) = (granted.quota.unwrap_or_default(), &granted.bound);
                    let quota = Account::held(quota, Arc::clone(bound), Arc::clone(holding));
                    Folder::Memory(Tree::root(Kind::Own, quota, device, below.clone(), self.born()))
                }
            });
        Namespace::new(Arc::clone(&self.shape), trees.collect())
    }

    /// The time of what is there when a guest begins.
    fn born(&self) -> u64 {
        let born = match self.clock {
            Clock::Fixed { start, .. } => start,
            Clock::Host => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        };
        u64::try_from(born.as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn args(&self) -> Arc<[String]> {
        Arc::clone(&self.args)
    }

    pub(super) fn env(&self) -> Arc<[String]> {
        Arc::clone(&self.env)
    }

    pub(super) fn here(&self) -> Arc<str> {
        Arc::clone(&self.here)
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn network(&self) -> Arc<Rules> {
        Arc::clone(&self.network)
    }

    pub(super) fn seed(&self) -> Option<u64> {
        self.seed
    }
}

/// Opens what can be opened for all.
fn open(
    tree: &policy::Tree,
    mount: &Mount,
    mounts: &[Mount],
    device: u64,
    now: u64,
) -> Result<Ready> {
    let failed = |what: &str, path: &Path, error: io::Error, way: &str| {
        Error::grant(format!("{what} {}: {error} ({way})", path.display())).because(error)
    };
    let folder = |path: &Path, writable| {
        host::Folder::open_ambient(path, writable).map_err(|error| {
            failed("granted folder", path, error, "name a folder that exists and can be opened")
        })
    };
    Ok(match tree {
        policy::Tree::Folder { host, access: Access::ReadWrite } => {
            Ready::Host(folder(host, true)?.keeping(kept_below(host, mounts)))
        }
        policy::Tree::Folder { host, access: Access::ReadOnly } => {
            Ready::Host(folder(host, false)?)
        }
        policy::Tree::Kept(host) => Ready::Shared(kept(folder(host, false)?, device)),
        policy::Tree::Memory => Ready::Own(None),
        policy::Tree::Files(files) => {
            Ready::Shared(given::of_files(files, device, now).map_err(|error| {
                Error::grant(format!("files for {}: {error}", mount.guest)).because(error)
            })?)
        }
        #[cfg(not(feature = "archives"))]
        policy::Tree::Archive(path) => {
            return Err(Error::grant(format!(
                "archive {}: archives are read by the feature `archives` of the crate",
                path.display()
            )));
        }
        #[cfg(feature = "archives")]
        policy::Tree::Archive(path) => {
            Ready::Shared(super::tree::archive::of_archive(path, device, now).map_err(|error| {
                failed("archive", path, error, "name a tar or zip archive that can be read")
            })?)
        }
        policy::Tree::Overlay(below) => match open(below, mount, mounts, device, now)? {
            Ready::Host(folder) => Ready::Own(Some(Below::Host(folder, PathBuf::new()))),
            Ready::Shared(tree) => Ready::Own(Some(Below::Memory(tree, PathBuf::new()))),
            Ready::Own(below) => Ready::Own(below),
            Ready::Stdlib | Ready::Devices => Ready::Own(None),
        },
    })
}

/// The folders below one granted for writing that are granted for reading alone, relative to it.
fn kept_below(outer: &Path, mounts: &[Mount]) -> Vec<PathBuf> {
    let Ok(outer) = fs::canonicalize(outer) else { return Vec::new() };
    let read_only = mounts.iter().filter_map(|mount| match &mount.tree {
        policy::Tree::Folder { host, access: Access::ReadOnly } => fs::canonicalize(host).ok(),
        policy::Tree::Kept(host) => fs::canonicalize(host).ok(),
        _ => None,
    });
    read_only
        .filter(|inner| *inner != outer)
        .filter_map(|inner| Some(inner.strip_prefix(&outer).ok()?.to_owned()))
        .collect()
}

/// That a guest can be given these names and texts.
fn check(grants: &Grants, args: &[String]) -> Result<()> {
    for (name, value) in &grants.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(Error::grant(format!(
                "environment variable {name:?}: a name must not be empty or contain '=', \
                 and neither name nor value a null byte"
            )));
        }
    }
    match args.iter().find(|arg| arg.contains('\0')) {
        Some(arg) => Err(Error::grant(format!("argument {arg:?}: contains a null byte"))),
        None => Ok(()),
    }
}

fn check_guest_path(path: &str) -> Result<()> {
    let plain = || path.split('/').all(|name| name != "." && name != "..");
    if !path.starts_with('/') || path.contains('\0') || !plain() {
        return Err(Error::grant(format!(
            "guest path {path:?}: must be absolute, such as /data, without null bytes, . and .."
        )));
    }
    if path.split('/').any(|name| name.len() > 255) {
        return Err(Error::grant(format!("guest path {path:?}: a name has more than 255 bytes")));
    }
    if path.trim_end_matches('/') == STDLIB {
        return Err(Error::grant(format!("guest path {path:?}: is the standard library's")));
    }
    Ok(())
}
