//! Shared by the benches: medians, figure lines, the two sides of a comparison.
//!
//! The tests compare with the same native packages.

mod native_packages;

pub use native_packages::{NativePackages, installed};

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The median of some measurements.
///
/// # Panics
///
/// When there are none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The medians of two sides of a comparison, and of how many times as much the first of a pair is.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// The first side's median.
    pub ours: f64,
    /// The second side's median.
    pub theirs: f64,
    /// The median of the ratios.
    pub ratio: f64,
}

/// Measures both sides in turn, so many times: what the machine does besides meets both.
///
/// # Errors
///
/// Those of either side.
pub fn in_turn(
    times: u32,
    mut ours: impl FnMut() -> Result<f64>,
    mut theirs: impl FnMut() -> Result<f64>,
) -> Result<Compared> {
    let pair = |_| Ok((ours()?, theirs()?));
    let pairs = (0..times).map(pair).collect::<Result<Vec<(f64, f64)>>>()?;
    let of = |measure: fn(&(f64, f64)) -> f64| median(pairs.iter().map(measure).collect());
    Ok(Compared {
        ours: of(|pair| pair.0),
        theirs: of(|pair| pair.1),
        ratio: of(|pair| pair.0 / pair.1),
    })
}

/// The geometric mean of some ratios.
#[must_use]
pub fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

/// Prints one figure line, `figure KEY VALUE UNIT`.
#[allow(clippy::print_stdout, reason = "figure lines are the short form's output")]
pub fn figure(key: &str, value: f64, unit: &str) {
    println!("figure {key} {value:.3} {unit}");
}

/// Whether the short form was asked for (`cargo bench --bench NAME -- --figures`).
#[must_use]
pub fn figures_wanted() -> bool {
    std::env::args().any(|arg| arg == "--figures")
}

/// The `ophidia` command of the same build.
///
/// # Errors
///
/// When it has not been built.
pub fn command() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let path = exe.ancestors().nth(2).map(|dir| dir.join("ophidia")).context("no build folder")?;
    if !path.exists() {
        bail!("{} is missing: run `cargo build --release` first", path.display());
    }
    Ok(path)
}

/// Runs a command to its end, discarding what it prints, and gives the seconds it took.
///
/// # Errors
///
/// When it cannot be started or fails.
pub fn time_process(program: &Path, args: &[&str]) -> Result<f64> {
    let started = std::time::Instant::now();
    let output = Command::new(program).args(args).output()?;
    let seconds = started.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!("{} {args:?}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(seconds)
}

/// One of the programs under `benches/programs`.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file's name without its ending.
    pub name: String,
    /// Its source, which defines `main(n)`, `N` and `EXPECTED`.
    pub source: String,
}

impl Program {
    /// All of them, by name.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn all() -> Result<Vec<Self>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        let mut programs = Vec::new();
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "py") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                programs.push(Self { name, source: std::fs::read_to_string(&path)? });
            }
        }
        programs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(programs)
    }

    /// The program, followed by one timed and checked call of `main(N)` whose seconds are printed.
    #[must_use]
    pub fn timed(&self) -> String {
        format!(
            "{}\nimport time as _time\n_start = _time.perf_counter()\n_result = main(N)\n\
             _seconds = _time.perf_counter() - _start\n\
             assert _result == EXPECTED, f'{{_result!r}} is not {{EXPECTED!r}}'\n\
             print(_seconds)\n",
            self.source
        )
    }

    /// Seconds that a native `python3` takes.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn native(&self, python: &Path) -> Result<f64> {
        let output = Command::new(python).args(["-I", "-S", "-c", &self.timed()]).output()?;
        if !output.status.success() {
            bail!("{} natively: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }

    /// Seconds that a new interpreter takes.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn sandboxed(&self, runtime: &ophidia::Runtime) -> Result<f64> {
        let mut py = runtime.interpreter().build()?;
        py.run(&self.timed()).with_context(|| format!("{} in the guest", self.name))?;
        Ok(String::from_utf8(py.take_stdout())?.trim().parse()?)
    }
}

/// A line of this process' memory summary, in KiB (`Private_Dirty`, `Rss`, …; Linux).
///
/// # Errors
///
/// When the system has no such line.
pub fn memory_kib(line: &str) -> Result<f64> {
    let summary = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let found = summary.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let value = found.with_context(|| format!("no {line} in the memory summary"))?;
    Ok(value.trim().trim_end_matches("kB").trim().parse()?)
}

/// The native Python that was built along with the guest: same version, plain `-O3`.
///
/// # Errors
///
/// When there is no guest.
pub fn native_python() -> Result<PathBuf> {
    let cache = ophidia::guest::ambient_cache_dir().context("no cache folder")?;
    let guest = ophidia::guest::locate(&cache).context("no guest: run `ophidia guest build`")?;
    Ok(guest.native_python())
}

/// Lets this process have so many files open.
///
/// # Errors
///
/// When the system does not allow that many.
pub fn raise_open_files(wanted: u64) -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let maximum = limit.maximum;
        setrlimit(Resource::Nofile, Rlimit { current: maximum.or(Some(wanted)), maximum })?;
    }
    Ok(())
}
