//! The sections of one object file as they stand, before anything is made of them.
//!
//! After the tool conventions of WebAssembly, `Linking.md`:
//! <https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md>.

use std::ops::Range;

use wasmparser::{
    DataSectionReader, Encoding, FuncType, FunctionBody, KnownCustom, Linking, Parser, Payload,
    RelocationEntry, SymbolFlags, SymbolInfo, TypeRef, ValType,
};

/// Parameters and results as letters, `ii>i` for two pointers and an `int` in return.
pub type Signature = String;

/// Where a relocation applies: bytes from the beginning of the section that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// A word of data.
    Data(u32),
    /// The operand of an instruction.
    Code(u32),
}

/// What is wrong with an object file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(String);

impl From<wasmparser::BinaryReaderError> for Malformed {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self(error.to_string())
    }
}

impl From<&str> for Malformed {
    fn from(what: &str) -> Self {
        Self(what.to_owned())
    }
}

impl From<Malformed> for String {
    fn from(malformed: Malformed) -> Self {
        malformed.0
    }
}

/// Where a section lies in the file.
#[derive(Debug)]
pub(crate) struct Section {
    /// What kind it is; 0 is a custom section.
    pub(crate) id: u8,
    pub(crate) whole: Range<usize>,
    /// Without its id and its size.
    pub(crate) content: Range<usize>,
    pub(crate) role: Role,
}

/// What a section is to a linker.
#[derive(Debug, Default)]
pub(crate) enum Role {
    Linking,
    /// The relocations of the section of that number.
    Relocations(u32, Vec<RelocationEntry>),
    #[default]
    Other,
}

/// A function's symbol.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function<'s> {
    pub(crate) name: &'s str,
    pub(crate) flags: SymbolFlags,
    /// Its number among the functions.
    pub(crate) index: u32,
    pub(crate) signature: &'s str,
}

/// What the sections say.
#[derive(Default)]
pub(crate) struct Sections<'b> {
    pub(crate) all: Vec<Section>,
    pub(crate) types: Vec<Signature>,
    /// The signatures of imported functions, then of those defined.
    pub(crate) functions: Vec<Signature>,
    imports: Vec<&'b str>,
    pub(crate) bodies: Vec<FunctionBody<'b>>,
    /// Where in the file each segment's bytes begin, and the bytes.
    pub(crate) segments: Vec<(usize, &'b [u8])>,
    /// The symbol table, and where in the file each entry begins.
    pub(crate) symbols: Vec<(usize, SymbolInfo<'b>)>,
    /// The numbers of these sections.
    pub(crate) code: Option<u32>,
    pub(crate) data: Option<u32>,
}

impl<'b> Sections<'b> {
    /// Reads an object. Any place in the file fits an `i32`, so a place and a few bytes more fit a `u32`.
    pub(crate) fn read(bytes: &'b [u8]) -> Result<Self, Malformed> {
        if bytes.len() > i32::MAX as usize {
            return Err("it is larger than 2 GiB".into());
        }
        let mut sections = Self::default();
        let mut end = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let Payload::Version { encoding, range, .. } = &payload {
                if *encoding != Encoding::Module {
                    return Err("it is a component".into());
                }
                end = range.end;
            }
            let section = payload.as_section();
            let role = sections.take(payload)?;
            if let Some((id, content)) = section {
                let whole = end..content.end;
                end = content.end;
                sections.all.push(Section { id, whole, content, role });
            }
        }
        Ok(sections)
    }

    fn take(&mut self, payload: Payload<'b>) -> Result<Role, Malformed> {
        let number = self.all.len() as u32;
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
                        self.imports.push(import.name);
                    }
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    let ty = self.type_of(ty?)?;
                    self.functions.push(ty);
                }
            }
            Payload::CodeSectionStart { .. } => self.code = Some(number),
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::DataSection(reader) => {
                self.data = Some(number);
                self.segments(reader)?;
            }
            Payload::CustomSection(reader) => match reader.as_known() {
                KnownCustom::Linking(reader) => {
                    for part in reader.subsections() {
                        let Linking::SymbolTable(symbols) = part? else { continue };
                        if !self.symbols.is_empty() {
                            return Err("it has two symbol tables".into());
                        }
                        let symbols = symbols.into_iter_with_offsets();
                        self.symbols = symbols.collect::<Result<_, _>>()?;
                    }
                    return Ok(Role::Linking);
                }
                KnownCustom::Reloc(reader) => {
                    let entries = reader.entries().into_iter().collect::<Result<_, _>>()?;
                    return Ok(Role::Relocations(reader.section_index(), entries));
                }
                _ => {}
            },
            _ => {}
        }
        Ok(Role::Other)
    }

    fn segments(&mut self, reader: DataSectionReader<'b>) -> Result<(), Malformed> {
        for segment in reader {
            let segment = segment?;
            let start = segment.range.end.checked_sub(segment.data.len());
            self.segments.push((start.ok_or("a segment out of its place")?, segment.data));
        }
        Ok(())
    }

    fn type_of(&self, index: u32) -> Result<Signature, Malformed> {
        Ok(self.types.get(index as usize).cloned().ok_or("a function without a type")?)
    }

    /// The function of a symbol, when it is one.
    pub(crate) fn function(&self, symbol: u32) -> Option<Function<'_>> {
        let (_, SymbolInfo::Func { flags, index, name }) = *self.symbols.get(symbol as usize)?
        else {
            return None;
        };
        let import = self.imports.get(index as usize).copied();
        let signature = self.functions.get(index as usize)?;
        Some(Function { name: name.or(import).unwrap_or_default(), flags, index, signature })
    }

    /// Where a section's content begins in the file.
    pub(crate) fn start(&self, section: Option<u32>) -> Option<usize> {
        Some(self.all.get(section? as usize)?.content.start)
    }

    /// All relocations of code and data.
    pub(crate) fn relocations(&self) -> impl Iterator<Item = (Site, &RelocationEntry)> {
        self.all.iter().flat_map(move |section| {
            let (of, entries) = match &section.role {
                Role::Relocations(of, entries) => (Some(*of), &**entries),
                _ => (None, &[][..]),
            };
            entries.iter().filter_map(move |entry| Some((self.site(of, entry.offset)?, entry)))
        })
    }

    /// A place in a section, when it is code or data.
    pub(crate) fn site(&self, section: Option<u32>, offset: u32) -> Option<Site> {
        match section? {
            number if Some(number) == self.code => Some(Site::Code(offset)),
            number if Some(number) == self.data => Some(Site::Data(offset)),
            _ => None,
        }
    }
}

/// A function type's letters: `i` and `l` for integers of 32 and 64 bits, `f` and `d` for floating-point
/// numbers, `v` for vectors and `r` for references.
#[must_use]
pub fn signature(ty: &FuncType) -> Signature {
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
