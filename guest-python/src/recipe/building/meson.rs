//! Packages that meson sets up and ninja compiles.

use super::Building;
use crate::Error;
use crate::digest::sorted_files;
use crate::error::At;
use crate::recipe::package::Meson;
use crate::recipe::product::{Extension, Product};
use crate::recipe::progress::{Branch, file_name};
use crate::recipe::stdlib::python;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Python's packages are installed to, in the paths that meson tells.
const PACKAGES: &str = "/site-packages/";

/// What every build has to know of the guest; commands are found on the search path.
const GUEST: &str = "\
[binaries]
c = '{cc}'
cpp = '{cxx}'
strip = 'true'
ar = 'wasm32-wasip1-ar'
ranlib = 'wasm32-wasip1-ranlib'
python = 'package-python'
cython = 'cython'
pkg-config = 'false'

[host_machine]
system = 'wasi'
cpu_family = 'wasm32'
cpu = 'wasm32'
endian = 'little'

[properties]
# What is compiled for the guest does not run here.
needs_exe_wrapper = true
skip_sanity_check = true
";

impl Building<'_> {
    pub(super) fn meson(
        &self,
        meson: &Meson,
        out: &Product,
        branch: &Branch<'_>,
    ) -> Result<(), Error> {
        let first: Vec<String> = meson
            .include
            .iter()
            .map(|(option, header)| format!("{option}={}", self.source().join(header).display()))
            .collect();
        let [cc, cxx] = self.compilers(&first)?;
        let cross = self.folder().join("guest.cross");
        let guest = GUEST.replace("{cc}", &cc).replace("{cxx}", &cxx);
        let text = format!("{guest}{}", self.properties(meson));
        fs::write(&cross, text).at("write", &cross)?;
        let mut setup = self.program(meson)?;
        setup.args(["setup", "build", "--cross-file"]).arg(&cross).args(&meson.options);
        self.there(setup, "configuring", branch)?;
        let installed = self.installed()?;
        let extensions = extensions(&installed, &meson.except);
        self.tell_compiler(&extensions)?;
        let mut ninja = self.tools.command("ninja");
        ninja.arg(format!("-j{}", self.jobs)).args(["-C", "build"]);
        self.there(ninja, "compiling", branch)?;
        let mut install = self.program(meson)?;
        install.args(["install", "-C", "build", "--no-rebuild", "--destdir"]);
        install.arg(self.destination());
        if !meson.tags.is_empty() {
            install.args(["--tags", &meson.tags.join(",")]);
        }
        self.there(install, "installing", branch)?;
        self.link_modules(&extensions, out, branch)
    }

    /// Where it installs to.
    fn destination(&self) -> PathBuf {
        self.folder().join("installed")
    }

    /// The folder of Python's packages below there.
    pub(super) fn installed_packages(&self) -> Result<PathBuf, Error> {
        let installed = self.installed()?;
        let path = installed.values().find_map(|path| path.split_once(PACKAGES));
        let reason = "meson installs nothing among Python's packages".to_owned();
        let (prefix, _) = path.ok_or_else(|| Error::Unexpected { path: self.log(), reason })?;
        Ok(self.destination().join(format!("{}{PACKAGES}", prefix.trim_start_matches('/'))))
    }

    fn program(&self, meson: &Meson) -> Result<Command, Error> {
        let Some(program) = &meson.program else { return Ok(self.tools.command("meson")) };
        let native = python(self.inputs, self.python()?);
        let mut command = self.tools.command(native);
        command.arg(program);
        Ok(command)
    }

    fn python(&self) -> Result<&Path, Error> {
        let reason = || Error::Lock(format!("{} needs `python`", self.package.name));
        self.cpython.ok_or_else(reason)
    }

    /// Runs a command in the sources.
    fn there(&self, mut command: Command, what: &str, branch: &Branch<'_>) -> Result<(), Error> {
        command.current_dir(self.source()).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PYTHONPATH", self.python_path());
        self.run(&mut command, what, branch)
    }

    fn properties(&self, meson: &Meson) -> String {
        let filled = |value: &String| {
            let value = self.needs.iter().fold(value.clone(), |value, need| {
                let folder = self.need(need.name());
                value.replace(&format!("{{{}}}", need.name()), &folder.to_string_lossy())
            });
            value.replace('\'', "\\'")
        };
        let line = |(name, value): (&String, &String)| format!("{name} = '{}'\n", filled(value));
        meson.properties.iter().map(line).collect()
    }

    /// What it will install: files below the build's folder, and where each goes.
    fn installed(&self) -> Result<BTreeMap<String, String>, Error> {
        let path = self.source().join("build/meson-info/intro-installed.json");
        let bytes = fs::read(&path).at("read", &path)?;
        let whole: BTreeMap<PathBuf, String> = serde_json::from_slice(&bytes)
            .map_err(|error| Error::Unexpected { path, reason: error.to_string() })?;
        let build = self.source().join("build");
        let below =
            |path: &Path| Some(path.strip_prefix(&build).ok()?.to_string_lossy().into_owned());
        Ok(whole
            .into_iter()
            .map(|(from, to)| {
                (below(&from).unwrap_or_else(|| from.to_string_lossy().into_owned()), to)
            })
            .collect())
    }

    /// Tells the compiler how the functions that start modules are to be called.
    fn tell_compiler(&self, extensions: &BTreeMap<String, Extension>) -> Result<(), Error> {
        let lines: String = extensions
            .iter()
            .map(|(path, extension)| format!("{path} {}\n", extension.option()))
            .collect();
        let path = self.modules_file();
        fs::write(&path, lines).at("write", &path)
    }

    fn link_modules(
        &self,
        extensions: &BTreeMap<String, Extension>,
        out: &Product,
        branch: &Branch<'_>,
    ) -> Result<(), Error> {
        let build = self.source().join("build");
        let (mut objects, mut libraries) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for (name, path) in sorted_files(&build)? {
            if !extensions.contains_key(&name) {
                continue;
            }
            for part in fs::read_to_string(&path).at("read", &path)?.lines() {
                let list = if part.ends_with(".a") { &mut libraries } else { &mut objects };
                let part = PathBuf::from(part);
                let object = fs::read(build.join(&part)).at("read", &part)?;
                // Two modules may each have compiled the same file.
                if seen.insert((file_name(&part), Sha256::digest(&object))) {
                    list.push(part);
                }
            }
        }
        let extensions: Vec<Extension> = extensions.values().cloned().collect();
        self.link(out, &extensions, (&build, &objects, &libraries), branch)
    }
}

