//! `ophidia run --durable` and `ophidia state`: programs that outlive their process, killed or not.

use crate::support::{Call, ophidia, ophidia_command};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Writes a line for each step, until it is told to stop; and at its end what all of them gave.
const STEPS: &str = r#"
import asyncio, os
done = []
async def step(i):
    with open("/log/log", "a") as log:
        log.write(f"{i}\n")
    await asyncio.sleep(0.06)
    return i * i
while not os.path.exists("/log/stop"):
    done.append(await step(len(done)))
with open("/log/result", "w") as result:
    result.write(repr(done))
print("ended", len(done), flush=True)
"#;

/// How often it is killed.
const KILLS: usize = 100;

/// A folder with the program, and a folder that it may write to.
fn folder(program: &str) -> (TempDir, PathBuf) {
    let made = tempfile::tempdir().expect("a temporary folder");
    let path = made.path().canonicalize().expect("it exists");
    fs::create_dir(path.join("log")).expect("a folder");
    fs::write(path.join("app.py"), program).expect("a file");
    (made, path)
}

const ARGUMENTS: [&str; 6] = ["run", "--durable", "state", "--dir", "log::/log:rw", "app.py"];

fn run(path: &Path) -> Call {
    ophidia(ARGUMENTS).current_dir(path)
}

fn info(path: &Path) -> Value {
    let call = ophidia(["state", "info", "state", "--json"]).current_dir(path);
    serde_json::from_str(&call.expect_ok().stdout()).expect("one line of JSON")
}

/// Milliseconds below this, at random.
fn below(most: u128) -> Duration {
    let random = u128::from(RandomState::new().hash_one(0));
    Duration::from_millis(u64::try_from(random % most.max(1)).expect("few"))
}

#[test]
fn killed_at_any_moment_it_comes_to_the_same_end() {
    let (_kept, path) = folder(STEPS);
    // How long a life takes that gets somewhere: start, two steps, two checkpoints.
    let twice = "import asyncio\nfor _ in range(2): await asyncio.sleep(0.06)";
    let began = Instant::now();
    ophidia(["run", "--durable", "twice", "-c", twice]).current_dir(&path).expect_ok();
    let life = began.elapsed().as_millis();
    for kill in 0..KILLS {
        let mut child = ophidia_command()
            .args(ARGUMENTS)
            .current_dir(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        thread::sleep(below(life * 3 / 2));
        let ended = child.try_wait().expect("its status");
        assert!(ended.is_none(), "before kill {kill} it ended: {ended:?}");
        child.kill().expect("SIGKILL");
        child.wait().expect("its status");
    }
    fs::write(path.join("log/stop"), "").expect("a file");
    let said = run(&path).expect_ok().stdout();
    let result = fs::read_to_string(path.join("log/result")).expect("the result");
    let steps = result.split(',').count();
    let squares: Vec<_> = (0..steps).map(|i| i * i).collect();
    assert_eq!(result, format!("{squares:?}"), "what a run that nobody kills gives");
    assert_eq!(said, format!("ended {steps}\n"));
    // Each step at least once, none before the one that it follows.
    let log = fs::read_to_string(path.join("log/log")).expect("the log");
    let mut seen = BTreeSet::new();
    for line in log.lines() {
        let step: usize = line.parse().expect("a whole line");
        assert!(step <= seen.len(), "step {step} after {} others", seen.len());
        seen.insert(step);
    }
    // The step that the last kill undid may have been told of already.
    assert!((steps..=steps + 1).contains(&seen.len()), "{steps} of {}", seen.len());
    assert!(steps > 1, "it went on between the kills");
}

#[test]
fn what_has_ended_is_not_run_again_until_it_is_removed() {
    let program = "import asyncio, sys\nawait asyncio.sleep(0.1)\nprint('once')\nsys.exit(3)";
    let (_kept, path) = folder(program);
    run(&path).expect_status(3).stdout_is("once\n");
    let again = run(&path).expect_status(3);
    again.stdout_is("").stderr_has("ended already, with status 3");
    let described = info(&path);
    assert_eq!((&described["status"], &described["exit_code"]), (&"ended".into(), &3.into()));
    ophidia(["state", "rm", "state"]).current_dir(&path).expect_ok().stdout_is("");
    assert!(!path.join("state").exists());
    run(&path).expect_status(3).stdout_is("once\n");
}

#[test]
fn another_program_and_what_is_torn_are_refused_by_name() {
    let (_kept, path) = folder("import asyncio\nawait asyncio.sleep(3600)");
    let mut child = ophidia_command()
        .args(ARGUMENTS)
        .current_dir(&path)
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    let checkpoint = path.join("state/checkpoint");
    while !checkpoint.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    // Two at once.
    assert_eq!(info(&path)["status"], "running");
    run(&path).expect_status(2).stderr_has("a process has this program's state open");
    let removed = ophidia(["state", "rm", "state"]).current_dir(&path).expect_status(2);
    removed.stderr_has("a process has this program's state open");
    child.kill().expect("SIGKILL");
    child.wait().expect("its status");
    assert_eq!(info(&path)["status"], "stopped");
    // Another program.
    let other = ophidia(["run", "--durable", "state", "-c", "1"]).current_dir(&path);
    other.expect_status(2).stderr_has("state: the state of another program");
    // A torn file.
    let bytes = fs::read(&checkpoint).expect("the checkpoint");
    fs::write(&checkpoint, &bytes[..bytes.len() - 9]).expect("written");
    run(&path).expect_status(2).stderr_has("the checkpoint is damaged");
    assert_eq!(fs::read(&checkpoint).expect("it stays").len(), bytes.len() - 9);
    ophidia(["state", "rm", "log"]).current_dir(&path).expect_status(2).stderr_has("no state");
}

#[test]
fn what_cannot_wait_at_rest_is_refused() {
    let (_kept, path) = folder("");
    fs::create_dir(path.join("pack")).expect("a folder");
    fs::write(path.join("pack/__main__.py"), "").expect("a file");
    let pack = ophidia(["run", "--durable", "state", "pack"]).current_dir(&path);
    pack.expect_status(2).stderr_has("name a script");
    let json = ophidia(["run", "--durable", "state", "--json", "app.py"]).current_dir(&path);
    json.expect_status(2).stderr_has("--json");
}
