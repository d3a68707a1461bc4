//! What a program is granted unasked: the folder it is in, never all that its user has.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Call, cache, ophidia};

/// Tells whether the folder of the home folder's secret can be seen, and that the program ran.
const LOOK: &str = "import os, sys\nprint('ran', os.path.exists(os.environ['SECRET']))\n";

/// A home folder below a folder that is its alone, with a secret, a program and a folder of projects.
struct Home {
    _kept: TempDir,
    above: PathBuf,
    home: PathBuf,
}

impl Home {
    fn new() -> Self {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let above = kept.path().canonicalize().expect("it exists").join("homes");
        let home = above.join("ada");
        fs::create_dir_all(home.join("project/app")).expect("folders");
        fs::create_dir(home.join("app")).expect("a folder");
        fs::write(home.join("secret"), "").expect("a file");
        for place in ["../tool.py", "tool.py", "__main__.py", "app/__main__.py", "project/tool.py"]
        {
            fs::write(home.join(place), LOOK).expect("a file");
        }
        Self { _kept: kept, above, home }
    }

    /// `ophidia run` with this home folder, from within a folder.
    fn run(&self, from: &Path, arguments: &[&str]) -> Call {
        let secret = self.home.join("secret");
        let call = ophidia(["run", "--env", "SECRET"]).args(arguments).current_dir(from);
        call.env("SECRET", secret).env("HOME", &self.home).env("OPHIDIA_CACHE", cache())
    }

    /// It is refused, with these words and the way out; the program does not run.
    #[track_caller]
    fn refused(&self, from: &Path, arguments: &[&str], folder: &Path, words: &str) {
        let outcome = self.run(from, arguments).expect_status(2);
        assert!(outcome.stdout.is_empty(), "{outcome}");
        let name = arguments.last().expect("a program");
        let outcome = outcome.stderr_has(name).stderr_has(words).stderr_has("of its own");
        outcome.stderr_has(&format!("--dir {}", folder.display()));
    }
}

#[test]
fn a_program_in_the_home_folder_is_refused() {
    let of = Home::new();
    let (home, path) = (&of.home, of.home.join("tool.py"));
    let words = "your home folder";
    of.refused(home, &["tool.py"], home, words);
    of.refused(&of.above, &["ada/tool.py"], home, words);
    of.refused(&home.join("project"), &["../tool.py"], home, words);
    of.refused(Path::new("/"), &[path.to_str().expect("UTF-8")], home, words);
    of.refused(home, &["."], home, words);
    of.refused(home, &["-m", "tool"], home, words);
    of.refused(home, &["-m", "app"], home, words);
}

#[test]
fn a_program_above_the_home_folder_is_refused() {
    let of = Home::new();
    of.refused(&of.above, &["tool.py"], &of.above, "your home folder is in");
    of.refused(&of.home, &["../tool.py"], &of.above, "your home folder is in");
}

#[test]
fn links_lead_to_the_same_refusal() {
    let of = Home::new();
    let (link, program) = (of.above.join("link"), of.above.join("elsewhere/tool.py"));
    symlink(&of.home, &link).expect("a link");
    fs::create_dir(of.above.join("elsewhere")).expect("a folder");
    symlink(of.home.join("tool.py"), &program).expect("a link");
    of.refused(&of.above, &["link/tool.py"], &link, "your home folder");
    of.refused(&of.above, &["elsewhere/tool.py"], &of.home, "your home folder");
    // The home folder itself may be named by a link.
    let call = ophidia(["run"]).arg(of.home.join("tool.py")).env("HOME", &link);
    call.env("OPHIDIA_CACHE", cache()).expect_status(2).stderr_has("your home folder");
}

