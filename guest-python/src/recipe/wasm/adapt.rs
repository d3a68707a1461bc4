//! Functions of the wrong type are wrapped: the pointers to them are made to point to adapters.
//!
//! A function that ignores its last arguments is often declared without them, and cast. An adapter takes all
//! arguments, passes on those that the function has parameters for, and makes up for a result that is not there.
//! It is one function more at the end of the object, with a local symbol. The object's own element section and
//! the words that hold table numbers stay as they are: the linker writes both anew, from the relocations.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use wasm_encoder::{Encode as _, Instruction};
use wasmparser::{BinaryReader, RelocationEntry, RelocationType, SymbolFlags};

use super::encode::{self, grown};
use super::sections::{Function, Malformed, Role, Section, Sections, Signature, Site};

const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const CODE: u8 = 10;
/// The subsection of `linking` that holds the symbols.
const SYMBOLS: u8 = 8;

/// A pointer to a function that is called as if the function had another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The relocation that makes it point there.
    pub(crate) site: Site,
    /// What the function is called as.
    pub(crate) wanted: Signature,
}

/// Why no adapter can stand between a function and its callers, when none can.
pub(crate) fn obstacle(have: &str, wanted: &str) -> Option<&'static str> {
    let (Some((takes, gives)), Some((given, awaited))) =
        (have.split_once('>'), wanted.split_once('>'))
    else {
        return Some("that is no signature");
    };
    if !given.starts_with(takes) {
        return Some("an adapter cannot make up its parameters");
    }
    if awaited != gives && !awaited.is_empty() && !(gives.is_empty() && awaited == "i") {
        return Some("an adapter cannot make up its result");
    }
    let known = [given, awaited].iter().all(|part| part.chars().all(encode::is_plain));
    (!known).then_some("an adapter cannot be of that type")
}

/// Makes each of these pointers point to an adapter. One adapter serves all pointers to the same function
/// that are called as the same type.
pub(crate) fn adapt(object: &[u8], changes: &[Change]) -> Result<Vec<u8>, String> {
    let sections = Sections::read(object)?;
    let plan = Plan::new(&sections, changes)?;
    if plan.adapters.is_empty() {
        return Ok(object.to_vec());
    }
    Ok(plan.write(object)?)
}

/// A function that is to be added.
struct Adapter<'s> {
    /// The symbol of the function that it calls.
    symbol: u32,
    function: Function<'s>,
    wanted: &'s str,
}

/// The code section with adapters.
struct Code {
    content: Vec<u8>,
    /// The relocations of the adapters' calls.
    calls: Vec<RelocationEntry>,
    /// How far what was there before has moved: more functions may be counted in more bytes.
    shift: i64,
}

/// What is to be done to an object.
struct Plan<'s> {
    sections: &'s Sections<'s>,
    adapters: Vec<Adapter<'s>>,
    /// The new symbol of each relocation that gets another.
    moved: BTreeMap<Site, u32>,
    /// Types that the object lacks.
    types: Vec<&'s str>,
}

impl<'s> Plan<'s> {
    fn new(sections: &'s Sections<'s>, changes: &'s [Change]) -> Result<Self, String> {
        let mut wanted = BTreeMap::new();
        for change in changes {
            let before = wanted.insert(change.site, &*change.wanted);
            if let Some(before) = before.filter(|before| *before != change.wanted) {
                return Err(format!(
                    "{:?} is called as {before} and {}",
                    change.site, change.wanted
                ));
            }
        }
        let mut plan = Self { sections, adapters: vec![], moved: BTreeMap::new(), types: vec![] };
        let mut numbers = HashMap::new();
        for (site, entry) in sections.relocations() {
            let to_function = match site {
                Site::Data(_) => RelocationType::TableIndexI32,
                Site::Code(_) => RelocationType::TableIndexSleb,
            };
            if entry.ty != to_function {
                continue;
            }
            let Some(wanted) = wanted.remove(&site) else { continue };
            let function = sections.function(entry.index).ok_or("no such function")?;
            if function.signature == wanted {
                continue;
            }
            check(&function, wanted)?;
            let next = sections.symbols.len() + plan.adapters.len();
            let number = *numbers.entry((entry.index, wanted)).or_insert(next as u32);
            if number as usize == next {
                plan.adapters.push(Adapter { symbol: entry.index, function, wanted });
                if !sections.types.iter().any(|ty| ty == wanted) && !plan.types.contains(&wanted) {
                    plan.types.push(wanted);
                }
            }
            plan.moved.insert(site, number);
        }
        if let Some((site, _)) = wanted.first_key_value() {
            return Err(format!("{site:?} does not point to a function"));
        }
        Ok(plan)
    }

