//! The standard library as the guest sees it: no tests, compiled ahead, the same bytes every time.

use crate::Error;
use crate::digest::sorted_files;
use crate::error::At;
use crate::recipe::inputs::Inputs;
use crate::recipe::process;
use crate::recipe::progress::Work;
use crate::recipe::toolchain::Tools;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Folders and files of `Lib` that the guest cannot use, or nobody would.
const LEFT_OUT: [&str; 10] = [
    "__pycache__",
    "ensurepip",
    "idlelib",
    "pip",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtle.py",
    "turtledemo",
];

/// Processes that compile the library.
pub(crate) const PARTS: usize = 2;

/// About how many files are compiled.
pub(crate) const FILES: u64 = 640;

/// The native Python of a finished CPython.
pub(crate) fn python(inputs: &Inputs, cpython: &Path) -> PathBuf {
    cpython.join("native/bin").join(format!("python{}", inputs.lock.python_series()))
}

/// Copies CPython's library; for the guest and for the native Python alike.
pub(crate) fn copy_library(source: &Path, target: &Path) -> Result<(), Error> {
    copy_tree(source, target, &|name| !LEFT_OUT.contains(&name))
}

/// Copies a folder's files for which, and for all folders above which, `wanted` holds for the name.
pub(crate) fn copy_tree(
    from: &Path,
    to: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(), Error> {
    walk(from, to, wanted, &|from, to| fs::copy(from, to).at("copy", from).map(|_| ()))
}

/// The same with hard links where the file system has them: a second copy that needs no room.
pub(crate) fn link_tree(from: &Path, to: &Path) -> Result<(), Error> {
    walk(from, to, &|_| true, &|from, to| match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(_) => fs::copy(from, to).at("copy", from).map(|_| ()),
    })
}

type Place<'a> = &'a dyn Fn(&Path, &Path) -> Result<(), Error>;

fn walk(
    from: &Path,
    to: &Path,
    wanted: &dyn Fn(&str) -> bool,
    place: Place<'_>,
) -> Result<(), Error> {
    fs::create_dir_all(to).at("create", to)?;
    for entry in fs::read_dir(from).at("read", from)? {
        let entry = entry.at("read", from)?;
        let name = entry.file_name();
        if !wanted(&name.to_string_lossy()) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        if source.is_dir() {
            walk(&source, &target, wanted, place)?;
        } else {
            place(&source, &target)?;
        }
    }
    Ok(())
}

/// Runs the recipe's scripts with the native Python.
pub(crate) struct Scripts<'a> {
    pub(crate) python: &'a Path,
    /// Where the recipe's scripts were written.
    pub(crate) folder: &'a Path,
    pub(crate) tools: &'a Tools,
    pub(crate) log: &'a Path,
}

impl Scripts<'_> {
    fn command(&self, script: &str) -> Command {
        let mut command = self.tools.command(self.python);
        // `-B` keeps the baseline's own library as it is; the hash seed comes from the environment.
        command.args(["-s", "-S", "-B"]).arg(self.folder.join(script));
        // A folder that is not there: no bytecode is found of what the script imports.
        command.env("PYTHONPYCACHEPREFIX", self.folder.join("no-bytecode"));
        command
    }

    /// The work of writing the guest's `_sysconfigdata` into `lib`.
    pub(crate) fn sysconfigdata<'w>(
        &'w self,
        build: &'w Path,
        work: &'w Path,
        lib: &'w Path,
    ) -> Work<'w> {
        Box::new(move |branch| {
            let generated = find_sysconfigdata(build)?;
            let target = lib.join(crate::recipe::progress::file_name(&generated));
            let mut command = self.command("sysconfigdata.py");
            command.arg(&generated).arg(&target).arg(work);
            process::run(&mut command, "writing _sysconfigdata", self.log, branch)
        })
    }

    /// The work of compiling all files of `folder`, which the guest sees as `guest`.
    pub(crate) fn compile<'w>(&'w self, folder: &'w Path, guest: &'w str) -> Vec<Work<'w>> {
        let part = |part: usize| -> Work<'w> {
            Box::new(move |branch| {
                let mut command = self.command("compile_part.py");
                command.arg(folder).arg(guest).arg(part.to_string()).arg(PARTS.to_string());
                process::run(&mut command, "compiling the standard library", self.log, branch)
            })
        };
        (0..PARTS).map(part).collect()
    }
}

