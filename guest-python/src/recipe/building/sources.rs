//! Libraries and extension modules that are compiled file by file.

use super::Building;
use crate::Error;
use crate::error::At;
use crate::recipe::package::Library;
use crate::recipe::process;
use crate::recipe::product::{Extension, Product};
use crate::recipe::programs::CC;
use crate::recipe::progress::Branch;
use crate::recipe::stdlib;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

impl Building<'_> {
    /// Builds its libraries for the guest, and for this machine where that is asked for.
    pub(super) fn libraries(&self, out: &Product, branch: &Branch<'_>) -> Result<(), Error> {
        let flags = &self.inputs.lock.flags;
        let guest = [&*flags.libraries, &flags.machine].concat();
        let mut kinds = vec![(out.archives(), guest, true)];
        if self.native {
            kinds.push((out.native(), flags.native_libraries.clone(), false));
        }
        let (mut commands, mut archives) = (Vec::new(), Vec::new());
        for library in &self.package.libraries {
            let files = files(&self.source(), &library.files, &library.except)?;
            for (folder, flags, guest) in &kinds {
                fs::create_dir_all(folder).at("create", folder)?;
                let objects = self.folder().join(if *guest { "guest" } else { "native" });
                fs::create_dir_all(&objects).at("create", &objects)?;
                let mut parts = Vec::new();
                for file in &files {
                    let mut command = match guest {
                        true => self.compiler(file),
                        false => self.tools.command(CC),
                    };
                    command.args(flags).args(&library.flags);
                    if *guest {
                        command.args(self.exported(is_cxx(file))).args(&library.guest_flags);
                    }
                    let object = object(&objects, &library.name, file);
                    self.compile(&mut command, &library.include, file, &object);
                    commands.push(command);
                    parts.push(object);
                }
                let mut command = if *guest { self.tools.ar() } else { self.tools.command("ar") };
                command.arg("rcsD").arg(folder.join(format!("lib{}.a", library.name))).args(parts);
                archives.push(command);
            }
        }
        self.all(commands, branch)?;
        archives.iter_mut().try_for_each(|command| self.run(command, "packing", branch))
    }

    /// Builds its extension modules and links them into one object.
    pub(super) fn modules(&self, out: &Product, branch: &Branch<'_>) -> Result<(), Error> {
        if self.package.modules.is_empty() {
            return Ok(());
        }
        let folder = self.folder().join("modules");
        fs::create_dir_all(&folder).at("create", &folder)?;
        let (mut commands, mut objects, mut extensions) = (Vec::new(), Vec::new(), Vec::new());
        for module in &self.package.modules {
            let extension = Extension::new(&module.name);
            for file in files(&self.source(), &module.files, &module.except)? {
                let object = object(&folder, &module.name, &file);
                let file = self.in_c(file, branch)?;
                let mut command = self.compiler(&file);
                command.args(self.flags()).args(self.exported(is_cxx(&file)));
                command.args(&module.flags).arg(extension.option());
                command.arg("-w"); // what it warns of is not ours to mend
                self.compile(&mut command, &module.include, &file, &object);
                commands.push(command);
                objects.push(object);
            }
            extensions.push(extension);
        }
        self.all(commands, branch)?;
        self.link(out, &extensions, (&folder, &objects, &[]), branch)
    }

    fn compiler(&self, file: &Path) -> Command {
        if is_cxx(file) { self.clang_cpp() } else { self.tools.clang() }
    }

    /// The file itself, or what Cython makes of it.
    fn in_c(&self, file: PathBuf, branch: &Branch<'_>) -> Result<PathBuf, Error> {
        if file.extension().is_none_or(|extension| extension != "pyx") {
            return Ok(file);
        }
        let c = file.with_extension("c");
        let mut command = self.tools.command("cython");
        command.current_dir(self.source()).arg(&file).arg("-o").arg(&c);
        command.env("PYTHONPATH", self.python_path());
        self.run(&mut command, "translating", branch)?;
        Ok(c)
    }

    /// From inside the sources, so that no path of this machine gets into the object.
    fn compile(&self, command: &mut Command, include: &[String], file: &Path, object: &Path) {
        command.current_dir(self.source()).args(include.iter().map(|folder| format!("-I{folder}")));
        command.args(self.includes()).arg("-c").arg(file).arg("-o").arg(object);
    }

    fn all(&self, commands: Vec<Command>, branch: &Branch<'_>) -> Result<(), Error> {
        let what = format!("compiling {}", self.package.name);
        process::run_all(commands, self.jobs, &what, &self.log(), branch)
    }

    /// Copies headers for others.
    pub(super) fn headers(&self, out: &Product) -> Result<(), Error> {
        let include = out.include();
        for (name, place) in &self.package.headers {
            let (from, to) = (self.source().join(place), include.join(name));
            if from.is_dir() {
                stdlib::copy_tree(&from, &to, &|_| true)?;
                continue;
            }
            let folder = to.parent().unwrap_or(&include);
            fs::create_dir_all(folder).at("create", folder)?;
            fs::copy(&from, &to).at("copy", &from)?;
        }
        Ok(())
    }
}

impl Library {
    /// The variables that tell CPython's configure where it is; `prefix` is relative to the folder it runs in.
    pub(crate) fn variables(&self, prefix: &str) -> Vec<(String, String)> {
        let Some(name) = &self.configure else { return Vec::new() };
        vec![
            (format!("{name}_CFLAGS"), format!("-I{prefix}/include")),
            (format!("{name}_LIBS"), format!("-L{prefix}/lib -l{} -lm", self.name)),
        ]
    }
}

fn is_cxx(file: &Path) -> bool {
    let ending = file.extension().unwrap_or_default();
    ["cpp", "cc", "cxx"].iter().any(|cxx| ending == *cxx)
}

/// Where the object of a file goes.
fn object(folder: &Path, of: &str, file: &Path) -> PathBuf {
    folder.join(format!("{of}_{}.o", file.to_string_lossy().replace(['/', '.'], "_")))
}

/// The files that these names stand for, sorted, relative to the sources.
fn files(source: &Path, names: &[String], except: &[String]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for name in names {
        let Some((before, after)) = name.split_once('*') else {
            files.push(PathBuf::from(name));
            continue;
        };
        let (folder, start) = before.rsplit_once('/').unwrap_or(("", before));
        let path = source.join(folder);
        let count = files.len();
        for entry in fs::read_dir(&path).at("read", &path)? {
            let file = entry.at("read", &path)?.file_name().to_string_lossy().into_owned();
            let named = file.starts_with(start) && file.ends_with(after);
            if named && !except.iter().any(|ending| file.ends_with(ending)) {
                files.push(Path::new(folder).join(file));
            }
        }
        if files.len() == count {
            return Err(Error::Unexpected { path, reason: format!("it has no {name}") });
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_star_stand_for_files_of_one_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.c", "b.c", "b_small.c", "c.h", "deep/d.c"] {
            let path = folder.path().join("src").join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "").expect("written");
        }
        let found = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            files(folder.path(), &names, &["_small.c".to_owned()])
        };
        let list = found(&["src/*.c", "other.c"]).expect("found");
        assert_eq!(list, ["other.c", "src/a.c", "src/b.c"].map(PathBuf::from));
        let error = found(&["src/*.cpp"]).expect_err("none").to_string();
        assert!(error.contains("src/*.cpp"), "{error}");
    }
}
