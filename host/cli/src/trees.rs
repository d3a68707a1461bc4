//! Files without the disk: what a program is given copies of, what it may write in memory, and what of that is kept.

use crate::Usage;
use crate::progress::say;
use crate::values::{self, GivenFile, Size};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use ophidia::{ChangeKind, Clock, FileKind, Interpreter, Mount, Quota, SandboxBuilder, Tree};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const HEADING: &str = "Files in memory, clocks, random values";

/// The options.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Trees {
    /// Give it a copy of a file, under the file's own absolute path or as GUEST
    ///
    /// It may change its copy; the file stays as it is. Repeatable.
    #[arg(
        long = "file",
        value_name = "HOST[::GUEST]",
        value_parser = values::file,
        help_heading = HEADING
    )]
    copies: Vec<GivenFile>,

    /// Grant a folder, or a tar or zip archive, that it may change in memory alone
    ///
    /// The program sees it under its own absolute path, or as GUEST. What it changes is gone at the end, or is
    /// written by --out. Repeatable.
    #[arg(
        long = "overlay",
        value_name = "HOST[::GUEST]",
        value_parser = values::overlay,
        help_heading = HEADING
    )]
    overlays: Vec<Mount>,

    /// What it may write to /tmp, which is in memory: 64MiB, 1GiB; none is no /tmp
    #[arg(
        long,
        allow_hyphen_values = true, value_name = "SIZE",
        default_value_t = Size(Quota::default().bytes),
        value_parser = values::memory_quota,
        help_heading = HEADING
    )]
    tmp: Size,

    /// Write what it has created or changed in memory into this folder, under the guest's paths
    ///
    /// At the end, also when the program failed or a limit stopped it. Links are left out.
    #[arg(long, value_name = "DIR", help_heading = HEADING)]
    out: Option<PathBuf>,

    /// The program's clock: a time at which it stands, with +STEP it goes on at each reading
    ///
    /// Such as 2020-01-01T00:00:00Z or 2020-01-01T00:00:00Z+1ms. What sleeps does not wait, and moves it on.
    #[arg(long, allow_hyphen_values = true, value_name = "TIME[+STEP]", default_value_t, help_heading = HEADING)]
    clock: Clock,

    /// Give the same random values in each run that has the same number here
    #[arg(long, allow_hyphen_values = true, value_name = "N", value_parser = values::seed, help_heading = HEADING)]
    seed: Option<u64>,

    /// The folder of --out, opened before the program begins.
    #[arg(skip)]
    opened: Option<std::sync::Arc<Dir>>,

    /// Files that are put into a tree in memory once it is there.
    #[arg(skip)]
    later: Vec<GivenFile>,

    /// Trees of the other files.
    #[arg(skip)]
    given: Vec<Mount>,
}

/// Where a tree in memory is unless something else is granted there.
pub(crate) const TMP: &str = "/tmp";

/// Where every program has its devices.
const DEVICES: &str = "/dev";

