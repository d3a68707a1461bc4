//! What a program has made of a tree.

use super::{FolderNode, Node, Origin};
use std::os::unix::ffi::OsStrExt;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One thing that is not as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super::super) enum Change {
    Created,
    Changed,
    Removed,
}

impl FolderNode {
    /// Tells of everything that the program has created, changed and removed, by its path below `at`; what was
    /// created with what it is.
    pub(in super::super::super) fn changes(
        self: &Arc<Self>,
        at: &Path,
        tell: &mut dyn FnMut(Change, PathBuf, Option<&Node>),
    ) {
        let mut left = vec![(Arc::clone(self), at.to_owned())];
        while let Some((folder, at)) = left.pop() {
            let (there, gone) = folder.everything();
            for (name, node) in there {
                let path = at.join(OsStr::from_bytes(&name));
                let replaced = gone.contains(&name);
                match &node {
                    _ if node.head().origin == Origin::Program => {
                        let change = if replaced { Change::Changed } else { Change::Created };
                        tell(change, path.clone(), Some(&node));
                    }
                    Node::File(file) if file.is_changed() || replaced => {
                        tell(Change::Changed, path.clone(), Some(&node));
                    }
                    _ => {}
                }
                if let Node::Folder(folder) = node {
                    left.push((folder, path));
                }
            }
            for name in gone {
                if folder.has(&name) {
                    continue;
                }
                tell(Change::Removed, at.join(OsStr::from_bytes(&name)), None);
            }
        }
    }
}
