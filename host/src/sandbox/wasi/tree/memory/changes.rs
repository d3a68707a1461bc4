//! What a program has made of a tree.

use super::folder::Contents;
use super::{FolderNode, Node, Origin};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
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
        let mut left = vec![(Arc::clone(self), at.to_owned(), false)];
        while let Some((folder, at, all)) = left.pop() {
            let Contents { there, gone } = folder.everything(all);
            for (name, node, moved) in there {
                let path = at.join(OsStr::from_bytes(&name));
                let all = all || moved;
                let change = match &node {
                    _ if all || node.head().origin == Origin::Program => {
                        Some(if folder.had(&name) { Change::Changed } else { Change::Created })
                    }
                    Node::File(file) if file.is_changed() => Some(Change::Changed),
                    _ => None,
                };
                if let Some(change) = change {
                    tell(change, path.clone(), Some(&node));
                }
                if let Node::Folder(folder) = node {
                    left.push((folder, path, all));
                }
            }
            for name in gone {
                tell(Change::Removed, at.join(OsStr::from_bytes(&name)), None);
            }
        }
    }
}
