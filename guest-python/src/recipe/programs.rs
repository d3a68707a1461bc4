//! The programs of this machine that a build runs. They are looked up once and linked into a folder of the build,
//! which is the whole search path of every step: nothing else that is installed takes part.

use crate::Error;
use crate::error::At;
use crate::recipe::process::{find_in, is_executable};
use crate::recipe::toolchain::{quote, script};
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf, absolute};

/// What configure scripts and makefiles run: the Debian package, what it is for, its programs.
pub(crate) const NEEDED: [(&str, &str, &[&str]); 8] = [
    ("binutils", "makes the native Python", &["ar", "as", "ld", "ranlib"]),
    (
        "coreutils",
        "used by configure and makefiles",
        &[
            "[", "basename", "cat", "chmod", "cp", "cut", "date", "dirname", "echo", "expr",
            "false", "head", "install", "ln", "ls", "mkdir", "mktemp", "mv", "printf", "pwd", "rm",
            "rmdir", "sleep", "sort", "test", "touch", "tr", "true", "uname",
        ],
    ),
    ("dash", "runs configure", &["sh"]),
    ("diffutils", "used by configure", &["diff"]),
    ("grep", "used by configure", &["grep"]),
    ("make", "runs makefiles", &["make"]),
    ("mawk", "used by configure", &["awk"]),
    ("sed", "used by configure", &["sed"]),
];

/// Linkers that the options of `$CC` may name.
const LINKERS: [&str; 4] = ["ld.bfd", "ld.gold", "ld.lld", "ld.mold"];

/// Programs that stand in a compiler's place and look on PATH for the true one.
const LAUNCHERS: [&str; 5] = ["ccache", "colorgcc", "distcc", "icecc", "sccache"];

/// The C compiler's name in the folder.
pub(crate) const CC: &str = "cc";

/// The programs of a search path.
#[derive(Debug)]
pub(crate) struct Programs {
    path: OsString,
    /// The words of `$CC`.
    cc: Vec<String>,
}

impl Programs {
    /// Those that this process would find, and the compiler that `$CC` names.
    pub(crate) fn ambient() -> Self {
        let cc = env::var("CC").unwrap_or_default();
        Self::new(&env::var_os("PATH").unwrap_or_default(), &cc)
    }

    fn new(path: &OsStr, cc: &str) -> Self {
        let mut cc: Vec<String> = cc.split_whitespace().map(str::to_owned).collect();
        if cc.len() > 1 && is_launcher(Path::new(&cc[0])) {
            cc.remove(0);
        }
        if cc.is_empty() {
            cc.push(CC.to_owned());
        }
        Self { path: path.to_owned(), cc }
    }

    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        find_in(&self.path, name, is_executable).and_then(|found| absolute(found).ok())
    }

    /// The machine's C compiler as it is asked for: `$CC`, else `cc`.
    pub(crate) fn compiler_name(&self) -> String {
        self.cc.join(" ")
    }

    /// The program of the C compiler, and the options that belong to it.
    pub(crate) fn compiler(&self) -> Option<(PathBuf, &[String])> {
        let (program, options) = self.cc.split_first()?;
        let true_one = |file: &Path| {
            is_executable(file) && file.canonicalize().is_ok_and(|file| !is_launcher(&file))
        };
        let found = find_in(&self.path, program, true_one)?;
        Some((absolute(found).ok()?, options))
    }

    /// Links whatever of them is there into `bin`.
    pub(crate) fn link(&self, bin: &Path) -> Result<(), Error> {
        let needed = NEEDED.iter().flat_map(|(_, _, names)| *names);
        for name in needed.chain(&LINKERS) {
            if let Some(found) = self.find(name) {
                symlink(&found, bin.join(name)).at("link", &found)?;
            }
        }
        let Some((program, options)) = self.compiler() else { return Ok(()) };
        let mut body = format!("exec {}", quote(&program));
        for option in options {
            body += &format!(" {}", quote(Path::new(option)));
        }
        script(&bin.join(CC), &(body + " \"$@\"\n"))
    }
}

