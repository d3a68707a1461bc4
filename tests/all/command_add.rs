//! Packages by the machine's own pip: chosen for the guest, refused by name, kept in a folder or in the cache. pip is
//! the real one; its index is a folder of wheels made here.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{Call, cache, ophidia};

/// A wheel's tags: what the guest can have, and what it cannot.
const PURE: &str = "py3-none-any";
const COMPILED: &str = "cp314-cp314-manylinux_2_17_x86_64";

/// A folder with an index, a cache of its own, and a project.
struct Place {
    made: TempDir,
}

impl Place {
    fn new() -> Self {
        let made = tempfile::tempdir().expect("a folder");
        for folder in ["index", "project", "cache", "nothing"] {
            fs::create_dir(made.path().join(folder)).expect("a folder");
        }
        for shared in ["guest", "image"] {
            let link = made.path().join("cache").join(shared);
            std::os::unix::fs::symlink(cache().join(shared), link).expect("a link");
        }
        Self { made }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.made.path().canonicalize().expect("it exists").join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path("project").join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    /// A wheel of one module, which knows its version; its SHA-256.
    fn wheel(&self, name: &str, version: &str, tag: &str, requires: &[&str]) -> String {
        let info = format!("{name}-{version}.dist-info");
        let requires: String = requires.iter().map(|it| format!("Requires-Dist: {it}\n")).collect();
        let mut files = vec![
            (format!("{name}.py"), format!("version = {version:?}\n")),
            (
                format!("{info}/METADATA"),
                format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"),
            ),
            (
                format!("{info}/WHEEL"),
                format!("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"),
            ),
        ];
        if tag == COMPILED {
            files.push((format!("{name}_c.so"), "\x7fELF".into()));
        }
        let record: String = files.iter().map(|(file, _)| format!("{file},,\n")).collect();
        files.push((format!("{info}/RECORD"), format!("{record}{info}/RECORD,,\n")));
        let bytes = archive(&self.path(&format!("index/{name}-{version}-{tag}.whl")), &files);
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The command in the project, with the index alone.
    fn ophidia(&self, arguments: &[&str]) -> Call {
        ophidia(arguments)
            .current_dir(self.path("project"))
            .env("OPHIDIA_CACHE", self.path("cache"))
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", self.path("index"))
    }

    /// The same where there is no Python, and so no pip.
    fn without_pip(&self, arguments: &[&str]) -> Call {
        self.ophidia(arguments).env("PATH", self.path("nothing"))
    }

    /// Files of the folder that `add` fills, and what they hold.
    fn site(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path("project/ophidia-site")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => drop(files.insert(path.clone(), fs::read(path).expect("a file"))),
                }
            }
        }
        files
    }

    fn has(&self, file: &str) -> bool {
        self.path("project/ophidia-site").join(file).exists()
    }
}

fn archive(path: &Path, files: &[(String, String)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        archive.start_file(name, SimpleFileOptions::default()).expect("an entry");
        archive.write_all(text.as_bytes()).expect("written");
    }
    let bytes = archive.finish().expect("an archive").into_inner();
    fs::write(path, &bytes).expect("a file");
    bytes
}

/// A call of `run` with one more option.
fn with<'a>(option: &'a str, run: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = run.to_vec();
    arguments.insert(1, option);
    arguments
}

const RUN_TEA: &[&str] =
    &["run", "--site", "ophidia-site", "-c", "import tea, cup; print(tea.version, cup.version)"];

#[test]
fn packages_are_added_with_what_they_need_and_imported() {
    let place = Place::new();
    place.wheel("tea", "1.0", PURE, &["cup>=1"]);
    place.wheel("cup", "1.5", PURE, &[]);
    place
        .ophidia(&["add", "tea"])
        .expect_ok()
        .stdout_has("tea 1.0\n")
        .stdout_has("cup 1.5\n")
        .stdout_has("ophidia run --site ophidia-site app.py");
    place.ophidia(RUN_TEA).expect_ok().stdout_is("1.0 1.5\n");
    place.without_pip(&["add", "--list"]).expect_ok().stdout_is("cup 1.5\ntea 1.0\n");
    let asked = fs::read_to_string(place.path("project/ophidia-site/ophidia-requirements.txt"));
    assert!(asked.expect("a file").ends_with("\ntea\n"));
    place.ophidia(&["add", "tea"]).expect_ok().stdout_has("nothing has changed");
    place.write("more.txt", "cup<1.5 # why\n");
    place.wheel("cup", "1.2", PURE, &[]);
    let call = place.ophidia(&["add", "-r", "more.txt", "--site", "lib/here"]);
    call.expect_ok().stdout_is("cup 1.2\nin lib/here: ophidia run --site lib/here app.py\n");
}

