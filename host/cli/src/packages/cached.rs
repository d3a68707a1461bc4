//! Folders of packages in the cache, each named by what it was made of: made once, used from then on without pip.

use super::own;
use super::requirements::Requirements;
use crate::progress::Spinner;
use crate::{Usage, bytecode, load};
use ophidia_guest::PYTHON;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The folder that has these packages. Where the cache has none, pip makes it, unless `refusal` says why it may not.
pub(super) fn site(
    name: &str,
    requirements: &Requirements,
    refusal: Option<&str>,
) -> Result<PathBuf, Usage> {
    let told = |reason: String| Usage(format!("{name}: {reason}"));
    let cache = load::cache_dir().map_err(|error| told(error.to_string()))?;
    let root = cache.join("packages");
    let folder = root.join(key(requirements));
    let is_there = |folder: &Path| folder.is_dir() && bytecode::own(folder).is_ok();
    if is_there(&folder) {
        return Ok(folder);
    }
    if let Some(refusal) = refusal {
        let asked = requirements.shown();
        return Err(told(format!("the cache does not have its packages ({asked}): {refusal}")));
    }
    make(name, requirements, &root, &folder).map_err(told)?;
    match is_there(&folder) {
        true => Ok(folder),
        false => Err(told(format!("others may write to {}: change its mode", folder.display()))),
    }
}

/// What the choice of pip depends on, but for what the index has: the guest's Python and its own packages. A change
/// of the guest that is none of these needs no other packages.
fn key(requirements: &Requirements) -> String {
    let inputs = format!("{PYTHON}\n{}\n{}", own::identity(), requirements.text());
    let digest = Sha256::digest(inputs);
    digest.iter().take(16).fold(String::new(), |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    })
}

/// Makes it beside its place, and moves it there whole.
fn make(name: &str, requirements: &Requirements, root: &Path, folder: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", root.display());
    private(root).map_err(failed)?;
    let lock = File::create(folder.with_extension("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if folder.is_dir() {
        return Ok(()); // By another process, meanwhile.
    }
    let waiting = Spinner::new(&format!("{name}: pip fetches {}", requirements.shown()));
    let prefix = format!("{}-", folder.file_name().unwrap_or_default().display());
    super::remove_left(root, &prefix);
    let work = tempfile::Builder::new().prefix(&prefix).tempdir_in(root).map_err(failed)?;
    let site = work.path().join("site");
    private(&site).map_err(failed)?;
    super::make(requirements, &[], work.path(), &site).map_err(|failure| failure.to_string())?;
    drop(waiting);
    fs::rename(&site, folder).map_err(failed)
}

fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
