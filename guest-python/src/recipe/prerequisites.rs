//! What a build needs from this machine; all that is missing is named at once.

use crate::error::Missing;
use crate::keys::Toolchain;
use crate::recipe::BuildOptions;
use crate::recipe::cache::Cache;
use crate::recipe::fetch;
use crate::recipe::inputs::Inputs;
use crate::recipe::lock::{Client, Purpose, Source};
use crate::recipe::package::Package;
use crate::recipe::process::output;
use crate::recipe::programs::{NEEDED, Programs};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What of a WASI SDK a build calls.
const SDK_PROGRAMS: [&str; 4] = ["clang", "clang++", "llvm-ar", "llvm-ranlib"];

/// Names everything that a build in this cache would need and that this machine lacks; empty when it can
/// start.
#[must_use]
pub fn missing(cache: &Path, options: &BuildOptions) -> Vec<Missing> {
    match Inputs::embedded() {
        Ok(inputs) => check(&Programs::ambient(), &Cache::new(cache), &inputs, options),
        Err(error) => vec![item("a valid lock file", "names what to build", &error.to_string())],
    }
}

/// What a check asks of a machine; a test puts another one in.
pub(crate) trait Has {
    fn program(&self, name: &str) -> bool;
    /// The C compiler as it is asked for.
    fn compiler(&self) -> String;
    /// Whether it makes a program that includes a header of the C library.
    fn compiles(&self) -> bool;
    fn pip(&self) -> bool;
    fn host(&self) -> String;
}

