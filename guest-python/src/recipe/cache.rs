//! The cache as a build uses it: a lock between processes, work folders that do not outlive a build, moving
//! into place, cleaning.

use crate::Error;
use crate::error::At;
use crate::recipe::progress::Progress;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::{io, process, thread, time::Duration};

/// What a work folder's name starts with; whatever is called so and not in use is rubbish.
const WORK: &str = "build-";

/// The places inside a cache folder.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn cpython(&self, key: &str) -> PathBuf {
        self.root.join("cpython").join(key)
    }

    /// What a package's build left.
    pub(crate) fn package(&self, name: &str, key: &str) -> PathBuf {
        self.root.join("package").join(name).join(key)
    }

    /// What was fetched.
    pub(crate) fn sources(&self) -> PathBuf {
        self.root.join("sources")
    }

    /// Makes the cache folder, readable by its owner only, and waits for the right to build in it.
    pub(crate) fn lock(&self, progress: &mut dyn Progress) -> Result<BuildLock, Error> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.root).at("create", &self.root)?;
        let path = self.root.join("guest.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .at("open", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.message("another process is building the guest; waiting for it");
                file.lock().at("lock", &path)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).at("lock", &path),
        }
        let lock = BuildLock { cache: self.clone(), _file: file };
        lock.remove_leftovers();
        Ok(lock)
    }
}

/// The right to build in a cache, held by one process at a time and let go when dropped.
#[derive(Debug)]
pub(crate) struct BuildLock {
    cache: Cache,
    _file: File,
}

impl BuildLock {
    /// Removes what killed builds left behind. Whoever made it held this lock and is gone.
    fn remove_leftovers(&self) {
        for entry in fs::read_dir(&self.cache.root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(WORK) {
                remove_tree(&entry.path());
            }
        }
    }

    /// A new empty folder to build in.
    pub(crate) fn work(&self, key: &str) -> Result<WorkFolder, Error> {
        let path = self.cache.root.join(format!("{WORK}{key}-{}", process::id()));
        remove_tree(&path);
        fs::create_dir(&path).at("create", &path)?;
        Ok(WorkFolder { path, keep: false })
    }

    /// Moves a finished folder into place, whole. What stands there is replaced.
    pub(crate) fn install(&self, finished: &Path, target: &Path) -> Result<(), Error> {
        let parent = target.parent().unwrap_or(&self.cache.root);
        fs::create_dir_all(parent).at("create", parent)?;
        self.discard(target)?;
        fs::rename(finished, target).at("move into place", target)
    }

    /// Takes a finished folder out of its place, whole, and removes it.
    pub(crate) fn discard(&self, target: &Path) -> Result<(), Error> {
        if !target.exists() {
            return Ok(());
        }
        let aside = self.cache.root.join(format!("{WORK}old-{}", process::id()));
        remove_tree(&aside);
        fs::rename(target, &aside).at("move aside", target)?;
        remove_tree(&aside);
        Ok(())
    }
}

/// A folder that is removed when dropped, unless a failure made its logs worth keeping.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    keep: bool,
}

impl WorkFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves only the logs, for whoever looks into a failure; the next build removes them.
    pub(crate) fn keep_logs(&mut self) {
        self.keep = true;
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            if entry.file_name() != "logs" {
                remove_tree(&entry.path());
            }
        }
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if !self.keep {
            remove_tree(&self.path);
        }
    }
}

