//! A folder that `ophidia add` fills: what was asked for, what is there, and how another takes its place.

use super::own;
use super::requirements::Requirements;
use crate::Usage;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use tempfile::TempDir;

/// What was asked for, a line each.
const ASKED: &str = "ophidia-requirements.txt";

/// What stands above that.
const HEADING: &str =
    "# What `ophidia add` was asked for. Without packages to add, it makes this folder from it.\n";

/// The packages of the guest itself that those in a folder need, a line each.
pub(super) const OF_GUEST: &str = "ophidia-guest.txt";

/// How the name of a folder begins in which another is made.
const BESIDE: &str = ".ophidia-site-";

/// Such a folder, or the place for one.
#[derive(Debug)]
pub(crate) struct Site {
    folder: PathBuf,
}

impl Site {
    /// The place may be a link to it.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()) }
    }

    /// What was asked for; nothing where there is no folder yet. Refused is a folder with what is not from here.
    pub(crate) fn asked(&self) -> Result<Requirements, Usage> {
        let asked = self.folder.join(ASKED);
        if let Some(foreign) = self.foreign().map_err(|error| self.failed(&error))? {
            return Err(Usage(format!(
                "{} is not from `ophidia add`, which replaces all of {}: name another folder with --site",
                foreign.display(),
                self.folder.display()
            )));
        }
        if asked.is_file() { Requirements::read(&asked) } else { Ok(Requirements::default()) }
    }

    /// Something in it that was not put there by `ophidia add`.
    fn foreign(&self) -> io::Result<Option<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        let mut known: BTreeSet<String> =
            [ASKED, OF_GUEST, "bin", "__pycache__"].map(Into::into).into();
        let is_ours = self.folder.join(ASKED).is_file();
        for info in self.infos() {
            known.extend(info.file_name().map(|name| name.to_string_lossy().into_owned()));
            for line in fs::read_to_string(info.join("RECORD")).unwrap_or_default().lines() {
                let path = line.trim_start_matches('"');
                let path = path.split([',', '"']).next().unwrap_or_default();
                let first = Path::new(path).components().find_map(|part| match part {
                    Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                    _ => None,
                });
                known.extend(first);
            }
        }
        for entry in entries {
            let entry = entry?;
            if !is_ours || !known.contains(&*entry.file_name().to_string_lossy()) {
                return Ok(Some(entry.path()));
            }
        }
        Ok(None)
    }

    /// The folders in which distributions say what they are.
    fn infos(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let is_info = |path: &PathBuf| path.extension().is_some_and(|it| it == "dist-info");
        entries.map(|entry| entry.path()).filter(is_info).collect()
    }

    /// What is there: names, as they are spelt, and versions.
    pub(crate) fn distributions(&self) -> BTreeMap<String, String> {
        let infos = self.infos();
        let found = infos.iter().filter_map(|info| {
            let text = fs::read_to_string(info.join("METADATA")).ok()?;
            let field = |name: &str| {
                let mut head = text.lines().take_while(|line| !line.is_empty());
                head.find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
            };
            Some((field("Name:")?, field("Version:")?))
        });
        found.collect()
    }

    /// A folder beside it. Nobody else changes anything there as long as the file lives.
    pub(crate) fn workplace(&self) -> Result<(TempDir, File), Usage> {
        self.beside().map_err(|error| self.failed(&error))
    }

    fn beside(&self) -> io::Result<(TempDir, File)> {
        let absolute = std::path::absolute(&self.folder)?;
        let parent = absolute.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent)?;
        let lock = File::open(parent)?;
        lock.lock()?;
        super::remove_left(parent, BESIDE);
        Ok((tempfile::Builder::new().prefix(BESIDE).tempdir_in(parent)?, lock))
    }

    /// Notes in a new folder what was asked for, and puts it in the place of this one.
    pub(crate) fn replace(
        &self,
        new: &Path,
        asked: &Requirements,
        work: &Path,
    ) -> Result<(), Usage> {
        fs::write(new.join(ASKED), format!("{HEADING}{}", asked.text()))
            .and_then(|()| self.give_way(new, &work.join("old")))
            .map_err(|error| self.failed(&error))
    }

    fn give_way(&self, new: &Path, old: &Path) -> io::Result<()> {
        let was_there = self.folder.exists();
        if was_there {
            fs::rename(&self.folder, old)?;
        }
        fs::rename(new, &self.folder).inspect_err(|_| {
            if was_there {
                let _ = fs::rename(old, &self.folder);
            }
        })
    }

    fn failed(&self, error: &io::Error) -> Usage {
        Usage(format!(
            "{}: {error}: name a folder that can be written with --site",
            self.folder.display()
        ))
    }
}

/// Packages of the guest that those in a folder need.
pub(crate) fn of_guest(folder: &Path) -> Vec<&'static own::GuestPackage> {
    let text = fs::read_to_string(folder.join(OF_GUEST)).unwrap_or_default();
    text.lines().filter_map(|line| own::guest_package(line.split(' ').next()?)).collect()
}
