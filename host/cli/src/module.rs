//! Whether a folder has a module, as Python's own finder of files sees it, before there is a Python.

use std::path::Path;

/// Whether `folder` on `sys.path` has the module, or the package that it is said to be in.
pub(crate) fn is_in(folder: &Path, module: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.contains(['/', '\0']);
    let parts: Vec<&str> = module.split('.').collect();
    let Some((top, rest)) = parts.split_first() else { return false };
    if !parts.iter().all(|part| plain(part)) {
        return false;
    }
    let file = |folder: &Path, name: &str| {
        ["py", "pyc"].iter().any(|ending| folder.join(format!("{name}.{ending}")).is_file())
    };
    let package = folder.join(top);
    if file(folder, top) || file(&package, "__init__") {
        return true;
    }
    // A folder without an `__init__.py` may hold nothing but data: it counts when it has what is to run.
    match rest.split_last() {
        None => file(&package, "__main__"),
        Some((last, between)) => {
            let inside = between.iter().fold(package, |folder, part| folder.join(part));
            let inner = inside.join(last);
            file(&inside, last) || file(&inner, "__init__") || file(&inner, "__main__")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn modules_and_packages_are_there_and_folders_of_data_are_not() {
        let made = tempfile::tempdir().expect("a folder");
        for file in [
            "tool.py",
            "old.pyc",
            "pack/__init__.py",
            "loose/part.py",
            "loose/deep/part.py",
            "app/__main__.py",
            "json/data.json",
            "note.txt",
        ] {
            let path = made.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        for module in
            ["tool", "tool.x", "old", "pack", "pack.any", "loose.part", "loose.deep.part", "app"]
        {
            assert!(is_in(made.path(), module), "{module}");
        }
        for module in [
            "",
            ".",
            "..",
            "tool.",
            "no",
            "json",
            "json.tool",
            "loose",
            "loose.deep",
            "note",
            "./tool",
            "loose/part",
        ] {
            assert!(!is_in(made.path(), module), "{module}");
        }
    }
}
