//! Hostile programs: each by itself ends as it says, leaves the host's files alone, and spares its neighbours, also when
//! all of them run at once.

use crate::hostile_origin::Stage;
use crate::library::RUNTIME;
use crate::support::repository;
use ophidia::{
    Access, DirGrant, Error, Function, Input, Interpreter, Object, OutputKind, Python, Quota,
    Result, Sandbox, SandboxBuilder, Streams,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A program, its threat, and the ways in which it may end.
struct Program {
    name: String,
    threat: String,
    ends: Vec<String>,
    /// Whether it is granted an origin.
    origin: bool,
    source: String,
}

fn programs() -> Vec<Program> {
    let folder = repository().join("tests/hostile_python");
    let mut programs: Vec<_> = fs::read_dir(folder)
        .expect("the programs")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let source = fs::read_to_string(&path).expect("a program");
            let field = |field: &str| {
                let line =
                    source.lines().find_map(|line| line.strip_prefix(&format!("# {field}: ")));
                line.unwrap_or_else(|| panic!("{}: no {field}", path.display())).to_owned()
            };
            Program {
                name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
                threat: field("threat"),
                origin: source.lines().any(|line| line == "# grants: origin"),
                ends: field("ends").split(", ").map(str::to_owned).collect(),
                source,
            }
        })
        .collect();
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    programs
}

/// The host's side of one run: folders with something in them that must stay.
struct Ground {
    made: TempDir,
}