#[test]
fn what_is_added_later_is_chosen_together_with_what_is_there() {
    let place = Place::new();
    place.wheel("tea", "1.0", PURE, &["cup<2"]);
    place.wheel("cup", "1.0", PURE, &[]);
    place.wheel("cup", "2.0", PURE, &[]);
    place.wheel("ink", "1.0", PURE, &[]);
    place.ophidia(&["add", "cup", "ink"]).expect_ok().stdout_has("cup 2.0\nink 1.0\n");
    // What is there stays where it can, and gives way where it must.
    place.wheel("ink", "1.1", PURE, &[]);
    place.ophidia(&["add", "cup<=2"]).expect_ok().stdout_has("nothing has changed");
    let added = place.ophidia(&["add", "tea", "cup"]).expect_ok();
    added.stdout_has("cup 1.0, instead of 2.0\n").stdout_has("tea 1.0\n");
    place.ophidia(RUN_TEA).expect_ok().stdout_is("1.0 1.0\n");
    place.ophidia(&["add", "-U"]).expect_ok();
    place.without_pip(&["add", "--list"]).expect_ok().stdout_is("cup 1.0\nink 1.1\ntea 1.0\n");
    // What does not go together is refused, in pip's words.
    let before = place.site();
    let refused = place.ophidia(&["add", "cup>=2"]).expect_status(2);
    refused.stderr_has("tea").stderr_has("cup<2").stdout_is("");
    assert_eq!(place.site(), before);
}

#[test]
fn c_code_is_refused_by_name_and_pure_python_is_preferred() {
    let place = Place::new();
    place.wheel("fast", "1.0", COMPILED, &[]);
    place.wheel("slow", "1.0", PURE, &["fast"]);
    place
        .ophidia(&["add", "slow"])
        .expect_status(2)
        .stderr_has("fast 1.0 (needed by slow): C code")
        .stderr_has("no C extension of that name exists for Ophidia");
    assert!(place.site().is_empty());
    // The same version in pure Python.
    place.wheel("fast", "1.0", PURE, &[]);
    place.ophidia(&["add", "slow"]).expect_ok().stdout_has("fast 1.0\nslow 1.0\n");
    assert!(place.has("fast.py") && !place.has("fast_c.so"));
    // What only other systems need.
    place.wheel("linux", "1.0", COMPILED, &[]);
    let requires = ["linux; sys_platform == 'linux'", "linux; platform_machine != 'wasm32'"];
    place.wheel("plain", "1.0", PURE, &requires);
    place.ophidia(&["add", "plain"]).expect_ok().stdout_has("plain 1.0\n");
    // Known to do without.
    place.wheel("markupsafe", "3.0", COMPILED, &[]);
    let added = place.ophidia(&["add", "markupsafe"]).expect_ok();
    added.stdout_has("without their C code: markupsafe");
    assert!(place.has("markupsafe.py") && !place.has("markupsafe_c.so"));
}

#[test]
fn packages_of_the_guest_are_there_already() {
    let place = Place::new();
    place.wheel("stats", "1.0", PURE, &["numpy>=2"]);
    // Newer than the guest's: not for it.
    place.wheel("numpy", "99.0", COMPILED, &[]);
    let version = ophidia_guest::version_of("numpy").expect("numpy");
    let told = format!("numpy {version} is part of the guest");
    place.ophidia(&["add", "stats"]).expect_ok().stdout_has("stats 1.0\n").stdout_has(&told);
    assert!(place.has("stats.py") && !place.has("numpy.py"));
    let list = format!("stats 1.0\nnumpy {version} (part of the guest)\n");
    place.without_pip(&["add", "--list"]).expect_ok().stdout_is(list);
    let program = "import numpy, stats; print(stats.version, numpy.arange(3).sum())";
    place
        .ophidia(&["run", "--site", "ophidia-site", "-c", program])
        .expect_ok()
        .stdout_is("1.0 3\n");
    let refused = place.ophidia(&["add", "numpy>=99"]).expect_status(2);
    refused.stderr_has(&format!("{told}, and no other version is"));
    // Hashes are of files that are not fetched.
    let hash = "0".repeat(64);
    let pinned = format!("numpy=={version} --hash=sha256:{hash}\n");
    place.write("pinned.txt", &pinned);
    let program = "import numpy; print(numpy.__name__)";
    let call = place.ophidia(&["run", "--requirements", "pinned.txt", "-c", program]);
    call.expect_ok().stdout_is("numpy\n");
}

