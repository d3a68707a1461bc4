//! CPython itself: configured and compiled natively and for the guest, from one patched source tree.

use crate::Error;
use crate::error::At;
use crate::recipe::inputs::Inputs;
use crate::recipe::objects;
use crate::recipe::process;
use crate::recipe::product::Product;
use crate::recipe::programs::CC;
use crate::recipe::progress::Branch;
use crate::recipe::stdlib;
use crate::recipe::toolchain::{TARGET, Tools, quote, script};
use std::fs;
use std::path::{Path, PathBuf};

/// About how many lines configure prints.
pub(crate) const CONFIGURE_LINES: u64 = 780;
/// About how many lines the native make and install print.
pub(crate) const NATIVE_LINES: u64 = 1050;
/// About how many lines the guest's make prints.
pub(crate) const GUEST_LINES: u64 = 620;

/// The static libraries of the guest's own beside CPython's, in the order they are made. That of HMAC holds the
/// hashes, too.
const ARCHIVES: [&str; 3] = [
    "Modules/_decimal/libmpdec/libmpdec.a",
    "Modules/expat/libexpat.a",
    "Modules/_hacl/libHacl_HMAC.a",
];

/// The program that makes the evaluation loop out of the definitions of its instructions.
const GENERATOR: [&str; 4] = [
    "Tools/cases_generator/tier1_generator.py",
    "-o",
    "Python/generated_cases.c.h",
    "Python/bytecodes.c",
];

/// The name that the native Python has for the guest's makefile.
const BUILD_PYTHON: &str = "build-python";

/// The places of one build. Everything is reached by relative paths from `python/*-build`, so that the
/// folder's own name gets into nothing.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A folder of the build by its name.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// CPython's sources.
    pub(crate) fn source(&self) -> PathBuf {
        self.root.join("python")
    }

    pub(crate) fn native(&self) -> PathBuf {
        self.source().join("native-build")
    }

    pub(crate) fn guest(&self) -> PathBuf {
        self.source().join("guest-build")
    }

    pub(crate) fn native_libraries(&self) -> PathBuf {
        self.root.join("native-libraries")
    }

    pub(crate) fn guest_libraries(&self) -> PathBuf {
        self.root.join("guest-libraries")
    }

    pub(crate) fn toolchain(&self) -> PathBuf {
        self.root.join("toolchain")
    }

    /// The log of a stage.
    pub(crate) fn log(&self, stage: &str) -> PathBuf {
        self.root.join("logs").join(format!("{stage}.log"))
    }
}

/// Applies the patches in a folder of the recipe to the sources.
pub(crate) fn patch(inputs: &Inputs, folder: &str, source: &Path) -> Result<(), Error> {
    for (name, bytes) in inputs.folder(folder).filter(|(name, _)| name.ends_with(".patch")) {
        let broken =
            |reason: String| Error::Unexpected { path: Path::new(folder).join(name), reason };
        let text = std::str::from_utf8(bytes).map_err(|error| broken(error.to_string()))?;
        let patch = diffy::Patch::from_str(text).map_err(|error| broken(error.to_string()))?;
        let file = patch.modified().and_then(|file| file.strip_prefix("b/"));
        let path = source.join(file.ok_or_else(|| broken("it names no file".into()))?);
        let before = fs::read_to_string(&path).at("read", &path)?;
        let after =
            diffy::apply(&before, &patch).map_err(|error| broken(format!("{file:?}: {error}")))?;
        fs::write(&path, after).at("write", &path)?;
    }
    Ok(())
}

/// Makes the native Python known under [`BUILD_PYTHON`]. The guest's configure wants its version only,
/// and may run while the native Python is still being made.
pub(crate) fn announce_build_python(
    tools: &Tools,
    python: &Path,
    series: &str,
) -> Result<(), Error> {
    let python = quote(python);
    let body = format!("if [ -x {python} ]; then exec {python} \"$@\"; fi\necho {series}\n");
    script(&tools.bin().join(BUILD_PYTHON), &body)
}