/// Removes a file or folder. Processes of a killed build may still be writing into it: try a few times,
/// and leave the rest to the next build.
fn remove_tree(path: &Path) {
    for _ in 0..5 {
        let removed = match path.symlink_metadata() {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(_) => return,
        };
        if removed.is_ok() || !path.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// What [`clean`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Files removed.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes every guest from a cache, what they were built from too when `sources` is set. Waits for a
/// build that is going on.
///
/// # Errors
///
/// [`Error::Io`] when something cannot be removed.
pub fn clean(cache: &Path, sources: bool, progress: &mut dyn Progress) -> Result<Cleaned, Error> {
    let mut cleaned = Cleaned::default();
    if !cache.exists() {
        return Ok(cleaned);
    }
    let places = Cache::new(cache);
    let _lock = places.lock(progress)?;
    let folders =
        ["guest", "cpython", "package", "numpy"].into_iter().chain(sources.then_some("sources"));
    for folder in folders.map(|name| cache.join(name)) {
        measure(&folder, &mut cleaned).at("read", &folder)?;
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).at("remove", &folder);
            }
            _ => {}
        }
    }
    Ok(cleaned)
}

fn measure(path: &Path, into: &mut Cleaned) -> io::Result<()> {
    let meta = match path.symlink_metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            measure(&entry?.path(), into)?;
        }
    } else {
        into.files += 1;
        into.bytes += meta.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::guest_folder;
    use crate::recipe::progress::Silent;
    use std::sync::mpsc;

    #[test]
    fn leftovers_of_a_killed_build_go_and_finished_things_stay() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::new(root.path());
        let left = root.path().join("build-0123456789abcdef-1");
        fs::create_dir_all(left.join("python")).expect("created");
        fs::create_dir_all(guest_folder(cache.root(), "k")).expect("created");
        let lock = cache.lock(&mut Silent).expect("locked");
        assert!(!left.exists());
        assert!(guest_folder(cache.root(), "k").exists());
        let work = lock.work("k").expect("a folder").path().to_owned();
        assert!(!work.exists(), "a dropped work folder is removed");
    }

    #[test]
    fn a_second_builder_says_so_waits_and_then_goes_on() {
        struct Told(mpsc::Sender<String>);
        impl Progress for Told {
            fn stage(&mut self, _: &str, _: usize, _: usize) {}
            fn tick(&mut self, _: u64, _: u64, _: &str) {}
            fn message(&mut self, text: &str) {
                self.0.send(text.to_owned()).expect("received");
            }
        }
        let root = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::new(root.path());
        let first = cache.lock(&mut Silent).expect("locked");
        let finished = root.path().join("finished");
        fs::create_dir(&finished).expect("created");
        let (sender, messages) = mpsc::channel();
        thread::scope(|scope| {
            let second = scope.spawn(|| {
                let _lock = cache.lock(&mut Told(sender)).expect("locked in the end");
                guest_folder(cache.root(), "k").exists()
            });
            assert!(messages.recv().expect("told").contains("waiting"));
            first.install(&finished, &guest_folder(cache.root(), "k")).expect("installed");
            drop(first);
            assert!(second.join().expect("no panic"), "it sees what the first one installed");
        });
    }

    #[test]
    fn installing_replaces_whole() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::new(root.path());
        let lock = cache.lock(&mut Silent).expect("locked");
        for content in ["one", "two"] {
            let work = lock.work("k").expect("a folder");
            let out = work.path().join("out");
            fs::create_dir(&out).expect("created");
            fs::write(out.join(content), content).expect("written");
            lock.install(&out, &guest_folder(cache.root(), "k")).expect("installed");
        }
        assert!(
            guest_folder(cache.root(), "k").join("two").exists()
                && !guest_folder(cache.root(), "k").join("one").exists()
        );
    }

    #[test]
    fn cleaning_keeps_the_sources_unless_asked() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::new(root.path());
        for folder in [cache.sources(), guest_folder(cache.root(), "k")] {
            fs::create_dir_all(&folder).expect("created");
            fs::write(folder.join("file"), "12345").expect("written");
        }
        let cleaned = clean(root.path(), false, &mut Silent).expect("cleaned");
        assert_eq!(cleaned, Cleaned { files: 1, bytes: 5 });
        assert!(cache.sources().exists() && !guest_folder(cache.root(), "k").exists());
        clean(root.path(), true, &mut Silent).expect("cleaned");
        assert!(!cache.sources().exists());
    }
}
