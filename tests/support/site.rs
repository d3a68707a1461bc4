//! The packages that examples and test-suites import, installed once into the cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use ophidia_guest::SERIES;
use sha2::{Digest as _, Sha256};

use crate::{pieces, suite};

/// The folder with the packages of a requirements file, made by pip when the cache has it not yet.
///
/// Named by the hash of the requirements, made under a lock, moved into place whole.
///
/// # Panics
/// When pip is missing or fails; shows what it said.
pub fn site_packages(requirements: &Path) -> PathBuf {
    let text = fs::read(requirements).expect("the requirements file can be read");
    let key: String =
        Sha256::digest(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = pieces::cache().join("site");
    fs::create_dir_all(&folder).expect("the cache can be written");
    let site = folder.join(&key);
    let lock = File::create(folder.join(format!("{key}.lock"))).expect("a lock file can be made");
    lock.lock().expect("the file can be locked");
    if !site.is_dir() {
        let unfinished = tempfile::tempdir_in(&folder).expect("the cache can be written");
        install(requirements, unfinished.path());
        suite::compile(&pieces::guest().native_python(), unfinished.path(), &site)
            .expect("the guest comes with a native Python");
        fs::rename(unfinished.keep(), &site).expect("a folder can be renamed");
    }
    site
}

/// The same words as the comment in examples/requirements.txt.
fn install(requirements: &Path, target: &Path) {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"])
        .arg(target);
    pip.args(["--require-hashes", "--no-deps", "--no-compile", "--only-binary=:all:"]);
    let abi = format!("cp{}", SERIES.replace('.', ""));
    pip.args(["--implementation", "cp", "--python-version", SERIES, "--abi", &abi]);
    pip.args(["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64", "-r"])
        .arg(requirements);
    let output =
        pip.output().unwrap_or_else(|error| panic!("the tests need python3 with pip: {error}"));
    assert!(output.status.success(), "pip failed:\n{}", String::from_utf8_lossy(&output.stderr));
}
