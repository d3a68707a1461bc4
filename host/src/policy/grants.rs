//! Grants: what a guest may touch. Plain data; the default grants nothing.

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
/// The standard library is always granted read-only; clocks and entropy are the host's own.
///
/// ```
/// use ophidia::{DirGrant, Grants};
/// let grants = Grants { dirs: vec![DirGrant::read_only("/srv/data", "/data")], ..Grants::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Grants {
    /// Folders.
    pub dirs: Vec<DirGrant>,
    /// Environment variables: names and values.
    pub env: Vec<(String, String)>,
}
