//! The compiler for the guest: clang out of the pinned wheel with Debian's WASI libraries, or a WASI SDK.

use crate::Error;
use crate::error::At;
use crate::keys::Toolchain;
use crate::recipe::fetch::Fetched;
use crate::recipe::process;
use crate::recipe::programs::Programs;
use crate::recipe::unpack;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of everything in the guest.
pub(crate) const TARGET: &str = "wasm32-wasip1";

/// Without it clang runs a wasm-opt that it finds, which would rewrite what is linked.
const NO_WASM_OPT: &str = "--no-wasm-opt";

impl Toolchain {
    /// Unpacks what is needed into `folder` and writes the commands of [`Tools`], with the machine's own beside
    /// them.
    pub(crate) fn install(
        &self,
        fetched: &Fetched,
        folder: &Path,
        work: &Path,
        epoch: u64,
    ) -> Result<Tools, Error> {
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).at("create", &bin)?;
        Programs::ambient().link(&bin)?;
        let tools = Tools { bin, epoch };
        let bin = tools.bin();
        // Paths of this build's folder must not end up in what it makes.
        let common = format!(
            "--target={TARGET} -Wno-unused-command-line-argument -ffile-prefix-map={}=/build",
            quote(work)
        );
        match self {
            Self::Pinned => {
                let zig = self.unpack_pinned(fetched, folder)?;
                let (root, system) = (quote(folder), quote(&folder.join("system/usr")));
                let zig = quote(&zig);
                let compiler = |first: &str| {
                    format!(
                        "{zig} clang {common} {NO_WASM_OPT} --sysroot={system} \
                         -resource-dir {root}/resource {first} -isystem {root}/wheel/ziglang/lib/include \
                         -isystem {system}/include/{TARGET} -L{system}/lib/{TARGET} \
                         -L{root}/cxx/usr/lib/wasm32-wasi"
                    )
                };
                let clang = compiler("");
                // The C++ headers wrap those of C. Debian names the target as it was named before.
                let cxx = compiler(&format!(
                    "--driver-mode=g++ -nostdinc++ \
                     -isystem {root}/cxx/usr/lib/llvm-19/include/wasm32-wasi/c++/v1"
                ));
                for (name, command) in [
                    ("clang", clang),
                    ("clang++", cxx),
                    ("ar", format!("{zig} ar")),
                    ("ranlib", format!("{zig} ranlib")),
                    ("wasm-ld", format!("{zig} wasm-ld")),
                ] {
                    // clang looks for its linker by the plain name.
                    let prefix =
                        if name == "wasm-ld" { String::new() } else { format!("{TARGET}-") };
                    script(&bin.join(prefix + name), &format!("exec {command} \"$@\"\n"))?;
                }
            }
            Self::WasiSdk(sdk) => {
                // An older clang does not know the option; a wasm-opt is not on its path anyway.
                let mut trial = tools.command(sdk.join("bin/clang"));
                trial.args([NO_WASM_OPT, "-fsyntax-only", "-x", "c", "/dev/null"]);
                let known = process::output(&mut trial).map(|_| NO_WASM_OPT).unwrap_or_default();
                let common = format!("{common} {known}");
                let sdk = quote(&sdk.join("bin"));
                for (name, command) in [
                    ("clang", format!("{sdk}/clang {common}")),
                    ("clang++", format!("{sdk}/clang++ {common}")),
                    ("ar", format!("{sdk}/llvm-ar")),
                    ("ranlib", format!("{sdk}/llvm-ranlib")),
                ] {
                    script(
                        &bin.join(format!("{TARGET}-{name}")),
                        &format!("exec {command} \"$@\"\n"),
                    )?;
                }
            }
        }
        Ok(tools)
    }

    fn unpack_pinned(&self, fetched: &Fetched, folder: &Path) -> Result<PathBuf, Error> {
        let wheel = folder.join("wheel");
        let wanted = |name: &str| name == "ziglang/zig" || name.starts_with("ziglang/lib/include/");
        unpack::zip(fetched.path("ziglang")?, &wheel, wanted)?;
        let zig = wheel.join("ziglang/zig");
        fs::set_permissions(&zig, fs::Permissions::from_mode(0o755)).at("make executable", &zig)?;
        unpack::deb(fetched.path("wasi-libc")?, &folder.join("system"))?;
        for package in ["libc++", "libc++abi"] {
            unpack::deb(fetched.path(package)?, &folder.join("cxx"))?;
        }
        let runtime = folder.join("runtime");
        unpack::deb(fetched.path("compiler-rt")?, &runtime)?;
        let builtins = unpack::find(&runtime, "libclang_rt.builtins-wasm32.a")?;
        // Here clang spells the target out.
        let resource = folder.join("resource/lib/wasm32-unknown-wasip1");
        fs::create_dir_all(&resource).at("create", &resource)?;
        let target = resource.join("libclang_rt.builtins.a");
        fs::copy(&builtins, &target).at("copy", &builtins)?;
        Ok(zig)
    }
}

/// The commands of an installed toolchain; they carry the target and the system's folders.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    bin: PathBuf,
    epoch: u64,
}

impl Tools {
    /// The folder of all programs that a build runs.
    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }

    /// A command that compiles and links for the guest.
    pub(crate) fn clang(&self) -> Command {
        self.command(self.bin.join(format!("{TARGET}-clang")))
    }

    /// The same for C++.
    pub(crate) fn clang_cpp(&self) -> Command {
        self.command(self.bin.join(format!("{TARGET}-clang++")))
    }

    /// A command that makes archives.
    pub(crate) fn ar(&self) -> Command {
        self.command(self.bin.join(format!("{TARGET}-ar")))
    }

    /// A command that finds no programs but those in the folder, and nothing of the user's environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        process::command(program, &self.bin, self.epoch)
    }
}

/// Writes an executable shell script.
pub(crate) fn script(path: &Path, body: &str) -> Result<(), Error> {
    fs::write(path, format!("#!/bin/sh\n{body}")).at("write", path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).at("make executable", path)
}

/// A path as one word of a shell script.
pub(crate) fn quote(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}
