//! The journal of `--resume`: what has ended, so that another run need not do it again.
//!
//! Lines of JSON. The first binds it to a script, its options and a version. Each other one is a line of the output, with a
//! field in front: the digest of the input. It is written in one go when its turn comes; of what was being written when the
//! process was killed, the torn line is dropped.

use super::inputs::hex;
use crate::Usage;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// What outcomes depend on beside the inputs.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Binding {
    journal: String,
    version: String,
    script: String,
    options: String,
}

const KIND: &str = "ophidia map";

/// How a journal begins.
const BEGINNING: &str = "{\"journal\":\"ophidia map\"";

impl Binding {
    pub(crate) fn new(script: &[u8], options: &str) -> Self {
        let made = ophidia::version();
        Self {
            journal: KIND.to_owned(),
            version: format!("{} python {} numpy {}", made.ophidia, made.python, made.numpy),
            script: hex(&Sha256::digest(script)),
            options: hex(&Sha256::digest(options)),
        }
    }

    /// What the journal of another one is of.
    fn differs(&self, other: &Self) -> Option<&'static str> {
        match () {
            () if self.version != other.version => Some("another version of ophidia"),
            () if self.script != other.script => {
                Some("another script, or of this one before it was changed")
            }
            () if self.options != other.options => Some("other options, or another folder"),
            () => None,
        }
    }
}

/// What ends up in it of one input, as far as it is looked at.
#[derive(Deserialize)]
struct Record {
    digest: String,
    index: u64,
    exit_code: i32,
}

/// A journal, which this process alone writes.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    kept: BTreeMap<u64, Kept>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    at: u64,
    /// Without the end of the line.
    len: usize,
    failed: bool,
}

/// What stands before and behind the digest.
const BEFORE: &str = "{\"digest\":\"";
const BEHIND: &str = "\",";
const DIGITS: usize = 64;

impl Journal {
    /// Opens it, or begins one.
    pub(crate) fn open(path: &Path, binding: &Binding) -> Result<Self, Usage> {
        let refused = |reason: String| Usage(format!("--resume {}: {reason}", path.display()));
        let failed =
            |error: io::Error| refused(format!("{error}: name a file that can be written"));
        let file =
            File::options().read(true).append(true).create(true).open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(refused("not a regular file: name one that can be kept".into()));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(refused(
                    "another map is writing it: wait for that, or give another file".into(),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut journal = Self { file, kept: BTreeMap::new() };
        match journal.read(binding).map_err(failed)? {
            Ok(()) => Ok(journal),
            Err(reason) => Err(refused(reason)),
        }
    }

    /// Reads what is there; gives why it cannot be gone on with.
    fn read(&mut self, binding: &Binding) -> io::Result<Result<(), String>> {
        let mut lines = BufReader::new(self.file.try_clone()?);
        let (mut at, mut number) = (0_u64, 0_u64);
        let mut line = Vec::new();
        loop {
            line.clear();
            let len = lines.read_until(b'\n', &mut line)?;
            number += 1;
            if line.pop_if(|last| *last == b'\n').is_none() {
                if number == 1 && !torn_beginning(&line) {
                    return Ok(Err(not_one()));
                }
                self.file.set_len(at)?; // what is torn, or nothing
                if number == 1 {
                    let first = serde_json::to_string(binding)? + "\n";
                    self.file.write_all(first.as_bytes())?;
                }
                return Ok(Ok(()));
            }
            if number == 1 {
                let Ok(theirs) = serde_json::from_slice::<Binding>(&line) else {
                    return Ok(Err(not_one()));
                };
                if let Some(what) = binding.differs(&theirs) {
                    return Ok(Err(format!(
                        "the journal is of {what}: give another file, or remove it to begin anew"
                    )));
                }
            } else {
                let Ok(Record { digest, index, exit_code }) = serde_json::from_slice(&line) else {
                    return Ok(Err(format!(
                        "line {number} is no record of a journal: remove the line, or give another file"
                    )));
                };
                if digest.len() != DIGITS || !line.starts_with(BEFORE.as_bytes()) {
                    return Ok(Err(format!(
                        "line {number} has no digest: remove the line, or give another file"
                    )));
                }
                self.kept.insert(index, Kept { at, len: line.len(), failed: exit_code != 0 });
            }
            at += len as u64;
        }
    }

    /// The digest of an input that has ended, and whether it failed.
    pub(crate) fn of(&self, index: u64) -> io::Result<Option<(String, bool)>> {
        let Some(kept) = self.kept.get(&index) else { return Ok(None) };
        let mut digits = vec![0; DIGITS];
        self.file.read_exact_at(&mut digits, kept.at + BEFORE.len() as u64)?;
        Ok(Some((String::from_utf8_lossy(&digits).into_owned(), kept.failed)))
    }

    /// The line of an input that has ended.
    pub(crate) fn line(&self, index: u64) -> io::Result<String> {
        let Some(kept) = self.kept.get(&index) else { return Err(io::ErrorKind::NotFound.into()) };
        let front = BEFORE.len() + DIGITS + BEHIND.len();
        let mut line = vec![0; kept.len.saturating_sub(front)];
        self.file.read_exact_at(&mut line, kept.at + front as u64)?;
        line.insert(0, b'{');
        String::from_utf8(line).map_err(io::Error::other)
    }

    /// Adds what has ended.
    pub(crate) fn add(&self, digest: &str, line: &str) -> io::Result<()> {
        let fields = line.strip_prefix('{').unwrap_or(line);
        (&self.file).write_all(format!("{BEFORE}{digest}{BEHIND}{fields}\n").as_bytes())
    }
}

/// Whether that is how a journal begins, or nothing.
fn torn_beginning(line: &[u8]) -> bool {
    let len = line.len().min(BEGINNING.len());
    line.get(..len) == BEGINNING.as_bytes().get(..len)
}

fn not_one() -> String {
    "no journal of `ophidia map`: give another file, which will be made".to_owned()
}
