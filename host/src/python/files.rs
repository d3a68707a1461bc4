//! Files in and out, without the disk.

use crate::python::Interpreter;
use crate::sandbox::wasi::{FileChange, FileEntry};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A guest's files, by absolute paths as the guest names them. No Python runs meanwhile.
///
/// ```
/// use ophidia::{ChangeKind, Runtime};
/// use std::path::Path;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut py = Runtime::ambient()?.interpreter().build()?;
/// py.files().put("/tmp/in.csv", *b"3,4\n")?;
/// py.run("a, b = open('/tmp/in.csv').read().split(',')\nprint(int(a) * int(b), file=open('/tmp/out', 'w'))")?;
/// assert_eq!(py.files().get("/tmp/out")?, b"12\n");
/// let changes = py.files().changes();
/// assert_eq!((&*changes[0].path, changes[0].change), (Path::new("/tmp/out"), ChangeKind::Created));
/// assert_eq!(changes.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Files<'py>(&'py mut Interpreter);

impl Interpreter {
    /// The guest's files.
    pub fn files(&mut self) -> Files<'_> {
        Files(self)
    }
}

impl Files<'_> {
    /// Puts a file at a path, in folders that are made if need be. One that is there is replaced. In a tree in
    /// memory it does not count in the quota, and is no change of the program's.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] or [`io::ErrorKind::PermissionDenied`] where nothing can be written.
    pub fn put(&mut self, path: impl AsRef<Path>, bytes: impl Into<Arc<[u8]>>) -> io::Result<()> {
        self.0.state_mut().sandbox.wasi.put_file(path.as_ref(), bytes.into())
    }

    /// What a file holds, at most [`Limits::value`](crate::Limits::value) bytes.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] where nothing is there, [`io::ErrorKind::FileTooLarge`] above that.
    pub fn get(&mut self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let state = self.0.state_mut();
        state.sandbox.wasi.get_file(path.as_ref(), state.bridge.value_limit)
    }

    /// What is in a folder, sorted by name.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] or [`io::ErrorKind::NotADirectory`] where there is no folder.
    pub fn list(&mut self, path: impl AsRef<Path>) -> io::Result<Vec<FileEntry>> {
        self.0.state_mut().sandbox.wasi.list_folder(path.as_ref())
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] where nothing is there, [`io::ErrorKind::PermissionDenied`] where it may not be
    /// changed.
    pub fn remove(&mut self, path: impl AsRef<Path>) -> io::Result<()> {
        self.0.state_mut().sandbox.wasi.remove_file(path.as_ref())
    }

    /// What the program has created, changed and removed in trees in memory, overlays and `/tmp` included, sorted by
    /// path. Folders of the host are not looked at.
    #[must_use]
    pub fn changes(&mut self) -> Vec<FileChange> {
        self.0.state_mut().sandbox.wasi.changes()
    }
}