    fn write(&self, object: &[u8]) -> Result<Vec<u8>, Malformed> {
        let part = |range: Range<usize>| object.get(range).ok_or("a section beyond the end");
        let header = self.sections.all.first();
        let mut out = part(0..header.ok_or("it is empty")?.whole.start)?.to_vec();
        let number = self.sections.code.ok_or("it has no code")?;
        let code = self.sections.all.get(number as usize).ok_or("it has no code")?;
        let mut code = self.code(part(code.content.clone())?)?;
        for section in &self.sections.all {
            match self.content(section, part(section.content.clone())?, &mut code)? {
                Some(content) => {
                    out.push(section.id);
                    content.encode(&mut out);
                }
                None => out.extend(part(section.whole.clone())?),
            }
        }
        if !code.calls.is_empty() {
            // Behind all other sections, whose numbers stay.
            out.push(0);
            encode::relocations("reloc.CODE", number, &code.calls).encode(&mut out);
        }
        Ok(out)
    }

    /// The new content of a section, when it gets another. The first section of the code's relocations takes
    /// those of the adapters.
    fn content(
        &self,
        section: &Section,
        content: &[u8],
        code: &mut Code,
    ) -> Result<Option<Vec<u8>>, Malformed> {
        let added = self.adapters.len();
        Ok(Some(match (section.id, &section.role) {
            (TYPES, _) => {
                let mut types = grown(content, self.types.len())?;
                self.types.iter().for_each(|ty| encode::function_type(ty, &mut types));
                types
            }
            (FUNCTIONS, _) => {
                let mut functions = grown(content, added)?;
                for adapter in &self.adapters {
                    self.type_of(adapter)?.encode(&mut functions);
                }
                functions
            }
            (CODE, _) => code.content.clone(),
            (_, Role::Linking) => self.linking(content)?,
            (_, Role::Relocations(of, entries)) => {
                let Some(site) = self.sections.site(Some(*of), 0) else { return Ok(None) };
                let is_code = matches!(site, Site::Code(_));
                let shift = if is_code { code.shift } else { 0 };
                let mut changed = Vec::new();
                for entry in entries {
                    changed.push(self.relocation(*of, *entry, shift)?);
                }
                if is_code {
                    changed.append(&mut code.calls);
                }
                let name = BinaryReader::new(content, 0).read_string()?;
                encode::relocations(name, *of, &changed)
            }
            _ => return Ok(None),
        }))
    }

    /// A relocation where it has gone, with the symbol that it has now.
    fn relocation(
        &self,
        of: u32,
        entry: RelocationEntry,
        shift: i64,
    ) -> Result<RelocationEntry, Malformed> {
        let to_function =
            matches!(entry.ty, RelocationType::TableIndexI32 | RelocationType::TableIndexSleb);
        let site = self.sections.site(Some(of), entry.offset).filter(|_| to_function);
        let moved = site.and_then(|site| self.moved.get(&site));
        let offset = u32::try_from(i64::from(entry.offset) + shift);
        let offset = offset.map_err(|_| Malformed::from("a relocation beyond its section"))?;
        Ok(RelocationEntry { offset, index: *moved.unwrap_or(&entry.index), ..entry })
    }