/// Brings the libraries that CPython's modules need to where both builds find them, by paths that are the same
/// everywhere.
pub(crate) fn place_libraries(tree: &Tree, libraries: &[Product]) -> Result<(), Error> {
    for library in libraries {
        for (prefix, archives) in [
            (tree.native_libraries(), library.native()),
            (tree.guest_libraries(), library.archives()),
        ] {
            stdlib::link_tree(&archives, &prefix.join("lib"))?;
            stdlib::link_tree(&library.include(), &prefix.join("include"))?;
        }
    }
    Ok(())
}

/// The variables that tell configure where they are; `prefix` is relative to the folder it runs in.
fn variables(inputs: &Inputs, prefix: &str) -> Result<Vec<(String, String)>, Error> {
    let mut variables = Vec::new();
    for name in &inputs.lock.needs {
        let package = inputs.package(name)?;
        variables.extend(package.libraries.iter().flat_map(|library| library.variables(prefix)));
    }
    Ok(variables)
}

/// Configures the native Python. `home` is where it will be in the end.
pub(crate) fn configure_native(
    inputs: &Inputs,
    tree: &Tree,
    tools: &Tools,
    home: &Path,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let lock = &inputs.lock;
    let folder = tree.native();
    fs::create_dir_all(&folder).at("create", &folder)?;
    let mut command = tools.command("../configure");
    command
        .current_dir(&folder)
        .arg(format!("--prefix={}", home.display()))
        .args(&lock.configure.native)
        .env("CC", CC)
        .envs(variables(inputs, "../../native-libraries")?);
    configured(
        tree,
        &folder,
        "native",
        process::run(
            &mut command,
            "configuring the native Python",
            &tree.log("native-configure"),
            branch,
        ),
    )
}

/// Configures the guest.
pub(crate) fn configure_guest(
    inputs: &Inputs,
    tree: &Tree,
    tools: &Tools,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let lock = &inputs.lock;
    let folder = tree.guest();
    fs::create_dir_all(&folder).at("create", &folder)?;
    let mut command = tools.command("../configure");
    command
        .current_dir(&folder)
        .arg(format!("--host={TARGET}"))
        // Only that it is another machine matters; the same answer everywhere gives the same bytes.
        .arg("--build=x86_64-pc-linux-gnu")
        .arg(format!("--with-build-python={BUILD_PYTHON}"))
        .args(&lock.configure.guest)
        .env("CONFIG_SITE", "../Tools/wasm/wasi/config.site-wasm32-wasi")
        .env("CC", format!("{TARGET}-clang"))
        .env("CXX", format!("{TARGET}-clang++"))
        .env("AR", format!("{TARGET}-ar"))
        .env("RANLIB", format!("{TARGET}-ranlib"))
        .env("CFLAGS", lock.flags.machine.join(" "))
        .env("HOSTRUNNER", "ophidia")
        // What pkg-config finds belongs to this machine.
        .env("PKG_CONFIG", "false")
        .envs(variables(inputs, "../../guest-libraries")?);
    configured(
        tree,
        &folder,
        "guest",
        process::run(&mut command, "configuring the guest", &tree.log("guest-configure"), branch),
    )
}

/// Keeps configure's own record beside the logs when it failed: the cause stands there.
fn configured(
    tree: &Tree,
    folder: &Path,
    name: &str,
    result: Result<(), Error>,
) -> Result<(), Error> {
    if result.is_err() {
        // Without it the error is still complete.
        let _ = fs::copy(folder.join("config.log"), tree.log(&format!("{name}-config")));
    }
    result
}

