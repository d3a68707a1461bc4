//! Inputs: files, lines, values of JSON. Lines are read when their turn comes.

use crate::Usage;
use crate::sandbox::Sandbox;
use crate::values::{self, GivenFile};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::vec;

/// Whether lines are texts or values of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

/// Where inputs come from.
pub(crate) enum Inputs {
    Files(vec::IntoIter<GivenFile>),
    Lines(Lines),
}

/// Lines of a file or of standard input.
pub(crate) struct Lines {
    from: Box<dyn BufRead + Send>,
    /// What messages call it.
    name: String,
    form: Form,
    /// The longest line, in bytes.
    longest: u64,
    number: u64,
}

/// One input.
#[derive(Debug)]
pub(crate) struct Input {
    /// As it was given.
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    File(GivenFile),
    /// The name is the text.
    Line,
    /// The name is the text of a value of JSON.
    Json,
    /// None that a program could be given, and why.
    Refused(String),
}

impl Inputs {
    /// Files by name, all of which are there.
    pub(crate) fn files(names: Vec<OsString>, sandbox: &Sandbox) -> Result<Self, Usage> {
        let files =
            names.into_iter().map(|name| file(name, sandbox)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::Files(files.into_iter()))
    }

    /// Lines of a file, or with `-` of standard input.
    pub(crate) fn lines(path: &Path, form: Form, sandbox: &Sandbox) -> Result<Self, Usage> {
        let (from, name): (Box<dyn BufRead + Send>, _) = if path == Path::new("-") {
            (Box::new(BufReader::new(io::stdin())), "standard input".to_owned())
        } else {
            let name = path.display().to_string();
            let refused = |reason: &dyn std::fmt::Display| {
                Usage(format!(
                    "lines of {name}: {reason}: name a file that you can read, or - for standard input"
                ))
            };
            let file = File::open(path).map_err(|error| refused(&error))?;
            if file.metadata().is_ok_and(|data| data.is_dir()) {
                return Err(refused(&"a folder"));
            }
            (Box::new(BufReader::new(file)), name)
        };
        Ok(Self::Lines(Lines { from, name, form, longest: sandbox.memory(), number: 0 }))
    }

    /// How many there are, where that is known.
    pub(crate) fn count(&self) -> Option<u64> {
        match self {
            Self::Files(files) => Some(files.len() as u64),
            Self::Lines(_) => None,
        }
    }

    /// The next one; the error says why there are no more to be read.
    pub(crate) fn next(&mut self) -> Result<Option<Input>, String> {
        match self {
            Self::Files(files) => Ok(files.next().map(|file| Input {
                name: file.host.display().to_string(),
                kind: Kind::File(file),
            })),
            Self::Lines(lines) => lines.next(),
        }
    }
}

/// A regular file, which is given under its own absolute path.
fn file(name: OsString, sandbox: &Sandbox) -> Result<GivenFile, Usage> {
    let shown = name.display().to_string();
    let refused = |reason: &str| Usage(format!("input {shown}: {reason}"));
    let Ok(name) = name.into_string() else {
        return Err(refused("the name is not UTF-8: rename the file"));
    };
    if name == "-" {
        return Err(refused(
            "lines of standard input cannot stand beside files: name one or the other",
        ));
    }
    let host = PathBuf::from(name);
    let data = fs::metadata(&host).map_err(|error| match error.kind() {
        ErrorKind::NotFound => refused("no such file: name one that exists"),
        _ => refused(&format!("{error}: name a file that you can read")),
    })?;
    if data.is_dir() {
        return Err(refused("a folder: name the files in it"));
    }
    if !data.is_file() {
        return Err(refused("not a regular file: its lines can be read with --lines"));
    }
    File::open(&host)
        .map_err(|error| refused(&format!("{error}: name a file that you can read")))?;
    let guest = values::own_path(&host).map_err(|reason| refused(&reason))?;
    let file = GivenFile { host, guest };
    super::place::check(&file, sandbox)?;
    Ok(file)
}

impl Lines {
    fn next(&mut self) -> Result<Option<Input>, String> {
        let mut bytes = Vec::new();
        let failed = |name: &str, error: io::Error| {
            format!("{name}: {error}: give lines of a file or a pipe that can be read")
        };
        let read = io::Read::take(&mut self.from, self.longest.saturating_add(1))
            .read_until(b'\n', &mut bytes);
        if read.map_err(|error| failed(&self.name, error))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        if whole || bytes.len() as u64 <= self.longest {
            bytes.pop_if(|last| *last == b'\r');
        }
        if bytes.len() as u64 > self.longest {
            if !whole {
                self.from.skip_until(b'\n').map_err(|error| failed(&self.name, error))?;
            }
            let reason = format!(
                "longer than the {} bytes of memory allowed (raise it with --memory)",
                self.longest
            );
            return Ok(Some(self.refused("", "", &reason)));
        }
        Ok(Some(match String::from_utf8(bytes) {
            Ok(text) => self.input(text),
            Err(error) => {
                let column = format!(", byte {}", error.utf8_error().valid_up_to() + 1);
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                self.refused(&text, &column, "not UTF-8: give lines in UTF-8")
            }
        }))
    }

    fn input(&self, text: String) -> Input {
        match self.form {
            Form::Text => Input { name: text, kind: Kind::Line },
            Form::Json => match serde_json::from_str::<&RawValue>(&text) {
                Ok(_) => Input { name: text, kind: Kind::Json },
                Err(error) => {
                    let reason = error.to_string();
                    let end = format!(" at line {} column {}", error.line(), error.column());
                    let column = format!(", column {}", error.column());
                    let reason = reason.strip_suffix(&end).unwrap_or(&reason);
                    self.refused(
                        &text,
                        &column,
                        &format!("no JSON: {reason}: give one value a line"),
                    )
                }
            },
        }
    }

    fn refused(&self, text: &str, column: &str, reason: &str) -> Input {
        let reason = format!("{}, line {}{column}: {reason}", self.name, self.number);
        Input { name: text.to_owned(), kind: Kind::Refused(reason) }
    }
}

impl Input {
    /// What its program finds on standard input.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, String> {
        match &self.kind {
            Kind::File(file) => file.read(),
            Kind::Line | Kind::Json => Ok(self.name.clone().into_bytes()),
            Kind::Refused(reason) => Err(reason.clone()),
        }
    }

    /// What its program finds in `sys.argv`.
    pub(crate) fn argument(&self) -> &str {
        match &self.kind {
            Kind::File(file) => &file.guest,
            _ => &self.name,
        }
    }

    /// Its name, as JSON in one line.
    pub(crate) fn to_json(&self) -> Box<RawValue> {
        let raw = match &self.kind {
            // What ends lines elsewhere can only be blank in it.
            Kind::Json => serde_json::from_str(&self.name.replace('\r', " ")),
            _ => serde_json::value::to_raw_value(&self.name),
        };
        raw.unwrap_or_default()
    }

    /// The SHA-256 of all of it that programs see, in hexadecimal digits.
    pub(crate) fn digest(&self, bytes: &Result<Vec<u8>, String>) -> String {
        let mut hash = Sha256::new();
        let (bytes, refused) = match bytes {
            Ok(bytes) => (&**bytes, ""),
            Err(reason) => (&[][..], &**reason),
        };
        for part in [self.name.as_bytes(), self.argument().as_bytes(), refused.as_bytes(), bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hex(&hash.finalize())
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
