//! `ophidia doctor`: what there is, what is missing, and whether it works.

use crate::guest::print;
use crate::load;
use crate::status::Status;
use ophidia::{Runtime, Value};
use ophidia_guest::{self as guest, BuildOptions, Flavour};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// Check this machine: caches, versions, what is missing
///
/// Builds nothing. Ends with 0 when programs can be run, if need be after a build.
#[derive(clap::Args, Debug)]
pub(crate) struct Doctor {
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Findings {
    ophidia: &'static str,
    platform: String,
    cache: PathBuf,
    cache_writable: bool,
    /// The folder of the guest, when it is built.
    guest: Option<PathBuf>,
    /// The file of the image, when it is made.
    image: Option<PathBuf>,
    image_bytes: Option<u64>,
    /// What `sys.version` says in the guest, when it runs.
    python: Option<String>,
    start_ms: Option<f64>,
    /// Why the guest does not run although it is there.
    failure: Option<String>,
    /// What a build of the guest would need and this machine lacks.
    missing: Vec<Missing>,
    usable: bool,
}

#[derive(Debug, Serialize)]
struct Missing {
    what: String,
    purpose: String,
    remedy: String,
}

impl Doctor {
    pub(crate) fn run(self) -> anyhow::Result<Status> {
        let findings = Findings::gather()?;
        print(&if self.json { serde_json::to_string(&findings)? + "\n" } else { findings.text() });
        Ok(if findings.usable { Status::SUCCESS } else { Status::EXCEPTION })
    }
}

impl Findings {
    fn gather() -> anyhow::Result<Self> {
        let cache = load::cache_dir()?;
        let options = BuildOptions::ambient();
        let guest = guest::locate(&cache).map(|guest| guest.dir);
        let files = guest.is_some().then(|| Runtime::builder(&cache).image_files()).transpose()?;
        let image_bytes = files.as_ref().and_then(|files| load::size(files));
        let image = files.map(|[image, ..]| image).filter(|image| image.is_file());
        let mut found = Self {
            ophidia: env!("CARGO_PKG_VERSION"),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cache_writable: writable(&cache),
            image_bytes,
            missing: guest::missing(&cache, &options).into_iter().map(Missing::from).collect(),
            cache,
            guest,
            image,
            python: None,
            start_ms: None,
            failure: None,
            usable: false,
        };
        match guest::locate(&found.cache).map(|guest| guest.check()) {
            Some(Err(damage)) => found.failure = Some(format!("{damage}; the next build mends it")),
            _ if found.image.is_some() => found.try_it(),
            _ => {}
        }
        found.usable = match (&found.guest, &found.image) {
            (Some(_), Some(_)) => found.failure.is_none(),
            (Some(_), None) => found.cache_writable && found.failure.is_none(),
            (None, _) => found.cache_writable && found.missing.is_empty(),
        };
        Ok(found)
    }

    fn try_it(&mut self) {
        let started = Instant::now();
        let version = load::runtime(&Flavour::default())
            .and_then(|runtime| runtime.interpreter().build())
            .and_then(|mut py| py.eval("__import__('sys').version"));
        match version {
            Ok(Value::Str(version)) => {
                self.start_ms = Some((started.elapsed().as_secs_f64() * 1e6).round() / 1e3);
                self.python = Some(version);
            }
            Ok(other) => self.failure = Some(format!("sys.version is {other:?}")),
            Err(error) => self.failure = Some(error.to_string()),
        }
    }

    fn text(&self) -> String {
        let guest = match &self.guest {
            Some(guest) => guest.display().to_string(),
            None => "none yet: ophidia guest build, or the first run, builds it".to_owned(),
        };
        let image = match (&self.image, self.image_bytes) {
            (Some(image), Some(bytes)) => format!("{} ({} MiB)", image.display(), bytes >> 20),
            _ => "none yet: the next run makes it, in some seconds".to_owned(),
        };
        let runs = match (&self.python, self.start_ms, &self.failure) {
            (Some(python), Some(ms), _) => format!("Python {python}, started in {ms:.1} ms"),
            (_, _, Some(failure)) => format!("no: {failure}"),
            _ => "not tried: there is no image yet".to_owned(),
        };
        let cache = match self.cache_writable {
            true => self.cache.display().to_string(),
            false => format!(
                "{} cannot be written: change its mode, or set OPHIDIA_CACHE to another folder",
                self.cache.display()
            ),
        };
        let mut text = String::new();
        for (name, value) in [
            ("ophidia", format!("{} on {}", self.ophidia, self.platform)),
            ("cache", cache),
            ("guest", guest),
            ("image", image),
            ("runs", runs),
        ] {
            let _ = writeln!(text, "{name:<9}{value}");
        }
        if self.missing.is_empty() {
            let _ = writeln!(text, "{:<9}nothing a build of the guest would need", "missing");
        }
        for missing in &self.missing {
            let Missing { what, purpose, remedy } = missing;
            let _ = writeln!(text, "{:<9}{what} ({purpose}): {remedy}", "missing");
        }
        text
    }
}

impl From<guest::Missing> for Missing {
    fn from(missing: guest::Missing) -> Self {
        Self { what: missing.what, purpose: missing.purpose, remedy: missing.remedy }
    }
}

/// Whether a file can be made in the folder, or the folder itself where its nearest parent is.
fn writable(folder: &std::path::Path) -> bool {
    let there = folder.ancestors().find(|folder| folder.exists());
    there.is_some_and(|folder| tempfile::tempfile_in(folder).is_ok())
}
