//! The file of a package, `packages/NAME/package.toml`: what its fields mean, and which mistakes are found at once.
//! `packages/README.md` explains them to whoever writes one.

use crate::Error;
use crate::recipe::lock::{Client, Purpose, Source, check};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One package: a library in C, an extension of Python, or a tool that others are built with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    what: String,
    pub(crate) licence: String,
    /// Files of the sources that hold its licence; without any, those that its metadata names.
    #[serde(default)]
    pub(crate) licence_files: Vec<String>,
    /// Lines of a file of the sources that are its licence.
    pub(crate) licence_lines: Option<Lines>,
    /// What has to be built before, `python` among it when CPython's headers are needed.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    /// What of that is linked into its own object, so that nothing else sees it.
    #[serde(default)]
    pub(crate) absorbs: Vec<String>,
    /// Names of its object that others than itself may use.
    #[serde(default)]
    pub(crate) keep: Vec<String>,
    /// Options of the compiler, on top of those that all packages have.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    /// About how many lines its build prints, or files it compiles.
    #[serde(default = "few")]
    pub(crate) steps: u64,
    /// The names that programs import it by.
    #[serde(default)]
    pub(crate) imports: Vec<String>,
    /// What is imported before the snapshot.
    #[serde(default)]
    pub(crate) preload: Vec<String>,
    /// Where its sources come from; the first is unpacked as the root.
    source: Vec<Archive>,
    /// Files of `files/`, and their places in the sources.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Headers for others, as name = place in the sources; a folder goes whole.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// What those who need it are compiled and linked with.
    #[serde(default)]
    pub(crate) export: Export,
    pub(crate) tool: Option<Tool>,
    pub(crate) wheel: Option<Wheel>,
    pub(crate) make: Option<Make>,
    pub(crate) meson: Option<Meson>,
    #[serde(default, rename = "library")]
    pub(crate) libraries: Vec<Library>,
    #[serde(default, rename = "module")]
    pub(crate) modules: Vec<Module>,
    /// Folders of Python files.
    #[serde(default, rename = "lib")]
    pub(crate) trees: Vec<Tree>,
    /// Python files that are written: places among the guest's packages, and texts.
    #[serde(default)]
    pub(crate) written: BTreeMap<String, String>,
}

/// A file to fetch, as in the lock file; name, version and licence are the package's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Archive {
    /// For the second and later ones: the folder of the sources that it is unpacked to.
    into: Option<String>,
    /// What of a wheel is unpacked: beginnings of names; all without any.
    #[serde(default)]
    only: Vec<String>,
    client: Client,
    path: Option<String>,
    package: Option<String>,
    backend: Option<String>,
    package_version: Option<String>,
    host: Option<String>,
    file: String,
    sha256: String,
}

/// Lines of a file, counted from 1, both included.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lines {
    pub(crate) file: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// What others are compiled and linked with. `{dir}` is the folder of what this package left.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// Options of the compiler.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    /// Options for C++ alone.
    #[serde(default)]
    pub(crate) cxx_flags: Vec<String>,
    /// Libraries of the system that the guest is linked with.
    #[serde(default)]
    pub(crate) link: Vec<String>,
    /// Libraries of the system, and files of the bridge, whose place it takes.
    #[serde(default)]
    pub(crate) instead: Vec<String>,
}

/// A wheel of Python files, which goes into the guest as it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wheel {
    /// Names of files and folders that are left out; `*` at the beginning stands for anything.
    #[serde(default)]
    pub(crate) except: Vec<String>,
}

/// A wheel that becomes a command of the package's name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tool {
    /// A module that runs as a program.
    pub(crate) module: Option<String>,
    /// A program of the machine.
    pub(crate) program: Option<String>,
}

/// A build by a makefile. In arguments and variables `{cc}`, `{cxx}`, `{ar}` and `{ranlib}` are the compiler's
/// commands, `{native_cc}` is the machine's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Make {
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Static libraries that it leaves.
    pub(crate) archives: Vec<String>,
}

/// A build by meson.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meson {
    /// A meson of the package's own, in its sources.
    pub(crate) program: Option<String>,
    #[serde(default)]
    pub(crate) options: Vec<String>,
    /// Properties of the cross file. `{NAME}` is the folder of what a need left.
    #[serde(default)]
    pub(crate) properties: BTreeMap<String, String>,
    /// Extension modules that are left out: parts of their names below the build's folder.
    #[serde(default)]
    pub(crate) except: Vec<String>,
    /// Which of what it installs is taken, by meson's tags; all that has none too, where this is empty.
    #[serde(default = "runtime")]
    pub(crate) tags: Vec<String>,
    /// Headers of the sources that are read first by whatever is compiled with an option that begins so.
    #[serde(default)]
    pub(crate) include: BTreeMap<String, String>,
}

/// A static library, compiled file by file: for the guest, and natively if CPython needs it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Library {
    /// `z` of `libz.a`.
    pub(crate) name: String,
    /// Files of the sources; the last part of a name may have one `*`.
    pub(crate) files: Vec<String>,
    /// Endings of files that are left out.
    #[serde(default)]
    pub(crate) except: Vec<String>,
    /// Folders of headers.
    #[serde(default)]
    pub(crate) include: Vec<String>,
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    /// Options for the guest alone.
    #[serde(default)]
    pub(crate) guest_flags: Vec<String>,
    /// The name by which CPython's configure asks for it.
    pub(crate) configure: Option<String>,
}

