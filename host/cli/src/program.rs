//! What to run: a file, code, a module, standard input; and where it stands, as `python3` has it.

use crate::sandbox::Sandbox;
use crate::{Usage, module, origin, values};
use ophidia::{Interpreter, Result, SourceKind, Task};
use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::iter;
use std::path::{Path, PathBuf};

/// A program that is ready to run.
#[derive(Debug)]
pub(crate) struct Program {
    what: What,
    /// `sys.path[0]`.
    path: String,
}

#[derive(Debug)]
enum What {
    /// Source text and what tracebacks call it.
    Source { bytes: Vec<u8>, filename: String },
    /// A module that `sys.path` leads to.
    Module(String),
    /// The `__main__` of a folder or an archive, which is `sys.path[0]`.
    Main,
}

/// An archive's directory ends with a record of this signature, at most a comment before its end.
const ARCHIVE_END: &[u8] = b"PK\x05\x06";
const ARCHIVE_TAIL: u64 = 22 + 65_535;

/// Why a script is refused that nobody may ever write to.
const FIFO: &str =
    "a FIFO, which may never be written to: name a regular file, or - for standard input";

impl Program {
    /// `-c CODE`.
    pub(crate) fn code(code: String) -> Self {
        Self::source(code.into_bytes(), "<string>", String::new())
    }

    /// `-`.
    pub(crate) fn stdin(sandbox: &Sandbox) -> Result<Self, Usage> {
        let bytes = read(io::stdin().lock(), sandbox)
            .map_err(|reason| Usage(format!("the program on standard input: {reason}")))?;
        Ok(Self::source(bytes, "<stdin>", String::new()))
    }

    /// `-m MODULE`. [`settle`](Self::settle) says where it is.
    pub(crate) fn module(name: String) -> Self {
        Self { what: What::Module(name), path: String::new() }
    }

    /// Looks for a module in the standard library and the sites, and grants the current folder only when it
    /// is not there and the current folder has it. Where a grant covers the current folder already, Python
    /// itself decides, and looks there first.
    pub(crate) fn settle(&mut self, sandbox: &mut Sandbox, stdlib: &Path) -> Result<(), Usage> {
        let What::Module(name) = &self.what else { return Ok(()) };
        let here = env::current_dir().unwrap_or_default();
        let elsewhere =
            iter::once(stdlib).chain(sandbox.sites()).any(|path| module::is_in(path, name));
        if !elsewhere && module::is_in(&here, name) {
            sandbox.grant_folder(&format!("-m {name}"), &here)?;
        }
        self.path = sandbox.current_dir();
        Ok(())
    }

    /// `FILE`: a script, or a folder or archive with a `__main__.py`. The folder that it is in is
    /// granted, and so are the packages that a script depends on.
    pub(crate) fn file(name: &str, sandbox: &mut Sandbox) -> Result<Self, Usage> {
        let refused = |reason: String| Usage(format!("{name}: {reason}"));
        let given = env::current_dir().unwrap_or_default().join(name);
        let data = fs::metadata(&given).map_err(|error| refused(unreadable(&error)))?;
        if data.is_dir() {
            if !given.join("__main__.py").is_file() {
                return Err(refused("a folder without a __main__.py: name a script in it".into()));
            }
            return Self::importable(name, &given, &given, sandbox);
        }
        if values::may_wait(&given, &data) {
            return Err(refused(FIFO.into()));
        }
        let mut file = File::open(&given).map_err(|error| refused(unreadable(&error)))?;
        let folder = given.parent().unwrap_or(Path::new("/"));
        let mut path = folder.to_owned();
        if data.is_file() {
            if is_archive(&mut file).map_err(|error| refused(unreadable(&error)))? {
                return Self::importable(name, &given, folder, sandbox);
            }
            sandbox.grant_folder(name, folder)?;
            // Modules are looked for beside the script itself, not beside a link to it.
            path = fs::canonicalize(&given).ok().and_then(parent).unwrap_or(path);
            sandbox.grant_folder(name, &path)?;
        }
        let bytes = read(file, sandbox).map_err(refused)?;
        sandbox.add_packages_of(name, &bytes)?;
        Ok(Self::source(bytes, &text(&given)?, text(&path)?))
    }

