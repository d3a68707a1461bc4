//! Bytecode of the packages in the folders of `--site`, kept in the cache: made once, by an interpreter that runs nothing
//! of them, and found by Python where the content is the same. Without it each start compiles all that it imports.

use crate::progress::Bar;
use crate::sandbox::Sandbox;
use ophidia::{Access, DirGrant, Interpreter, Runtime};
use ophidia_guest::SERIES;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Where a program finds it.
const GUEST: &str = "/usr/lib/bytecode";

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
    let stamp = root.join(format!("{name}.stamp"));
    let seen = fingerprint(&files);
    if fs::read_to_string(&stamp).is_ok_and(|noted| noted == seen) {
        return Ok(folder);
    }
    let stale: Vec<&str> =
        files.iter().filter(|file| file.is_newer_than(&folder)).map(|file| &*file.name).collect();
    compile(runtime, site, &stale, &folder).map_err(io::Error::other)?;
    fs::write(stamp, seen)?;
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
    names: &[&str],
    folder: &Path,
) -> ophidia::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let out = DirGrant { host: folder.to_owned(), guest: "/out".into(), access: Access::ReadWrite };
    let sandbox = runtime.interpreter().timeout(None).memory(1 << 30);
    let mut py =
        sandbox.dir(DirGrant { access: Access::ReadOnly, ..site.clone() }).dir(out).build()?;
    let compiler = py.import("_ophidia.bytecode")?;
    let bar = Bar::new(&format!("bytecode of {}", site.host.display()), names.len());
    for names in names.chunks(AT_ONCE) {
        compiler.call_method(&mut py, "compile_files", (&site.guest, names, "/out"))?;
        bar.advance(names.len());
    }
    Ok(())
}

/// A source file: its name in the site, and what tells it from an earlier one.
struct Source {
    name: String,
    size: u64,
    modified: u128,
}

impl Source {
    /// Than its bytecode.
    fn is_newer_than(&self, folder: &Path) -> bool {
        let path = Path::new(&self.name);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let tag = format!("{stem}.cpython-{}.pyc", SERIES.replace('.', ""));
        let kept =
            folder.join(path.parent().unwrap_or(Path::new(""))).join("__pycache__").join(tag);
        fs::metadata(kept).map_or(true, |kept| modified(&kept) <= self.modified)
    }
}

fn modified(data: &fs::Metadata) -> u128 {
    data.modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |at| at.as_nanos())
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
                let data = entry.metadata()?;
                let name = path.strip_prefix(root).map_err(io::Error::other)?;
                if let Some(name) = name.to_str() {
                    files.push(Source {
                        name: name.into(),
                        size: data.len(),
                        modified: modified(&data),
                    });
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

fn fingerprint(files: &[Source]) -> String {
    let mut hasher = DefaultHasher::new();
    for Source { name, size, modified } in files {
        (name, size, modified).hash(&mut hasher);
    }
    format!("{} files, {:016x}\n", files.len(), hasher.finish())
}