#[test]
fn an_archive_in_the_home_folder_is_refused() {
    let of = Home::new();
    // As much of an archive as it takes to be told for one.
    fs::write(of.home.join("app.pyz"), b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")
        .expect("a file");
    of.refused(&of.home, &["app.pyz"], &of.home, "your home folder");
}

#[test]
fn the_refusal_is_a_line_of_json_as_well() {
    let of = Home::new();
    let outcome = of.run(&of.home, &["--json", "tool.py"]).expect_status(2);
    let line: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    assert_eq!((&line["status"], &line["exit_code"]), (&"failed".into(), &2.into()), "{outcome}");
    assert!(
        line["error"]["message"].as_str().is_some_and(|said| said.contains("--dir")),
        "{outcome}"
    );
}

#[test]
fn the_home_folder_is_granted_when_it_is_asked_for() {
    let of = Home::new();
    let home = of.home.to_str().expect("UTF-8");
    of.run(&of.home, &["--dir", home, "tool.py"]).expect_ok().stdout_is("ran True\n");
    of.run(&of.home, &["--dir", ".", "-m", "tool"]).expect_ok().stdout_is("ran True\n");
    of.run(&of.above, &["--dir", ".", "ada/tool.py"]).expect_ok().stdout_is("ran True\n");
    // Under another name it is granted no less.
    of.run(&of.home, &["--dir", ".::/data", "tool.py"]).expect_ok().stdout_is("ran True\n");
}

#[test]
fn a_program_in_a_folder_of_its_own_sees_only_that() {
    let of = Home::new();
    let project = of.home.join("project");
    of.run(&project, &["tool.py"]).expect_ok().stdout_is("ran False\n");
    of.run(&project, &["-m", "tool"]).expect_ok().stdout_is("ran False\n");
    of.run(&of.home, &["app"]).expect_ok().stdout_is("ran False\n");
}

#[test]
fn code_and_standard_input_are_granted_nothing() {
    let of = Home::new();
    for from in [&of.home, &of.home.join("project")] {
        // Its name is known, and no more.
        let unseen = format!("False {}\n", from.display());
        let here = format!("{LOOK}print(os.path.exists({from:?}), os.getcwd())");
        of.run(from, &["-c", &here]).expect_ok().stdout_is(format!("ran False\n{unseen}"));
        let run = of.run(from, &["-"]).stdin(here.clone()).expect_ok();
        run.stdout_is(format!("ran False\n{unseen}"));
        let bare = format!("import os\nprint(os.path.exists({from:?}), os.getcwd())");
        ophidia::<&str>([]).stdin(bare).current_dir(from).expect_ok().stdout_is(unseen);
    }
    // What it may use is what it may with every option left out.
    let bare = "import tempfile, time; tempfile.TemporaryFile().write(b'x' * 60_000_000); print('written')";
    ophidia::<&str>([]).stdin(bare).expect_ok().stdout_is("written\n");
}

#[test]
fn a_module_of_the_standard_library_grants_nothing() {
    let of = Home::new();
    let project = of.home.join("project");
    // Whatever the folder has of that name: data, a package, a module.
    fs::create_dir(project.join("timeit")).expect("a folder");
    let look = format!("import os; print(os.path.exists({project:?}))");
    let timeit = ["-m", "timeit", "-n1", "-r1", &look];
    let prints = |from: &Path| {
        let said = of.run(from, &timeit).expect_ok().stdout();
        assert!(said.starts_with("False\n1 loop"), "{said}");
    };
    prints(&project);
    prints(&of.home);
    fs::write(project.join("timeit/__init__.py"), "").expect("a file");
    prints(&project);
    fs::write(project.join("timeit.py"), "print('of the folder')").expect("a file");
    prints(&project);
    // In a folder that was granted it is as under python3, but for what is imported before the snapshot.
    fs::write(project.join("zipapp.py"), "print('of the folder')").expect("a file");
    of.run(&project, &["--dir", ".", "-m", "zipapp"]).expect_ok().stdout_is("of the folder\n");
}

#[test]
fn a_module_of_a_site_folder_grants_only_that() {
    let of = Home::new();
    let (project, packages) = (of.home.join("project"), of.home.join("packages"));
    fs::create_dir(&packages).expect("a folder");
    fs::write(packages.join("tool.py"), "import os; print(os.path.exists(os.environ['HERE']))")
        .expect("a file");
    let packages = packages.to_str().expect("UTF-8");
    let call = of.run(&project, &["--env", "HERE", "--site", packages, "-m", "tool"]);
    call.env("HERE", &project).expect_ok().stdout_is("False\n");
}