    /// A script by itself: nothing of the folder that it is in is granted.
    pub(crate) fn script(name: &str, sandbox: &Sandbox) -> Result<Self, Usage> {
        let refused = |reason: String| Usage(format!("the script {name}: {reason}"));
        let given = env::current_dir().unwrap_or_default().join(name);
        match fs::metadata(&given) {
            Ok(data) if data.is_dir() => Err(refused("a folder: name a script in it".into())),
            Ok(data) if values::may_wait(&given, &data) => Err(refused(FIFO.into())),
            Ok(_) => {
                let mut file = File::open(&given).map_err(|error| refused(error.to_string()))?;
                let is_regular = file.metadata().is_ok_and(|data| data.is_file());
                if is_regular
                    && is_archive(&mut file).map_err(|error| refused(error.to_string()))?
                {
                    return Err(refused("an archive: name a script".into()));
                }
                let bytes = read(file, sandbox).map_err(refused)?;
                let path = fs::canonicalize(&given).ok().and_then(parent).unwrap_or_default();
                Ok(Self::source(bytes, &text(&given)?, text(&path)?))
            }
            Err(error) => Err(refused(format!("{error}: name a script that you can read"))),
        }
    }

    /// The source text and what tracebacks call it, where that is known.
    pub(crate) fn text(&self) -> (&[u8], &str) {
        match &self.what {
            What::Source { bytes, filename } => (bytes, filename),
            What::Module(_) | What::Main => (&[], ""),
        }
    }

    fn source(bytes: Vec<u8>, filename: &str, path: String) -> Self {
        Self { what: What::Source { bytes, filename: filename.into() }, path }
    }

    fn importable(
        name: &str,
        given: &Path,
        folder: &Path,
        sandbox: &mut Sandbox,
    ) -> Result<Self, Usage> {
        sandbox.grant_folder(name, folder)?;
        Ok(Self { what: What::Main, path: text(given)? })
    }

    /// Begins it as the main program, which waits at rest; only source text can.
    pub(crate) fn begin(&self, py: &mut Interpreter) -> Result<Task> {
        origin::put_first(py, &self.path)?;
        let (bytes, filename) = self.text();
        py.begin_source(SourceKind::Main, bytes, filename)
    }

    /// All that makes it what it is, with these arguments. Nothing where it is no source text.
    pub(crate) fn identity(&self, argv: &[String]) -> Option<Vec<u8>> {
        match &self.what {
            What::Source { bytes, filename } => {
                Some([format!("{filename:?} {argv:?}\n").as_bytes(), bytes].concat())
            }
            What::Module(_) | What::Main => None,
        }
    }

    /// Runs it as the main program.
    pub(crate) fn run(&self, py: &mut Interpreter) -> Result<()> {
        origin::put_first(py, &self.path)?;
        match &self.what {
            What::Source { bytes, filename } => py.run_source(SourceKind::Main, bytes, filename),
            What::Module(name) => py.run_module(name),
            What::Main => py.run_folder(),
        }
    }
}

fn parent(path: PathBuf) -> Option<PathBuf> {
    path.parent().map(Path::to_owned)
}

fn text(path: &Path) -> Result<String, Usage> {
    let refused = || Usage(format!("{}: the path is not UTF-8: rename it", path.display()));
    path.to_str().map(str::to_owned).ok_or_else(refused)
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            "no such file: check the path (other forms: -c CODE, -m MODULE, - for standard input)"
                .into()
        }
        _ => format!("{error}: name a file that you can read"),
    }
}

/// Reads a program that fits the guest's memory; the file may be endless.
fn read(from: impl Read, sandbox: &Sandbox) -> Result<Vec<u8>, String> {
    let most = sandbox.memory();
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > most {
        return Err(format!(
            "larger than the {most} bytes of memory allowed (raise it with --memory)"
        ));
    }
    Ok(bytes)
}

fn is_archive(file: &mut File) -> io::Result<bool> {
    let len = file.seek(SeekFrom::End(0))?;
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(len.saturating_sub(ARCHIVE_TAIL)))?;
    file.take(ARCHIVE_TAIL).read_to_end(&mut tail)?;
    file.rewind()?;
    Ok(tail.windows(ARCHIVE_END.len()).any(|window| window == ARCHIVE_END))
}
