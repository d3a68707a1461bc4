//! Where an interpreter finds the file that it is given: under the file's own absolute path, alone in its folder.

use crate::Usage;
use crate::sandbox::Sandbox;
use crate::trees::folder_and_name;
use crate::values::{self, GivenFile};
use ophidia::{Bytes, Mount, Tree};
use ophidia_guest::STDLIB;
use std::path::Path;

/// How a file gets to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A granted folder has it.
    Granted,
    /// It is put into a tree in memory.
    Put,
    /// A tree is mounted that has nothing else.
    Mounted,
}

/// Refuses a file for which there is no place.
pub(crate) fn check(file: &GivenFile, sandbox: &Sandbox) -> Result<(), Usage> {
    let refused = |reason: String| Err(Usage(format!("input {}: {reason}", file.host.display())));
    if Path::new(&file.guest).starts_with(STDLIB) {
        return refused(format!(
            "below {STDLIB} the program finds the guest's standard library: copy the file to another folder"
        ));
    }
    match granted(file, sandbox) {
        Some((dir, false)) => refused(format!(
            "it would be in {dir}, where another folder is granted: grant that under another name with --dir HOST::/NAME"
        )),
        _ => Ok(()),
    }
}

/// The innermost granted folder that its path is in, and whether that is the folder of the host.
fn granted<'a>(file: &GivenFile, sandbox: &'a Sandbox) -> Option<(&'a str, bool)> {
    let within = |guest: &str| Path::new(&file.guest).starts_with(guest);
    let dirs = sandbox.dirs().iter().filter(|dir| within(&dir.guest));
    let dir = dirs.max_by_key(|dir| dir.guest.len())?;
    let memory = sandbox.trees().in_memory().filter(|guest| within(guest)).map(str::len).max();
    if memory.is_some_and(|len| len > dir.guest.len()) {
        return None;
    }
    Some((&dir.guest, values::own_path(&dir.host).is_ok_and(|own| own == dir.guest)))
}

/// How it gets there.
pub(crate) fn of(file: &GivenFile, sandbox: &Sandbox) -> Place {
    if granted(file, sandbox).is_some() {
        return Place::Granted;
    }
    // A tree of its own in the middle of one in memory would make the folders above it read-only.
    let trees = sandbox.trees().in_memory();
    let trees = trees.filter(|guest| Path::new(&file.guest).starts_with(guest));
    let Some(tree) = trees.max_by_key(|guest| guest.len()) else { return Place::Mounted };
    // Folders that lead to another one's place are read-only in any case.
    let above = Path::new(&file.guest).ancestors().skip(1);
    let mut above = above.take_while(|folder| *folder != Path::new(tree));
    let leads = |folder: &Path| {
        let mut others = sandbox.dirs().iter().chain(sandbox.site_grants());
        others.any(|dir| Path::new(&dir.guest).starts_with(folder))
    };
    if above.any(leads) { Place::Mounted } else { Place::Put }
}

/// The tree that has nothing but this file.
pub(crate) fn mount(file: &GivenFile, bytes: Bytes) -> Mount {
    let (folder, name) = folder_and_name(&file.guest);
    Mount::new(folder, Tree::Files([(name.to_owned(), bytes)].into()))
}
