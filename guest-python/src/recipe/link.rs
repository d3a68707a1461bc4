//! The bridge is compiled, and linked with CPython and the libraries into `guest.wasm`.

use crate::Error;
use crate::error::At;
use crate::recipe::inputs::Inputs;
use crate::recipe::numpy;
use crate::recipe::process;
use crate::recipe::progress::Branch;
use crate::recipe::stages::Finished;
use crate::recipe::toolchain::Tools;
use std::fs;
use std::path::{Path, PathBuf};

/// Links the guest out of what the cache's folders hold. Works in `work`.
pub(crate) fn link(
    inputs: &Inputs,
    tools: &Tools,
    finished: &Finished,
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
    let extensions = source.join("extensions.c");
    fs::write(&extensions, table(&finished.numpy)?).at("write", &extensions)?;
    let mut objects = Vec::new();
    let names = inputs.folder("bridge").map(|(name, _)| name).filter(|name| name.ends_with(".c"));
    for name in names.chain(["extensions.c"]) {
        let object = PathBuf::from(name).with_extension("o");
        let mut command = tools.clang();
        command.current_dir(&source).args(&flags.bridge).args(&flags.machine).arg("-I.");
        // As a system folder: the bridge's warnings are errors, CPython's are not ours.
        command.arg("-isystem").arg(finished.cpython.join("include"));
        command.arg("-c").arg(name).arg("-o").arg(&object);
        process::run(&mut command, "compiling the bridge", &log, branch)?;
        objects.push(object);
    }
    check_names(inputs, tools, finished, &source, &objects, &log, branch)?;
    let mut command = tools.clang();
    command.current_dir(&source).args(&flags.link).args(&flags.machine).args(&objects);
    command.arg(finished.numpy.join(numpy::OBJECT));
    command
        .args(archives(inputs, &finished.cpython))
        .args(&flags.system_libraries)
        .arg("-o")
        .arg(target);
    process::run(&mut command, "linking the guest", &log, branch)
}

/// Links all members of all archives with one another, where a name that is defined twice is an error. Out of
/// an archive the linker takes the first without a word, and none that nothing else asks for.
fn check_names(
    inputs: &Inputs,
    tools: &Tools,
    finished: &Finished,
    source: &Path,
    objects: &[PathBuf],
    log: &Path,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let whole = source.join("whole.o");
    let mut command = tools.clang();
    command.current_dir(source).args(["-nostdlib", "-r", "-o"]).arg(&whole).args(objects);
    command.arg(finished.numpy.join(numpy::OBJECT)).arg("-Wl,--whole-archive");
    command.args(archives(inputs, &finished.cpython));
    process::run(&mut command, "looking for names defined twice", log, branch)?;
    fs::remove_file(&whole).at("remove", &whole)
}

/// The table by which CPython finds the extension modules.
fn table(numpy: &Path) -> Result<String, Error> {
    let path = numpy.join(numpy::MODULES);
    let list = fs::read_to_string(&path).at("read", &path)?;
    let start = |module: &str| module.rsplit('.').next().unwrap_or(module).to_owned();
    let mut text = String::from("#include \"bridge.h\"\n\n");
    for module in list.lines() {
        text += &format!("PyMODINIT_FUNC PyInit_{}(void);\n", start(module));
    }
    text += "\nstruct _inittab bridge_extensions[] = {\n";
    for module in list.lines() {
        text += &format!("    {{\"{module}\", PyInit_{}}},\n", start(module));
    }
    Ok(text + "    {NULL, NULL},\n};\n")
}

/// The static libraries in the order the linker gets them.
pub(crate) fn archives(inputs: &Inputs, cpython: &Path) -> Vec<PathBuf> {
    let folder = cpython.join("archives");
    let own = crate::recipe::cpython::archives(inputs);
    let own = own.iter().map(|path| path.rsplit('/').next().unwrap_or(path).to_owned());
    let others =
        ["libsqlite3.a", "libz.a", "libbz2.a", "liblzma.a", "libzstd.a"].map(str::to_owned);
    own.chain(others).map(|name| folder.join(name)).collect()
}
