//! Test programs of WASI preview 1 against Ophidia's own layer.
//!
//! Runs every `NAME.wasm` of a folder, as the optional `NAME.json` beside it says: `args`, `dirs`, `env`, `stdin`,
//! `stdout`, `stderr`, `exit_code`, the format of <https://github.com/WebAssembly/wasi-testsuite>. Each program gets
//! fresh copies of its folders. From the repository's root:
//!
//! ```text
//! cargo run --release -p ophidia-tests --bin wasi -- DIR...
//! cargo run --release -p ophidia-tests --bin wasi -- --json DIR     for other programs
//! ```
#![expect(clippy::print_stdout, reason = "a command reports on standard output")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use ophidia::Preview1;
use serde::{Deserialize, Serialize};

/// Run test programs of WASI preview 1.
#[derive(Debug, Parser)]
#[command(name = "wasi", version)]
struct Options {
    /// Print JSON: a list of objects, one a program.
    #[arg(long)]
    json: bool,
    /// Folders with programs, NAME.wasm, each with an optional NAME.json.
    #[arg(required = true)]
    folders: Vec<PathBuf>,
}

/// What `NAME.json` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    args: Vec<String>,
    dirs: Vec<String>,
    env: BTreeMap<String, String>,
    stdin: Option<String>,
    stdout: Option<String>,
    stderr: Option<String>,
    exit_code: i32,
    /// A folder that the program begins in, under the name `/`.
    root: Option<String>,
    #[serde(flatten)]
    unknown: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Passed,
    Failed,
    Skipped,
}

#[derive(Debug, Serialize)]
struct Judged {
    name: String,
    verdict: Verdict,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let mut judged = Vec::new();
    for folder in &options.folders {
        let mut programs: Vec<PathBuf> = fs::read_dir(folder)
            .with_context(|| format!("{}: name a folder that can be read", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
            .collect();
        ensure!(
            !programs.is_empty(),
            "{}: no NAME.wasm in it: build the programs first",
            folder.display()
        );
        programs.sort();
        for program in programs {
            let name = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let (verdict, reason) = match judge(&program) {
                Ok(None) => (Verdict::Passed, String::new()),
                Ok(Some(skipped)) => (Verdict::Skipped, skipped),
                Err(error) => (Verdict::Failed, format!("{error:#}")),
            };
            judged.push(Judged { name, verdict, reason });
            if let (false, Some(Judged { name, verdict, reason })) = (options.json, judged.last()) {
                let colon = if reason.is_empty() { "" } else { ": " };
                println!("{:<7} {name}{colon}{reason}", format!("{verdict:?}").to_lowercase());
            }
        }
    }
    let count =
        |is: fn(&Verdict) -> bool| judged.iter().filter(|judged| is(&judged.verdict)).count();
    let failed = count(|verdict| matches!(verdict, Verdict::Failed));
    if options.json {
        println!("{}", serde_json::to_string(&judged)?);
    } else {
        let passed = count(|verdict| matches!(verdict, Verdict::Passed));
        let skipped = count(|verdict| matches!(verdict, Verdict::Skipped));
        println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a program; gives why it was skipped, if it was.
fn judge(program: &Path) -> Result<Option<String>> {
    let path = program.with_extension("json");
    let spec: Spec = match fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).with_context(|| path.display().to_string())?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Spec::default(),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    if let Some(field) = spec.unknown.keys().next() {
        return Ok(Some(format!("{field:?} in its JSON means nothing here")));
    }
    let folder = program.parent().unwrap_or(Path::new("."));
    let copies = tempfile::tempdir()?;
    let named = spec.dirs.iter().map(|dir| (dir, dir.as_str()));
    let root = spec.root.iter().map(|dir| (dir, "/"));
    let mut dirs = Vec::new();
    for (number, (dir, name)) in named.chain(root).enumerate() {
        let copy = copies.path().join(number.to_string());
        copy_folder(&folder.join(dir), &copy).with_context(|| format!("folder {dir}"))?;
        dirs.push((copy, name.to_owned()));
    }
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let ended = Preview1 {
        wasm: fs::read(program)?,
        args: std::iter::once(name).chain(spec.args).collect(),
        env: spec.env.into_iter().collect(),
        dirs,
        stdin: spec.stdin.unwrap_or_default().into_bytes(),
    }
    .run()?;
    let stderr = String::from_utf8_lossy(&ended.stderr);
    let said = if stderr.is_empty() {
        String::new()
    } else {
        format!("\n    {}", stderr.trim_end().replace('\n', "\n    "))
    };
    match ended.status {
        Err(trap) => anyhow::bail!("{}{said}", trap.lines().last().unwrap_or_default()),
        Ok(status) => {
            ensure!(status == spec.exit_code, "status {status} instead of {}{said}", spec.exit_code)
        }
    }
    for (what, wanted, got) in
        [("stdout", spec.stdout, &ended.stdout), ("stderr", spec.stderr, &ended.stderr)]
    {
        if let Some(wanted) = wanted {
            let got = String::from_utf8_lossy(got);
            ensure!(got == wanted, "{what} is {got:?} instead of {wanted:?}");
        }
    }
    Ok(None)
}

/// Copies files, folders and links.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&from, &to)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
