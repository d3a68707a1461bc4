//! What the linked module itself says of its calls: stand-ins that the linker put where a declaration and
//! its definition disagree, and indirect calls of a type that no function has.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use ophidia_guest::audit::{Signature, signature};
use wasmparser::{
    ElementItems, FunctionBody, KnownCustom, Name, Operator, Parser, Payload, TypeRef,
};

/// What was found in a module. The texts say what is wrong with the function of that name.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Functions that the linker made up and that trap.
    pub(crate) stand_ins: BTreeSet<String>,
    /// Functions with an indirect call that can only trap.
    pub(crate) hopeless: BTreeMap<String, String>,
    /// Functions in the table that no indirect call can call.
    pub(crate) unreachable: BTreeMap<String, String>,
    /// How many indirect calls there are.
    pub(crate) count: usize,
}

#[derive(Default)]
struct Module<'b> {
    types: Vec<Signature>,
    functions: Vec<Signature>,
    imported: usize,
    bodies: Vec<FunctionBody<'b>>,
    table: Vec<u32>,
    names: BTreeMap<u32, String>,
}

/// Looks at a linked module.
pub(crate) fn audit(path: &Path) -> Result<Findings> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let mut module = Module::default();
    for payload in Parser::new(0).parse_all(&bytes) {
        module.take(payload?)?;
    }
    module.findings()
}

impl<'b> Module<'b> {
    fn take(&mut self, payload: Payload<'b>) -> Result<()> {
        match payload {
            Payload::TypeSection(reader) => {
                for ty in reader.into_iter_err_on_gc_types() {
                    self.types.push(signature(&ty?));
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    if let TypeRef::Func(ty) = import?.ty {
                        self.functions.push(self.type_of(ty)?);
                        self.imported += 1;
                    }
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    let ty = self.type_of(ty?)?;
                    self.functions.push(ty);
                }
            }
            Payload::ElementSection(reader) => {
                for element in reader {
                    if let ElementItems::Functions(functions) = element?.items {
                        self.table.extend(functions.into_iter().collect::<Result<Vec<_>, _>>()?);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::CustomSection(reader) => {
                if let KnownCustom::Name(reader) = reader.as_known() {
                    for part in reader {
                        if let Name::Function(names) = part? {
                            for naming in names {
                                let naming = naming?;
                                self.names.insert(naming.index, naming.name.to_owned());
                            }
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn type_of(&self, index: u32) -> Result<Signature> {
        self.types.get(index as usize).cloned().context("a function without a type")
    }

    fn name(&self, function: u32) -> String {
        self.names.get(&function).cloned().unwrap_or_else(|| format!("function {function}"))
    }

    fn findings(&self) -> Result<Findings> {
        let mut findings = Findings::default();
        let stand_in = |name: &&String| name.starts_with("signature_mismatch:");
        findings.stand_ins.extend(self.names.values().filter(stand_in).cloned());
        let signature = |function: &u32| self.functions.get(*function as usize);
        let in_table: HashSet<&Signature> = self.table.iter().filter_map(signature).collect();
        let mut called = HashSet::new();
        for (function, body) in (self.imported as u32..).zip(&self.bodies) {
            let mut reader = body.get_operators_reader()?;
            while !reader.eof() {
                let Operator::CallIndirect { type_index, .. } = reader.read()? else { continue };
                findings.count += 1;
                let signature = self.types.get(type_index as usize).context("no such type")?;
                called.insert(signature);
                if !in_table.contains(signature) {
                    let name = self.name(function);
                    let why = format!("{name} calls {signature}, which no function is");
                    findings.hopeless.insert(name, why);
                }
            }
        }
        for function in &self.table {
            if let Some(signature) = signature(function).filter(|found| !called.contains(found)) {
                let name = self.name(*function);
                let why = format!("{name} is {signature}, which nothing calls through a pointer");
                findings.unreachable.insert(name, why);
            }
        }
        Ok(findings)
    }
}
