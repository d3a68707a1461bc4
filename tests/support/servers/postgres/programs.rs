//! Where PostgreSQL's programs are: on the machine, in the cache, or fetched into it as a Python wheel.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// PostgreSQL 16 as a wheel of Python's, Apache-2.0.
const REQUIREMENT: &str = "pgserver==0.1.4 \
    --hash=sha256:1a5d07c61d51f2abfef4ef61e2ef5cd014b994f7e09de8d3c140d2cf370e84a8 \
    --hash=sha256:780fa89f26a960cca0215caf471e70848dd8597bd8ceaeba7faf42170278980c\n";

/// PostgreSQL as found.
#[derive(Debug)]
pub(super) struct Programs {
    /// With `initdb` and `postgres`.
    bin: PathBuf,
    /// The wheel's folder, which can be copied to another place as a whole.
    wheel: Option<PathBuf>,
}

impl Programs {
    /// The machine's programs, else the cache's, which pip fills when they are missing.
    pub(super) fn found_or_installed() -> Result<Self> {
        match on_machine() {
            Some(bin) => Ok(Self { bin, wheel: None }),
            None => cached(),
        }
    }

    /// The folder to run them from. When the user who runs them cannot reach the cache, which is so for
    /// `nobody` and root's home folder, that is a copy in `folder`.
    pub(super) fn runnable_from(&self, folder: &Path) -> Result<PathBuf> {
        let output = super::unprivileged(&self.bin.join("postgres"), folder).arg("-V").output();
        let why = match output {
            Ok(output) if output.status.success() => return Ok(self.bin.clone()),
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        let Some(wheel) = &self.wheel else { bail!("{} cannot be run: {why}", self.bin.display()) };
        let copied = Command::new("cp").arg("-R").arg(wheel).arg(folder.join("wheel")).status()?;
        ensure!(copied.success(), "{} cannot be copied to {}", wheel.display(), folder.display());
        Ok(folder.join("wheel").join(self.bin.strip_prefix(wheel)?))
    }
}

fn on_machine() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).find_map(|folder| complete(&folder));
    on_path.or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
        let mut versions: Vec<_> = versions.map(|entry| entry.path()).collect();
        versions.sort_by_key(|folder| {
            folder.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok())
        });
        versions.iter().rev().find_map(|folder| complete(&folder.join("bin")))
    })
}

/// The folder with links resolved, when both programs are in it.
fn complete(folder: &Path) -> Option<PathBuf> {
    let initdb = fs::canonicalize(folder.join("initdb")).ok()?;
    let bin = initdb.parent()?;
    bin.join("postgres").is_file().then(|| bin.to_owned())
}

/// Made under a lock and moved into place whole.
fn cached() -> Result<Programs> {
    let home = env::home_dir().context("no PostgreSQL on this machine, and no home folder")?;
    let tools = home.join(".cache/ophidia-tools");
    fs::create_dir_all(&tools)?;
    let wheel = tools.join("pgserver");
    let lock = File::create(tools.join("pgserver.lock"))?;
    lock.lock()?;
    if !wheel.is_dir() {
        let unfinished = tempfile::tempdir_in(&tools)?;
        install(unfinished.path()).context("no PostgreSQL on this machine, and none installed")?;
        fs::rename(unfinished.keep(), &wheel)?;
    }
    let bin = complete(&wheel.join("pgserver/pginstall/bin"));
    let bin = bin.with_context(|| format!("no initdb and postgres in {}", wheel.display()))?;
    Ok(Programs { bin, wheel: Some(fs::canonicalize(wheel)?) })
}

fn install(target: &Path) -> Result<()> {
    let platform = if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        "manylinux2014_x86_64"
    } else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        "macosx_11_0_arm64"
    } else {
        bail!("pgserver has no wheel for this machine: install PostgreSQL");
    };
    let requirements = target.join("requirements.txt");
    fs::write(&requirements, REQUIREMENT)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"])
        .arg(target);
    pip.args(["--require-hashes", "--no-deps", "--no-compile", "--only-binary=:all:"]);
    pip.args(["--implementation", "cp", "--python-version", "3.12", "--abi", "cp312"]);
    pip.args(["--platform", platform, "-r"]).arg(&requirements);
    let output = pip.output().context("python3 cannot be run")?;
    ensure!(output.status.success(), "pip failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
