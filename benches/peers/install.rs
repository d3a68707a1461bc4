//! A peer's packages, installed into the cache folder: pinned by hash, for the native Python of the guest's version,
//! by the machine's pip. Nothing is installed anywhere else.

use anyhow::{Context as _, Result, bail, ensure};
use ophidia::guest::SERIES;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder below the cache folder in which peers keep what they are and make.
pub(crate) fn folder() -> Result<PathBuf> {
    let cache = ophidia::guest::ambient_cache_dir().context("no cache folder")?;
    let folder = cache.join("peers");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The folder with what a requirements file names, installed unless it is there as that file says.
pub(crate) fn installed(name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = folder()?;
    let target = folder.join(name);
    let lock = File::create(folder.join(format!("{name}.lock")))?;
    lock.lock()?;
    let record = "installed.txt";
    if fs::read_to_string(target.join(record)).is_ok_and(|text| text == requirements) {
        return Ok(target);
    }
    crate::progress::say(&format!("installing {name} into {}", target.display()));
    let unfinished = folder.join(format!("{name}-unfinished"));
    remove(&unfinished)?;
    fs::create_dir(&unfinished)?;
    let list = unfinished.join(record);
    fs::write(&list, requirements)?;
    pip(&unfinished, &list)?;
    remove(&target)?;
    fs::rename(&unfinished, &target)?;
    Ok(target)
}

fn pip(target: &Path, list: &Path) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]);
    pip.args(["--no-deps", "--require-hashes", "--only-binary=:all:", "--root-user-action=ignore"]);
    // For the native Python of the guest's version, not for the one that runs pip.
    pip.args([&*format!("--python-version={SERIES}"), "--implementation=cp"]);
    let abi = format!("--abi=cp{}", SERIES.replace('.', ""));
    pip.args([&*abi, "--abi=abi3", "--abi=none"]);
    for glibc in ["2014", "_2_27", "_2_28"] {
        pip.arg(format!("--platform=manylinux{glibc}_{}", std::env::consts::ARCH));
    }
    pip.arg("--target").arg(target).arg("--requirement").arg(list);
    // How far it has come goes where progress goes: standard output is the table's.
    pip.stdout(std::io::stderr().as_fd().try_clone_to_owned()?);
    let output = pip.output().context("python3 with pip is needed")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find_map(|line| line.strip_prefix("ERROR: ")).unwrap_or(&said);
    ensure!(output.status.success(), "pip: {}", last.trim());
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => bail!(error),
        _ => Ok(()),
    }
}
