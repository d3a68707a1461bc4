//! The packages that the guest has itself: pip takes them as there, by wheels that hold nothing but a name and a version.

use super::requirements::normal;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Cursor, Write as _};
use std::path::Path;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A package that is part of the guest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GuestPackage {
    /// As pip spells it: lower case, `-` between words.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// A program finds it only when it is asked for: `--with NAME`.
    pub(crate) on_request: bool,
}

/// Those of the default guest. One that a guest has only by `--with` is no answer to what pure Python needs, unless it is
/// asked for there.
pub(crate) fn guest_packages() -> &'static [GuestPackage] {
    &[GuestPackage { name: "numpy", version: NUMPY, on_request: false }]
}

const NUMPY: &str = match ophidia_guest::version_of("numpy") {
    Some(version) => version,
    None => "",
};

/// The package of this name, however it is spelt.
pub(crate) fn guest_package(name: &str) -> Option<&'static GuestPackage> {
    let name = normal(name);
    guest_packages().iter().find(|package| package.name == name)
}

/// Whether a program finds it without an option. The names that `--with` gives belong here once there is that option.
pub(crate) fn is_there(package: &GuestPackage) -> bool {
    !package.on_request
}

/// Tells these versions from those of an index.
const LOCAL: &str = "+ophidia";

impl GuestPackage {
    /// The version that its stub has.
    fn stub_version(&self) -> String {
        format!("{}{LOCAL}", self.version)
    }

    /// What pins pip to the stub.
    pub(super) fn constraint(&self) -> String {
        format!("{}=={}", self.name, self.stub_version())
    }

    /// The SHA-256 of its stub, for requirements that have hashes.
    pub(super) fn stub_hash(&self) -> io::Result<String> {
        let digest = Sha256::digest(self.stub()?);
        Ok(digest.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    /// A wheel without a file to install. The same bytes each time.
    fn stub(&self) -> io::Result<Vec<u8>> {
        let (name, version) = (self.name, self.stub_version());
        let folder = format!("{}-{version}.dist-info", name.replace('-', "_"));
        let mut wheel = ZipWriter::new(Cursor::new(Vec::new()));
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (file, text) in [
            ("METADATA", format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()),
            ("RECORD", String::new()),
        ] {
            wheel.start_file(format!("{folder}/{file}"), options).map_err(io::Error::other)?;
            wheel.write_all(text.as_bytes())?;
        }
        Ok(wheel.finish().map_err(io::Error::other)?.into_inner())
    }
}

/// Writes the stubs of all into a folder.
pub(super) fn write_stubs(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for package in guest_packages() {
        let name = package.name.replace('-', "_");
        let file = format!("{name}-{}-py3-none-any.whl", package.stub_version());
        fs::write(folder.join(file), package.stub()?)?;
    }
    Ok(())
}

/// The names and versions of all, which what pip chooses depends on.
pub(super) fn identity() -> String {
    guest_packages().iter().map(|package| package.constraint() + "\n").collect()
}

/// Whether an index can have no such version.
pub(super) fn is_stub(version: &str) -> bool {
    version.ends_with(LOCAL)
}

/// Packages whose wheels hold C code that they do without: its files are left out. Each was tried without them, under a
/// native Python of its series.
const DO_WITHOUT_C: &[&str] = &[
    "aiohttp",
    "coverage",
    "immutables",
    "lazy-object-proxy",
    "markupsafe",
    "msgpack",
    "pyyaml",
    "rapidfuzz",
    "ruamel-yaml-clib",
    "tornado",
    "wrapt",
    "zope-interface",
];

/// Whether what is left of its wheel without the C code works, only slower.
pub(super) fn does_without_c(name: &str) -> bool {
    DO_WITHOUT_C.contains(&&*normal(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_are_the_same_bytes_each_time_and_have_the_names_of_wheels() {
        let folder = tempfile::tempdir().expect("a folder");
        write_stubs(folder.path()).expect("written");
        for package in guest_packages() {
            assert_eq!(package.name, normal(package.name));
            assert_eq!(package.stub().expect("a wheel"), package.stub().expect("a wheel"));
            assert!(is_stub(&package.stub_version()) && !is_stub(package.version));
        }
        let name = format!("numpy-{}+ophidia-py3-none-any.whl", NUMPY);
        assert!(folder.path().join(name).is_file());
        assert_eq!(guest_package("NumPy"), guest_packages().first());
        assert!(guest_package("scipy").is_none() && does_without_c("PyYAML"));
    }
}
