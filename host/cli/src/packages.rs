//! Packages in pure Python, fetched by the machine's own pip for the guest: into a folder that the user has
//! (`ophidia add`), or into one of the cache (`--requirements`, and what a script says it depends on).
//!
//! Only wheels are taken. Nothing of them runs on this machine: pip starts no program here, and unpacks.

mod cached;
pub(crate) mod own;
pub(crate) mod pip;
pub(crate) mod requirements;
mod script;
pub(crate) mod site;
mod specifier;

use crate::Usage;
use ophidia_guest::Flavour;
use own::GuestPackage;
use pip::{Failure, Package, Resolved};
use requirements::Requirements;
use std::fs;
use std::path::{Path, PathBuf};

/// The options.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Packages {
    /// Add the packages of this file, in pip's format, to the end of sys.path
    ///
    /// The first time pip fetches them before the program starts, wheels in pure Python alone, from the index that pip
    /// is configured with. From then on they are in the cache, and granted read-only as a folder of --site. Hashes
    /// (--hash=) are honoured.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    requirements: Option<PathBuf>,

    /// Fetch the packages that the script says it depends on, too
    ///
    /// In a block `# /// script` with a list `dependencies` (PEP 723). Needed until the cache has them: a program does
    /// not reach the network by what it says of itself.
    #[arg(long, help_heading = HEADING)]
    fetch: bool,

    /// Fetch no packages: what the cache does not have is refused
    #[arg(long, conflicts_with = "fetch", help_heading = HEADING)]
    no_fetch: bool,
}

const HEADING: &str = "Packages";

impl Packages {
    /// What of them changes what programs do, as a text.
    pub(crate) fn outcomes(&self) -> String {
        format!("{:?}", self.requirements.as_ref().map(|file| (file, fs::read(file).ok())))
    }

    /// The folder with those of the file.
    pub(crate) fn of_file(&self) -> Result<Option<PathBuf>, Usage> {
        let Some(file) = &self.requirements else { return Ok(None) };
        let refusal = "run it once without --no-fetch";
        let requirements = Requirements::read(file)?;
        self.site(
            &format!("--requirements {}", file.display()),
            &requirements,
            self.no_fetch.then_some(refusal),
        )
    }

    /// The folder with those that a script depends on.
    pub(crate) fn of_script(&self, name: &str, source: &[u8]) -> Result<Option<PathBuf>, Usage> {
        let dependencies = script::dependencies(name, source)?;
        let requirements = Requirements::of_script(name, &dependencies)?;
        let refusal = match (self.fetch, self.no_fetch) {
            (true, _) => None,
            (_, true) => Some("run it once with --fetch"),
            _ => Some("with --fetch pip gets them, before the program starts"),
        };
        self.site(name, &requirements, refusal)
    }

    fn site(
        &self,
        name: &str,
        requirements: &Requirements,
        refusal: Option<&str>,
    ) -> Result<Option<PathBuf>, Usage> {
        if requirements.is_empty() {
            return Ok(None);
        }
        cached::site(name, requirements, refusal).map(Some)
    }
}

/// Refuses a folder whose packages need one of the guest that this program would not find.
pub(crate) fn check(site: &Path) -> Result<(), Usage> {
    let lacking = site::of_guest(site).into_iter().find(|package| !own::is_there(package));
    match lacking {
        None => Ok(()),
        Some(GuestPackage { name, .. }) => Err(Usage(format!(
            "{}: its packages need {name}, which is one of the guest's: add --with {name}",
            site.display()
        ))),
    }
}

/// Makes a folder of what is asked for; `pins` are versions that stay where they can.
pub(crate) fn make(
    asked: &Requirements,
    pins: &[String],
    work: &Path,
    folder: &Path,
) -> Result<Resolved, Failure> {
    let resolved = match pip::resolve(asked, pins, work) {
        // What was there does not go with what is new: all of it may change.
        Err(Failure::Pip(_)) if !pins.is_empty() => pip::resolve(asked, &[], work),
        resolved => resolved,
    }?;
    refuse_c(&resolved)?;
    pip::install(asked, &resolved, work, folder)?;
    let line = |package: &&GuestPackage| format!("{} {}\n", package.name, package.version);
    let of_guest: String = resolved.of_guest.iter().map(line).collect();
    if !of_guest.is_empty() {
        fs::write(folder.join(site::OF_GUEST), of_guest)?;
    }
    Ok(resolved)
}

/// Refuses packages that have C code, by their names.
fn refuse_c(resolved: &Resolved) -> Result<(), Failure> {
    let refused = |package: &&Package| package.has_c && !own::does_without_c(&package.name);
    let is_made = |package: &&Package| Flavour::of(&[requirements::normal(&package.name)]).is_ok();
    let (made, none): (Vec<_>, Vec<_>) =
        resolved.packages.iter().filter(refused).partition(is_made);
    let list =
        |packages: Vec<&Package>| packages.into_iter().map(named).collect::<Vec<_>>().join(", ");
    let mut said = Vec::new();
    if !none.is_empty() {
        said.push(format!(
            "{}: C code without a wheel in pure Python, and no C extension of that name exists for Ophidia",
            list(none)
        ));
    }
    if let Some(first) = made.first() {
        let first = first.name.clone();
        said.push(format!(
            "{}: C code, which is a package of the guest's own: leave it out, and have it by `ophidia run --with {first}`",
            list(made)
        ));
    }
    if said.is_empty() { Ok(()) } else { Err(Failure::HasC(said.join("\n"))) }
}

fn named(package: &Package) -> String {
    let Package { name, version, needed_by, .. } = package;
    match needed_by.as_slice() {
        [] => format!("{name} {version}"),
        those => format!("{name} {version} (needed by {})", those.join(", ")),
    }
}

/// Removes what calls that were killed have left in a folder, by how its name begins. The caller holds the lock.
fn remove_left(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