#[test]
fn nothing_is_built_and_nothing_of_the_folder_runs() {
    let place = Place::new();
    let ran = place.path("ran");
    let evil = format!("open({:?}, 'w')\n", ran.display().to_string());
    for name in ["json.py", "pip.py", "runpy.py", "setup.py"] {
        place.write(name, &evil);
    }
    let sdist = place.path("index/evil-1.0.zip");
    let setup = format!("{evil}from setuptools import setup\nsetup(name='evil', version='1.0')\n");
    let files =
        [("setup.py", &*setup), ("PKG-INFO", "Metadata-Version: 1.0\nName: evil\nVersion: 1.0\n")];
    archive(&sdist, &files.map(|(name, text)| (format!("evil-1.0/{name}"), text.to_owned())));
    let address = format!("evil @ file://{}", sdist.display());
    place.wheel("tea", "1.0", PURE, &[&address]);
    for asked in [
        "evil",
        "evil==1.0",
        ".",
        "./",
        "tea",
        &address,
        "git+https://localhost/x",
        "../index/evil-1.0.zip",
    ] {
        place.ophidia(&["add", "--", asked]).expect_status(2);
    }
    for line in ["-e .", "--no-binary :all:\nevil", ".", &address] {
        place.write("bad.txt", line);
        place.ophidia(&["add", "-r", "bad.txt"]).expect_status(2).stderr_has("bad.txt: line 1");
    }
    place.wheel("cup", "1.0", PURE, &[]);
    place.ophidia(&["add", "cup"]).expect_ok();
    assert!(!ran.exists() && place.has("cup.py"));
}

#[test]
fn a_folder_stays_as_it_is_when_something_fails() {
    let place = Place::new();
    place.wheel("tea", "1.0", PURE, &[]);
    place.ophidia(&["add", "tea"]).expect_ok();
    let before = place.site();
    place
        .ophidia(&["add", "nowhere"])
        .expect_status(2)
        .stderr_has("nowhere")
        .stderr_has("only wheels");
    place.without_pip(&["add", "tea"]).expect_status(2).stderr_has("install python3");
    assert_eq!(place.site(), before);
    let entries = fs::read_dir(place.path("project")).expect("a folder");
    assert_eq!(entries.count(), 1, "nothing is left beside it");
    // What a user has put there is not replaced.
    place.write("ophidia-site/mine.py", "");
    place.ophidia(&["add", "tea"]).expect_status(2).stderr_has("mine.py is not from `ophidia add`");
    place.write("notes.txt", "");
    place.ophidia(&["add", "tea", "--site", "."]).expect_status(2);
    assert!(place.path("project/notes.txt").exists() && place.has("mine.py"));
    place.ophidia(&["add", "--site", "none", "--list"]).expect_status(2).stderr_has("no packages");
    place.ophidia(&["add", "--site", "none"]).expect_status(2).stderr_has("name a package");
    assert!(!place.path("project/none").exists());
    // Names and passwords are for pip alone.
    place.write("secret.txt", "--extra-index-url https://me:secret@localhost/simple\ntea\n");
    let refused = place.ophidia(&["add", "-r", "secret.txt", "--site", "none"]).expect_status(2);
    assert!(!refused.stderr().contains("secret@"), "{refused}");
}

