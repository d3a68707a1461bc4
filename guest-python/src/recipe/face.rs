//! What programs of a guest find of its packages: which there are, which are imported before the snapshot, and
//! which names belong to packages that this guest has not.

use crate::Error;
use crate::error::At;
use crate::flavour::packages;
use crate::recipe::inputs::Inputs;
use crate::recipe::stages::Finished;
use std::fs;
use std::path::Path;

/// Writes the Python package `_ophidia.packages` into `target`; each package's own `guest.py` becomes a module of
/// its name.
pub(crate) fn write(inputs: &Inputs, finished: &Finished, target: &Path) -> Result<(), Error> {
    fs::create_dir_all(target).at("create", target)?;
    let mut text = String::from(
        "\"\"\"The packages with C code of this guest, and the names of those that it has not.\"\"\"\n\n\
         # What is imported before the snapshot, by package.\nPRELOAD = {\n",
    );
    let mut own = Vec::new();
    for (known, _) in finished.linked() {
        let package = inputs.package(known.name)?;
        if !package.preload.is_empty() {
            text += &format!("    {:?}: {:?},\n", known.name, package.preload);
        }
        let folder = format!("packages/{}", known.name);
        for (_, bytes) in inputs.folder(&folder).filter(|(name, _)| *name == "guest.py") {
            let path = target.join(format!("{}.py", module(known.name)));
            fs::write(&path, bytes).at("write", &path)?;
            own.push(module(known.name));
        }
    }
    text += &format!(
        "}}\n\n# Modules of this package that know what one of them needs.\nOWN = {own:?}\n\n"
    );
    text += "# Packages by the names that programs import.\nABSENT = {\n";
    for known in packages() {
        let here = finished.linked().any(|(other, _)| other.name == known.name);
        for import in known.imports.iter().filter(|_| !here) {
            text += &format!("    {import:?}: {:?},\n", known.name);
        }
    }
    text += "}\n";
    let path = target.join("__init__.py");
    fs::write(&path, text).at("write", &path)
}

fn module(package: &str) -> String {
    package.replace('-', "_")
}
