//! The bridge is compiled, and linked with CPython, packages and libraries into `guest.wasm`.

use crate::Error;
use crate::error::At;
use crate::recipe::cpython;
use crate::recipe::inputs::Inputs;
use crate::recipe::package::Package;
use crate::recipe::process;
use crate::recipe::product::Extension;
use crate::recipe::progress::{Branch, file_name};
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
    let mut files: Vec<String> = inputs.folder("bridge").map(|(name, _)| name.to_owned()).collect();
    let mut spoken = Vec::new();
    let (mut system, mut instead) = (flags.system_libraries.clone(), Vec::new());
    for (known, _) in finished.linked() {
        let export = inputs.package(known.name)?.export;
        system.splice(0..0, export.link);
        instead.extend(export.instead);
    }
    let is_kept = |name: &String| !instead.contains(name);
    system.retain(is_kept);
    files.retain(is_kept);
    for (known, _) in finished.linked() {
        let folder = format!("packages/{}/bridge", known.name);
        if inputs.folder(&folder).next().is_some() {
            inputs.write_folder(&folder, &source.join(known.name))?;
            files.extend(inputs.folder(&folder).map(|(file, _)| format!("{}/{file}", known.name)));
            spoken.push(known.name);
        }
    }
    let tables = source.join("tables.c");
    fs::write(&tables, table(finished, &spoken)?).at("write", &tables)?;
    files.push("tables.c".into());
    let mut objects = Vec::new();
    for name in files.iter().filter(|name| name.ends_with(".c")) {
        let object = PathBuf::from(name).with_extension("o");
        let mut command = tools.clang();
        command.current_dir(&source).args(&flags.bridge).args(&flags.machine).arg("-I.");
        // As a system folder: the bridge's warnings are errors, CPython's are not ours.
        command.arg("-isystem").arg(finished.cpython.join("include"));
        command.arg("-c").arg(name).arg("-o").arg(&object);
        process::run(&mut command, "compiling the bridge", &log, branch)?;
        objects.push(object);
    }
    let parts = Parts::of(inputs, finished)?;
    objects.extend(parts.objects);
    check_names(tools, &source, (&objects, &parts.archives), &log, branch)?;
    let mut command = tools.clang();
    command.current_dir(&source).args(&flags.link).args(&flags.machine).args(&objects);
    command.args(&parts.archives).args(&system).arg("-o").arg(target);
    process::run(&mut command, "linking the guest", &log, branch)
}

/// What a guest is linked from besides the bridge and the system's libraries.
pub(crate) struct Parts {
    /// The packages' objects.
    pub(crate) objects: Vec<PathBuf>,
    /// The static libraries in the order the linker gets them.
    pub(crate) archives: Vec<PathBuf>,
}

impl Parts {
    pub(crate) fn of(inputs: &Inputs, finished: &Finished) -> Result<Self, Error> {
        let mut objects = Vec::new();
        let mut absorbed: Vec<String> = Vec::new();
        for (known, product) in finished.linked() {
            let package: Package = inputs.package(known.name)?;
            if package.has_modules() {
                objects.push(product.object());
            }
            absorbed.extend(package.absorbs);
        }
        let folder = finished.cpython.join("archives");
        let own = cpython::archives(inputs).into_iter();
        let mut archives: Vec<PathBuf> =
            own.map(|path| folder.join(file_name(Path::new(&path)))).collect();
        // What needs a library stands before it.
        for (known, product) in finished.linked().rev() {
            if !absorbed.iter().any(|name| name == known.name) {
                archives.extend(product.archive_files()?);
            }
        }
        Ok(Self { objects, archives })
    }
}

/// Links all members of all archives with one another, where a name that is defined twice is an error. Out of
/// an archive the linker takes the first without a word, and none that nothing else asks for.
fn check_names(
    tools: &Tools,
    source: &Path,
    (objects, archives): (&[PathBuf], &[PathBuf]),
    log: &Path,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let whole = source.join("whole.o");
    let mut command = tools.clang();
    command.current_dir(source).args(["-nostdlib", "-r", "-o"]).arg(&whole).args(objects);
    command.arg("-Wl,--whole-archive").args(archives);
    process::run(&mut command, "looking for names defined twice", log, branch)?;
    fs::remove_file(&whole).at("remove", &whole)
}

/// The tables by which CPython finds the extension modules, and the bridge what packages tell it.
fn table(finished: &Finished, spoken: &[&str]) -> Result<String, Error> {
    let mut extensions: Vec<Extension> = Vec::new();
    for (_, product) in finished.linked() {
        extensions.extend(product.extensions()?);
    }
    let mut text = String::from("#include \"bridge.h\"\n\n");
    for extension in &extensions {
        text += &format!("PyMODINIT_FUNC {}(void);\n", extension.init);
    }
    text += "\nstruct _inittab bridge_extensions[] = {\n";
    for extension in &extensions {
        text += &format!("    {{\"{}\", {}}},\n", extension.name, extension.init);
    }
    text += "    {NULL, NULL},\n};\n\n";
    for name in spoken {
        text += &format!("extern const struct package package_{name};\n");
    }
    text += "\nconst struct package *const bridge_packages[] = {";
    for name in spoken {
        text += &format!("&package_{name}, ");
    }
    Ok(text + "NULL};\n")
}
