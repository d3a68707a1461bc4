//! `ophidia image`, and what begins from a template: `run --image`, `map --fork-from`.

use crate::support::{cache, ophidia};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let made = tempfile::tempdir().expect("a temporary folder");
    let path = made.path().canonicalize().expect("it exists");
    fs::create_dir(path.join("site")).expect("a folder");
    fs::write(path.join("site/app.py"), "print('imported')\nanswer = 42\n").expect("a file");
    fs::write(path.join("warm.py"), "import app\nready = app.answer + 1\n").expect("a file");
    (made, path)
}

#[test]
fn programs_begin_where_the_set_up_has_ended() {
    let (_kept, path) = folder();
    let build =
        ["image", "build", "--site", "site", "--preload", "json,app", "--set-up", "warm.py"];
    let built = ophidia(build).args(["-o", "app.ophidia"]).current_dir(&path).expect_ok();
    built.stdout_is("imported\napp.ophidia\n");
    // Nothing is imported again, and the folder need not be granted.
    let code = "import app; print(app.answer, ready)";
    let run = ophidia(["run", "--image", "app.ophidia", "-c", code]).current_dir(&path);
    run.expect_ok().stdout_is("42 43\n");
    // Arguments and variables are the run's own; a folder that is named again is there once.
    let code = "import sys, os; print(sys.argv, os.environ['WHO'], sys.path.count(sys.argv[1]))";
    let site = path.join("site").display().to_string();
    let own = ["run", "--image", "app.ophidia", "--env", "WHO=me", "--site", "site", "-c", code];
    let own = ophidia(own).args([&site]).current_dir(&path).expect_ok();
    own.stdout_is(format!("['-c', '{site}'] me 1\n"));
    let info = ophidia(["image", "info", "app.ophidia", "--json"]).current_dir(&path).expect_ok();
    let info: Value = serde_json::from_str(&info.stdout()).expect("one line of JSON");
    assert_eq!(info["made_of"]["preload"], serde_json::json!(["json", "app"]));
    assert_eq!(info["made_of"]["set_up"], "warm.py");
    assert_eq!(info["file_bytes"], fs::metadata(path.join("app.ophidia")).expect("it").len());

    let bytes = fs::read(path.join("app.ophidia")).expect("the template");
    fs::write(path.join("torn"), &bytes[..bytes.len() / 2]).expect("written");
    for (file, said) in [("torn", "damaged"), ("warm.py", "damaged"), ("none", "no such file")] {
        let run = ophidia(["run", "--image", file, "-c", code]).current_dir(&path);
        run.expect_status(2).stderr_has("--image").stderr_has(said);
    }
}

#[test]
fn the_cache_keeps_templates_by_their_content() {
    let (_kept, path) = folder();
    let built = ophidia(["image", "build", "--set-up", "warm.py", "--site", "site"]);
    let built = built.current_dir(&path).expect_ok().stdout();
    let name = built.lines().last().expect("a name");
    assert!(cache().join("template").join(name).with_extension("template").is_file());
    ophidia(["image", "ls"]).expect_ok().stdout_has(name);
    ophidia(["run", "--image", name, "-c", "print(ready)"]).expect_ok().stdout_is("43\n");
    ophidia(["image", "rm", name]).expect_ok().stdout_is("");
    ophidia(["image", "rm", name]).expect_status(2).stderr_has("no such template");
    ophidia(["image", "rm", "../image"]).expect_status(2).stderr_has("no such template");
}

#[test]
fn a_set_up_that_fails_says_so_and_leaves_nothing() {
    let (_kept, path) = folder();
    fs::write(path.join("warm.py"), "1 / 0\n").expect("a file");
    let build = ophidia(["image", "build", "--set-up", "warm.py", "-o", "x"]).current_dir(&path);
    build.expect_status(1).stderr_has("ZeroDivisionError");
    assert!(!path.join("x").exists());
}

#[test]
fn inputs_of_a_map_begin_behind_its_set_up() {
    let (_kept, path) = folder();
    fs::write(path.join("load.py"), "print('once')\nseen = []\n").expect("a file");
    let script = "seen.append(item)\nresult = seen\n";
    fs::write(path.join("ask.py"), script).expect("a file");
    let map = ophidia(["map", "ask.py", "--fork-from", "load.py", "-", "-j", "2"]);
    let done = map.stdin("a\nb\nc\n").current_dir(&path).expect_ok();
    let results: Vec<Value> = done
        .stdout()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["result"].clone())
        .collect();
    assert_eq!(results, [["a"], ["b"], ["c"]].map(|one| serde_json::json!(one)));
    assert_eq!(done.stderr().matches("once").count(), 1, "{}", done.stderr());
    fs::write(path.join("load.py"), "1 / 0\n").expect("a file");
    let map = ophidia(["map", "ask.py", "--fork-from", "load.py", "-"]).stdin("a\n");
    map.current_dir(&path).expect_status(1).stdout_is("").stderr_has("ZeroDivisionError");
}
