//! Values of options: text from the command line to plain data. Each refusal says what to change;
//! clap puts the option and the value in front of it.

use ophidia::{Access, DirGrant, Limits, Mount, Tree};
use std::fmt::{self, Display};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options of which none is given: each has the default that `--help` names.
pub(crate) fn unset<T: clap::Args>() -> T {
    let matches = T::augment_args(clap::Command::new("ophidia")).get_matches_from(["ophidia"]);
    T::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// One page of linear memory.
const LEAST_MEMORY: u64 = 64 << 10;

/// Linear memory is addressed with 32 bits.
const MOST_MEMORY: u64 = 4 << 30;

/// `--timeout`: a time, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout(pub(crate) Option<Duration>);

impl Default for Timeout {
    fn default() -> Self {
        Self(Limits::default().timeout)
    }
}

impl Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, "{}", humantime::format_duration(time)),
            None => f.write_str("none"),
        }
    }
}

/// `--grace`: a time, which may be none at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grace(pub(crate) Duration);

impl Display for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

/// `--memory`, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory(pub(crate) u64);

impl Default for Memory {
    fn default() -> Self {
        Self(Limits::default().memory)
    }
}

impl Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}MiB", self.0 >> 20)
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("none"),
            bytes if bytes.is_multiple_of(1 << 30) => write!(f, "{}GiB", bytes >> 30),
            bytes if bytes.is_multiple_of(1 << 20) => write!(f, "{}MiB", bytes >> 20),
            bytes => write!(f, "{bytes}"),
        }
    }
}

/// `--file`: a file and the guest's name for its copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenFile {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
}

/// The largest file that is copied.
const MOST_FILE: u64 = 1 << 30;

impl GivenFile {
    /// What it holds.
    pub(crate) fn read(&self) -> Result<Vec<u8>, String> {
        let failed = |reason: &dyn Display| format!("{}: {reason}", self.host.display());
        let mut bytes = Vec::new();
        let file = fs::File::open(&self.host).map_err(|error| failed(&error))?;
        file.take(MOST_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        if bytes.len() as u64 > MOST_FILE {
            return Err(failed(&"more than 1GiB: grant the folder that it is in with --dir"));
        }
        Ok(bytes)
    }
}

/// `--files`: a number of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Files(pub(crate) u32);

impl Default for Files {
    fn default() -> Self {
        Self(Limits::default().files)
    }
}

impl Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `--env`: a variable and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Reads `2s`, `500ms`, `1m 30s`, `none`.
pub(crate) fn timeout(text: &str) -> Result<Timeout, String> {
    if text == "none" {
        return Ok(Timeout(None));
    }
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("nothing can run in no time: give more, or none".into()),
        Ok(time) => Ok(Timeout(Some(time))),
        Err(_) => Err("give a number and a unit, such as 500ms, 2s or 1m, or none".into()),
    }
}

/// Reads `100ms`, `0s`.
pub(crate) fn grace(text: &str) -> Result<Grace, String> {
    let time = humantime::parse_duration(text);
    time.map(Grace).map_err(|_| "give a number and a unit, such as 100ms or 0s".into())
}

/// Reads the time for a connection.
pub(crate) fn connect(text: &str) -> Result<Grace, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("nothing can be reached in no time: give more".into()),
        Ok(time) => Ok(Grace(time)),
        Err(_) => Err("give a number and a unit, such as 500ms or 10s".into()),
    }
}

/// Reads a seed.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("give a whole number from 0 to {}", u64::MAX))
}

/// Reads a number, which may have `_` between digits.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    match text.replace('_', "").parse() {
        Ok(0) => Err("nothing can run with none: give more".into()),
        Ok(count) => Ok(count),
        Err(_) => Err("give a whole number, such as 1_000_000".into()),
    }
}

/// Reads `256MiB`, `1.5GiB`, `512M`, `100000000`.
pub(crate) fn memory(text: &str) -> Result<Memory, String> {
    let bytes = size(text)?;
    if bytes > MOST_MEMORY {
        return Err("an interpreter cannot have more than 4GiB".into());
    }
    if bytes < LEAST_MEMORY {
        return Err("nothing can run in less than 64KiB, and Python begins with about 40MiB: give more, such as \
                    256MiB"
            .into());
    }
    Ok(Memory(bytes))
}

