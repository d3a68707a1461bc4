//! One object file: its functions with their signatures, its data, and which words of it are pointers.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read as _;
use std::path::Path;

use wasmparser::{
    DefinedDataSymbol, Operator, RelocationEntry, RelocationType, SymbolFlags, SymbolInfo,
};

use super::sections::{Malformed, Sections, Signature, Site};
use crate::Error;
use crate::error::At as _;
use crate::recipe::progress::file_name;

/// A symbol by its place in the object's table.
pub type Index = u32;

/// What stands behind a symbol.
#[derive(Debug)]
pub enum Definition {
    /// A function. What another object defines has the signature that this one believes in.
    Function(Signature),
    /// Data of this object.
    Data(Data),
    /// Data of another object, or nothing that has pointers.
    Other,
}

/// One entry of the symbol table.
#[derive(Debug)]
pub struct Symbol {
    /// Its name, as the linker knows it: C++'s are mangled. A section has none.
    pub name: String,
    /// What it stands for.
    pub definition: Definition,
    /// Whether it is defined in this object.
    pub defined: bool,
    /// Whether other objects see it.
    pub global: bool,
    /// Whether another definition may replace it.
    pub weak: bool,
}

/// A piece of memory that has a name.
#[derive(Debug, Default)]
pub struct Data {
    /// What is in it before the linker fills in addresses.
    pub bytes: Vec<u8>,
    /// The pointers in it, by their offset.
    pub pointers: BTreeMap<u32, Pointer>,
}

/// A word that the linker fills in, or that code fills in with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pointer {
    /// To a function, and the place of the relocation that says so.
    Function(Index, Site),
    /// To data, so many bytes from its beginning.
    Data(Index, i64),
}

/// An object file, or one of an archive.
#[derive(Debug)]
pub struct Object {
    /// `numpy.o`, or `libz.a(inflate.o)`.
    pub name: String,
    /// Its symbol table.
    pub symbols: Vec<Symbol>,
}

impl Data {
    /// The number at an offset.
    #[must_use]
    pub fn number(&self, offset: u32) -> Option<u32> {
        let bytes = self.bytes.get(offset as usize..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.bytes.len() as u32
    }

    /// Enters a pointer, unless it does not lie in this data or is not the first there.
    fn enter(&mut self, at: usize, pointer: Pointer) {
        if let Ok(at) = u32::try_from(at)
            && self.number(at).is_some()
        {
            self.pointers.entry(at).or_insert(pointer);
        }
    }
}

/// All objects in some files, archives and objects.
///
/// # Errors
///
/// [`Error::Io`] for a file that cannot be read, [`Error::Unexpected`] for one that holds something else.
pub fn read(paths: &[impl AsRef<Path>]) -> Result<Vec<Object>, Error> {
    let mut objects = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let unexpected = |reason| Error::Unexpected { path: path.to_owned(), reason };
        let file = file_name(path);
        let bytes = fs::read(path).at("read", path)?;
        if path.extension().is_none_or(|ending| ending != "a") {
            objects.push(Object::parse(file, &bytes).map_err(|error| unexpected(error.into()))?);
            continue;
        }
        let mut archive = ar::Archive::new(&*bytes);
        while let Some(entry) = archive.next_entry() {
            let mut entry = entry.at("read", path)?;
            let name = format!("{file}({})", String::from_utf8_lossy(entry.header().identifier()));
            let mut member = Vec::new();
            entry.read_to_end(&mut member).at("read", path)?;
            let object = Object::parse(name.clone(), &member);
            objects.push(object.map_err(|error| unexpected(format!("{name}: {error}")))?);
        }
    }
    Ok(objects)
}

impl Object {
    pub(crate) fn parse(name: String, bytes: &[u8]) -> Result<Self, Malformed> {
        let sections = Sections::read(bytes)?;
        let mut symbols = Vec::new();
        for (index, (_, info)) in (0..).zip(&sections.symbols) {
            symbols.push(symbol(&sections, index, info)?);
        }
        pointers_in_data(&sections, &mut symbols);
        pointers_in_code(&sections, &mut symbols)?;
        Ok(Self { name, symbols })
    }

    /// The symbol of that number.
    #[must_use]
    pub fn symbol(&self, index: Index) -> Option<&Symbol> {
        self.symbols.get(index as usize)
    }
}

