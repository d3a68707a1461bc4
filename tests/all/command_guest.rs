//! `ophidia guest` and `ophidia doctor`, and a cache entry that is not what it should be.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use ophidia_guest::{PYTHON, SERIES, STDLIB};
use rexpect::process::WaitStatus;
use rexpect::session::{Options, spawn_with_options};
use serde_json::Value;

use crate::recipe::Strangers;
use crate::support::{cache, guest, native_python, ophidia, ophidia_command, repository};

fn json(arguments: &[&str], status: i32) -> Value {
    let outcome = ophidia(arguments).expect_status(status);
    serde_json::from_str(&outcome.stdout()).expect("one line of JSON")
}

/// T1: a guest is the one that was built.
#[test]
fn info_tells_what_the_guest_is() {
    let guest = guest();
    let info = json(&["guest", "info", "--json"], 0);
    assert_eq!(info["key"], guest.key());
    assert_eq!(info["guest"], guest.dir.to_str().expect("UTF-8"));
    assert_eq!(info["wasm_bytes"], fs::metadata(guest.wasm()).expect("a file").len());
    let text = ophidia(["guest", "info"]).expect_ok();
    text.stdout_has(guest.key()).stdout_has(info["wasm_sha256"].as_str().expect("text"));
}

#[test]
fn building_what_is_there_takes_nothing_and_says_what_it_is() {
    let outcome = ophidia(["guest", "build"]).expect_ok().stderr_is_empty();
    outcome.stdout_has(guest().key());
}

/// The bytecode of a source hangs on nothing but the source: not on what was compiled before it by the
/// same process, and not on the bytecode that lies about on the machine.
#[test]
fn the_bytecode_compiled_again_is_the_same() {
    let made = tempfile::tempdir().expect("a folder");
    let folder = made.path().join("collections");
    fs::create_dir(&folder).expect("a folder");
    let names = ["functools", "enum", "collections/__init__"];
    for name in names {
        let source = guest().stdlib().join(name).with_extension("py");
        fs::copy(source, made.path().join(name).with_extension("py")).expect("a source");
    }
    native_python([repository().join("guest-python/recipe/compile_part.py").as_os_str()])
        .args([made.path().as_os_str(), STDLIB.as_ref()])
        .args(["0", "1"])
        .env("PYTHONHASHSEED", "0")
        .env("PYTHONPYCACHEPREFIX", made.path().join("none"))
        .expect_ok();
    for name in names {
        let source = Path::new(name);
        let cached = source.with_file_name("__pycache__").join(format!(
            "{}.cpython-{}.pyc",
            source.file_name().expect("a name").to_str().expect("UTF-8"),
            SERIES.replace('.', "")
        ));
        let again = fs::read(made.path().join(&cached)).expect("bytecode");
        assert!(again == fs::read(guest().stdlib().join(&cached)).expect("bytecode"), "{name}");
    }
}

#[test]
fn doctor_finds_nothing_wrong_here() {
    ophidia(["run", "-c", "pass"]).expect_ok();
    let found = json(&["doctor", "--json"], 0);
    assert_eq!(found["usable"], true);
    assert_eq!(found["cache"], cache().to_str().expect("UTF-8"));
    assert!(found["python"].as_str().expect("a version").starts_with(PYTHON), "{found}");
    assert!(found["failure"].is_null() && found["image_bytes"].as_u64() > Some(1 << 20), "{found}");
    ophidia(["doctor"]).expect_ok().stdout_has("runs").stdout_has(&format!("Python {PYTHON}"));
}

#[test]
fn doctor_in_an_empty_cache_builds_nothing() {
    let made = tempfile::tempdir().expect("a folder");
    let outcome = ophidia(["doctor", "--json"]).env("OPHIDIA_CACHE", made.path()).run();
    let found: Value = serde_json::from_str(&outcome.stdout()).expect("one line of JSON");
    assert!(found["guest"].is_null() && found["image"].is_null() && found["python"].is_null());
    assert_eq!(fs::read_dir(made.path()).expect("a folder").count(), 0);
    let info = ophidia(["guest", "info"]).env("OPHIDIA_CACHE", made.path()).expect_status(126);
    info.stderr_has("no guest").stderr_has("ophidia guest build");
}

