//! The fresh folder that a piece of a test-suite runs in, and the command that starts it there.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;
use tempfile::TempDir;

use crate::{command, repository};

/// A folder with the results of one piece and a place for the files that its tests make.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::create_dir_all(folder.path().join("scratch/tmp"))?;
        Ok(Self { folder })
    }

    /// The file that the driver writes its lines to.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.folder.path().join("results.jsonl")
    }

    /// What came on standard error.
    #[must_use]
    pub fn errors(&self) -> PathBuf {
        self.folder.path().join("stderr.txt")
    }

    /// For temporary files.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.current().join("tmp")
    }

    fn current(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// `ophidia run` with this folder, `readable`, and what the drivers share; a driver comes next.
    #[must_use]
    pub fn ophidia(&self, timeout: &str, memory: &str, readable: &Path) -> Command {
        let mut python = Command::new(command());
        python.args(["run", "--timeout", timeout, "--memory", memory, "--files", "500"]);
        python.arg("--dir").arg(format!("{}:ro", readable.display()));
        python.arg("--dir").arg(format!("{}:rw", self.folder.path().display()));
        python.arg("--env").arg(format!("TMPDIR={}", self.temporary().display()));
        python.arg("--site").arg(shared());
        python
    }

    /// A native Python with the same environment; a driver comes next.
    #[must_use]
    pub fn native(&self, python: &Path) -> Command {
        let mut python = Command::new(python);
        python
            .env("TMPDIR", self.temporary())
            .env("PYTHONPATH", shared())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUTF8", "1");
        python
    }

    /// Where it runs and where its output goes.
    pub(super) fn furnish(&self, python: &mut Command) -> Result<()> {
        let errors = File::create(self.errors())?;
        python.current_dir(self.current()).stdin(Stdio::null());
        python.stdout(Stdio::null()).stderr(errors);
        Ok(())
    }
}

/// The folder with what the drivers import.
fn shared() -> PathBuf {
    repository().join("tests/support/suite/python")
}
