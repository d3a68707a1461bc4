//! Folders too wide to be granted unasked: `/`, the home folder, and whatever the home folder is in.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What the folder is, when it is one of them. Links and `..` lead to the same answer.
pub(crate) fn what(folder: &Path) -> Option<&'static str> {
    what_beside(folder, std::env::home_dir().as_deref())
}

fn what_beside(folder: &Path, home: Option<&Path>) -> Option<&'static str> {
    let folder = identity(folder)?;
    let is = |other: &Path| identity(other) == Some(folder);
    if is(Path::new("/")) {
        return Some("the root of all folders");
    }
    let home = home.filter(|home| home.is_absolute())?;
    if is(home) {
        return Some("your home folder");
    }
    let real = fs::canonicalize(home).unwrap_or_default();
    let above = home.ancestors().chain(real.ancestors()).any(is);
    above.then_some("a folder that your home folder is in")
}

/// Device and number of a folder, the same by whatever path it is reached.
fn identity(folder: &Path) -> Option<(u64, u64)> {
    fs::metadata(folder).ok().map(|data| (data.dev(), data.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_root_the_home_folder_and_those_above_it_are_wide_by_any_path() {
        let made = tempfile::tempdir().expect("a folder");
        let real = made.path().join("disk/homes/ada");
        fs::create_dir_all(real.join("project")).expect("a folder");
        symlink(made.path().join("disk/homes"), made.path().join("home")).expect("a link");
        symlink("/", made.path().join("top")).expect("a link");
        let home = made.path().join("home/ada");
        let what = |path: &str| what_beside(&made.path().join(path), Some(&home));
        for (path, expected) in [
            ("home/ada", "your home"),
            ("disk/homes/ada", "your home"),
            ("disk/homes/ada/project/..", "your home"),
            ("home", "is in"),
            ("disk/homes", "is in"),
            ("disk", "is in"),
            ("", "is in"),
            ("top", "root"),
            ("/", "root"),
        ] {
            assert!(what(path).is_some_and(|what| what.contains(expected)), "{path}");
        }
        for path in ["home/ada/project", "disk/homes/ada/project", "nowhere"] {
            assert_eq!(what(path), None, "{path}");
        }
        for home in [None, Some(Path::new("")), Some(Path::new("here"))] {
            assert_eq!(what_beside(made.path(), home), None, "{home:?}");
            assert!(what_beside(Path::new("/"), home).is_some());
        }
    }
}
