//! Which files are numpy's tests: those of the pinned source archive, below a few of its packages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use flate2::read::GzDecoder;
use ophidia_tests::guest;
use ophidia_tests::suite::unpacked;

/// The packages whose tests judge the guest; the first is numpy itself. What f2py compiles and what type
/// checkers say of numpy is not the guest's to do.
const PACKAGES: [&str; 10] =
    ["", "_core", "fft", "lib", "linalg", "ma", "matrixlib", "polynomial", "random", "testing"];

/// The files that run with every change as well: one of every subject, quick ones.
const QUICK: [&str; 8] = [
    "_core/test_casting_unittests",
    "_core/test_indexing",
    "fft/test_pocketfft",
    "lib/test_arraysetops",
    "matrixlib/test_matrix_linalg",
    "ma/test_extras",
    "polynomial/test_classes",
    "random/test_smoke",
];

/// The folder that holds `numpy` with nothing but tests, and pytest's settings beside it.
pub(crate) fn test_tree() -> Result<PathBuf> {
    let archive = fs::read(guest().source_archive("numpy")?)?;
    unpacked("numpy-tests", &archive, GzDecoder::new, choose_file, 380)
}

/// Whatever lies in a folder of tests, but for those of the libraries that numpy carries.
fn choose_file(path: &Path) -> Option<PathBuf> {
    let has = |name: &str| path.components().any(|part| part.as_os_str() == name);
    let tests = path.starts_with("numpy") && has("tests") && !has("src");
    let settings = ["pytest.ini", "numpy/conftest.py"].iter().any(|name| path == Path::new(name));
    (tests || settings).then(|| path.to_owned())
}

/// The files asked for: the quick ones, the named ones, or all; named as in `lib/test_io`.
pub(crate) fn choose(tree: &Path, quick: bool, names: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for package in PACKAGES {
        for entry in fs::read_dir(tree.join("numpy").join(package).join("tests"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(test) = name.strip_suffix(".py").filter(|name| name.starts_with("test_")) {
                all.push(Path::new(package).join(test).to_string_lossy().into_owned());
            }
        }
    }
    all.sort();
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        bail!("{unknown} is not one of numpy's test files: name one as in lib/test_io");
    }
    all.retain(|name| {
        if names.is_empty() {
            !quick || QUICK.contains(&name.as_str())
        } else {
            names.contains(name)
        }
    });
    Ok(all)
}