/// The extension modules, by their files below the build's folder; their dotted names are those of the places that
/// they are installed to.
fn extensions(
    installed: &BTreeMap<String, String>,
    except: &[String],
) -> BTreeMap<String, Extension> {
    let is_wanted =
        |path: &str| path.ends_with(".so") && !except.iter().any(|part| path.contains(part));
    let found = installed.iter().filter(|(from, _)| is_wanted(from));
    found
        .filter_map(|(from, to)| {
            let (_, place) = to.split_once(PACKAGES)?;
            let dotted = place.split('.').next().unwrap_or(place).replace('/', ".");
            Some((from.clone(), Extension::new(&dotted)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_named_after_where_they_are_installed() {
        let installed = [
            (
                "src/ft2font.cpython-314-wasm32-wasi.so",
                "/usr/lib/python3.14/site-packages/matplotlib/ft2font.cpython-314-wasm32-wasi.so",
            ),
            ("src/_tests.so", "/usr/lib/python3.14/site-packages/matplotlib/_tests.so"),
            ("lib/x.py", "/usr/lib/python3.14/site-packages/matplotlib/x.py"),
        ];
        let installed = installed.map(|(from, to)| (from.to_owned(), to.to_owned())).into();
        let found = extensions(&installed, &["_tests".to_owned()]);
        let names: Vec<&str> = found.values().map(|extension| &*extension.name).collect();
        assert_eq!(names, ["matplotlib.ft2font"]);
    }
}
