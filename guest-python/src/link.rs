//! The bridge is compiled, and linked with CPython and the libraries into `guest.wasm`.

use crate::Error;
use crate::error::At;
use crate::inputs::Inputs;
use crate::process;
use crate::progress::Branch;
use crate::toolchain::Tools;
use std::fs;
use std::path::{Path, PathBuf};

/// Links the guest out of what `cpython` (a finished folder of the cache) holds. Works in `work`.
pub(crate) fn link(
    inputs: &Inputs,
    tools: &Tools,
    cpython: &Path,
    work: &Path,
    target: &Path,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let flags = &inputs.lock.flags;
    let log = work.join("logs/link.log");
    let source = work.join("bridge");
    inputs.write_folder("bridge", &source)?;
    let header = source.join("ophidia_abi.h");
    fs::write(&header, inputs.header()).at("write", &header)?;
    let mut objects = Vec::new();
    for (name, _) in inputs.folder("bridge").filter(|(name, _)| name.ends_with(".c")) {
        let object = PathBuf::from(name).with_extension("o");
        let mut command = tools.clang();
        command.current_dir(&source).args(&flags.bridge).args(&flags.machine).arg("-I.");
        // As a system folder: the bridge's warnings are errors, CPython's are not ours.
        command.arg("-isystem").arg(cpython.join("include"));
        command.arg("-c").arg(name).arg("-o").arg(&object);
        process::run(
            process::neutral(&mut command, inputs.lock.source_date_epoch),
            "compiling the bridge",
            &log,
            branch,
        )?;
        objects.push(object);
    }
    let mut command = tools.clang();
    command.current_dir(&source).args(&flags.link).args(&flags.machine).args(&objects);
    command.args(archives(inputs, cpython)).args(&flags.system_libraries).arg("-o").arg(target);
    process::run(
        process::neutral(&mut command, inputs.lock.source_date_epoch),
        "linking the guest",
        &log,
        branch,
    )
}

/// The static libraries in the order the linker gets them.
fn archives(inputs: &Inputs, cpython: &Path) -> Vec<PathBuf> {
    let folder = cpython.join("archives");
    let own = crate::cpython::archives(inputs);
    let own = own.iter().map(|path| path.rsplit('/').next().unwrap_or(path).to_owned());
    let others = ["libsqlite3.a", "libz.a", "libbz2.a", "liblzma.a"].map(str::to_owned);
    own.chain(others).map(|name| folder.join(name)).collect()
}
