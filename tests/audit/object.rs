//! One object file: its functions with their signatures, its data, and which words of it are pointers.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context as _, Result};
use wasmparser::{
    DataSectionReader, DefinedDataSymbol, FuncType, FunctionBody, KnownCustom, Linking, Operator,
    Parser, Payload, RelocationEntry, RelocationType, SymbolFlags, SymbolInfo, TypeRef, ValType,
};

/// Parameters and results as letters, `ii>i` for two pointers and an `int` in return.
pub(crate) type Signature = String;

/// A symbol by its place in the object's table.
pub(crate) type Index = u32;

/// What stands behind a symbol.
#[derive(Debug)]
pub(crate) enum Definition {
    /// A function. What another object defines has the signature that this one believes in.
    Function(Signature),
    /// Data of this object.
    Data(Data),
    /// Data of another object, or nothing that has pointers.
    Other,
}

/// One entry of the symbol table.
#[derive(Debug)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) definition: Definition,
    /// Whether it is defined in this object.
    pub(crate) defined: bool,
    /// Whether other objects see it.
    pub(crate) global: bool,
    /// Whether another definition may replace it.
    pub(crate) weak: bool,
}

/// A piece of memory that has a name.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub(crate) bytes: Vec<u8>,
    /// The pointers in it, by their offset.
    pub(crate) pointers: BTreeMap<u32, Pointer>,
}

/// A word that the linker fills in, or that code fills in with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pointer {
    Function(Index),
    Data(Index, i64),
}

/// An object file, or one of an archive.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) symbols: Vec<Symbol>,
}

impl Data {
    /// The number at an offset.
    pub(crate) fn number(&self, offset: u32) -> Option<u32> {
        let bytes = self.bytes.get(offset as usize..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    pub(crate) fn size(&self) -> u32 {
        self.bytes.len() as u32
    }
}

/// All objects in some files, archives and objects.
pub(crate) fn read(paths: &[impl AsRef<Path>]) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let what = || path.display().to_string();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = std::fs::read(path).with_context(what)?;
        if path.extension().is_none_or(|ending| ending != "a") {
            objects.push(Object::parse(file, &bytes).with_context(what)?);
            continue;
        }
        let mut archive = ar::Archive::new(&bytes[..]);
        while let Some(entry) = archive.next_entry() {
            let mut entry = entry.with_context(what)?;
            let name = format!("{file}({})", String::from_utf8_lossy(entry.header().identifier()));
            let mut member = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut member).with_context(what)?;
            objects.push(Object::parse(name.clone(), &member).context(name)?);
        }
    }
    Ok(objects)
}

impl Object {
    pub(crate) fn parse(name: String, bytes: &[u8]) -> Result<Self> {
        let mut sections = Sections::default();
        for payload in Parser::new(0).parse_all(bytes) {
            sections.take(payload?)?;
        }
        Ok(Self { symbols: sections.symbols()?, name })
    }

    pub(crate) fn symbol(&self, index: Index) -> Option<&Symbol> {
        self.symbols.get(index as usize)
    }
}

/// What the sections say, before it is put together.
#[derive(Default)]
struct Sections<'b> {
    types: Vec<Signature>,
    /// The signatures and names of imported functions, then the signatures of those defined.
    functions: Vec<Signature>,
    imports: Vec<String>,
    bodies: Vec<FunctionBody<'b>>,
    code_start: usize,
    /// Where in the file each segment's bytes begin, and the bytes.
    segments: Vec<(usize, &'b [u8])>,
    data_start: usize,
    table: Vec<SymbolInfo<'b>>,
    /// The numbers of the sections that relocations are of.
    section: u32,
    code_section: Option<u32>,
    data_section: Option<u32>,
    in_code: HashMap<usize, RelocationEntry>,
    in_data: Vec<RelocationEntry>,
}

