//! A finished `guest.wasm` is looked at before anybody gets it: valid, the agreed exports, no foreign import.

use crate::Error;
use crate::error::At;
use ophidia_abi::{HOST_MODULE, WASI_MODULE};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use wasmparser::{ExternalKind, KnownCustom, Name, Parser, Payload, Validator};

/// Checks that a guest is a valid module with all that the host expects of it.
pub(crate) fn check(wasm: &Path) -> Result<(), Error> {
    let bytes = fs::read(wasm).at("read", wasm)?;
    examine(&bytes).map_err(|reason| Error::Unexpected { path: wasm.to_owned(), reason })
}

fn examine(bytes: &[u8]) -> Result<(), String> {
    Validator::new().validate_all(bytes).map_err(|error| error.to_string())?;
    let mut functions = BTreeSet::new();
    let mut memory = false;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(|error| error.to_string())?;
                    match export.kind {
                        ExternalKind::Func => _ = functions.insert(export.name.to_owned()),
                        ExternalKind::Memory => memory |= export.name == ophidia_abi::MEMORY,
                        _ => {}
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(|error| error.to_string())?;
                    if ![HOST_MODULE, WASI_MODULE].contains(&import.module) {
                        return Err(format!("it imports {}.{}", import.module, import.name));
                    }
                }
            }
            _ => {}
        }
    }
    let expected = ophidia_abi::EXPORTS.iter().map(|export| export.name).chain(["_initialize"]);
    let lacking: Vec<&str> = expected.filter(|name| !functions.contains(*name)).collect();
    if !lacking.is_empty() {
        return Err(format!("it does not export {}", lacking.join(", ")));
    }
    if !memory {
        return Err("it does not export its memory".into());
    }
    if !names(bytes).contains(ophidia_abi::EVALUATION_LOOP) {
        // The host would check every round of it.
        return Err(format!("no function is named {}", ophidia_abi::EVALUATION_LOOP));
    }
    Ok(())
}

/// The names of its functions, those that linking left.
fn names(bytes: &[u8]) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for payload in Parser::new(0).parse_all(bytes).flatten() {
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Name(subsections) = section.as_known() else { continue };
        for subsection in subsections.into_iter().flatten() {
            if let Name::Function(functions) = subsection {
                names.extend(functions.into_iter().flatten().map(|function| function.name));
            }
        }
    }
    names
}

/// Names the modules of `wanted` that are not in `found`.
pub(crate) fn modules(wanted: &[String], found: &[String]) -> Result<(), Error> {
    let lost: Vec<&str> =
        wanted.iter().filter(|name| !found.contains(name)).map(String::as_str).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let reason = format!("configure left out the modules {}", lost.join(", "));
    Err(Error::Unexpected { path: "Modules/config.c".into(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_guest_is_refused_with_the_reason() {
        assert!(examine(b"\0asm").is_err());
        let empty = b"\0asm\x01\0\0\0";
        assert!(examine(empty).expect_err("no exports").contains("_initialize"));
    }

    #[test]
    fn a_lost_module_is_named() {
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let error =
            modules(&names(&["math", "_sqlite3"]), &names(&["math"])).expect_err("one is lost");
        assert!(error.to_string().contains("_sqlite3"));
    }
}
