//! Packages with C code: a guest of another flavour, each package's own check, and what is said of those that are
//! not there.

use std::fs;
use std::sync::LazyLock;

use crate::support::{cache, interpreter, ophidia, raised, repository};
use ophidia::guest::{Flavour, packages};
use ophidia::{Interpreter, Runtime};

/// The flavours that the tests have guests of, beside the default one.
const FLAVOURS: [&str; 2] = ["web", "science"];

fn built(flavour: &str) -> Runtime {
    let named = Flavour::named(flavour).expect("a flavour");
    let built = Runtime::builder(cache()).flavour(named).build();
    let command = format!("a guest: build it with `ophidia guest build --flavour {flavour}`");
    built.expect(&command)
}

static WEB: LazyLock<Runtime> = LazyLock::new(|| built("web"));
pub(crate) static SCIENCE: LazyLock<Runtime> = LazyLock::new(|| built("science"));

fn interpreter_of(flavour: &str) -> Interpreter {
    let runtime = if flavour == "web" { &WEB } else { &SCIENCE };
    runtime.interpreter().build().expect("an interpreter")
}

#[test]
fn every_package_of_a_flavour_passes_its_check() {
    let mut checked = Vec::new();
    for flavour in FLAVOURS {
        for package in Flavour::named(flavour).expect("a flavour").packages() {
            let folder = repository().join("guest-python/packages").join(package.name);
            // What is Python alone is used by those that need it.
            let Ok(code) = fs::read_to_string(folder.join("check.py")) else { continue };
            let ran = interpreter_of(flavour).run(&code);
            ran.unwrap_or_else(|error| panic!("{}: {error}", package.name));
            checked.push(package.name);
        }
    }
    let compiled = [
        "contourpy",
        "kiwisolver",
        "markupsafe",
        "matplotlib",
        "msgpack",
        "numpy",
        "pandas",
        "pillow",
        "pyyaml",
        "regex",
    ];
    checked.sort_unstable();
    checked.dedup();
    assert_eq!(checked, compiled);
}

#[test]
fn their_modules_are_imported_before_the_snapshot_and_known_by_version() {
    for flavour in FLAVOURS {
        let mut py = interpreter_of(flavour);
        py.run("import importlib.metadata, sys").expect("run");
        for package in Flavour::named(flavour).expect("a flavour").packages() {
            let first = package.imports[0];
            let there: bool = py.eval_as(&format!("{first:?} in sys.modules")).expect("a truth");
            // What is Python alone may be imported by nothing yet.
            let folder = repository().join("guest-python/packages").join(package.name);
            assert!(there || !folder.join("check.py").exists(), "{first}");
            py.import(first).unwrap_or_else(|error| panic!("{first}: {error}"));
            let code = format!("importlib.metadata.version({:?})", package.name);
            let version: String = py.eval_as(&code).expect("a version");
            let known = package.version.trim_end_matches(".0");
            assert_eq!(version.trim_end_matches(".0"), known, "{}", package.name);
        }
    }
}

#[test]
fn an_import_of_what_is_not_in_the_guest_says_what_brings_it() {
    let mut py = interpreter();
    let mut said = |code: &str| {
        let error = raised(py.run(code));
        assert_eq!(error.type_name, "ModuleNotFoundError");
        error.message
    };
    let message = said("import regex");
    assert!(message.contains("ophidia run --with regex"), "{message}");
    let message = said("import yaml");
    assert!(message.contains("pyyaml") && message.contains("--with pyyaml"), "{message}");
    let message = said("import torch");
    assert!(message.contains("not made for Ophidia"), "{message}");
    assert_eq!(said("import no_such_module"), "No module named 'no_such_module'");
    // Whoever asks first is answered as everywhere.
    let code = "import importlib.util as u\nassert u.find_spec('regex') is None\n\
                try: import yaml\nexcept ImportError as e: assert e.name == 'yaml'";
    py.run(code).expect("run");
}

#[test]
fn packages_are_listed_and_mistakes_named() {
    let outcome = ophidia(["guest", "packages"]).expect_ok();
    let listed = outcome.stdout();
    for package in packages().iter().filter(|package| !package.imports.is_empty()) {
        assert!(listed.contains(package.name) && listed.contains(package.version), "{listed}");
    }
    assert!(listed.contains("minimal") && !listed.contains("openblas"), "{listed}");
    let outcome = ophidia(["guest", "packages", "--json"]).expect_ok();
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout()).expect("JSON");
    assert_eq!(json["flavours"]["numpy"], serde_json::json!(["numpy"]));
    let outcome = ophidia(["run", "--with", "torch", "-c", "pass"]).expect_status(2);
    outcome.stderr_has("--with").stderr_has("\"torch\"").stderr_has("regex");
    ophidia(["run", "--flavour", "huge", "-c", "pass"]).expect_status(2).stderr_has("minimal");
}

#[test]
fn the_command_runs_a_program_with_packages() {
    let code = "import regex, yaml; print(regex.sub('a+', 'b', 'caat'), yaml.safe_load('[1]'))";
    let with = ["run", "--with", "markupsafe,msgpack", "--with", "yaml,regex", "-c", code];
    ophidia(with).expect_ok().stdout_is("cbt [1]\n");
}
