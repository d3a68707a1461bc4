//! The file of `--trace`.

use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Lines that are written to a file.
#[derive(Clone, Debug)]
pub(crate) struct Trace(Arc<Mutex<Written>>);

#[derive(Debug)]
struct Written {
    file: BufWriter<File>,
    failed: Option<io::Error>,
}

impl Trace {
    /// To a new file, or over an old one.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path)
            .map_err(|error| crate::Usage(format!("--trace {}: {error}", path.display())))?;
        let written = Written { file: BufWriter::new(file), failed: None };
        Ok(Self(Arc::new(Mutex::new(written))))
    }

    /// Adds lines.
    pub(crate) fn write(&self, lines: &[u8]) {
        let mut written = self.0.lock();
        if written.failed.is_none()
            && let Err(error) = written.file.write_all(lines)
        {
            written.failed = Some(error);
        }
    }

    /// All are in the file now, or not.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut written = self.0.lock();
        match written.failed.take() {
            Some(error) => Err(error),
            None => written.file.flush(),
        }
    }
}