/// The file that CPython's makefile wrote below its build folder.
pub(crate) fn find_sysconfigdata(build: &Path) -> Result<PathBuf, Error> {
    let pointer = build.join("pybuilddir.txt");
    let folder = build.join(fs::read_to_string(&pointer).at("read", &pointer)?.trim());
    let entries = fs::read_dir(&folder).at("read", &folder)?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let found =
        paths.find(|path| crate::recipe::progress::file_name(path).starts_with("_sysconfigdata"));
    found.ok_or_else(|| Error::Unexpected {
        path: folder,
        reason: "it has no _sysconfigdata".into(),
    })
}

/// The one that is in a finished library.
pub(crate) fn find_installed_sysconfigdata(library: &Path) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(library).at("read", library)?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let found = paths.find(|path| {
        let name = crate::recipe::progress::file_name(path);
        name.starts_with("_sysconfigdata") && name.ends_with(".py")
    });
    let reason = || "it has no _sysconfigdata".into();
    found.ok_or_else(|| Error::Unexpected { path: library.to_owned(), reason: reason() })
}

/// Makes a file a program.
pub(crate) fn executable(path: &Path) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(0o755)).at("make executable", path)
}

/// Gives every file the same mode and time stamp.
pub(crate) fn normalise(folder: &Path, epoch: u64) -> Result<(), Error> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(epoch);
    for (_, path) in sorted_files(folder)? {
        fs::set_permissions(&path, Permissions::from_mode(0o644)).at("set the mode of", &path)?;
        let file = File::options().write(true).open(&path).at("open", &path)?;
        file.set_times(FileTimes::new().set_modified(time)).at("set the time of", &path)?;
    }
    Ok(())
}

/// The first file that one of two folders lacks or has with other contents.
pub(crate) fn first_difference(one: &Path, other: &Path) -> Result<Option<String>, Error> {
    let (ones, others) = (sorted_files(one)?, sorted_files(other)?);
    for pair in ones.iter().zip(&others) {
        let ((name, path), (other, counterpart)) = pair;
        if name != other {
            return Ok(Some(name.min(other).clone()));
        }
        if fs::read(path).at("read", path)? != fs::read(counterpart).at("read", counterpart)? {
            return Ok(Some(name.clone()));
        }
    }
    let common = ones.len().min(others.len());
    Ok(ones.get(common).or(others.get(common)).map(|(name, _)| name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, text).expect("written");
        };
        let difference = || {
            let (one, other) = (folder.path().join("one"), folder.path().join("other"));
            first_difference(&one, &other).expect("read")
        };
        for name in ["one/a", "one/b/c", "other/a", "other/b/c"] {
            file(name, "same");
        }
        assert_eq!(difference(), None);
        file("other/d", "more");
        assert_eq!(difference().as_deref(), Some("d"));
        file("other/b/c", "changed");
        assert_eq!(difference().as_deref(), Some("b/c"));
        file("one/aa", "more");
        assert_eq!(difference().as_deref(), Some("aa"));
    }

    #[test]
    fn tests_and_editors_are_left_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for name in [
            "os.py",
            "test/test_os.py",
            "idlelib/x.py",
            "json/__init__.py",
            "json/__pycache__/x.pyc",
        ] {
            let path = from.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, "").expect("written");
        }
        copy_library(&from, &to).expect("copied");
        let names: Vec<String> =
            sorted_files(&to).expect("read").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["json/__init__.py", "os.py"]);
    }
}
