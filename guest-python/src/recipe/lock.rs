//! The lock file: what the guest is made of, pinned by version and SHA-256.

use crate::Error;
use serde::Deserialize;

/// The committed lock file, parsed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Lock {
    /// CPython's version, such as `3.14.7`.
    pub python: String,
    /// Seconds since 1970 that stand in for "now" in whatever a build dates.
    pub source_date_epoch: u64,
    /// What is fetched of CPython and the toolchain.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
    /// The libraries that CPython's own modules need.
    pub(crate) needs: Vec<String>,
    pub(crate) flags: Flags,
    pub(crate) configure: Configure,
    pub(crate) modules: Modules,
}

/// One file to fetch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Source {
    /// What it gives the guest, such as `zlib`.
    pub name: String,
    /// The version of that.
    pub version: String,
    /// What it is, in words.
    pub what: String,
    /// Its licence, as an SPDX expression where there is one.
    pub licence: String,
    /// Whether it is built into the guest or only used to build it.
    #[serde(rename = "use")]
    pub purpose: Purpose,
    /// Which of the machine's clients fetches it.
    pub client: Client,
    /// For [`Client::Apt`]: the place below a mirror's base address.
    pub path: Option<String>,
    /// For [`Client::Pip`] and [`Client::Cargo`]: the package's name.
    pub package: Option<String>,
    /// For a source archive that pip fetches: the package's build backend, of which nothing is run.
    pub backend: Option<String>,
    /// The package's version where it differs from `version`.
    pub package_version: Option<String>,
    /// Addresses of the same file elsewhere, its authors' own first, for when the client has none. `https` alone.
    #[serde(default)]
    pub upstream: Vec<String>,
    /// The kind of machine it is for, as `ARCH-OS`; for all when absent.
    pub host: Option<String>,
    /// The file's name.
    pub file: String,
    /// The file's SHA-256, in lower-case hexadecimal.
    pub sha256: String,
}

/// What a source is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Built into the guest.
    Source,
    /// Runs while packages are built.
    Tool,
    /// Used to build the guest; `WASI_SDK_PATH` replaces all of these.
    Toolchain,
}

/// A package client that every machine of its kind has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Client {
    /// Debian's apt, without its package lists: only its download program and its mirrors' addresses.
    Apt,
    /// Python's pip.
    Pip,
    /// Rust's cargo.
    Cargo,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flags {
    pub(crate) machine: Vec<String>,
    pub(crate) libraries: Vec<String>,
    pub(crate) native_libraries: Vec<String>,
    pub(crate) cpython: Vec<String>,
    pub(crate) packages: Vec<String>,
    pub(crate) bridge: Vec<String>,
    pub(crate) link: Vec<String>,
    pub(crate) system_libraries: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configure {
    pub(crate) guest: Vec<String>,
    pub(crate) native: Vec<String>,
    pub(crate) native_flags: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Modules {
    pub(crate) builtin: Vec<String>,
}

impl Lock {
    /// Parses a lock file and checks that every item has what its client needs.
    ///
    /// # Errors
    ///
    /// [`Error::Lock`] when it is malformed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let lock: Self = toml::from_str(text).map_err(|error| Error::Lock(error.to_string()))?;
        for source in &lock.sources {
            check(source).map_err(Error::Lock)?;
        }
        Ok(lock)
    }

    /// `3.14` of `3.14.7`.
    pub(crate) fn python_series(&self) -> &str {
        self.python.rsplit_once('.').map_or(&*self.python, |(series, _)| series)
    }
}

impl Source {
    /// The version of the package that carries it.
    pub(crate) fn package_version(&self) -> &str {
        self.package_version.as_deref().unwrap_or(&self.version)
    }
}

/// Says what a client would lack.
pub(crate) fn check(source: &Source) -> Result<(), String> {
    let complaint = |what: &str| Err(format!("{}: {what}", source.file));
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if source.sha256.len() != 64 || !source.sha256.bytes().all(hex) {
        return complaint("sha256 must be 64 lower-case hexadecimal digits");
    }
    if source.file.contains('/') || source.file.starts_with('.') {
        return complaint("file must be a plain name");
    }
    if let Some(address) = source.upstream.iter().find(|it| !it.starts_with("https://")) {
        return complaint(&format!("upstream must begin with https://, not be {address}"));
    }
    match source.client {
        Client::Apt if source.path.is_none() => complaint("apt needs `path`"),
        Client::Pip | Client::Cargo if source.package.is_none() => {
            complaint("pip and cargo need `package`")
        }
        _ => Ok(()),
    }
}

/// This kind of machine, as the lock file names it.
pub(crate) fn host() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMITTED: &str = include_str!("../../guest.lock.toml");

    #[test]
    fn the_committed_file_is_complete() {
        let lock = Lock::parse(COMMITTED).expect("valid");
        assert_eq!(lock.python_series(), "3.14");
        for name in ["cpython", "wasi-libc", "compiler-rt", "ziglang"] {
            assert!(lock.sources.iter().any(|source| source.name == name), "{name}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let edit = |from: &str, to: &str| {
            assert!(COMMITTED.contains(from));
            Lock::parse(&COMMITTED.replace(from, to)).expect_err("a mistake").to_string()
        };
        assert!(edit("sha256 = \"3b48", "sha256 = \"3B48").contains("64 lower-case"));
        assert!(edit("package = \"ziglang\"\n", "").contains("need `package`"));
        assert!(edit("client = \"pip\"", "client = \"curl\"").contains("curl"));
        assert!(edit("upstream = [\"https:", "upstream = [\"http:").contains("https://"));
        assert!(edit("file = \"Python-", "file = \"../Python-").contains("plain name"));
    }
}
