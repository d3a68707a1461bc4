//! What packages are built with besides the compiler: tools out of wheels, and the commands that their builds call.

use super::Building;
use crate::Error;
use crate::error::At;
use crate::recipe::fetch::Fetched;
use crate::recipe::inputs::Inputs;
use crate::recipe::package::Package;
use crate::recipe::progress::file_name;
use crate::recipe::stdlib;
use crate::recipe::toolchain::{Tools, quote, script};
use crate::recipe::unpack;
use std::fs;
use std::path::{Path, PathBuf};

/// The commands that builds of packages find.
pub(crate) struct Workshop<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) tools: &'a Tools,
    pub(crate) fetched: &'a Fetched,
    /// Where tools are unpacked.
    pub(crate) folder: PathBuf,
}

impl Workshop<'_> {
    /// Unpacks tools and writes their commands, and those of Python, beside the toolchain's.
    pub(crate) fn install(&self, packages: &[Package], cpython: &Path) -> Result<(), Error> {
        let bin = self.tools.bin();
        let native = stdlib::python(self.inputs, cpython);
        let python = quote(&native);
        // By this name some scripts ask for it.
        script(&bin.join("python3"), &format!("exec {python} \"$@\"\n"))?;
        let mut modules = String::new();
        for package in packages {
            let Some(tool) = &package.tool else { continue };
            let folder = self.folder.join(&package.name);
            unpack::archive(self.fetched.path(&package.name)?, &folder, &[])?;
            let command = bin.join(&package.name);
            if let Some(program) = &tool.program {
                let found = unpack::find(&folder, program)?;
                fs::copy(&found, &command).at("copy", &found)?;
                stdlib::executable(&command)?;
            }
            if let Some(module) = &tool.module {
                let folder = quote(&folder);
                let more = "${PYTHONPATH:+:$PYTHONPATH}";
                let body = format!("PYTHONPATH={folder}{more} exec {python} -m {module} \"$@\"\n");
                script(&command, &body)?;
                modules += &format!(":{folder}");
            }
        }
        // It says of itself that it is the guest's Python.
        let data = stdlib::find_installed_sysconfigdata(&cpython.join("lib"))?;
        let cross = self.folder.join("python");
        fs::create_dir_all(&cross).at("create", &cross)?;
        fs::copy(&data, cross.join(file_name(&data))).at("copy", &data)?;
        let body = format!(
            "export _PYTHON_HOST_PLATFORM=wasi-wasm32 _PYTHON_SYSCONFIGDATA_NAME={}\n\
             export PYTHONPATH=\"${{PYTHONPATH:+$PYTHONPATH:}}\"{}{modules}\nexec {python} \"$@\"\n",
            file_name(&data).trim_end_matches(".py"),
            quote(&cross),
        );
        script(&bin.join("package-python"), &body)
    }
}

impl Building<'_> {
    /// Writes the compilers that its build calls, for C and for C++, and gives their names. A header is read first
    /// where an option begins as `first` says.
    pub(super) fn compilers(&self, first: &[String]) -> Result<[String; 2], Error> {
        let wrapper = self.folder().join("compile.sh");
        let files = self.inputs.folder("packages");
        for (_, bytes) in files.filter(|(name, _)| *name == "compile.sh") {
            fs::write(&wrapper, bytes).at("write", &wrapper)?;
        }
        let names = ["cc", "c++"].map(|kind| format!("{}-{kind}", self.package.name));
        let compilers = [(self.tools.clang(), false), (self.clang_cpp(), true)];
        for (name, (compiler, cxx)) in names.iter().zip(compilers) {
            let options = [self.includes(), self.flags(), self.exported(cxx)].concat();
            let own = compiler.get_args().map(|word| quote(Path::new(word)));
            let more = options.iter().map(|option| quote(Path::new(option)));
            let body = format!(
                "export PACKAGE_MODULES={} PACKAGE_FIRST={}\nexec sh {} {} {} \"$@\"\n",
                quote(&self.modules_file()),
                quote(Path::new(&first.join(" "))),
                quote(&wrapper),
                quote(Path::new(compiler.get_program())),
                own.chain(more).collect::<Vec<_>>().join(" "),
            );
            script(&self.tools.bin().join(name), &body)?;
        }
        Ok(names)
    }

    /// What the objects of each module are compiled with besides.
    pub(super) fn modules_file(&self) -> PathBuf {
        self.folder().join("modules")
    }
}