#[test]
fn what_a_build_needs_is_named_all_at_once() {
    let made = tempfile::tempdir().expect("a folder");
    let without = |arguments: &[&str]| {
        ophidia(arguments).env("OPHIDIA_CACHE", made.path()).env("PATH", "/nonexistent")
    };
    let needed = ["cc with", "make (", "python3 with pip ("];
    let mut doctor = without(&["doctor"]).expect_status(1);
    let mut run = without(&["run", "-c", "pass"]).expect_status(126).stdout_is("");
    for program in needed {
        doctor = doctor.stdout_has(program);
        run = run.stderr_has(program);
    }
}

#[test]
fn cleaning_empties_the_cache() {
    let made = tempfile::tempdir().expect("a folder");
    let image = "image/0123456789abcdef.cwasm";
    let folders = ["guest", "cpython", "package/zlib"]
        .map(|folder| format!("{folder}/0123456789abcdef/file"));
    for name in folders.iter().map(String::as_str).chain([image, "sources/archive"]) {
        let file = made.path().join(name);
        fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        fs::write(file, vec![0; 3 << 20]).expect("a file");
    }
    let call = ophidia(["guest", "clean"]).env("OPHIDIA_CACHE", made.path());
    call.expect_ok().stdout_has("removed 12 MiB");
    for gone in ["guest", "cpython", "package"] {
        assert!(!made.path().join(gone).exists(), "{gone} is left");
    }
    assert_eq!(fs::read_dir(made.path().join("image")).expect("a folder").count(), 0);
    let call = ophidia(["guest", "clean", "--sources"]).env("OPHIDIA_CACHE", made.path());
    call.expect_ok().stdout_has("removed 3 MiB");
    assert!(!made.path().join("sources").exists());
}

/// A cache of this test's own, with the real guest and the real image in it.
fn copied_cache() -> (tempfile::TempDir, PathBuf) {
    ophidia(["run", "-c", "pass"]).expect_ok();
    let made = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(cache().join("guest"), made.path().join("guest")).expect("a link");
    let image = json(&["guest", "info", "--json"], 0)["image"].as_str().expect("a path").to_owned();
    let name = PathBuf::from(&image).file_name().expect("a name").to_owned();
    let copy = made.path().join("image").join(name);
    fs::create_dir(made.path().join("image")).expect("a folder");
    for extension in ["cwasm", "memory", "sha256"] {
        let from = PathBuf::from(&image).with_extension(extension);
        fs::copy(from, copy.with_extension(extension)).expect("a copy");
    }
    (made, copy)
}

#[test]
fn a_damaged_image_is_noticed_made_again_and_said() {
    let (made, image) = copied_cache();
    let run = || ophidia(["run", "-c", "print(1)"]).env("OPHIDIA_CACHE", made.path());
    run().expect_ok().stdout_is("1\n").stderr_is_empty();
    let mut bytes = fs::read(&image).expect("the image");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&image, &bytes).expect("written");
    let outcome = run().expect_ok().stdout_is("1\n");
    outcome.stderr_has("made again").stderr_has("not what was written");
    run().expect_ok().stdout_is("1\n").stderr_is_empty();
}

/// Copies a folder, links and all.
fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp runs").success());
}

#[test]
fn a_damaged_guest_is_noticed_built_anew_and_said() {
    ophidia(["run", "-c", "pass"]).expect_ok();
    let made = tempfile::tempdir().expect("a folder");
    for part in ["cpython", "package", "sources"] {
        std::os::unix::fs::symlink(cache().join(part), made.path().join(part)).expect("a link");
    }
    let info = json(&["guest", "info", "--json"], 0);
    let real = PathBuf::from(info["guest"].as_str().expect("a path"));
    fs::create_dir(made.path().join("guest")).expect("a folder");
    copy_tree(&real, &made.path().join("guest"));
    let guest = made.path().join("guest").join(real.file_name().expect("a name"));
    let call = |arguments: &[&str]| ophidia(arguments).env("OPHIDIA_CACHE", made.path());

    // Cut off, without an image: it would not even compile.
    let module = fs::read(guest.join("guest.wasm")).expect("the module");
    fs::write(guest.join("guest.wasm"), &module[..module.len() / 2]).expect("written");
    call(&["doctor"]).expect_status(1).stdout_has("is damaged").stdout_has("guest.wasm");
    // Linked anew beside programs that would change its bytes.
    let strangers = Strangers::new();
    let outcome = strangers.beside(call(&["run", "-c", "print(1)"])).expect_ok();
    outcome.stdout_is("1\n").stderr_has("is damaged").stderr_has("building it anew");
    strangers.are_left_alone();
    assert_eq!(fs::read(guest.join("guest.wasm")).expect("the module"), module, "as it was built");
    call(&["run", "-c", "print(1)"]).expect_ok().stdout_is("1\n").stderr_is_empty();

    // A changed library is noticed too.
    let changed = guest.join("lib/tomllib/__init__.py");
    fs::remove_file(&changed).expect("removed");
    fs::write(&changed, "raise SystemExit\n").expect("written");
    call(&["doctor"]).expect_status(1).stdout_has("the standard library");
}

