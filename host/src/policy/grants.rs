//! Grants: what a guest may touch. Plain data; the default grants nothing.

use std::path::PathBuf;

/// Whether a granted folder may be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Files can be read and listed.
    #[default]
    ReadOnly,
    /// Files can also be created, changed and removed.
    ReadWrite,
}

/// A folder of the host that the guest may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirGrant {
    /// The folder on the host.
    pub host: PathBuf,
    /// The absolute path at which the guest sees it.
    pub guest: String,
    /// Whether it may be changed.
    pub access: Access,
}

/// Everything one guest may touch, apart from its standard streams.
///
/// The standard library is always granted read-only; clocks and entropy are the host's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grants {
    /// Folders.
    pub dirs: Vec<DirGrant>,
    /// Environment variables.
    pub env: Vec<(String, String)>,
}
