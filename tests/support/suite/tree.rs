//! Tests out of a pinned source archive, unpacked once into the cache.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::{cache, guest};

/// The folder with what `choose` takes out of a tar archive, named by the archive's hash, moved into place
/// whole.
///
/// `read` decompresses the archive's bytes; `choose` gives a file's new name from its path below the
/// archive's one folder. Bytecode lies beside the sources.
///
/// # Errors
/// When the archive cannot be read or gives fewer than `at_least` files.
pub fn unpacked<'a, R: Read>(
    folder: &str,
    archive: &'a [u8],
    read: impl FnOnce(&'a [u8]) -> R,
    choose: impl Fn(&Path) -> Option<PathBuf>,
    at_least: usize,
) -> Result<PathBuf> {
    let hash: String =
        Sha256::digest(archive).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = cache().join(folder);
    fs::create_dir_all(&folder)?;
    let tree = folder.join(&hash);
    let lock = File::create(folder.join(format!("{hash}.lock")))?;
    lock.lock()?;
    if !tree.is_dir() {
        let unfinished = tempfile::tempdir_in(&folder)?;
        let files = unpack(read(archive), unfinished.path(), choose)?;
        if files < at_least {
            bail!("the source archive holds only {files} files of its tests");
        }
        compile(&guest().native_python(), unfinished.path(), &tree)?;
        fs::rename(unfinished.keep(), &tree)?;
    }
    Ok(tree)
}

/// Gives the number of files.
fn unpack(
    archive: impl Read,
    target: &Path,
    choose: impl Fn(&Path) -> Option<PathBuf>,
) -> Result<usize> {
    let mut archive = tar::Archive::new(archive);
    let mut files = 0;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let mut parts = path.components();
        parts.next();
        let Some(inside) = choose(parts.as_path()) else { continue };
        if inside.components().all(|part| matches!(part, Component::Normal(_))) {
            let place = target.join(inside);
            fs::create_dir_all(place.parent().unwrap_or(target))?;
            entry.unpack(&place)?;
            files += 1;
        }
    }
    Ok(files)
}

/// Bytecode beside the sources of a folder that will lie at `place`, once, instead of in every run; some
/// files are bad on purpose.
///
/// # Errors
/// When the native Python cannot be started.
pub(crate) fn compile(native: &Path, folder: &Path, place: &Path) -> Result<()> {
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