/// A cache of this test's own, with the real guest and no image. Nothing here may change the guest.
fn cache_without_an_image() -> tempfile::TempDir {
    let made = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(cache().join("guest"), made.path().join("guest")).expect("a link");
    made
}

/// One process is killed while it writes the image; the one that waited for it makes it, and nothing is
/// left of the first.
#[test]
fn of_two_processes_one_makes_the_image_and_a_killed_one_leaves_nothing() {
    let made = cache_without_an_image();
    let start = || {
        let mut command = ophidia_command();
        command.args(["run", "-c", "print(1)"]).env("OPHIDIA_CACHE", made.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the command starts")
    };
    let until = |child: &mut Child, words: &str| {
        let lines = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut lines = lines.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains(words)), "it does not say {words:?}");
    };
    let mut first = start();
    until(&mut first, "starting CPython once");
    let mut second = start();
    until(&mut second, "another process is making the image; waiting");
    // What a kill in the middle of writing leaves.
    let image =
        json_of(&made, &["guest", "info", "--json"])["image"].as_str().expect("text").to_owned();
    let name = Path::new(&image).file_name().expect("a name").to_str().expect("UTF-8").to_owned();
    let folder = made.path().join("image");
    for half in [&name, &name.replace("cwasm", "memory")] {
        fs::write(folder.join(format!(".{half}-half")), "half").expect("written");
    }
    first.kill().expect("killed");
    first.wait().expect("it ends");
    let output = second.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"1\n"[..]));
    let mut left: Vec<_> =
        fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    left.sort();
    let image = folder.join(name);
    assert_eq!(
        left,
        ["cwasm", "lock", "memory", "sha256"].map(|extension| image.with_extension(extension))
    );
}

fn json_of(cache: &tempfile::TempDir, arguments: &[&str]) -> Value {
    let outcome = ophidia(arguments).env("OPHIDIA_CACHE", cache.path()).expect_ok();
    serde_json::from_str(&outcome.stdout()).expect("one line of JSON")
}

#[test]
fn a_build_on_a_terminal_shows_its_stages() {
    let made = tempfile::tempdir().expect("a folder");
    let sources = made.path().join("sources");
    fs::create_dir(&sources).expect("a folder");
    let recipe = repository().join("guest-python");
    let mut pins = fs::read_to_string(recipe.join("guest.lock.toml")).expect("the lock file");
    for package in fs::read_dir(recipe.join("packages")).expect("packages").flatten() {
        pins += &fs::read_to_string(package.path().join("package.toml")).unwrap_or_default();
    }
    for line in pins.lines().filter_map(|line| line.strip_prefix("file = ")) {
        fs::write(sources.join(line.trim_matches('"')), "not what it should be").expect("written");
    }
    let mut command = ophidia_command();
    command.args(["guest", "build"]).env("TERM", "xterm").env("OPHIDIA_SOURCES", &sources);
    command.env("OPHIDIA_CACHE", made.path().join("cache"));
    let options = Options::new().timeout_ms(Some(60_000)).strip_ansi_escape_codes(true);
    let mut terminal = spawn_with_options(command, options).expect("a terminal");
    for words in ["building CPython", "[1/17] download", "is not what is pinned"] {
        terminal.exp_string(words).unwrap_or_else(|error| panic!("no {words:?}: {error}"));
    }
    let ended = terminal.process().wait().expect("it ends");
    assert!(matches!(ended, WaitStatus::Exited(_, 126)), "{ended:?}");
}
