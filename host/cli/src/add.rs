//! `ophidia add`: packages into a folder beside the user's project.

use crate::app::Asked;
use crate::guest::print;
use crate::packages::own::GuestPackage;
use crate::packages::pip::Resolved;
use crate::packages::requirements::{Requirements, normal};
use crate::packages::site::{Site, of_guest};
use crate::progress::{Spinner, say};
use crate::status::Status;
use crate::{Usage, packages};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Add packages in pure Python to a folder, for --site
///
/// pip, this machine's own, chooses versions that go together for the guest's Python, and unpacks their wheels. It looks
/// where it is configured to look: PIP_INDEX_URL and its other settings count. Nothing of the packages runs here, and
/// nothing is built: a package without a wheel is refused, and so is one with C code, by its name. numpy is part of the
/// guest and not fetched; packages that do without their C code (markupsafe, pyyaml) are taken without it.
///
/// The folder remembers what it was asked for, in the file ophidia-requirements.txt: what is added later is chosen together
/// with that, and versions that are there stay where they can. Without PACKAGES it is made again from that file. It is
/// replaced as a whole, or stays as it is when something fails.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// Names, with versions as pip has them: jinja2, 'rich>=13'
    #[arg(value_name = "PACKAGES")]
    packages: Vec<String>,

    /// Add the packages of a file in pip's format; hashes in it are honoured. Repeatable
    #[arg(short, long = "requirement", value_name = "FILE")]
    requirements: Vec<PathBuf>,

    /// The folder
    #[arg(long, value_name = "DIR", default_value = "ophidia-site")]
    site: PathBuf,

    /// Take the newest versions of all that is there, too
    #[arg(short = 'U', long)]
    upgrade: bool,

    /// Show names and versions of what is there, and add nothing
    #[arg(long, conflicts_with_all = ["packages", "requirements", "upgrade"])]
    list: bool,
}

const EXAMPLES: &str = "\
Examples:
  ophidia add jinja2 rich                  into the folder ophidia-site
  ophidia run --site ophidia-site app.py   a program that imports them
  ophidia add 'rich<14'                    another version; the rest is chosen to go with it
  ophidia add -r requirements.txt --site lib
  ophidia add -U                           the newest of everything
  ophidia add --list

Without a folder: ophidia run --requirements requirements.txt app.py

Exit statuses: 0, 2 when something cannot be had as asked, 130 for Ctrl-C; the folder has changed only with 0.";

impl Add {
    pub(crate) fn run(self) -> anyhow::Result<Status> {
        let site = Site::at(&self.site);
        if self.list {
            return self.list(&site);
        }
        let new = self
            .requirements
            .iter()
            .try_fold(Requirements::of_words(&self.packages)?, |all, file| {
                Requirements::read(file).map(|more| all.with(more))
            })?;
        if let Some(option) = new.secret() {
            return Err(Usage(format!(
                "{option}: a name and a password would be kept in the folder, where programs read them: give it to pip \
                 itself, as PIP_INDEX_URL or in its configuration"
            ))
            .into());
        }
        let signals = Asked::listen()?;
        let (work, lock) = site.workplace()?;
        let before = site.distributions();
        let asked = site.asked()?.with(new.clone());
        if asked.is_empty() {
            return Err(Usage("name a package: ophidia add jinja2".into()).into());
        }
        let waiting = Spinner::new(&format!("pip fetches {}", asked.shown()));
        let folder = work.path().join("site");
        fs::create_dir(&folder)?;
        let made = packages::make(&asked, &self.pins(&before, &new), work.path(), &folder);
        drop(waiting);
        if signals.is_over() {
            say("interrupted");
            return Ok(Status::INTERRUPTED);
        }
        let resolved = made.map_err(|failure| Usage(failure.to_string()))?;
        site.replace(&folder, &asked, work.path())?;
        drop(lock);
        print(&self.told(&before, &Site::at(&self.site).distributions(), &resolved));
        Ok(Status::SUCCESS)
    }

    /// What keeps the versions that are there.
    fn pins(&self, before: &BTreeMap<String, String>, new: &Requirements) -> Vec<String> {
        let named = new.names();
        let stays = |(name, _): &(&String, &String)| !named.contains(&normal(name));
        let pins = before.iter().filter(stays).map(|(name, version)| format!("{name}=={version}"));
        if self.upgrade { Vec::new() } else { pins.collect() }
    }

    /// What has changed, and what to do with it.
    fn told(
        &self,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
        resolved: &Resolved,
    ) -> String {
        let mut text = String::new();
        for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let _ = match (before.get(name), after.get(name)) {
                (Some(old), Some(new)) if old == new => Ok(()),
                (Some(old), Some(new)) => writeln!(text, "{name} {new}, instead of {old}"),
                (None, Some(new)) => writeln!(text, "{name} {new}"),
                (Some(old), None) => writeln!(text, "{name} {old} is no longer needed"),
                (None, None) => Ok(()),
            };
        }
        if text.is_empty() {
            text.push_str("nothing has changed\n");
        }
        let without: Vec<&str> =
            resolved.packages.iter().filter(|it| it.has_c).map(|it| &*it.name).collect();
        if !without.is_empty() {
            let _ = writeln!(text, "without their C code: {}", without.join(", "));
        }
        let mut options = String::new();
        for GuestPackage { name, version, on_request } in resolved.of_guest.iter().copied() {
            let _ = writeln!(text, "{name} {version} is part of the guest");
            if *on_request {
                let _ = write!(options, " --with {name}");
            }
        }
        let folder = self.site.display();
        let _ = writeln!(text, "in {folder}: ophidia run{options} --site {folder} app.py");
        text
    }

    fn list(&self, site: &Site) -> anyhow::Result<Status> {
        let there = site.distributions();
        let mut text = String::new();
        for (name, version) in &there {
            let _ = writeln!(text, "{name} {version}");
        }
        for GuestPackage { name, version, .. } in of_guest(&self.site) {
            let _ = writeln!(text, "{name} {version} (part of the guest)");
        }
        if text.is_empty() {
            let folder = self.site.display();
            return Err(
                Usage(format!("{folder}: no packages there: `ophidia add NAME` adds one")).into()
            );
        }
        print(&text);
        Ok(Status::SUCCESS)
    }
}
