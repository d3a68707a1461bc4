//! The build of the guest: what happens to be installed takes no part in it, and neither does the environment.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::support::{Call, cache, guest, ophidia};

/// Programs that a compiler, configure, make or meson would use if they found them.
const STRANGERS: [&str; 18] = [
    "c++",
    "ccache",
    "clang",
    "cmake",
    "cython",
    "g++",
    "git",
    "llvm-ar",
    "llvm-ranlib",
    "lld",
    "meson",
    "ninja",
    "perl",
    "pkg-config",
    "python",
    "python3.14",
    "wasm-ld",
    "wasm-opt",
];

/// Variables that would change what they do.
const VARIABLES: [(&str, &str); 6] = [
    ("CFLAGS", "-DNONSENSE -O0"),
    ("CPATH", "/nonsense"),
    ("MAKEFLAGS", "--dry-run"),
    ("NINJA", "/nonsense/ninja"),
    ("PYTHONHOME", "/nonsense"),
    ("USE_OPENMP", "1"),
];

/// A folder with such programs, to come first on the search path: each that is run leaves a mark and fails.
pub(crate) struct Strangers {
    folder: tempfile::TempDir,
}

impl Strangers {
    pub(crate) fn new() -> Self {
        let strangers = Self { folder: tempfile::tempdir().expect("a folder") };
        let marks = strangers.folder.path().join("marks");
        let body = format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\nexit 1\n", marks.display());
        for name in STRANGERS {
            let file = strangers.folder.path().join(name);
            fs::write(&file, &body).expect("written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        strangers
    }

    /// The call with them at hand.
    pub(crate) fn beside(&self, call: Call) -> Call {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.folder.path().to_owned());
        let path: OsString =
            std::env::join_paths(folders.chain(std::env::split_paths(&path))).expect("a path");
        VARIABLES.iter().fold(call.env("PATH", path), |call, (name, value)| call.env(name, value))
    }

    /// That none was run.
    #[track_caller]
    pub(crate) fn are_left_alone(&self) {
        let marks = fs::read_to_string(self.folder.path().join("marks")).unwrap_or_default();
        assert!(marks.is_empty(), "{marks}");
    }
}

/// Everything is built from the sources, to the same bytes. Linking alone is tried with every change, where a guest is
/// damaged.
///
/// T1: what a guest is made of is pinned.
#[test]
#[ignore = "builds everything, for ten minutes: .ci/long strangers"]
fn strangers_take_no_part_in_a_build_from_nothing() {
    let made = tempfile::tempdir().expect("a folder");
    symlink(cache().join("sources"), made.path().join("sources")).expect("a link");
    let strangers = Strangers::new();
    let call = ophidia(["guest", "build"]).env("OPHIDIA_CACHE", made.path());
    strangers.beside(call).expect_ok();
    strangers.are_left_alone();
    let info = ophidia(["guest", "info", "--json"]).env("OPHIDIA_CACHE", made.path()).expect_ok();
    let info: serde_json::Value = serde_json::from_str(&info.stdout()).expect("JSON");
    let expected = guest().info().expect("its record");
    assert_eq!(info["wasm_sha256"], expected.wasm_sha256);
    let record = made.path().join("guest").join(guest().key()).join("info.json");
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(record).expect("its record")).expect("JSON");
    assert_eq!(record["stdlib_sha256"], expected.stdlib_sha256);
    assert!(record["seconds"].get("compile").is_some(), "CPython was compiled: {record}");
}