impl<'b> Sections<'b> {
    fn take(&mut self, payload: Payload<'b>) -> Result<()> {
        let is_section = payload.as_section().is_some();
        match payload {
            Payload::TypeSection(reader) => {
                for ty in reader.into_iter_err_on_gc_types() {
                    self.types.push(signature(&ty?));
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    let import = import?;
                    if let TypeRef::Func(ty) = import.ty {
                        self.functions.push(self.type_of(ty)?);
                        self.imports.push(import.name.to_owned());
                    }
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    let ty = self.type_of(ty?)?;
                    self.functions.push(ty);
                }
            }
            Payload::CodeSectionStart { range, .. } => {
                (self.code_start, self.code_section) = (range.start, Some(self.section));
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::DataSection(reader) => self.data(reader)?,
            Payload::CustomSection(reader) => match reader.as_known() {
                KnownCustom::Linking(reader) => {
                    for part in reader.subsections() {
                        if let Linking::SymbolTable(symbols) = part? {
                            self.table = symbols.into_iter().collect::<Result<_, _>>()?;
                        }
                    }
                }
                KnownCustom::Reloc(reader) => {
                    let section = Some(reader.section_index());
                    for entry in reader.entries() {
                        let entry = entry?;
                        if section == self.code_section {
                            self.in_code.insert(entry.offset as usize, entry);
                        } else if section == self.data_section {
                            self.in_data.push(entry);
                        }
                    }
                }
                _ => {}
            },
            _ => {}
        }
        self.section += u32::from(is_section);
        Ok(())
    }

    fn data(&mut self, reader: DataSectionReader<'b>) -> Result<()> {
        (self.data_start, self.data_section) = (reader.range().start, Some(self.section));
        for segment in reader {
            let segment = segment?;
            self.segments.push((segment.range.end - segment.data.len(), segment.data));
        }
        Ok(())
    }

    fn type_of(&self, index: u32) -> Result<Signature> {
        self.types.get(index as usize).cloned().context("a function without a type")
    }

    fn symbols(&self) -> Result<Vec<Symbol>> {
        let mut symbols = Vec::new();
        for info in &self.table {
            symbols.push(self.symbol(info)?);
        }
        self.pointers_in_data(&mut symbols)?;
        self.pointers_in_code(&mut symbols)?;
        Ok(symbols)
    }

    fn symbol(&self, info: &SymbolInfo<'_>) -> Result<Symbol> {
        let (name, flags, definition) = match *info {
            SymbolInfo::Func { flags, index, name } => {
                let import = self.imports.get(index as usize).map(String::as_str);
                let signature = self.functions.get(index as usize).context("no such function")?;
                let definition = Definition::Function(signature.clone());
                (name.or(import).unwrap_or_default(), flags, definition)
            }
            SymbolInfo::Data { flags, name, symbol: Some(place) } => {
                (name, flags, Definition::Data(self.place(place)?))
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

    fn place(&self, place: DefinedDataSymbol) -> Result<Data> {
        let (_, segment) = self.segments.get(place.index as usize).context("no such segment")?;
        let (start, size) = (place.offset as usize, place.size as usize);
        let bytes = segment.get(start..).and_then(|rest| rest.get(..size));
        Ok(Data { bytes: bytes.context("data beyond its segment")?.to_vec(), ..Data::default() })
    }

    /// Enters the words of data that relocations fill in.
    fn pointers_in_data(&self, symbols: &mut [Symbol]) -> Result<()> {
        // Where each piece of data lies in the file.
        let mut places = BTreeMap::new();
        for (index, info) in self.table.iter().enumerate() {
            if let SymbolInfo::Data { symbol: Some(place), .. } = info {
                let (start, _) = self.segments[place.index as usize];
                // Of several names for one place, one is enough; not that of nothing.
                if place.size > 0 {
                    places.insert(start + place.offset as usize, index);
                }
            }
        }
        for entry in &self.in_data {
            let pointer = match entry.ty {
                RelocationType::TableIndexI32 => Pointer::Function(entry.index),
                RelocationType::MemoryAddrI32 => Pointer::Data(entry.index, entry.addend),
                _ => continue,
            };
            let at = self.data_start + entry.offset as usize;
            let Some((start, index)) = places.range(..=at).next_back() else { continue };
            if let Definition::Data(data) = &mut symbols[*index].definition {
                data.pointers.insert((at - start) as u32, pointer);
            }
        }
        Ok(())
    }

    /// Enters the words of data that code sets to the address of a function.
    fn pointers_in_code(&self, symbols: &mut [Symbol]) -> Result<()> {
        for body in &self.bodies {
            let mut before = None;
            let mut reader = body.get_operators_reader()?;
            while !reader.eof() {
                let (operator, at) = reader.read_with_offset()?;
                let reloc = |after: usize| self.in_code.get(&(at + after - self.code_start));
                let now = match operator {
                    Operator::I32Const { .. } => {
                        reloc(1).filter(|entry| entry.ty == RelocationType::TableIndexSleb)
                    }
                    Operator::I32Store { .. } => {
                        // The constant's address is 0; the address is in the instruction.
                        let place = reloc(2).filter(|e| e.ty == RelocationType::MemoryAddrLeb);
                        if let (Some(function), Some(place)) = (before, place) {
                            set(symbols, place, Pointer::Function(function));
                        }
                        None
                    }
                    _ => None,
                };
                before = now.map(|entry| entry.index);
            }
        }
        Ok(())
    }
}

/// Code sets this word of data.
fn set(symbols: &mut [Symbol], place: &RelocationEntry, pointer: Pointer) {
    let symbol = symbols.get_mut(place.index as usize).map(|symbol| &mut symbol.definition);
    if let (Some(Definition::Data(data)), Ok(offset)) = (symbol, u32::try_from(place.addend)) {
        data.pointers.entry(offset).or_insert(pointer);
    }
}

pub(crate) fn signature(ty: &FuncType) -> Signature {
    let letters = |types: &[ValType]| types.iter().map(|ty| letter(*ty)).collect::<String>();
    format!("{}>{}", letters(ty.params()), letters(ty.results()))
}

fn letter(ty: ValType) -> char {
    match ty {
        ValType::I32 => 'i',
        ValType::I64 => 'l',
        ValType::F32 => 'f',
        ValType::F64 => 'd',
        ValType::V128 => 'v',
        ValType::Ref(_) => 'r',
    }
}
