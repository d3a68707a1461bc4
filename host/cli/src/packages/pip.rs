//! The machine's own pip, made to choose for the guest: what it would install, and its installing of just that.

use super::own::{self, GuestPackage};
use super::requirements::{Requirements, normal};
use ophidia_guest::PYTHON;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::{Command, Output};

/// Runs pip for the guest.
const PROGRAM: &str = include_str!("pip.py");

/// What it ends with when there is no pip, and when there is one that it cannot use.
const NO_PIP: i32 = 97;
const UNKNOWN_PIP: i32 = 98;

/// Systems whose wheels are looked at beside those for any: that tells packages with C code by name.
const NEWEST_GLIBC: u32 = 45;

/// Why there are no packages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What pip says.
    #[error("{0}")]
    Pip(String),
    /// What helps.
    #[error("{0}")]
    NoPip(&'static str),
    /// Packages that the guest cannot have.
    #[error("{0}")]
    HasC(String),
    #[error("{0}")]
    Host(#[from] io::Error),
}

/// What pip would install.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) packages: Vec<Package>,
    /// What is needed of the guest itself.
    pub(crate) of_guest: Vec<&'static GuestPackage>,
}

/// A distribution.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its wheel has files for a system of its own.
    pub(crate) has_c: bool,
    /// Names of those that need it.
    pub(super) needed_by: Vec<String>,
    /// The line by which pip finds the same file again.
    line: String,
    hash: Option<String>,
}

/// The parts of pip's report that are read. Its format is stable.
#[derive(Debug, Deserialize)]
struct Report {
    install: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    metadata: Metadata,
    download_info: Download,
    is_direct: bool,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    version: String,
    #[serde(default)]
    requires_dist: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Download {
    url: String,
    #[serde(default)]
    archive_info: Archive,
}

#[derive(Debug, Default, Deserialize)]
struct Archive {
    hash: Option<String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// Finds out which versions go together; `pins` are kept where they are needed. Nothing is installed.
pub(super) fn resolve(
    requirements: &Requirements,
    pins: &[String],
    work: &Path,
) -> Result<Resolved, Failure> {
    let (stubs, asked) = (work.join("stubs"), work.join("asked.txt"));
    let (constraints, report) = (work.join("constraints.txt"), work.join("report.json"));
    own::write_stubs(&stubs)?;
    fs::write(&asked, with_hashes_of_stubs(requirements)?)?;
    let constrained: String =
        pins.iter().map(|pin| format!("{pin}\n")).chain([own::identity()]).collect();
    fs::write(&constraints, constrained)?;
    let mut pip = pip(&work.join("nowhere"), &asked);
    pip.arg("--dry-run").arg("--report").arg(&report);
    pip.arg("--find-links").arg(&stubs).arg("--constraint").arg(&constraints);
    run(pip)?;
    let report: Report = serde_json::from_slice(&fs::read(&report)?).map_err(io::Error::other)?;
    Ok(resolved(&report.install))
}

/// Installs what was resolved into a folder, and nothing else: files with the same hashes.
pub(super) fn install(
    requirements: &Requirements,
    resolved: &Resolved,
    work: &Path,
    target: &Path,
) -> Result<(), Failure> {
    if resolved.packages.is_empty() {
        return Ok(());
    }
    let chosen = work.join("chosen.txt");
    let hashed = resolved.packages.iter().all(|package| package.hash.is_some());
    let mut text: String =
        requirements.options().iter().map(|option| format!("{option}\n")).collect();
    for package in &resolved.packages {
        text.push_str(&package.line);
        if let (true, Some(hash)) = (hashed, &package.hash) {
            text.push_str(&format!(" --hash=sha256:{hash}"));
        }
        text.push('\n');
    }
    fs::write(&chosen, text)?;
    let mut pip = pip(target, &chosen);
    pip.args(["--no-deps", "--no-compile"]);
    run(pip)?;
    if resolved.packages.iter().any(|package| package.has_c) {
        remove_c(target)?;
    }
    Ok(())
}

/// The requirements; where there are hashes, a package of the guest may also be its stub.
fn with_hashes_of_stubs(requirements: &Requirements) -> io::Result<String> {
    let mut text: String =
        requirements.options().iter().map(|option| format!("{option}\n")).collect();
    for line in requirements.lines() {
        text.push_str(line);
        let end = line.find(|c: char| " [<>=!~;@(".contains(c)).unwrap_or(line.len());
        let package = own::guest_package(line.get(..end).unwrap_or_default());
        if let (true, Some(package)) = (line.contains("--hash"), package) {
            text.push_str(&format!(" --hash=sha256:{}", package.stub_hash()?));
        }
        text.push('\n');
    }
    Ok(text)
}

/// `python3`, about to run `pip install` with what every call of it has.
fn pip(target: &Path, requirements: &Path) -> Command {
    let mut parts = PYTHON.split('.');
    let (major, minor) = (parts.next().unwrap_or("3"), parts.next().unwrap_or_default());
    let mut pip = Command::new("python3");
    // The cases in which pip would install elsewhere, or run somewhere else.
    for variable in ["PIP_PREFIX", "PIP_PYTHON", "PIP_ROOT", "PIP_TARGET"] {
        pip.env_remove(variable);
    }
    pip.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
    pip.args(["-c", PROGRAM, &markers(&format!("{major}.{minor}"))]);
    pip.args(["install", "--disable-pip-version-check", "--no-input", "--no-color"]);
    pip.args(["--progress-bar=off", "--root-user-action=ignore", "--only-binary=:all:"]);
    pip.args(["--implementation=cp", &format!("--python-version={major}.{minor}")]);
    pip.args([&format!("--abi=cp{major}{minor}"), "--abi=abi3", "--abi=none"]);
    for platform in ["manylinux1", "manylinux2010", "manylinux2014"] {
        pip.arg(format!("--platform={platform}_x86_64"));
    }
    for glibc in 5..=NEWEST_GLIBC {
        pip.arg(format!("--platform=manylinux_2_{glibc}_x86_64"));
    }
    pip.arg("--target").arg(target).arg("--requirement").arg(requirements);
    pip
}

/// What the guest's Python says of itself, as requirements ask for it behind `;`.
fn markers(version: &str) -> String {
    json!({
        "implementation_name": "cpython",
        "implementation_version": PYTHON,
        "os_name": "posix",
        "platform_machine": "wasm32",
        "platform_python_implementation": "CPython",
        "platform_release": "0.0.0",
        "platform_system": "wasi",
        "platform_version": "0.0.0",
        "python_full_version": PYTHON,
        "python_version": version,
        "sys_platform": "wasi",
        "extra": "",
    })
    .to_string()
}

fn run(mut pip: Command) -> Result<(), Failure> {
    let output = match pip.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::NoPip(
                "packages are fetched by pip, and there is no python3 here: install python3 and its pip \
                 (apt install python3-pip)",
            ));
        }
        Err(error) => return Err(error.into()),
    };
    match output.status.code() {
        Some(0) => Ok(()),
        Some(NO_PIP) => Err(Failure::NoPip(
            "packages are fetched by pip, and python3 here has none: install it (apt install python3-pip, \
             or python3 -m ensurepip)",
        )),
        Some(UNKNOWN_PIP) => Err(Failure::NoPip(
            "packages are fetched by pip, and python3 here has one that cannot do it: 22.2 or newer is needed \
             (python3 -m pip install --upgrade pip)",
        )),
        _ => Err(Failure::Pip(said(&output))),
    }
}