/// Reads what may be written: a size, or none.
pub(crate) fn quota(text: &str) -> Result<Size, String> {
    match text {
        "none" => Ok(Size(0)),
        text => match size(text)? {
            0 => Err("nothing can be written to a quota of nothing: give more, or none".into()),
            bytes => Ok(Size(bytes)),
        },
    }
}

/// Reads what may be written in memory, where files take whole pages.
pub(crate) fn memory_quota(text: &str) -> Result<Size, String> {
    match quota(text)? {
        Size(1..=4095) => {
            Err("files in memory take whole pages of 4096 bytes: give at least one, or none".into())
        }
        size => Ok(size),
    }
}

/// Reads a number of bytes.
fn size(text: &str) -> Result<u64, String> {
    let example = || "give a number and a unit, such as 256MiB, 512MB or 1GiB".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: u32 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(example()),
    };
    let bytes = number.parse::<f64>().map_err(|_| example())? * f64::from(scale);
    Ok(bytes as u64)
}

/// Reads a number of files.
pub(crate) fn files(text: &str) -> Result<Files, String> {
    at_least_one(text).map(Files)
}

/// Reads a number that is not 0.
pub(crate) fn at_least_one(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("give a number from 1 to {}", u32::MAX)),
    }
}

/// Reads `NAME=VALUE`, or `NAME` to hand the host's own value on.
pub(crate) fn variable(text: &str) -> Result<Variable, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, value.to_owned()),
        None => (text, host_variable(text)?),
    };
    if name.is_empty() {
        return Err("give a name before the '='".into());
    }
    Ok(Variable { name: name.to_owned(), value })
}

pub(crate) fn host_variable(name: &str) -> Result<String, String> {
    match std::env::var(name) {
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => {
            Err(format!("{name} is not set here: set it, or give a value with {name}=VALUE"))
        }
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(format!("the value of {name} is not UTF-8: give another with {name}=VALUE"))
        }
    }
}

/// Reads `HOST[::GUEST][:ro|:rw]`.
pub(crate) fn dir(text: &str) -> Result<DirGrant, String> {
    let (places, access) = match text.rsplit_once(':') {
        Some((places, "ro")) if !places.ends_with(':') => (places, Access::ReadOnly),
        Some((places, "rw")) if !places.ends_with(':') => (places, Access::ReadWrite),
        _ => (text, Access::ReadOnly),
    };
    let (host, guest) = match places.split_once("::") {
        Some((host, guest)) => (host, Some(guest)),
        None => (places, None),
    };
    let host = Path::new(host);
    let guest = match guest {
        Some(guest) => guest_path(guest)?,
        None => own_path(host)?,
    };
    folder(host, " (HOST[::GUEST][:ro|:rw])")?;
    Ok(DirGrant { host: host.to_owned(), guest, access })
}

/// Reads `HOST[::GUEST]` of a file.
pub(crate) fn file(text: &str) -> Result<GivenFile, String> {
    let (host, guest) = places(text)?;
    match fs::metadata(&host) {
        Ok(there) if there.is_dir() => Err("a folder: grant it with --dir or --overlay".into()),
        Ok(there) if !there.is_file() && !is_open(&host) => {
            Err("a FIFO, a device or a socket: name a regular file, or /dev/stdin".into())
        }
        Ok(_) => Ok(GivenFile { host, guest }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err("no such file: name one that exists (HOST[::GUEST])".into())
        }
        Err(error) => Err(format!("{error}: name a file that you can read")),
    }
}

/// Whether a path names what this process has open: reading it waits for nobody to open the other end.
pub(crate) fn is_open(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}

/// Whether opening a file may wait without end: of a FIFO, for whoever writes to it.
pub(crate) fn may_wait(path: &Path, there: &fs::Metadata) -> bool {
    there.file_type().is_fifo() && !is_open(path)
}

/// Reads `HOST[::GUEST]` of a folder or an archive.
pub(crate) fn overlay(text: &str) -> Result<Mount, String> {
    let (host, guest) = places(text)?;
    let below = if host.is_file() {
        Tree::Archive(host)
    } else {
        folder(&host, " (HOST[::GUEST])")?;
        Tree::Folder { host, access: Access::ReadOnly }
    };
    Ok(Mount::new(guest, Tree::Overlay(Box::new(below))))
}

