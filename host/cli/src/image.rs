//! `ophidia image`: templates, which are the image and what set-up code has left behind.

use crate::ending::Ending;
use crate::guest::print;
use crate::options::PythonOptions;
use crate::origin::{self, MadeOf};
use crate::sandbox::Sandbox;
use crate::status::Status;
use crate::{Usage, load, run};
use anyhow::Context as _;
use ophidia::{CheckpointInfo, CheckpointOptions, OutputKind, SourceKind, Template};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Make templates, from which programs begin with everything imported, and look after them
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Image {
    Build(Box<Build>),
    /// List the templates of the cache
    Ls {
        /// One line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what a template is made of, its size and its digests
    Info {
        /// A file, or a name of the cache
        #[arg(value_name = "FILE|NAME")]
        image: PathBuf,
        /// One line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove templates from the cache
    Rm {
        /// Names, as `ophidia image ls` lists them
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

/// Run set-up code once and keep where it ended, for `run --image`
///
/// Modules of --preload are imported first, then the file of --set-up runs, in __main__: what it defines there, programs
/// find there. Grants and limits are those of the set-up; programs have their own.
#[derive(clap::Args, Debug)]
#[command(after_help = crate::help(EXAMPLES))]
pub(crate) struct Build {
    /// Import these modules
    #[arg(long, value_name = "MODULE,...", value_delimiter = ',')]
    preload: Vec<String>,

    /// Run this file
    #[arg(long, value_name = "FILE")]
    set_up: Option<PathBuf>,

    /// Write the template to this file [default: into the cache, under a name that is printed]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    sandbox: Sandbox,
}

const EXAMPLES: &str = "\
Examples:
  ophidia image build --site ophidia-site --preload jinja2,app -o app.ophidia
  ophidia run --image app.ophidia --site ophidia-site page.py
  ophidia image build --set-up warm.py --dir data::/data    into the cache; prints a name
  ophidia image info app.ophidia --json | jq .sha256";

/// What `info` and `ls` tell of a template.
#[derive(Debug, Serialize)]
struct Described {
    /// In the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    file: PathBuf,
    file_bytes: u64,
    /// Bytes of memory and other state that differ from the image's.
    state_bytes: u64,
    /// SHA-256 of the file.
    sha256: String,
    /// The beginning of the SHA-256 of the image's memory.
    image: String,
    /// The build that made it.
    build: String,
    sealed: bool,
    /// Seconds since 1970.
    made: u64,
    /// Nothing where it was made by another program than this command.
    made_of: Option<MadeOf>,
}

impl Image {
    pub(crate) fn run(self) -> anyhow::Result<Status> {
        match self {
            Self::Build(build) => build.run(),
            Self::Ls { json } => list(json),
            Self::Info { image, json } => {
                let described = Described::of(&origin::found(&image)?)?;
                print(&if json { to_line(&described)? } else { described.text() });
                Ok(Status::SUCCESS)
            }
            Self::Rm { names } => remove(&names),
        }
    }
}

impl Build {
    fn run(mut self) -> anyhow::Result<Status> {
        let source = self.set_up.as_deref().map(read).transpose()?;
        self.sandbox.settle()?;
        let of = MadeOf {
            set_up: self.set_up.as_ref().map(|path| path.display().to_string()),
            preload: self.preload,
            sites: self.sandbox.sites().map(|site| site.display().to_string()).collect(),
            guest: self.sandbox.guest().clone(),
        };
        let runtime = load::runtime(&self.sandbox.flavour()?)?;
        load::with_bytecode(&runtime, &mut self.sandbox);
        let builder = self.sandbox.builder();
        let settings = builder.stdout(OutputKind::Inherit).stderr(OutputKind::Inherit).build();
        let settings = self.sandbox.in_policy(settings)?;
        let mut python = PythonOptions::default();
        let paths = python.with_environment(self.sandbox.variables());
        let mut refused = None;
        let made = runtime.template(&settings, |py| {
            if let Err(usage) = run::set(py, &self.sandbox, &python, &paths)? {
                refused = Some(usage);
                return Ok(());
            }
            of.preload.iter().try_for_each(|module| py.import(module).map(drop))?;
            match (&source, &of.set_up) {
                (Some(source), Some(name)) => py.run_source(SourceKind::Statements, source, name),
                _ => Ok(()),
            }
        });
        if let Some(usage) = refused {
            return Err(usage.into());
        }
        let template = match made {
            Ok(template) => template,
            Err(error) => {
                let ending = Ending::of(Err(error), false);
                ending.show();
                return Ok(ending.status);
            }
        };
        let options = CheckpointOptions::new().note(of.to_note());
        match &self.output {
            Some(path) => {
                template.save(path, &options)?;
                print(&format!("{}\n", path.display()));
            }
            None => print(&format!("{}\n", keep(&template, &options)?)),
        }
        Ok(Status::SUCCESS)
    }
}

/// Writes a template into the cache; gives its name.
fn keep(template: &Template, options: &CheckpointOptions) -> anyhow::Result<String> {
    let folder = origin::made_folder()?;
    // Beside where it will be, in a folder of its own: it is named by what it holds.
    let new = tempfile::tempdir_in(&folder)?;
    let path = new.path().join("new");
    template.save(&path, options)?;
    let name: String = sha256(&path)?.chars().take(16).collect();
    fs::rename(&path, origin::cached(&name)?)?;
    fs::File::open(&folder)?.sync_all()?;
    Ok(name)
}

fn read(path: &Path) -> Result<Vec<u8>, Usage> {
    let refused = |error| {
        Usage(format!("--set-up {}: {error}: name a file that you can read", path.display()))
    };
    fs::read(path).map_err(refused)
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let bytes = Sha256::digest(fs::read(path)?);
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn to_line(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}

fn list(json: bool) -> anyhow::Result<Status> {
    let mut all = Vec::new();
    for entry in fs::read_dir(origin::folder()?).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension() == Some(OsStr::new(origin::EXTENSION)) {
            // One that another build has made is listed by its name alone, to be removed.
            all.push(Described::of(&path).map_err(|error| (path, error)));
        }
    }
    all.sort_by_key(|described| match described {
        Ok(described) => (described.made, described.file.clone()),
        Err((path, _)) => (0, path.clone()),
    });
    if json {
        let described: Vec<_> =
            all.iter().filter_map(|described| described.as_ref().ok()).collect();
        print(&to_line(&described)?);
        return Ok(Status::SUCCESS);
    }
    for described in all {
        let line = match described {
            Ok(Described { name, file_bytes, made_of, .. }) => {
                let of = made_of.map_or_else(|| "another program's".to_owned(), |of| of.words());
                format!("{}  {:>8} KiB  {of}\n", name.unwrap_or_default(), file_bytes >> 10)
            }
            Err((path, error)) => {
                let name = path.file_stem().unwrap_or_default().display().to_string();
                format!("{name}  cannot be used: {error:#}\n")
            }
        };
        print(&line);
    }
    Ok(Status::SUCCESS)
}

fn remove(names: &[String]) -> anyhow::Result<Status> {
    for name in names {
        let path = Some(name).filter(|name| origin::is_name(name)).map(|name| origin::cached(name));
        let path = path.transpose()?.filter(|path| path.is_file()).ok_or_else(|| {
            Usage(format!("{name}: the cache has no such template: `ophidia image ls` lists them"))
        })?;
        fs::remove_file(&path).with_context(|| path.display().to_string())?;
    }
    Ok(Status::SUCCESS)
}

impl Described {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let refused = |reason: String| Usage(format!("{}: {reason}", path.display()));
        let info = CheckpointInfo::of_file(path).map_err(|error| match error {
            // It names the file itself.
            ophidia::Error::Checkpoint(ophidia::CheckpointError::File(said)) => Usage(said),
            error => refused(error.to_string()),
        })?;
        if !info.is_template {
            return Err(refused("a checkpoint of one interpreter, no template".into()).into());
        }
        let data = fs::metadata(path)?;
        let made = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let is_cached = path.parent() == origin::folder().ok().as_deref();
        let name = path.file_stem().and_then(OsStr::to_str).filter(|_| is_cached);
        Ok(Self {
            name: name.map(str::to_owned),
            file: path.to_owned(),
            file_bytes: data.len(),
            state_bytes: info.bytes,
            sha256: sha256(path)?,
            made: made.unwrap_or_default().as_secs(),
            made_of: MadeOf::of(&info),
            image: info.image,
            build: info.build,
            sealed: info.is_sealed,
        })
    }

    fn text(&self) -> String {
        let of = self.made_of.as_ref().map_or_else(|| "not said".to_owned(), MadeOf::words);
        let mut text = String::new();
        for (name, value) in [
            ("template", self.file.display().to_string()),
            ("made of", of),
            ("SHA-256", self.sha256.clone()),
            ("image", self.image.clone()),
            ("build", self.build.clone()),
            (
                "size",
                format!("{} KiB, {} KiB in memory", self.file_bytes >> 10, self.state_bytes >> 10),
            ),
            ("sealed", if self.sealed { "yes" } else { "no" }.to_owned()),
        ] {
            let _ = writeln!(text, "{name:<11}{value}");
        }
        text
    }
}