impl Trees {
    /// Reads the files, and opens the folder of --out. `granted` are the folders of the host that are granted, as
    /// the guest names them.
    pub(crate) fn settle<'a>(
        &mut self,
        granted: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), Usage> {
        for overlay in &self.overlays {
            if granted.clone().any(|guest| guest == overlay.guest) {
                return Err(Usage(format!(
                    "--overlay: two grants would be {} in the guest: give one of them another name with \
                     --overlay HOST::/NAME",
                    overlay.guest
                )));
            }
        }
        let own = Size(Quota::default().bytes);
        let is_other = granted.clone().any(|guest| guest == TMP)
            || self.overlays.iter().any(|mount| mount.guest == TMP);
        if is_other && ![own, Size(0)].contains(&self.tmp) {
            return Err(Usage(format!(
                "--tmp {}: {TMP} is what --dir or --overlay grants there: leave out --tmp, or give that another name with \
                 ::/NAME",
                self.tmp
            )));
        }
        self.check_copies()?;
        let mut trees: BTreeMap<String, BTreeMap<String, ophidia::Bytes>> = BTreeMap::new();
        for file in std::mem::take(&mut self.copies) {
            let inside = |folder: &str| Path::new(&file.guest).starts_with(folder);
            if inside(DEVICES) {
                return Err(Usage(format!(
                    "--file: {} would hide {DEVICES}, where a program finds null, zero and urandom: give the file another \
                     name with --file {}::/NAME",
                    file.guest,
                    file.host.display()
                )));
            }
            if let Some(folder) = granted.clone().find(|guest| inside(guest)) {
                return Err(Usage(format!(
                    "--file: {} would be in {folder}, a folder that is granted: give the file another name with \
                     --file {}::/NAME",
                    file.guest,
                    file.host.display()
                )));
            }
            let in_memory = self.tmp.0 > 0 && inside(TMP);
            if in_memory || self.overlays.iter().any(|overlay| inside(&overlay.guest)) {
                self.later.push(file);
                continue;
            }
            let bytes = file.read().map_err(|reason| Usage(format!("--file {reason}")))?;
            let (folder, name) = folder_and_name(&file.guest);
            trees.entry(folder.to_owned()).or_default().insert(name.to_owned(), bytes.into());
        }
        let mount = |(guest, files)| Mount::new(guest, Tree::Overlay(Box::new(Tree::Files(files))));
        self.given = trees.into_iter().map(mount).collect();
        if let Some(out) = &self.out {
            let opened = fs::create_dir_all(out)
                .and_then(|()| Dir::open_ambient_dir(out, ambient_authority()));
            let opened = opened.map_err(|error| {
                Usage(format!(
                    "--out {}: {error}: name a folder that you can write to",
                    out.display()
                ))
            })?;
            self.opened = Some(std::sync::Arc::new(opened));
        }
        Ok(())
    }

    /// A sandbox with these trees.
    pub(crate) fn apply(&self, builder: SandboxBuilder) -> SandboxBuilder {
        let mounts = self.overlays.iter().chain(&self.given);
        mounts.fold(builder, |builder, mount| builder.mount(mount.clone()))
    }

    /// A sandbox with what else these options say.
    pub(crate) fn rule(&self, builder: SandboxBuilder) -> SandboxBuilder {
        builder.tmp(self.own_tmp()).clock(self.clock).seed(self.seed)
    }

    /// The folders that are in memory, as the guest names them.
    pub(crate) fn in_memory(&self) -> impl Iterator<Item = &str> {
        let mounts = self.overlays.iter().chain(&self.given).map(|mount| &*mount.guest);
        mounts.chain((self.tmp.0 > 0).then_some(TMP))
    }

    /// Whether something in memory is mounted at this path.
    pub(crate) fn has(&self, guest: &str) -> bool {
        self.overlays.iter().chain(&self.given).any(|mount| mount.guest == guest)
    }

    /// What may be written to /tmp.
    pub(crate) fn tmp(&self) -> Quota {
        Quota::of_bytes(self.tmp.0)
    }

    /// The same, unless there is no /tmp.
    pub(crate) fn own_tmp(&self) -> Option<Quota> {
        (self.tmp.0 > 0).then(|| self.tmp())
    }

    /// Refuses copies of which one would take another's place.
    fn check_copies(&self) -> Result<(), Usage> {
        let mut copies: Vec<&GivenFile> = self.copies.iter().collect();
        // What lies below a path follows it.
        copies.sort_by_key(|file| Path::new(&file.guest));
        let pairs = copies.iter().zip(copies.iter().skip(1));
        let clash =
            pairs.into_iter().find(|(one, two)| Path::new(&two.guest).starts_with(&one.guest));
        match clash {
            None => Ok(()),
            Some((one, two)) => Err(Usage(format!(
                "--file: {} would be {}, and {} would be {}: give one of them another name with --file {}::/NAME",
                one.host.display(),
                one.guest,
                two.host.display(),
                two.guest,
                two.host.display()
            ))),
        }
    }

    /// Puts what belongs into trees in memory.
    pub(crate) fn put(&self, py: &mut Interpreter) -> Result<(), Usage> {
        for file in &self.later {
            let bytes = file.read().map_err(|reason| Usage(format!("--file {reason}")))?;
            let put = py.files().put(&file.guest, bytes);
            put.map_err(|error| Usage(format!("--file {}: {error}", file.host.display())))?;
        }
        Ok(())
    }

    /// Writes what the program has created or changed in memory, as far as it can be written, into the folder of
    /// --out or one in it; gives whether all of it was.
    pub(crate) fn write_out(&self, py: &mut Interpreter, folder: Option<&str>) -> bool {
        let (Some(out), Some(name)) = (&self.opened, &self.out) else { return true };
        let mut whole = true;
        let base = Path::new(folder.unwrap_or_default());
        if folder.is_some()
            && let Err(error) = out.remove_dir_all(base)
            && error.kind() != io::ErrorKind::NotFound
        {
            say(&format!("--out {}: {}: {error}", name.display(), base.display()));
            return false;
        }
        for change in py.files().changes() {
            if change.change == ChangeKind::Removed {
                continue;
            }
            let to = base.join(change.path.strip_prefix("/").unwrap_or(&change.path));
            let written = match change.kind {
                Some(FileKind::Folder) => out.create_dir_all(to),
                Some(FileKind::File) => write_file(py, out, &change.path, &to),
                _ => continue,
            };
            if let Err(error) = written {
                say(&format!("--out {}: {}: {error}", name.display(), change.path.display()));
                whole = false;
            }
        }
        whole
    }
}

/// Copies a file out. No link in the folder of --out leads out of it.
fn write_file(py: &mut Interpreter, out: &Dir, path: &Path, to: &Path) -> io::Result<()> {
    let bytes = py.files().get(path)?;
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        out.create_dir_all(folder)?;
    }
    out.write(to, bytes)
}

/// The folder that a path of the guest's is in, and its name there.
pub(crate) fn folder_and_name(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some(parts) => parts,
        None => ("/", path),
    }
}
