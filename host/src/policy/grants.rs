//! Grants: what a guest may touch. Plain data; the default grants nothing.

use super::{Clock, Mount, Network, Quota, Tree};
use std::path::PathBuf;

/// Whether a granted folder may be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Access {
    /// Files can be read and listed.
    #[default]
    ReadOnly,
    /// Files can also be created, changed and removed.
    ReadWrite,
}

/// A folder of the host that the guest may use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct DirGrant {
    /// The folder on the host.
    pub host: PathBuf,
    /// The absolute path at which the guest sees it.
    pub guest: String,
    /// Whether it may be changed. In serde's formats `"read-only"`, the default, or `"read-write"`.
    #[cfg_attr(feature = "serde", serde(default))]
    pub access: Access,
}

impl DirGrant {
    /// A folder whose files can be read and listed.
    pub fn read_only(host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        Self { host: host.into(), guest: guest.into(), access: Access::ReadOnly }
    }

    /// A folder whose files can also be created, changed and removed.
    pub fn read_write(host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        Self { host: host.into(), guest: guest.into(), access: Access::ReadWrite }
    }
}

/// Everything one guest may touch, apart from its standard streams.
///
/// The standard library is always there for reading, and `/dev` with `null`, `zero` and `urandom`.
///
/// ```
/// use ophidia::{DirGrant, Grants};
/// let grants = Grants { dirs: vec![DirGrant::read_only("/srv/data", "/data")], ..Grants::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Grants {
    /// Folders.
    pub dirs: Vec<DirGrant>,
    /// Trees of any kind: in memory, of an archive, of a folder that is only written in memory.
    pub mounts: Vec<Mount>,
    /// What a guest may write to `/tmp`, a tree in memory of each interpreter's own, unless something else is granted
    /// there: then a quota other than the default is refused. `None` is no `/tmp`. Default: [`Quota::default`].
    pub tmp: Option<Quota>,
    /// Hosts and origins. Default: none.
    pub network: Network,
    /// Environment variables: names and values.
    pub env: Vec<(String, String)>,
    /// Where clocks come from. Default: the host's.
    pub clock: Clock,
    /// What makes every source of random values give the same in each run. Default: the system's entropy.
    pub seed: Option<u64>,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            dirs: Vec::new(),
            mounts: Vec::new(),
            tmp: Some(Quota::default()),
            network: Network::default(),
            env: Vec::new(),
            clock: Clock::default(),
            seed: None,
        }
    }
}

impl Grants {
    /// Refuses what would go without effect, a quota for a `/tmp` that is another tree, and a clock that cannot be read.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.clock.check()?;
        let mut guests = self.dirs.iter().map(|dir| &dir.guest);
        let has_tmp = guests.any(|guest| is_tmp(guest))
            || self.mounts.iter().any(|mount| is_tmp(&mount.guest));
        match self.tmp {
            Some(quota) if has_tmp && quota != Quota::default() => Err(format!(
                "tmp: a quota of {} bytes in {} files for /tmp, where something else is granted: give that the quota, or \
                 leave one of them out",
                quota.bytes, quota.files
            )),
            _ => Ok(()),
        }
    }

    /// Everything that is mounted, `/tmp` included.
    pub(crate) fn all_mounts(&self) -> Vec<Mount> {
        let dirs = self.dirs.iter().cloned().map(Mount::from);
        let mut mounts: Vec<Mount> = dirs.chain(self.mounts.iter().cloned()).collect();
        let has_tmp = mounts.iter().any(|mount| is_tmp(&mount.guest));
        if let (Some(quota), false) = (self.tmp, has_tmp) {
            mounts.push(Mount { quota: Some(quota), ..Mount::new(TMP, Tree::Memory) });
        }
        mounts
    }
}

/// Whether it is the path of `/tmp`.
fn is_tmp(guest: &str) -> bool {
    guest.trim_end_matches('/') == TMP
}

/// Where programs keep what is for a while.
const TMP: &str = "/tmp";