fn symbol(
    sections: &Sections<'_>,
    index: Index,
    info: &SymbolInfo<'_>,
) -> Result<Symbol, Malformed> {
    let (name, flags, definition) = match *info {
        SymbolInfo::Func { .. } => {
            let function = sections.function(index).ok_or("no such function")?;
            let definition = Definition::Function(function.signature.to_owned());
            (function.name, function.flags, definition)
        }
        SymbolInfo::Data { flags, name, symbol: Some(place) } => {
            (name, flags, Definition::Data(data(sections, place)?))
        }
        SymbolInfo::Data { flags, name, .. } => (name, flags, Definition::Other),
        SymbolInfo::Global { flags, name, .. }
        | SymbolInfo::Event { flags, name, .. }
        | SymbolInfo::Table { flags, name, .. } => {
            (name.unwrap_or_default(), flags, Definition::Other)
        }
        SymbolInfo::Section { flags, .. } => ("", flags, Definition::Other),
    };
    Ok(Symbol {
        name: name.to_owned(),
        definition,
        defined: !flags.contains(SymbolFlags::UNDEFINED),
        global: !flags.contains(SymbolFlags::BINDING_LOCAL),
        weak: flags.contains(SymbolFlags::BINDING_WEAK),
    })
}

fn data(sections: &Sections<'_>, place: DefinedDataSymbol) -> Result<Data, Malformed> {
    let (_, segment) = sections.segments.get(place.index as usize).ok_or("no such segment")?;
    let (start, size) = (place.offset as usize, place.size as usize);
    let bytes = segment.get(start..).and_then(|rest| rest.get(..size));
    Ok(Data { bytes: bytes.ok_or("data beyond its segment")?.to_vec(), ..Data::default() })
}

/// Enters the words of data that relocations fill in.
fn pointers_in_data(sections: &Sections<'_>, symbols: &mut [Symbol]) {
    let Some(data_start) = sections.start(sections.data) else { return };
    // Where each piece of data lies in the file. Of several names for one place, the largest is enough.
    let mut places: BTreeMap<usize, (u32, usize)> = BTreeMap::new();
    for (index, (_, info)) in sections.symbols.iter().enumerate() {
        if let SymbolInfo::Data { symbol: Some(place), .. } = info
            && let Some((start, _)) = sections.segments.get(place.index as usize)
        {
            let known = places.entry(start + place.offset as usize).or_insert((0, index));
            *known = (*known).max((place.size, index));
        }
    }
    for (site, entry) in sections.relocations() {
        let Site::Data(offset) = site else { continue };
        let pointer = match entry.ty {
            RelocationType::TableIndexI32 => Pointer::Function(entry.index, site),
            RelocationType::MemoryAddrI32 => Pointer::Data(entry.index, entry.addend),
            _ => continue,
        };
        let at = data_start + offset as usize;
        let Some((start, (_, index))) = places.range(..=at).next_back() else { continue };
        if let Some(data) = data_of(symbols, *index) {
            data.enter(at - start, pointer);
        }
    }
}

/// Enters the words of data that code sets to the address of a function.
fn pointers_in_code(sections: &Sections<'_>, symbols: &mut [Symbol]) -> Result<(), Malformed> {
    let Some(code_start) = sections.start(sections.code) else { return Ok(()) };
    let relocations: HashMap<usize, (Site, &RelocationEntry)> = sections
        .relocations()
        .filter_map(|(site, entry)| match site {
            Site::Code(offset) => Some((code_start + offset as usize, (site, entry))),
            Site::Data(_) => None,
        })
        .collect();
    for body in &sections.bodies {
        let mut before: Option<&(Site, &RelocationEntry)> = None;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let of = |after: usize, ty| {
                relocations.get(&(at + after)).filter(|(_, entry)| entry.ty == ty)
            };
            let now = match operator {
                Operator::I32Const { .. } => of(1, RelocationType::TableIndexSleb),
                Operator::I32Store { .. } => {
                    // The constant's address is 0; the address is in the instruction.
                    let place = of(2, RelocationType::MemoryAddrLeb);
                    if let (Some((site, function)), Some((_, place))) = (before, place)
                        && let Ok(offset) = usize::try_from(place.addend)
                        && let Some(data) = data_of(symbols, place.index as usize)
                    {
                        data.enter(offset, Pointer::Function(function.index, *site));
                    }
                    None
                }
                _ => None,
            };
            before = now;
        }
    }
    Ok(())
}

fn data_of(symbols: &mut [Symbol], index: usize) -> Option<&mut Data> {
    match &mut symbols.get_mut(index)?.definition {
        Definition::Data(data) => Some(data),
        _ => None,
    }
}