/// Compiles the native Python and installs it without its library into `dest`; its home is below there.
pub(crate) fn make_native(
    inputs: &Inputs,
    tree: &Tree,
    tools: &Tools,
    dest: &Path,
    jobs: usize,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let lock = &inputs.lock;
    let optimise = format!("OPT={}", lock.configure.native_flags.join(" "));
    let log = tree.log("native-make");
    // The second run installs what is there; the usual target would compile the library three times.
    let install = ["altbininstall", "inclinstall", "libainstall", "sharedinstall"];
    let destination = format!("DESTDIR={}", dest.display());
    for (targets, extra) in [(&["all"][..], None), (&install[..], Some(destination))] {
        let mut command = tools.command("make");
        command
            .current_dir(tree.native())
            .arg(format!("-j{jobs}"))
            .args(targets)
            .arg(&optimise)
            .args(extra);
        process::run(&mut command, "compiling the native Python", &log, branch)?;
    }
    Ok(())
}

/// Refuses a native Python that lost modules of those libraries: what runs natively and in the guest is compared, so
/// both must have them.
pub(crate) fn check_native(
    python: &Path,
    tools: &Tools,
    log: &Path,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let mut command = tools.command(python);
    command.args(["-I", "-B", "-c", "import bz2, compression.zstd, lzma, sqlite3, zlib"]);
    process::run(&mut command, "trying the native Python", log, branch)
}

/// Writes the evaluation loop anew, as `make regen-cases` does: patches change the definitions of its
/// instructions, and of what that target makes out of those only this. `python` is the native one, made before:
/// its own loop stays as CPython ships it.
pub(crate) fn generate_loop(
    tree: &Tree,
    tools: &Tools,
    python: &Path,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let mut command = tools.command(python);
    command.current_dir(tree.source()).args(["-s", "-S", "-B"]).args(GENERATOR);
    process::run(&mut command, "generating the evaluation loop", &tree.log("generate"), branch)
}

/// Compiles the guest's static libraries and its configuration data. `profile` are options of it alone:
/// not of the native Python, the libraries, the bridge or the link.
pub(crate) fn make_guest(
    inputs: &Inputs,
    tree: &Tree,
    tools: &Tools,
    profile: &[String],
    jobs: usize,
    branch: &Branch<'_>,
) -> Result<(), Error> {
    let lock = &inputs.lock;
    let make = |targets: &[String], more: &[&str]| {
        let mut command = tools.command("make");
        let options = lock.flags.cpython.iter().chain(profile).map(String::as_str);
        let options: Vec<&str> = options.chain(more.iter().copied()).collect();
        command
            .current_dir(tree.guest())
            .arg(format!("-j{jobs}"))
            .args(targets)
            .arg(format!("OPT={}", options.join(" ")))
            .arg("ARFLAGS=rcsD");
        command
    };
    objects::make(inputs, tree, tools, &make, branch)
}

/// The log of [`make_guest`].
pub(crate) fn guest_log(tree: &Tree) -> PathBuf {
    tree.log("guest-make")
}

/// CPython's own static libraries below the guest's build folder.
pub(crate) fn archives(inputs: &Inputs) -> Vec<String> {
    let own = format!("libpython{}.a", inputs.lock.python_series());
    std::iter::once(own).chain(ARCHIVES.map(str::to_owned)).collect()
}

/// The modules that are built into the guest, from the table that configure's choice led to.
pub(crate) fn builtin_modules(tree: &Tree) -> Result<Vec<String>, Error> {
    let path = tree.guest().join("Modules/config.c");
    let text = fs::read_to_string(&path).at("read", &path)?;
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("{\"")?.split('"').next());
    Ok(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_touch_nothing_but_the_guest() {
        let inputs = Inputs::embedded().expect("valid");
        assert!(inputs.folder("patches").count() > 0);
        for (name, bytes) in inputs.folder("patches") {
            let text = std::str::from_utf8(bytes).expect("text");
            assert!(diffy::Patch::from_str(text).is_ok(), "{name}");
            // The marks of metering and recursion are nothing outside the guest (patches/0009-meter-macro.patch,
            // 0022 and 0023), and a return value of the type that callers expect is one more instruction.
            let harmless = ["__wasi__", "OPHIDIA_", "methodcaller_clear"];
            assert!(
                harmless.iter().any(|mark| text.contains(mark)),
                "{name} would change the native Python, the baseline"
            );
        }
    }
}
