//! The guest: linked, looked at, and brought together with its library and its licences.

use super::{Build, Finished};
use crate::Error;
use crate::digest::{hash_tree, sha256_file};
use crate::error::At;
use crate::guest::Info;
use crate::keys::STDLIB;
use crate::recipe::inputs::NOTICES;
use crate::recipe::toolchain::Tools;
use crate::recipe::{check, face, link, stdlib};
use std::fs;
use std::path::Path;

impl Build<'_> {
    pub(super) fn link(
        &mut self,
        tools: &Tools,
        finished: &Finished,
        out: &Path,
    ) -> Result<(), Error> {
        fs::create_dir_all(out).at("create", out)?;
        let wasm = out.join("guest.wasm");
        let (inputs, wasm) = (self.inputs, &wasm);
        let work = self.tree.root().to_owned();
        let steps = inputs.folder("bridge").count() as u64;
        self.stage(
            "link",
            steps,
            vec![Box::new(move |branch| link::link(inputs, tools, finished, &work, wasm, branch))],
        )?;
        self.stage(
            "check",
            1,
            vec![Box::new(move |branch| {
                branch.step("guest.wasm");
                check::check(wasm)
            })],
        )
    }

    /// The standard library with the packages and the in-guest ones, the headers and the licences.
    pub(super) fn assemble(
        &mut self,
        tools: &Tools,
        finished: &Finished,
        out: &Path,
    ) -> Result<(), Error> {
        let inputs = self.inputs;
        let (lib, licenses) = (out.join("lib"), out.join("licenses"));
        stdlib::link_tree(&finished.cpython.join("lib"), &lib)?;
        stdlib::link_tree(&finished.cpython.join("include"), &out.join("include"))?;
        stdlib::link_tree(&finished.cpython.join("licenses"), &licenses)?;
        for (_, product) in finished.linked() {
            for (from, to) in [(product.lib(), &lib), (product.licenses(), &licenses)] {
                if from.is_dir() {
                    stdlib::link_tree(&from, to)?;
                }
            }
        }
        let native = stdlib::python(inputs, &finished.cpython);
        for (folder, name) in [("python", "_ophidia"), ("ophidia", "ophidia")] {
            let package = lib.join(name);
            inputs.write_folder(folder, &package)?;
            if folder == "python" {
                face::write(inputs, finished, &package.join("packages"))?;
            }
            let guest = format!("{STDLIB}/{name}");
            let steps = inputs.folder(folder).count() as u64;
            self.compile(tools, &native, &package, &guest, "install", steps)?;
        }
        Ok(())
    }

    /// The notices, with a line for each package.
    fn notices(&self, finished: &Finished) -> Result<String, Error> {
        let mut lines = String::new();
        for (known, _) in finished.linked() {
            let licence = &self.inputs.package(known.name)?.licence;
            let (name, version) = (known.name, known.version);
            lines += &format!("| {name} | {version} | {licence} | `{name}/` |\n");
        }
        Ok(NOTICES.replace("<!-- packages -->\n", &lines))
    }

    pub(super) fn finish(
        &mut self,
        finished: &Finished,
        out: &Path,
        key: &str,
    ) -> Result<(), Error> {
        let wasm = out.join("guest.wasm");
        let notices = out.join("licenses/THIRD-PARTY-NOTICES.md");
        fs::write(&notices, self.notices(finished)?).at("write", &notices)?;
        let given = finished.linked().filter(|(known, _)| !known.imports.is_empty());
        let info = Info {
            key: key.to_owned(),
            python: self.inputs.lock.python.clone(),
            packages: given.map(|(known, _)| (known.name.into(), known.version.into())).collect(),
            wasm_sha256: sha256_file(&wasm)?,
            wasm_bytes: fs::metadata(&wasm).at("read", &wasm)?.len(),
            stdlib_sha256: hash_tree(&out.join("lib"))?,
            seconds: self.seconds.clone(),
        };
        write_info(out, &info)
    }
}

/// Records a guest in its folder.
pub(crate) fn write_info(folder: &Path, info: &Info) -> Result<(), Error> {
    let path = folder.join("info.json");
    let text = serde_json::to_string_pretty(info)
        .map_err(|error| Error::Unexpected { path: path.clone(), reason: error.to_string() })?;
    fs::write(&path, text + "\n").at("write", &path)
}