impl Ground {
    fn new() -> Self {
        let made = tempfile::tempdir().expect("a folder");
        let at = |name: &str| made.path().join(name);
        for folder in ["ro", "rw/kept", "outside"] {
            fs::create_dir_all(at(folder)).expect("a folder");
        }
        for file in ["ro/file", "rw/kept/file", "outside/secret"] {
            fs::write(at(file), "kept").expect("a file");
        }
        symlink(at("outside/secret"), at("ro/outside")).expect("a link");
        mknodat(CWD, at("ro/fifo"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("a FIFO");
        Self { made }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.made.path().join(name)
    }

    /// What lies there is as it was, and little was added.
    fn check(&self, name: &str) {
        for file in ["ro/file", "rw/kept/file", "outside/secret"] {
            assert_eq!(fs::read_to_string(self.path(file)).expect(name), "kept", "{name}: {file}");
        }
        assert_eq!(fs::read_dir(self.path("ro")).expect(name).count(), 3, "{name}");
        assert_eq!(fs::read_dir(self.path("outside")).expect(name).count(), 1, "{name}");
        assert_eq!(fs::read_dir(self.made.path()).expect(name).count(), 3, "{name}");
        let size = |path: &Path| fs::symlink_metadata(path).map_or(0, |there| there.len());
        let added: u64 = fs::read_dir(self.path("rw"))
            .expect(name)
            .flatten()
            .map(|entry| size(&entry.path()))
            .sum();
        assert!(added < 3 << 20, "{name}: {added} bytes");
        assert!(fs::read_dir(self.path("rw")).expect(name).count() <= 102, "{name}");
    }
}

fn settings(ground: &Ground) -> SandboxBuilder {
    Sandbox::builder()
        .dir(DirGrant { host: ground.path("ro"), guest: "/ro".into(), access: Access::ReadOnly })
        .dir(DirGrant { host: ground.path("rw"), guest: "/rw".into(), access: Access::ReadWrite })
        .dir(DirGrant {
            host: ground.path("rw/kept"),
            guest: "/rw/kept".into(),
            access: Access::ReadOnly,
        })
        .tmp(Quota { bytes: 1 << 20, files: 100 })
        .folder(Quota { bytes: 1 << 20, files: 100 })
        .timeout(Duration::from_millis(400))
        .grace(Duration::from_millis(50))
        .memory(64 << 20)
        .value(16 << 20)
        .objects(1_000)
        .host_calls(100_000)
        .output(1 << 20)
        .files(16)
        .stderr(OutputKind::Capture)
}

/// Runs a program; gives how it ended, and how long that took.
fn run(program: &Program) -> (String, Duration) {
    let ground = Ground::new();
    let streams = Streams { stdin: Some(Input::reader(Waiting)), ..Streams::default() };
    let stage = program.origin.then(Stage::new);
    let settings = match &stage {
        Some(stage) => stage.grant(settings(&ground)).timeout(Duration::from_secs(4)),
        None => settings(&ground),
    };
    let sandbox = settings.build().expect("a sandbox");
    let mut py = RUNTIME.start_with(&sandbox, streams).expect("an interpreter");
    let kept = std::sync::Mutex::new(Vec::<Object>::new());
    let keep = move |object: Object| kept.lock().expect("nobody panics").push(object);
    let call =
        |py: &mut Python<'_>, function: Object| -> Result<()> { function.call(py, ()).map(drop) };
    py.set("keep", Function::new("keep", keep)).expect("set");
    py.set("make", Function::new("make", || Function::new("made", || 1_i64))).expect("set");
    py.set(
        "nothing",
        Function::new("nothing", |_: Option<ophidia::Value>| ())
            .param_default("value", None::<i64>),
    )
    .expect("set");
    py.set("call", Function::new("call", call)).expect("set");
    let began = Instant::now();
    let ended = py.run(&program.source);
    let ended = match ended {
        Ok(()) => py.finish(),
        ended => ended,
    };
    let took = began.elapsed();
    if let Some(stage) = stage {
        let said = ended.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let seen = [py.take_stdout(), py.take_stderr(), said.into_bytes()].concat();
        stage.check(&program.name, &seen);
    }
    drop(py);
    ground.check(&program.name);
    let ended = match ended {
        Ok(()) => "ok".into(),
        Err(Error::Python(error)) if error.exit_status.is_some() => "exit".into(),
        Err(Error::Python(error)) => format!("exception {}", error.type_name),
        Err(Error::Limit(limit)) => format!("limit {}", limit.name()),
        Err(Error::GuestFault(_)) => "guest fault".into(),
        Err(error) => format!("{error:?}"),
    };
    (ended, took)
}

/// Input that never comes.
struct Waiting;

impl std::io::Read for Waiting {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        thread::sleep(Duration::from_secs(3));
        Ok(0)
    }
}

fn is_as_it_says(program: &Program, ended: &str) -> bool {
    let known = ["ok", "exit", "exception ", "limit ", "guest fault"]
        .iter()
        .any(|kind| ended.starts_with(kind));
    known
        && program.ends.iter().any(|wanted| {
            wanted == "any" || ended == wanted || ended.starts_with(&format!("{wanted} "))
        })
}

#[test]
fn each_ends_as_it_says() {
    let programs = programs();
    assert!(programs.len() >= 60, "{}", programs.len());
    let mut wrong = Vec::new();
    for program in &programs {
        let (ended, took) = run(program);
        if !is_as_it_says(program, &ended) || took > Duration::from_secs(5) {
            wrong.push(format!("{}: {ended} after {took:?}, not {:?}", program.name, program.ends));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), programs.len(), wrong.join("\n"));
}

/// T14: what a call takes beside them is measured by the bench of limits.
#[test]
fn all_at_once_beside_one_that_behaves() {
    let programs = programs();
    let mut py: Interpreter = RUNTIME.interpreter().build().expect("an interpreter");
    py.run("def double(x): return [2 * n for n in x]").expect("a function");
    let double = py.get("double").expect("the function");
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let wrong = thread::scope(|scope| {
        let hostile: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let mut wrong = Vec::new();
                    while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let (ended, _) = run(program);
                        // Time may run out before what it says is reached: the processors are shared.
                        if !is_as_it_says(program, &ended) && ended != "limit timeout" {
                            wrong.push(format!("{}: {ended}", program.name));
                        }
                    }
                    wrong
                })
            })
            .collect();
        let watch = scope.spawn(|| {
            let wrong: Vec<String> =
                hostile.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
            over.store(true, Ordering::Relaxed);
            wrong
        });
        let mut calls = 0;
        while !over.load(Ordering::Relaxed) {
            let doubled: Vec<i64> = double.call_as(&mut py, (vec![calls],)).expect("it goes on");
            assert_eq!(doubled, [2 * calls]);
            calls += 1;
        }
        assert!(calls > 100, "{calls}");
        watch.join().expect("no panic")
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The threat model names what there is.
#[test]
fn every_threat_has_its_tests() {
    let text = fs::read_to_string(repository().join("SECURITY.md")).expect("it is there");
    let programs = programs();
    for program in &programs {
        let line = text.lines().find(|line| line.starts_with(&format!("| {} |", program.threat)));
        let line = line.unwrap_or_else(|| panic!("{}: no threat {}", program.name, program.threat));
        let named = line.split('`').skip(1).step_by(2).any(|name| match name.strip_suffix('*') {
            Some(prefix) => program.name.starts_with(prefix),
            None => program.name == name,
        });
        assert!(named, "{} is not among the programs of {}", program.name, program.threat);
    }
    for name in text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.ends_with(".rs") || name.ends_with('/'))
    {
        let there = ["tests/all", "tests/hostile"]
            .iter()
            .any(|folder| repository().join(folder).join(name).exists());
        assert!(there, "{name}");
    }
    // Threats that no program has are told by the tests themselves, each in the files that are named for it.
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| T"))
        .map(|line| line.split('|').collect::<Vec<_>>());
    let mut found = 0;
    for row in rows {
        let [_, threat, _, _, programs, tests, ..] = &row[..] else { panic!("{row:?}") };
        let threat = threat.trim();
        if programs.trim() != "–" {
            continue;
        }
        let named = tests.split('`').skip(1).step_by(2);
        for name in named.filter(|name| name.ends_with(".rs") || name.ends_with('/')) {
            let places =
                ["tests/all", "tests/hostile"].map(|folder| repository().join(folder).join(name));
            let place = places.iter().find(|place| place.exists()).expect("looked at above");
            assert!(says(place, &format!("/// {threat}: ")), "{name} has no test of {threat}");
            found += 1;
        }
    }
    assert!(found > 15, "{found}");
}

/// Whether a file, or one in a folder, has these words.
fn says(place: &Path, words: &str) -> bool {
    if place.is_dir() {
        let mut inside = fs::read_dir(place).expect("a folder");
        return inside.any(|entry| says(&entry.expect("an entry").path(), words));
    }
    fs::read_to_string(place).is_ok_and(|text| text.contains(words))
}
