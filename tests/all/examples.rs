//! Every example of `examples/examples.toml`, run by the command and by a native Python of the same
//! version: both print the same bytes and end with the same status.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use ophidia::guest::packages;
use serde::Deserialize;

use crate::library::RUNTIME;
use crate::support::{native_python, ophidia, repository, site_packages};

/// An example in Rust, as `cargo run --release --example monte_carlo` runs it.
#[path = "../../examples/monte_carlo.rs"]
#[allow(dead_code, reason = "its `main` is the example's own")]
mod monte_carlo;

#[derive(Deserialize)]
struct Table {
    example: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    file: String,
    stdin: Option<String>,
    #[serde(default)]
    site: bool,
    #[serde(default)]
    packages: Vec<String>,
    #[serde(default)]
    folder: bool,
    #[serde(default)]
    status: i32,
    stdout: Option<String>,
}

#[test]
fn every_example_prints_what_native_python_prints() {
    let folder = repository().join("examples");
    let text = fs::read_to_string(folder.join("examples.toml")).expect("the table can be read");
    let table: Table = toml::from_str(&text).expect("the table is well formed");
    assert!(table.example.len() >= 16, "only {} examples", table.example.len());
    // One that fails must not hide the others; each panic has already said what is wrong.
    let fails = |example: &&Example| std::panic::catch_unwind(|| run(&folder, example)).is_err();
    let failed: Vec<_> = table.example.iter().filter(fails).map(|example| &example.file).collect();
    assert!(failed.is_empty(), "{} examples fail: {failed:?}", failed.len());
}

#[test]
fn the_table_names_every_script() {
    let folder = repository().join("examples");
    let table = fs::read_to_string(folder.join("examples.toml")).expect("the table can be read");
    let mut scripts = 0;
    for entry in fs::read_dir(&folder).expect("the folder can be read") {
        let name =
            entry.expect("the folder can be read").file_name().into_string().expect("plain names");
        if name.ends_with(".py") {
            assert!(table.contains(&format!("\"{name}\"")), "{name} is not in the table");
            scripts += 1;
        }
    }
    assert!(scripts >= 16, "only {scripts} scripts");
}

fn run(folder: &Path, example: &Example) {
    let script = folder.join(&example.file);
    let read =
        |name: &String| fs::read(folder.join(name)).expect("a file of the examples can be read");
    let stdin = example.stdin.as_ref().map(read).unwrap_or_default();
    let work = tempfile::tempdir().expect("a temporary folder can be made");
    let (mut command, mut native) = (ophidia(["run"]), native_python::<&str>([]));

    if example.site {
        let site = site_packages(&folder.join("requirements.txt"));
        command = command.arg("--site").arg(&site);
        native = native.env("PYTHONPATH", &site);
    }
    if !example.packages.is_empty() {
        command = command.args(["--with", &example.packages.join(",")]);
        native = native.env("PYTHONPATH", native_packages(&example.packages));
    }
    if example.folder {
        command = command.arg("--dir").arg(format!("{}:rw", work.path().display()));
    }
    command = command.arg(&script).stdin(stdin.clone());
    native = native.arg(&script).stdin(stdin);
    if example.folder {
        command = command.arg(work.path());
        native = native.arg(work.path());
    }

    let expected = match &example.stdout {
        Some(name) => read(name),
        None => native.expect_status(example.status).stdout,
    };
    let left: Vec<_> = fs::read_dir(work.path()).expect("the folder can be read").collect();
    assert!(left.is_empty(), "{} left files behind: {left:?}", example.file);
    command.expect_status(example.status).stdout_is(expected);
}

/// Native packages of the guest's versions, those of the benches.
pub(crate) fn native_packages(names: &[impl AsRef<str>]) -> PathBuf {
    let version = |name: &str| {
        let package = packages().iter().find(|package| package.name == name);
        package.expect("a package").version.to_owned()
    };
    let pinned: Vec<(&str, String)> =
        names.iter().map(|name| (name.as_ref(), version(name.as_ref()))).collect();
    ophidia_benches::installed(&pinned).expect("pip installs them")
}

#[test]
fn four_interpreters_estimate_pi() {
    let estimates = monte_carlo::estimates(&RUNTIME, 50_000).expect("they run");
    assert_eq!(estimates.len(), 4);
    assert!(estimates.windows(2).all(|pair| pair[0] != pair[1]), "{estimates:?}");
    // Four standard deviations of one estimate.
    assert!(estimates.iter().all(|one| (one - std::f64::consts::PI).abs() < 0.03), "{estimates:?}");
}

#[test]
fn with_a_clock_and_a_seed_every_example_repeats() {
    let folder = repository().join("examples");
    let text = fs::read_to_string(folder.join("examples.toml")).expect("the table can be read");
    let table: Table = toml::from_str(&text).expect("the table is well formed");
    let mut made = HashSet::new();
    for example in &table.example {
        let run = || {
            let stdin =
                example.stdin.as_ref().map(|name| fs::read(folder.join(name)).expect("a file"));
            let mut command =
                ophidia(["run", "--clock", "2020-01-01T00:00:00Z+1ms", "--seed", "1"]);
            if example.site {
                command =
                    command.arg("--site").arg(site_packages(&folder.join("requirements.txt")));
            }
            if !example.packages.is_empty() {
                command = command.args(["--with", &example.packages.join(",")]);
            }
            // What is written to is in memory, so that both runs find the same.
            let work = if example.folder { &["/tmp"][..] } else { &[] };
            let command = command.arg(folder.join(&example.file)).args(work);
            command.stdin(stdin.unwrap_or_default()).expect_status(example.status)
        };
        // The first to ask for packages makes an image, and says so.
        if made.insert(&example.packages) {
            run();
        }
        let (one, other) = (run(), run());
        assert!(one.stdout == other.stdout, "{}: {one:?}\n{other:?}", example.file);
        // The time that a limit's or a program's end took is no output of the program.
        assert_eq!(
            one.stderr().lines().count(),
            other.stderr().lines().count(),
            "{}",
            example.file
        );
    }
}