#[test]
fn requirements_are_fetched_once() {
    let place = Place::new();
    let hash = place.wheel("tea", "1.0", PURE, &[]);
    place.write("asked.txt", "tea\n");
    let run = ["run", "--requirements", "asked.txt", "-c", "import tea; print(tea.version)"];
    let refused = place.without_pip(&with("--no-fetch", &run)).expect_status(2);
    refused.stderr_has("--requirements asked.txt").stderr_has("without --no-fetch");
    place.without_pip(&run).expect_status(2).stderr_has("install python3");
    place.ophidia(&run).expect_ok().stdout_is("1.0\n").stderr_has("pip fetches tea");
    // From here on without pip, also where the index has another.
    place.wheel("tea", "2.0", PURE, &[]);
    place.without_pip(&run).expect_ok().stdout_is("1.0\n").stderr_is_empty();
    place.write("same.txt", "tea # a comment\n");
    let same = [
        "run",
        "--no-fetch",
        "--requirements",
        "same.txt",
        "-c",
        "import tea; print(tea.__file__)",
    ];
    place.without_pip(&same).expect_ok().stdout_has("/packages/");
    // Hashes are honoured.
    place.write("hashed.txt", &format!("tea==1.0 --hash=sha256:{hash}\n"));
    let hashed = ["run", "--requirements", "hashed.txt", "-c", "import tea; print(tea.version)"];
    place.ophidia(&hashed).expect_ok().stdout_is("1.0\n");
    place.write("hashed.txt", &format!("tea==1.0 --hash=sha256:{}\n", "0".repeat(64)));
    place.ophidia(&hashed).expect_status(2).stderr_has("hash");
    // With --json a line says so.
    place.write("asked.txt", "nowhere\n");
    let report = place.ophidia(&with("--json", &run)).expect_status(2);
    let report: Value = serde_json::from_slice(&report.stdout).expect("a line of JSON");
    assert_eq!((&report["status"], &report["error"]["type"]), (&"failed".into(), &"Usage".into()));
    assert!(
        report["error"]["message"].as_str().is_some_and(|it| it.contains("nowhere")),
        "{report}"
    );
    place.write("asked.txt", "tea==2.0\n");
    place.ophidia(&run).expect_ok().stdout_is("2.0\n");
}

const SCRIPT: &str = "# /// script\n# requires-python = \">=3.11\"\n# dependencies = [\n#   \"tea<2\",\n# ]\n# ///\n\
                      import tea\nresult = tea.version\nprint(result)\n";

#[test]
fn what_a_script_depends_on_is_fetched_when_that_is_said() {
    let place = Place::new();
    place.wheel("tea", "1.0", PURE, &[]);
    place.wheel("tea", "2.0", PURE, &[]);
    place.write("app.py", SCRIPT);
    let refused = place.ophidia(&["run", "app.py"]).expect_status(2);
    refused.stderr_has("app.py").stderr_has("(tea<2)").stderr_has("--fetch");
    place.ophidia(&["run", "--no-fetch", "app.py"]).expect_status(2).stderr_has("--fetch");
    place.ophidia(&["run", "--fetch", "app.py"]).expect_ok().stdout_is("1.0\n");
    for option in ["--no-fetch", "--fetch"] {
        place.without_pip(&["run", option, "app.py"]).expect_ok().stdout_is("1.0\n");
    }
    place.without_pip(&["run", "app.py"]).expect_ok().stdout_is("1.0\n").stderr_is_empty();
    place.write("input.txt", "");
    let mapped = place.without_pip(&["map", "app.py", "input.txt"]).expect_ok();
    mapped.stdout_has("\"result\":\"1.0\"");
    // Other blocks are for others; -c and standard input are no scripts.
    place.write(
        "other.py",
        &SCRIPT.replace("/// script", "/// other").replace("import tea", "class tea: version = 3"),
    );
    place.without_pip(&["run", "other.py"]).expect_ok().stdout_is("3\n");
}

#[test]
fn what_is_wrong_in_a_script_is_told_before_it_runs() {
    let place = Place::new();
    for (block, words) in [
        ("# dependencies = [\n", "app.py: line "),
        ("# x = 1\n# dependencies = 5\n", "app.py: line 3: in the block"),
        ("# requires-python = \">=3.99\"\n", "requires-python is \">=3.99\""),
        ("# requires-python = \"new\"\n", "says nothing of versions"),
        ("# x = 1\n# ///\n\n# /// script\n# y = 1\n", "line 5: a second block"),
        ("# dependencies = [\"./x\"]\n", "by their names"),
        ("# dependencies = [\"tea\\n--index-url=http://localhost\"]\n", "line break"),
        (
            "# dependencies = [\"tea @ http://localhost/tea-1.0-py3-none-any.whl\"]\n",
            "no addresses",
        ),
        ("# dependencies = [\"tea; python_version > '${HOME}'\"]\n", "no addresses"),
    ] {
        place.write("app.py", &format!("# /// script\n{block}# ///\nprint('ran')\n"));
        let refused = place.without_pip(&["run", "--fetch", "app.py"]).expect_status(2);
        refused.stdout_is("").stderr_has(words);
        let report = place.without_pip(&["run", "--json", "--fetch", "app.py"]).expect_status(2);
        let report: Value = serde_json::from_slice(&report.stdout).expect("a line of JSON");
        assert_eq!(report["exit_code"], 2);
    }
}