/// This machine.
impl Has for Programs {
    fn program(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn compiler(&self) -> String {
        self.compiler_name()
    }

    fn compiles(&self) -> bool {
        let Some((program, options)) = self.compiler() else { return false };
        let mut command = Command::new(program);
        command.args(options).args(["-x", "c", "-", "-o", "/dev/null"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else { return false };
        let source = b"#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n";
        let written = child.stdin.take().is_some_and(|mut stdin| stdin.write_all(source).is_ok());
        child.wait().is_ok_and(|status| status.success()) && written
    }

    fn pip(&self) -> bool {
        output(Command::new("python3").args(["-m", "pip", "--version"])).is_some()
    }

    fn host(&self) -> String {
        crate::recipe::lock::host()
    }
}

pub(crate) fn check(
    has: &dyn Has,
    cache: &Cache,
    inputs: &Inputs,
    options: &BuildOptions,
) -> Vec<Missing> {
    let mut missing = Vec::new();
    let toolchain = options.toolchain();
    if let Toolchain::WasiSdk(sdk) = &toolchain {
        for program in SDK_PROGRAMS.map(|program| sdk.join("bin").join(program)) {
            if !program.is_file() {
                missing.push(item(
                    &program.display().to_string(),
                    "compiles the guest",
                    "point WASI_SDK_PATH to an unpacked WASI SDK, or unset it",
                ));
            }
        }
    }
    let pinned = toolchain == Toolchain::Pinned;
    let packages = match inputs.packages(&options.flavour.built()) {
        Ok(packages) => packages,
        Err(error) => {
            return vec![item("valid packages", "name what to build", &error.to_string())];
        }
    };
    let needed = inputs.needed(pinned, &packages);
    missing.extend(unpinned(inputs, &packages, pinned, &has.host()));
    if !has.compiles() {
        missing.push(item(
            &format!("{} with the C library's headers", has.compiler()),
            "compiles the native Python that the build needs",
            &debian("gcc libc6-dev"),
        ));
    }
    for (package, purpose, programs) in NEEDED {
        let absent: Vec<&str> =
            programs.iter().copied().filter(|program| !has.program(program)).collect();
        if !absent.is_empty() {
            missing.push(item(&absent.join(", "), purpose, &debian(package)));
        }
    }
    let absent = fetch::absent(cache, options.sources.as_deref(), &needed);
    let files = |client: Client| {
        let files: Vec<&str> =
            absent.iter().filter(|s| s.client == client).map(|s| &*s.file).collect();
        (!files.is_empty()).then(|| files.join(", "))
    };
    let or_by_hand =
        |way: &str| format!("{way}, or put the files into a folder and set OPHIDIA_SOURCES to it");
    if let Some(files) = files(Client::Apt)
        && !(has.program("apt-get") && has.program(fetch::APT_HELPER))
    {
        missing.push(item("apt", &format!("fetches {files}"), &or_by_hand("use a Debian machine")));
    }
    if let Some(files) = files(Client::Pip)
        && !has.pip()
    {
        missing.push(item(
            "python3 with pip",
            &format!("fetches {files}"),
            &or_by_hand(&debian("python3-pip")),
        ));
    }
    if let Some(files) = files(Client::Cargo)
        && !has.program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
    {
        missing.push(item("cargo", &format!("fetches {files}"), &or_by_hand(&debian("cargo"))));
    }
    missing
}

/// Programs that there are pinned for some machines, this one not among them.
fn unpinned(
    inputs: &Inputs,
    packages: &[Package],
    own_toolchain: bool,
    host: &str,
) -> Vec<Missing> {
    let of_packages: Vec<Source> = packages.iter().flat_map(Package::sources).collect();
    let all = inputs.lock.sources.iter().chain(&of_packages).filter(|source| source.host.is_some());
    let all = all.filter(|source| own_toolchain || source.purpose != Purpose::Toolchain);
    let mut lacking: BTreeSet<_> =
        all.clone().map(|source| (&*source.name, source.purpose)).collect();
    for there in all.filter(|source| source.host.as_deref() == Some(host)) {
        lacking.remove(&(&*there.name, there.purpose));
    }
    let item = |(name, purpose)| {
        let way = match purpose {
            Purpose::Toolchain => "unpack a WASI SDK and set WASI_SDK_PATH to its folder",
            _ => "build the guest on Linux, x86-64 or aarch64, and copy the cache folder",
        };
        item(&format!("a pinned {name} for {host}"), "builds the guest", way)
    };
    lacking.into_iter().map(item).collect()
}

fn debian(packages: &str) -> String {
    format!("apt-get install {packages}")
}

fn item(what: &str, purpose: &str, remedy: &str) -> Missing {
    Missing { what: what.into(), purpose: purpose.into(), remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Flavour};

    struct Nothing;

    impl Has for Nothing {
        fn program(&self, _: &str) -> bool {
            false
        }
        fn compiler(&self) -> String {
            "cc".into()
        }
        fn compiles(&self) -> bool {
            false
        }
        fn pip(&self) -> bool {
            false
        }
        fn host(&self) -> String {
            "riscv64-linux".into()
        }
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inputs = Inputs::embedded().expect("valid");
        let found = check(&Nothing, &Cache::new(folder.path()), &inputs, &BuildOptions::default());
        let text = Error::Missing(found).to_string();
        for word in [
            "make",
            "apt-get install gcc",
            "pip",
            "cargo",
            "WASI_SDK_PATH",
            "OPHIDIA_SOURCES",
            "ziglang for riscv64",
            "ninja for riscv64",
            "Python-3",
        ] {
            assert!(text.contains(word), "{word} is not in: {text}");
        }
    }

    #[test]
    fn clients_are_not_asked_for_when_all_files_are_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inputs = Inputs::embedded().expect("valid");
        let packages = inputs.packages(&Flavour::default().built()).expect("valid");
        for source in inputs.needed(true, &packages) {
            std::fs::write(folder.path().join(&source.file), "").expect("written");
        }
        let options =
            BuildOptions { sources: Some(folder.path().to_owned()), ..BuildOptions::default() };
        let found = check(&Nothing, &Cache::new(folder.path()), &inputs, &options);
        assert!(!found.is_empty(), "programs are still missing");
        assert!(found.iter().all(|item| !item.purpose.starts_with("fetches")), "{found:?}");
    }

    #[test]
    fn of_an_sdk_every_program_is_asked_for() {
        let sdk = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(sdk.path().join("bin")).expect("created");
        std::fs::write(sdk.path().join("bin/clang"), "").expect("written");
        let options =
            BuildOptions { wasi_sdk: Some(sdk.path().to_owned()), ..BuildOptions::default() };
        let inputs = Inputs::embedded().expect("valid");
        let found = check(&Nothing, &Cache::new(sdk.path()), &inputs, &options);
        let text = Error::Missing(found).to_string();
        for word in ["bin/clang++", "bin/llvm-ar", "bin/llvm-ranlib", "ninja for riscv64"] {
            assert!(text.contains(word), "{word} is not in: {text}");
        }
        assert!(!text.contains("bin/clang ") && !text.contains("ziglang"), "{text}");
    }
}