/// A path of the host, and the guest's name for it: its own, unless there is another behind `::`.
fn places(text: &str) -> Result<(PathBuf, String), String> {
    let (host, guest) = match text.split_once("::") {
        Some((host, guest)) => (Path::new(host), guest_path(guest)?),
        None => (Path::new(text), own_path(Path::new(text))?),
    };
    Ok((host.to_owned(), guest))
}

/// Reads a folder of packages; it is granted read-only.
pub(crate) fn site(text: &str) -> Result<DirGrant, String> {
    let host = Path::new(text);
    folder(host, "")?;
    Ok(DirGrant { host: host.to_owned(), guest: own_path(host)?, access: Access::ReadOnly })
}

fn guest_path(path: &str) -> Result<String, String> {
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(format!("the guest's name, {path:?}, must be absolute, such as /data"));
    }
    Ok(without_trailing_slash(path))
}

/// The absolute path of a folder of the host, under which the guest sees it too.
pub(crate) fn own_path(host: &Path) -> Result<String, String> {
    let parents = host.components().any(|part| part == std::path::Component::ParentDir);
    let absolute = if parents { fs::canonicalize(host) } else { std::path::absolute(host) };
    match absolute.map(PathBuf::into_os_string).map(std::ffi::OsString::into_string) {
        Ok(Ok(path)) => Ok(without_trailing_slash(&path)),
        Ok(Err(_)) => Err("the path is not UTF-8: rename a folder".into()),
        Err(_) => Err(folder(host, "").err().unwrap_or_else(|| "give the path of a folder".into())),
    }
}

fn without_trailing_slash(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// That it is a folder; `form` is how the option is written.
fn folder(host: &Path, form: &str) -> Result<(), String> {
    match fs::read_dir(host) {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            ErrorKind::NotFound => {
                format!("no such folder: create it, or name one that exists{form}")
            }
            ErrorKind::NotADirectory => {
                "a file, not a folder: grant the folder that it is in".into()
            }
            _ => format!("{error}: name a folder that you can read"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(timeout("1m 30s"), Ok(Timeout(Some(Duration::from_secs(90)))));
        assert_eq!(timeout("none"), Ok(Timeout(None)));
        for bad in ["", "2", "2 parsecs", "-1s", "0s", "1e9s", "99999999999999999999y"] {
            assert!(timeout(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("65536", 64 << 10),
            ("64k", 64 << 10),
            ("256MiB", 256 << 20),
            ("1.5 GiB", 3 << 29),
            ("4GiB", 4 << 30),
            ("100MB", 100_000_000),
        ] {
            assert_eq!(memory(text), Ok(Memory(bytes)), "{text}");
        }
        for bad in
            ["", "MiB", "5GiB", "0", "1", "65535", "12 apples", "1..2M", "-1", "1e3", "nan", "inf"]
        {
            assert!(memory(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bounds_of_nothing() {
        assert_eq!(files("1"), Ok(Files(1)));
        assert_eq!(memory_quota("4096"), Ok(Size(4096)));
        assert_eq!(memory_quota("none"), Ok(Size(0)));
        assert_eq!(connect("1ms"), Ok(Grace(Duration::from_millis(1))));
        for refused in [
            files("0").map(drop),
            files("-1").map(drop),
            memory_quota("0").map(drop),
            memory_quota("4095").map(drop),
            connect("0s").map(drop),
        ] {
            assert!(refused.is_err_and(|said| said.contains("give")));
        }
    }

    #[test]
    fn folders() {
        let made = tempfile::tempdir().expect("a folder");
        let path = made.path().to_str().expect("UTF-8");
        for (suffix, guest, access) in [
            ("", path, Access::ReadOnly),
            ("/", path, Access::ReadOnly),
            (":rw", path, Access::ReadWrite),
            ("::/data", "/data", Access::ReadOnly),
            ("::/data/:rw", "/data", Access::ReadWrite),
            ("::/", "/", Access::ReadOnly),
        ] {
            let grant = dir(&format!("{path}{suffix}")).expect("accepted");
            assert_eq!((grant.guest.as_str(), grant.access), (guest, access), "{suffix}");
        }
        for bad in ["", "/no/such/folder", "/etc/passwd"] {
            assert!(dir(bad).is_err(), "{bad}");
        }
        for bad in ["::data", "::rw", "::/a/../b", ":rx"] {
            assert!(dir(&format!("{path}{bad}")).is_err(), "{bad}");
        }
    }
}