/// An extension module, compiled file by file; Cython's files are turned into C first.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Module {
    /// Its dotted name.
    pub(crate) name: String,
    pub(crate) files: Vec<String>,
    #[serde(default)]
    pub(crate) except: Vec<String>,
    #[serde(default)]
    pub(crate) include: Vec<String>,
    #[serde(default)]
    pub(crate) flags: Vec<String>,
}

/// A folder of Python files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tree {
    /// Its place in the sources, or in what meson installed among a Python's packages.
    pub(crate) from: String,
    /// Its place among the guest's packages.
    pub(crate) to: String,
    /// Names of files and folders that are left out; `*` at the beginning stands for anything.
    #[serde(default)]
    pub(crate) except: Vec<String>,
}

fn runtime() -> Vec<String> {
    vec!["python-runtime".to_owned()]
}

fn few() -> u64 {
    10
}

impl Package {
    /// Reads the file of the package `name`.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let wrong = |what: String| Error::Lock(format!("packages/{name}/package.toml: {what}"));
        let package: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if package.name != name {
            return Err(wrong(format!("its name must be {name}, as its folder's")));
        }
        for source in package.sources() {
            check(&source).map_err(&wrong)?;
        }
        let builders = [
            package.tool.is_some(),
            package.make.is_some(),
            package.meson.is_some(),
            package.wheel.is_some(),
        ];
        let compiled = !package.libraries.is_empty() || !package.modules.is_empty();
        let ways = builders.into_iter().chain([compiled]).filter(|there| *there).count();
        if ways != 1 && (ways != 0 || package.headers.is_empty()) {
            return Err(wrong(
                "it needs one of [tool], [make], [meson], [wheel], or [[library]] and [[module]], or [headers] alone".into(),
            ));
        }
        let python = package.needs.iter().any(|need| need == "python");
        if (package.meson.is_some() || !package.modules.is_empty()) && !python {
            return Err(wrong("extension modules need `python`: put it into `needs`".into()));
        }
        if package.has_modules() && package.imports.is_empty() {
            return Err(wrong("programs import it by some name: put it into `imports`".into()));
        }
        if let Some(stray) = package.absorbs.iter().find(|name| !package.needs.contains(name)) {
            return Err(wrong(format!("it absorbs {stray}, which is not among its needs")));
        }
        if package.tool.as_ref().is_some_and(|tool| tool.module.is_some() == tool.program.is_some())
        {
            return Err(wrong("a tool is either a `module` or a `program`".into()));
        }
        Ok(package)
    }

    /// The files to fetch, of this machine's kind and of others.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let source = |archive: &Archive| Source {
            name: match &archive.into {
                None => self.name.clone(),
                Some(folder) => format!("{}/{folder}", self.name),
            },
            version: self.version.clone(),
            what: self.what.clone(),
            licence: self.licence.clone(),
            purpose: if self.tool.is_some() { Purpose::Tool } else { Purpose::Source },
            client: archive.client,
            path: archive.path.clone(),
            package: archive.package.clone(),
            backend: archive.backend.clone(),
            package_version: archive.package_version.clone(),
            host: archive.host.clone(),
            file: archive.file.clone(),
            sha256: archive.sha256.clone(),
        };
        self.source.iter().map(source).collect()
    }

    /// The folders of the sources that archives are unpacked to, with what of them is.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Option<&str>, &[String])> {
        let mut seen = Vec::new();
        let all = self.source.iter().map(|archive| (archive.into.as_deref(), &*archive.only));
        // The same for another kind of machine is no other part.
        all.filter(move |(into, _)| {
            let new = !seen.contains(into);
            seen.push(*into);
            new
        })
    }

    /// Whether it has extension modules.
    pub(crate) fn has_modules(&self) -> bool {
        self.meson.is_some() || !self.modules.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::inputs::Inputs;

    #[test]
    fn all_packages_are_well_formed() {
        let inputs = Inputs::embedded().expect("valid");
        for known in crate::flavour::packages() {
            let package = inputs.package(known.name).expect("well-formed");
            assert_eq!(package.version, known.version);
            assert_eq!(package.imports, known.imports);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let inputs = Inputs::embedded().expect("valid");
        let said = |name: &str, old: &str, new: &str| {
            let text = inputs.package_text(name).expect("a package");
            assert!(text.contains(old), "{old}");
            Package::parse(name, &text.replacen(old, new, 1)).expect_err("a mistake").to_string()
        };
        let unknown = said("zlib", "licence_files", "license_files");
        assert!(
            unknown.contains("packages/zlib/package.toml") && unknown.contains("license_files")
        );
        assert!(said("zlib", "\"zlib\"", "\"zlip\"").contains("must be zlib"));
        assert!(said("zlib", "sha256 = \"f", "sha256 = \"F").contains("64 lower-case"));
        assert!(said("regex", "needs = [\"python\"]", "").contains("put it into `needs`"));
        assert!(
            said("numpy", "absorbs = [\"openblas\"]", "absorbs = [\"xz\"]").contains("absorbs xz")
        );
        assert!(said("ninja", "program", "module = \"ninja\"\nprogram").contains("either"));
        assert!(
            said("zlib", "[[library]]", "[make]\narchives = []\n[[library]]").contains("one of")
        );
    }
}
