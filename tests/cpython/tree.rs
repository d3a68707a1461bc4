//! `Lib/test` out of the pinned source archive, unpacked once into the cache.

use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use lzma_rust2::XzReader;
use ophidia_tests::{cache, guest};
use sha2::{Digest as _, Sha256};

/// The folder that holds the package `test`, named by the archive's hash, moved into place whole.
pub(crate) fn test_tree() -> Result<PathBuf> {
    let guest = guest();
    let bytes = fs::read(guest.source_tarball()?)?;
    let hash: String =
        Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = cache().join("cpython-tests");
    fs::create_dir_all(&folder)?;
    let tree = folder.join(&hash);
    let lock = File::create(folder.join(format!("{hash}.lock")))?;
    lock.lock()?;
    if !tree.is_dir() {
        let unfinished = tempfile::tempdir_in(&folder)?;
        unpack(&bytes, unfinished.path())?;
        compile(&guest.native_python(), unfinished.path(), &tree)?;
        fs::rename(unfinished.keep(), &tree)?;
    }
    Ok(tree)
}

/// Takes what lies below `Lib/test` into `target/test`.
fn unpack(archive: &[u8], target: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(XzReader::new(archive, true));
    let mut files = 0_usize;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let mut parts = path.components();
        parts.next();
        if parts.next() != Some(Component::Normal("Lib".as_ref())) {
            continue;
        }
        let inside = parts.as_path();
        if inside.starts_with("test")
            && inside.components().all(|part| matches!(part, Component::Normal(_)))
        {
            let place = target.join(inside);
            fs::create_dir_all(place.parent().unwrap_or(target))?;
            entry.unpack(&place)?;
            files += 1;
        }
    }
    if files < 1000 {
        bail!("the source archive holds only {files} files below Lib/test");
    }
    Ok(())
}

/// Bytecode beside the sources, once, instead of in every run; some files are bad on purpose.
fn compile(native: &Path, folder: &Path, place: &Path) -> Result<()> {
    let mut python = Command::new(native);
    python
        .args(["-m", "compileall", "-q", "-j", "0", "-s"])
        .arg(folder)
        .arg("-p")
        .arg(place)
        .arg(folder);
    python
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("cannot start the native Python")?;
    Ok(())
}
