//! Native packages of the guest's versions on a native Python of the guest's version, in a process of its
//! own that is told through pipes what to time.

use anyhow::{Context as _, Result, bail, ensure};
use ophidia::guest::SERIES;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The process. It ends when this is dropped.
#[derive(Debug)]
pub struct NativePackages {
    child: Child,
    cases: ChildStdin,
    times: BufReader<ChildStdout>,
}

impl NativePackages {
    /// Starts a Python program that, for every line it reads, prints seconds. One thread computes.
    ///
    /// # Errors
    ///
    /// When there is no guest, pip cannot install them, or the process cannot be started.
    pub fn start(program: &Path, packages: &[(&str, String)]) -> Result<Self> {
        let mut command = Command::new(crate::native_python()?);
        command
            .arg(program)
            .env("PYTHONPATH", installed(packages)?)
            .env("OPENBLAS_NUM_THREADS", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let cases = child.stdin.take().context("no pipe")?;
        let times = BufReader::new(child.stdout.take().context("no pipe")?);
        Ok(Self { child, cases, times })
    }

    /// Has a case timed.
    ///
    /// # Errors
    ///
    /// When the process has ended or does not answer with a number.
    pub fn seconds(&mut self, case: &str) -> Result<f64> {
        writeln!(self.cases, "{case}")?;
        let mut line = String::new();
        self.times.read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("{case}: {line:?} is not a time"))
    }
}

impl Drop for NativePackages {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder with packages of these versions and what they need, installed once into the cache by the machine's pip.
///
/// # Errors
///
/// When pip is missing or cannot install them.
pub fn installed(packages: &[(&str, String)]) -> Result<PathBuf> {
    let cache = ophidia::guest::ambient_cache_dir().context("no cache folder")?;
    let folder = cache.join("native-packages");
    fs::create_dir_all(&folder)?;
    let pinned: Vec<String> =
        packages.iter().map(|(name, version)| format!("{name}=={version}")).collect();
    let name = format!("{SERIES}+{}", pinned.join("+"));
    let target = folder.join(&name);
    let lock = File::create(folder.join(format!("{name}.lock")))?;
    lock.lock()?;
    if target.is_dir() {
        return Ok(target);
    }
    let unfinished = folder.join(format!("{name}-unfinished"));
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => bail!(error),
        _ => {}
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
    pip.arg(&unfinished).args(&pinned).arg("--only-binary=:all:");
    // For the native Python of the guest's version, not for the one that runs pip.
    pip.args([
        "--ignore-requires-python",
        &format!("--python-version={SERIES}"),
        "--implementation=cp",
        &format!("--abi=cp{}", SERIES.replace('.', "")),
    ]);
    for glibc in ["2014", "_2_27", "_2_28"] {
        pip.arg(format!("--platform=manylinux{glibc}_{}", std::env::consts::ARCH));
    }
    let output = pip.output().context("python3 with pip is needed")?;
    ensure!(output.status.success(), "pip: {}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&unfinished, &target)?;
    Ok(target)
}
