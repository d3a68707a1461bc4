//! Bytecode of the packages in the folders of `--site`, kept in the cache: made once, by an interpreter that runs nothing
//! of them, and found by Python where the content is the same. Without it each start compiles all that it imports.
//!
//! Beside it lies what the sources were when it was made: the size of each, and when it was written and changed. What is
//! different is compiled again; of what is the same, Python does not read the source either.

use crate::progress::Bar;
use crate::sandbox::Sandbox;
use ophidia::{Access, DirGrant, Interpreter, Runtime};
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where a program finds it.
const GUEST: &str = "/usr/lib/bytecode";

/// What the sources were, a line each, for the next start and for Python (`_ophidia.bytecode`). No module has this name.
const NOTES: &str = ".sources";

/// In a folder with more files than this it is not worth it, or no folder of packages.
const MOST_FILES: usize = 50_000;

/// Files that are compiled in one go.
const AT_ONCE: usize = 20;

/// Makes what is missing of it, and grants it. What cannot be kept is made at each start, as without.
pub(crate) fn prepare(runtime: &Runtime, sandbox: &mut Sandbox, cache: &Path, guest: &str) {
    let sites: Vec<DirGrant> = sandbox.site_grants().to_vec();
    for site in sites {
        if let Ok(kept) = kept(runtime, &site, &cache.join("bytecode").join(guest)) {
            let guest = format!("{GUEST}{}", site.guest);
            sandbox.grant_bytecode(DirGrant { host: kept, guest, access: Access::ReadOnly });
        }
    }
}

/// Tells Python where it is.
pub(crate) fn apply(py: &mut Interpreter, sandbox: &Sandbox) -> ophidia::Result<()> {
    let sites: Vec<&str> = sandbox.with_bytecode().collect();
    if !sites.is_empty() {
        py.import("_ophidia.bytecode")?.call_method(py, "use", (sites, GUEST))?;
    }
    Ok(())
}

/// The folder that a site's bytecode is in, made or brought up to date.
fn kept(runtime: &Runtime, site: &DirGrant, root: &Path) -> io::Result<PathBuf> {
    let place = fs::canonicalize(&site.host)?;
    let mut hasher = DefaultHasher::new();
    (&place, &site.guest).hash(&mut hasher);
    let name = format!("{:016x}", hasher.finish());
    let folder = root.join(&name);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    own(&folder)?;
    let lock = File::create(root.join(format!("{name}.lock")))?;
    lock.lock()?;
    let files = sources(&place)?;
    let notes = folder.join(NOTES);
    let noted = fs::read_to_string(&notes).unwrap_or_default();
    let now: String = files.iter().map(|file| &*file.note).collect();
    if noted != now {
        let noted: HashSet<&str> = noted.split_inclusive('\n').collect();
        let (same, stale): (Vec<_>, Vec<_>) =
            files.iter().partition(|file| noted.contains(&*file.note));
        // A start that is ended in the middle has noted what it has compiled.
        fs::write(&notes, same.iter().map(|file| &*file.note).collect::<String>())?;
        compile(runtime, site, &stale, &folder, &notes).map_err(io::Error::other)?;
        fs::write(notes, now)?;
    }
    Ok(folder)
}

/// Only this user can have written what is there.
pub(crate) fn own(folder: &Path) -> io::Result<()> {
    let there = fs::symlink_metadata(folder)?;
    let parent = fs::metadata(folder.parent().unwrap_or(folder))?;
    let safe = |data: &fs::Metadata| data.uid() == parent.uid() && data.mode() & 0o022 == 0;
    if there.is_dir() && safe(&there) && safe(&parent) {
        Ok(())
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

fn compile(
    runtime: &Runtime,
    site: &DirGrant,
    files: &[&Source],
    folder: &Path,
    notes: &Path,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    if files.is_empty() {
        return Ok(());
    }
    let mut notes = File::options().append(true).open(notes)?;
    let out = DirGrant { host: folder.to_owned(), guest: "/out".into(), access: Access::ReadWrite };
    let sandbox = runtime.interpreter().timeout(None).memory(1 << 30);
    let mut py =
        sandbox.dir(DirGrant { access: Access::ReadOnly, ..site.clone() }).dir(out).build()?;
    let compiler = py.import("_ophidia.bytecode")?;
    let bar = Bar::new(&format!("bytecode of {}", site.host.display()), files.len());
    for files in files.chunks(AT_ONCE) {
        let names: Vec<&str> = files.iter().map(|file| &*file.name).collect();
        compiler.call_method(&mut py, "compile_files", (&site.guest, names, "/out"))?;
        for file in files {
            notes.write_all(file.note.as_bytes())?;
        }
        bar.advance(files.len());
    }
    Ok(())
}

/// A source file of a site.
struct Source {
    name: String,
    /// The line for it.
    note: String,
}

impl Source {
    fn new(name: &str, data: &fs::Metadata) -> Self {
        let at = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        let written = at(data.mtime(), data.mtime_nsec());
        let changed = at(data.ctime(), data.ctime_nsec());
        Self { name: name.into(), note: format!("{} {written} {changed}\t{name}\n", data.len()) }
    }
}

/// All source files of a folder, sorted. Links are not followed.
fn sources(root: &Path) -> io::Result<Vec<Source>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() && entry.file_name() != "__pycache__" {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|ending| ending == "py") {
                let name = path.strip_prefix(root).map_err(io::Error::other)?;
                if let Some(name) = name.to_str().filter(|name| !name.contains('\n')) {
                    files.push(Source::new(name, &entry.metadata()?));
                }
            }
        }
        if files.len() > MOST_FILES {
            return Err(io::Error::other("too many files"));
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}
