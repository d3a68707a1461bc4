//! The profile that the guest's CPython is compiled with: `profile/README.md`.

use crate::Error;
use crate::error::At;
use crate::keys::Toolchain;
use crate::recipe::cpython::Tree;
use crate::recipe::inputs::Inputs;
use crate::recipe::process;
use crate::recipe::toolchain::Tools;
use std::fs;
use std::path::Path;

/// The profile, below the build's root.
const FILE: &str = "profile/python.profdata";

/// What clang says of a function whose counts are of other branches than it sees.
const DISCARDED: &str = "function control flow change detected";

/// Writes the profile out and gives the options with which this compiler uses it from `python/*-build`.
/// They are empty when it cannot: the format of profiles changes with clang's releases.
pub(crate) fn flags(
    inputs: &Inputs,
    tree: &Tree,
    tools: &Tools,
    toolchain: &Toolchain,
) -> Result<Vec<String>, Error> {
    inputs.write_folder("profile", &tree.folder("profile"))?;
    let uses = |file: &str| format!("-fprofile-use={file}");
    // By a relative path, as the sources: clang finds a static function's counts by its file's name.
    let mut flags = vec![uses(&format!("../../{FILE}"))];
    if *toolchain == Toolchain::Pinned {
        // A patch that changes a function the profile knows asks for a new profile.
        flags.push("-Werror=backend-plugin".to_owned());
        return Ok(flags);
    }
    let mut command = tools.clang();
    command.current_dir(tree.root()).arg(uses(FILE)).args(["-x", "c", "-c", "/dev/null", "-o"]);
    command.arg("profile/none.o");
    if process::output(&mut command).is_none() {
        flags.clear();
    }
    Ok(flags)
}

/// What the user should know of a build with other tools than the pinned ones, from the log of its make.
pub(crate) fn complaint(flags: &[String], log: &Path) -> Result<Option<String>, Error> {
    if flags.is_empty() {
        let text = "this compiler cannot read the profile: the guest will be slower";
        return Ok(Some(text.to_owned()));
    }
    let text = fs::read(log).at("read", log)?;
    let lost = String::from_utf8_lossy(&text).matches(DISCARDED).count();
    Ok((lost > 0).then(|| {
        format!("{lost} functions do not fit the profile and were compiled without it: the guest will be slower")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_lost_their_counts_are_reported() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let line = "warning: x.c: function control flow change detected (hash mismatch) f Hash = 1 \
                    up to 30 count discarded [-Wbackend-plugin]\n";
        let flags = ["-fprofile-use=x".to_owned()];
        let told = |flags: &[String], text: &str| {
            fs::write(&log, text).expect("written");
            complaint(flags, &log).expect("read")
        };
        assert_eq!(told(&flags, "warning: something else\n"), None);
        assert!(told(&flags, &line.repeat(2)).expect("a complaint").starts_with("2 functions"));
        assert!(told(&[], "").expect("a complaint").contains("cannot read"));
    }
}
