//! Compiling Rust against the library as the tests were built with it.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

/// The library as this test was linked with it, and where its dependencies lie.
pub(crate) struct Built {
    library: PathBuf,
    dependencies: PathBuf,
}

/// The builds of the library beside this test, the newest first: there is one for each set of features.
pub(crate) fn builds() -> Vec<Built> {
    let test = std::env::current_exe().expect("this test");
    let folder = test.parent().expect("its folder");
    let mut found: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().into_string().unwrap_or_default();
            name.starts_with("libophidia-") && name.ends_with(".rlib")
        })
        .map(|entry| {
            (entry.metadata().and_then(|data| data.modified()).expect("a time"), entry.path())
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no build of the library in {}", folder.display());
    let built = |library| Built { library, dependencies: folder.to_owned() };
    found.into_iter().rev().map(|(_, library)| built(library)).collect()
}

impl Built {
    /// Runs the compiler, or rustdoc.
    pub(crate) fn compile(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let mut library = OsString::from("ophidia=");
        library.push(&self.library);
        let output = Command::new(program)
            .args(["--edition", "2024"])
            .args(arguments)
            .arg("--extern")
            .arg(library)
            .arg("-L")
            .arg(format!("dependency={}", self.dependencies.display()))
            .output()
            .expect("the compiler");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    }
}