fn is_launcher(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default();
    LAUNCHERS.iter().any(|launcher| name == *launcher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sorted_files;
    use crate::recipe::process::{command, output};
    use std::fs;
    use std::process::Command;

    /// Programs that happen to be installed: none is ever to be run.
    const STRANGERS: [&str; 10] = [
        "ccache",
        "clang",
        "cython",
        "llvm-ar",
        "meson",
        "ninja",
        "pkg-config",
        "python",
        "wasm-ld",
        "wasm-opt",
    ];

    /// A machine on whose search path strangers come first; each that is run leaves a mark.
    struct Machine {
        folder: tempfile::TempDir,
    }

    impl Machine {
        fn new() -> Self {
            let machine = Self { folder: tempfile::tempdir().expect("a folder") };
            for folder in ["strangers", "bin"] {
                fs::create_dir(machine.folder.path().join(folder)).expect("a folder");
            }
            let body = format!("echo $0 >> {}\nexit 1\n", quote(&machine.marks()));
            for name in STRANGERS {
                script(&machine.strangers().join(name), &body).expect("written");
            }
            machine
        }

        fn strangers(&self) -> PathBuf {
            self.folder.path().join("strangers")
        }

        fn marks(&self) -> PathBuf {
            self.folder.path().join("marks")
        }

        /// The folder of programs that a build makes here when `$CC` is this.
        fn bin(&self, cc: &str) -> PathBuf {
            let rest = env::var_os("PATH").expect("a search path");
            let path = [self.strangers()].into_iter().chain(env::split_paths(&rest));
            let path = env::join_paths(path).expect("a search path");
            let bin = self.folder.path().join("bin");
            Programs::new(&path, cc).link(&bin).expect("linked");
            bin
        }
    }

    /// What a step of a build prints.
    fn step(bin: &Path, line: &str) -> Option<String> {
        output(command("sh", bin, 7).args(["-c", line]).current_dir(bin))
    }

    #[test]
    fn a_step_finds_what_it_needs_and_no_stranger() {
        let machine = Machine::new();
        let bin = machine.bin("");
        for name in NEEDED.iter().flat_map(|(_, _, names)| *names) {
            assert!(bin.join(name).exists(), "{name} is not on this machine");
        }
        for name in STRANGERS {
            assert_eq!(step(&bin, &format!("command -v {name}")), None, "{name}");
        }
        // A native program, made and run as configure does it.
        fs::write(bin.join("x.c"), "int main(void) { return 7; }").expect("written");
        fs::write(bin.join("Makefile"), "x: x.c\n\tcc -O2 -o x x.c\n").expect("written");
        let made = step(&bin, "make x && { ./x; test $? = 7; } && ar rcs x.a x && echo well");
        assert!(made.is_some_and(|said| said.ends_with("well\n")));
        assert!(!machine.marks().exists());
    }

    #[test]
    fn a_step_has_no_variable_of_the_users() {
        let machine = Machine::new();
        let bin = machine.bin("");
        let said = step(&bin, "/usr/bin/env").expect("it runs");
        let names = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
        let mut found: Vec<String> = said.lines().map(names).collect();
        // Of the shell itself, and what is passed on where it is set.
        let others = ["LD_LIBRARY_PATH", "OLDPWD", "PWD", "SHLVL", "TMPDIR", "_"];
        found.retain(|name| !others.contains(&&**name));
        found.sort();
        let ours = ["HOME", "LC_ALL", "PATH", "PYTHONHASHSEED", "SOURCE_DATE_EPOCH", "TZ"];
        assert_eq!(found, ours);
        assert!(said.contains(&format!("PATH={}\n", bin.display())), "{said}");
        assert!(said.contains("SOURCE_DATE_EPOCH=7\n"), "{said}");
    }

    #[test]
    fn nothing_is_run_but_with_this_environment() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/recipe");
        // What fetches, and what looks for it; the SHA-256 is all that is believed of that.
        let free = ["fetch.rs", "prerequisites.rs", "process.rs", "programs.rs"];
        let mut seen = 0;
        for (name, path) in sorted_files(&folder).expect("the recipe") {
            if free.contains(&&*name) {
                continue;
            }
            let text = fs::read_to_string(&path).expect("Rust");
            assert!(!text.contains("Command::new"), "{}", path.display());
            seen += 1;
        }
        assert!(seen > 10, "only {seen} files");
    }

    #[test]
    fn the_compiler_is_the_true_one_with_its_options() {
        let machine = Machine::new();
        let strangers = machine.strangers();
        symlink(strangers.join("ccache"), strangers.join(CC)).expect("a link");
        let bin = machine.bin("ccache cc -DA='1'");
        let text = fs::read_to_string(bin.join(CC)).expect("a script");
        assert!(
            text.contains("/cc' '-DA='\\''1'\\''' \"$@\"") && !text.contains("ccache"),
            "{text}"
        );
        let version = output(Command::new(bin.join(CC)).arg("--version"));
        assert!(version.is_some() && !machine.marks().exists(), "{text}");
    }
}