    fn type_of(&self, adapter: &Adapter<'_>) -> Result<u32, Malformed> {
        let mut all =
            self.sections.types.iter().map(String::as_str).chain(self.types.iter().copied());
        let number = all.position(|ty| ty == adapter.wanted).ok_or("an adapter without a type")?;
        Ok(number as u32)
    }

    /// The code section with the adapters.
    fn code(&self, content: &[u8]) -> Result<Code, Malformed> {
        let mut code = grown(content, self.adapters.len())?;
        let shift = code.len() as i64 - content.len() as i64;
        let mut calls = Vec::new();
        for adapter in &self.adapters {
            let (body, operand) = adapter.body();
            body.encode(&mut code);
            calls.push(RelocationEntry {
                ty: RelocationType::FunctionIndexLeb,
                offset: (code.len() - body.len() + operand) as u32,
                index: adapter.symbol,
                addend: 0,
            });
        }
        Ok(Code { content: code, calls, shift })
    }

    /// The `linking` section with the adapters' symbols.
    fn linking(&self, content: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut reader = BinaryReader::new(content, 0);
        let (name, version) = (reader.read_string()?, reader.read_var_u32()?);
        let mut out = Vec::new();
        name.encode(&mut out);
        version.encode(&mut out);
        while !reader.eof() {
            let kind = reader.read_u8()?;
            let size = reader.read_var_u32()?;
            let part = reader.read_bytes(size as usize)?;
            out.push(kind);
            if kind != SYMBOLS {
                part.encode(&mut out);
                continue;
            }
            let mut symbols = grown(part, self.adapters.len())?;
            let numbers = self.sections.functions.len()..;
            for (number, adapter) in numbers.zip(&self.adapters) {
                symbols.push(0);
                SymbolFlags::BINDING_LOCAL.bits().encode(&mut symbols);
                number.encode(&mut symbols);
                format!("{}.adapted", adapter.function.name).encode(&mut symbols);
            }
            symbols.encode(&mut out);
        }
        Ok(out)
    }
}

/// An adapter for this function has to be possible.
fn check(function: &Function<'_>, wanted: &str) -> Result<(), String> {
    let Function { name, flags, signature, .. } = *function;
    // A pointer to a function that may be absent is compared with null.
    let optional = flags.contains(SymbolFlags::UNDEFINED | SymbolFlags::BINDING_WEAK);
    let absent = optional.then_some("it may be absent, and an adapter never is");
    match obstacle(signature, wanted).or(absent) {
        None => Ok(()),
        Some(why) => Err(format!(
            "{name} is {signature} but called as {wanted}: {why}; it has to be patched"
        )),
    }
}

impl Adapter<'_> {
    /// Its code, and where in it the number of the function stands that it calls.
    fn body(&self) -> (Vec<u8>, usize) {
        let (takes, gives) = self.function.signature.split_once('>').unwrap_or_default();
        let (_, awaited) = self.wanted.split_once('>').unwrap_or_default();
        // No locals.
        let mut body = vec![0];
        for parameter in (0..).take(takes.len()) {
            Instruction::LocalGet(parameter).encode(&mut body);
        }
        // The linker writes five bytes there, whatever the number.
        body.push(0x10);
        let operand = body.len();
        let index = self.function.index;
        body.extend([0, 7, 14, 21].map(|bits| (index >> bits) as u8 | 0x80));
        body.push((index >> 28) as u8);
        if awaited.is_empty() {
            gives.chars().for_each(|_| Instruction::Drop.encode(&mut body));
        } else if gives.is_empty() {
            Instruction::I32Const(0).encode(&mut body);
        }
        Instruction::End.encode(&mut body);
        (body, operand)
    }
}

#[cfg(test)]
mod tests;