/// Why pip has failed, in its own words.
fn said(output: &Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<&str> = err
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("ERROR: "))
        .filter(|line| !line.starts_with("ResolutionImpossible"))
        .collect();
    let conflict = out.lines().skip_while(|line| !line.starts_with("The conflict is caused by"));
    lines.extend(conflict.skip(1).take_while(|line| !line.trim().is_empty()).map(str::trim));
    if lines.is_empty() {
        lines = err.lines().rev().take(5).collect();
        lines.reverse();
    }
    let mut said = format!("pip: {}", lines.join("\n  "));
    if lines.iter().any(|line| line.starts_with("No matching distribution")) {
        said.push_str(&format!("\n  only wheels for Python {PYTHON} count: nothing is built"));
    }
    for package in own::guest_packages() {
        if lines.iter().any(|line| line.to_ascii_lowercase().contains(package.name)) {
            let own::GuestPackage { name, version, .. } = package;
            said.push_str(&format!(
                "\n  {name} {version} is part of the guest, and no other version is"
            ));
        }
    }
    said
}

fn resolved(items: &[Item]) -> Resolved {
    let mut found = Resolved::default();
    for item in items {
        let Metadata { name, version, .. } = &item.metadata;
        let guest = own::guest_package(name).filter(|_| own::is_stub(version));
        if let Some(package) = guest {
            found.of_guest.push(package);
            continue;
        }
        let url = &item.download_info.url;
        let Archive { hash: old, hashes } = &item.download_info.archive_info;
        let hash = hashes.get("sha256").map(String::as_str);
        let hash = hash.or_else(|| old.as_deref().and_then(|hash| hash.strip_prefix("sha256=")));
        let path = url.split(['#', '?']).next().unwrap_or(url);
        found.packages.push(Package {
            name: normal(name),
            version: version.clone(),
            has_c: !path.ends_with("-none-any.whl"),
            needed_by: needed_by(name, items),
            line: match item.is_direct {
                true => format!("{name} @ {path}"),
                false => format!("{name}=={version}"),
            },
            hash: hash.map(str::to_owned),
        });
    }
    found.packages.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// Which of them name it in what they require, but for extras.
fn needed_by(name: &str, items: &[Item]) -> Vec<String> {
    let wanted = normal(name);
    let needs = |line: &String| {
        let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        let name = line.get(..end.unwrap_or(line.len())).unwrap_or_default();
        normal(name) == wanted && !line.contains("extra ==")
    };
    let those = items.iter().filter(|item| item.metadata.requires_dist.iter().any(needs));
    those.map(|item| normal(&item.metadata.name)).collect()
}

/// Files of C code, which the guest cannot load.
fn remove_c(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            remove_c(&path)?;
        } else if path.extension().is_some_and(|it| it == "so" || it == "pyd" || it == "dylib") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
