//! What checkpoints and templates say of themselves, without being believed.

use super::dump::{Head, Kind, damaged};
use crate::error::{CheckpointError, Result};
use crate::sandbox::travel::{Bytes, Damaged};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// As much of a file has its head.
const MOST_HEAD: u64 = 256 << 10;

/// What a checkpoint or a template says of itself at its beginning. Nothing of it is checked, not even its seal: whoever wrote
/// the file may have written anything.
///
/// ```
/// # fn main() -> ophidia::Result<()> {
/// use ophidia::{CheckpointInfo, CheckpointOptions};
/// let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// let bytes = py.checkpoint(&CheckpointOptions::new().note("after the set-up"))?;
/// let info = CheckpointInfo::of(&bytes)?;
/// assert_eq!((&*info.note, info.is_template, info.is_sealed), ("after the set-up", false, false));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// Whether it is a [`Template`](crate::Template); else it is a checkpoint of an interpreter.
    pub is_template: bool,
    /// Whether it is sealed with a key.
    pub is_sealed: bool,
    /// The build that wrote it: the version of this library, and of its agreement with the guest.
    pub build: String,
    /// The beginning of the SHA-256 of what memories of its image begin with: 16 hexadecimal digits.
    pub image: String,
    /// Bytes that it holds, decompressed.
    pub bytes: u64,
    /// The [note](crate::CheckpointOptions::note).
    pub note: String,
}

impl CheckpointInfo {
    /// Reads it from bytes, of which the beginning is enough.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Damaged`] for bytes that are neither, [`CheckpointError::Version`] for those of another form.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        let head = Head::take(&mut Bytes::new(bytes, 0))?;
        let is_template = match head.kind {
            kind if kind == Kind::Template as u8 => true,
            kind if kind == Kind::Interpreter as u8 => false,
            kind => return Err(damaged(Damaged(format!("it is of the unknown kind {kind}")))),
        };
        let (image, is_sealed, bytes) = (head.image(), head.is_sealed, head.len);
        Ok(Self { is_template, is_sealed, build: head.build, image, bytes, note: head.note })
    }

    /// Reads it from a file.
    ///
    /// # Errors
    ///
    /// As of [`of`](Self::of), and [`CheckpointError::File`] when the file cannot be read.
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |error| CheckpointError::File(format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MOST_HEAD).read_to_end(&mut bytes).map_err(failed)?;
        Self::of(&bytes)
    }
}
