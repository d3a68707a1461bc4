//! CPython's objects are optimised as one: what allocates, counts, looks up and frees is spread over many
//! files, and most of it is a few instructions long. Linked before they become machine code, these files are
//! inlined into one another. The evaluation loop is not among them: with all of that in it, one function
//! takes the optimiser more than four minutes and 10 GB.

use crate::Error;
use crate::error::At;
use crate::recipe::cpython::{self, Tree};
use crate::recipe::inputs::Inputs;
use crate::recipe::process;
use crate::recipe::progress::{Branch, file_name};
use crate::recipe::toolchain::Tools;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// The folder whose files are all taken.
const FOLDER: &str = "Objects";

/// What the objects call most of the rest.
const OTHERS: [&str; 6] = [
    "Python/errors.o",
    "Python/frame.o",
    "Python/gc.o",
    "Python/getargs.o",
    "Python/modsupport.o",
    "Python/pystate.o",
];

/// What they become, in the place of its parts.
const OBJECT: &str = "objects.o";

/// Makes the guest's static libraries. `make` gives a make of these targets with these options more.
pub(crate) fn make(
    inputs: &Inputs,
    tree: &Tree,
    tools: &Tools,
    make: &(dyn Fn(&[String], &[&str]) -> Command + Sync),
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let (log, archives) = (cpython::guest_log(tree), cpython::archives(inputs));
    let parts = parts(&tree.source().join(FOLDER))?;
    process::run(&mut make(&parts, &["-flto"]), "compiling the guest's objects", &log, branch)?;
    // One processor optimises, the others compile the rest.
    let linking = tree.log("guest-objects");
    thread::scope(|scope| {
        let linked = scope.spawn(|| {
            let mut command = tools.clang();
            command.current_dir(tree.guest()).args(["-nostdlib", "-r", "-Wl,--lto-O3", "-o"]);
            command.arg(OBJECT).args(&parts);
            process::run(&mut command, "optimising the guest's objects", &linking, branch)
        });
        let rest = [&*archives, &["pybuilddir.txt".to_owned()]].concat();
        let made = process::run(&mut make(&rest, &[]), "compiling the guest", &log, branch);
        let linked = linked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        made.and(linked)
    })?;
    let names = parts.iter().map(|part| file_name(Path::new(part)));
    let library = archives.first().map_or("", String::as_str);
    for (operation, members) in [("d", names.collect()), ("rcsD", vec![OBJECT.to_owned()])] {
        let mut command = tools.ar();
        command.current_dir(tree.guest()).args([operation, library]).args(members);
        process::run(&mut command, "putting the objects in place", &log, branch)?;
    }
    Ok(())
}

/// The object files that are taken, below the guest's build folder, in an order that is always the same.
fn parts(folder: &Path) -> Result<Vec<String>, Error> {
    let mut parts: Vec<String> = OTHERS.map(str::to_owned).to_vec();
    for entry in fs::read_dir(folder).at("read", folder)? {
        let path = PathBuf::from(entry.at("read", folder)?.file_name());
        if path.extension().is_some_and(|extension| extension == "c") {
            parts.push(format!("{FOLDER}/{}", path.with_extension("o").display()));
        }
    }
    parts.sort();
    Ok(parts)
}
