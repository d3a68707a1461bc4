//! Objects for tests, as the toolchain would write them.

use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection, DataSymbolDefinition,
    Encode as _, EntityType, Function, FunctionSection, ImportSection, Instruction, LinkingSection,
    MemoryType, Module, RefType, SymbolTable, TableType, TypeSection, ValType,
};
use wasmparser::{RelocationEntry, RelocationType, SymbolInfo, Validator};

use super::encode;
use super::sections::Sections;

pub(crate) const WEAK: u32 = SymbolTable::WASM_SYM_BINDING_WEAK;
pub(crate) const LOCAL: u32 = SymbolTable::WASM_SYM_BINDING_LOCAL;
pub(crate) const UNDEFINED: u32 = SymbolTable::WASM_SYM_UNDEFINED;

/// The numbers of the sections in what [`Sample::build`] gives.
const CODE: u32 = 4;
const DATA: u32 = 5;

/// An object to be. Symbols count from 0: first all functions in the order given, then all data.
#[derive(Default)]
pub(crate) struct Sample {
    /// Those that are undefined have to come first.
    functions: Vec<(String, u32, &'static str)>,
    data: Vec<(String, u32, Vec<u8>)>,
    /// The data, its word, the relocation's type, the symbol, the addend.
    pointers: Vec<(usize, u32, RelocationType, u32, i64)>,
    /// Data and its word which code sets, and the function that it is set to.
    stores: Vec<(u32, u32, u32)>,
    /// Functions that the last function calls.
    calls: Vec<u32>,
}

impl Sample {
    pub(crate) fn function(mut self, name: &str, flags: u32, signature: &'static str) -> Self {
        self.functions.push((name.to_owned(), flags, signature));
        self
    }

    pub(crate) fn data(mut self, name: &str, flags: u32, bytes: &[u8]) -> Self {
        self.data.push((name.to_owned(), flags, bytes.to_vec()));
        self
    }

    /// Makes a word of the last data point to a function.
    pub(crate) fn function_at(mut self, at: u32, symbol: u32) -> Self {
        let last = self.data.len() - 1;
        self.pointers.push((last, at, RelocationType::TableIndexI32, symbol, 0));
        self
    }

    /// Makes a word of the last data point to data.
    pub(crate) fn data_at(mut self, at: u32, symbol: u32) -> Self {
        let last = self.data.len() - 1;
        self.pointers.push((last, at, RelocationType::MemoryAddrI32, symbol, 0));
        self
    }

    /// Lets the last function set a word of data, by its symbol, to the address of a function.
    pub(crate) fn store(mut self, data: u32, at: u32, function: u32) -> Self {
        self.stores.push((data, at, function));
        self
    }

    /// Lets the last function call another, which takes an `i32` and gives one.
    pub(crate) fn call(mut self, function: u32) -> Self {
        self.calls.push(function);
        self
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        let (mut linking, mut symbols) = (LinkingSection::new(), SymbolTable::new());
        let mut in_code = Vec::new();
        let memory = MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        imports.import("env", "__linear_memory", memory);
        let mut known: Vec<&str> = Vec::new();
        let last = self.functions.len().checked_sub(1);
        for (index, (name, flags, signature)) in self.functions.iter().enumerate() {
            let ty = known.iter().position(|ty| ty == signature).unwrap_or_else(|| {
                known.push(signature);
                let letters = |part: usize| signature.split('>').nth(part).expect("a signature");
                types.ty().function(val_types(letters(0)), val_types(letters(1)));
                known.len() - 1
            });
            let defined = flags & UNDEFINED == 0;
            if defined {
                functions.function(ty as u32);
                let start = code.byte_len() as u32;
                let (body, relocations) = self.body(signature, Some(index) == last);
                // The count of functions and the size of the body, a byte each at least.
                let count = leb_len(self.defined());
                let size = leb_len(body.len());
                in_code.extend(relocations.into_iter().map(|entry| RelocationEntry {
                    offset: entry.offset + start + count + size,
                    ..entry
                }));
                code.raw(&body);
            } else {
                imports.import("env", name, EntityType::Function(ty as u32));
            }
            symbols.function(*flags, index as u32, defined.then_some(&**name));
        }
        let table = TableType {
            element_type: RefType::FUNCREF,
            minimum: 0,
            maximum: None,
            table64: false,
            shared: false,
        };
        imports.import("env", "__indirect_function_table", table);
        let (mut segments, mut in_data) = (DataSection::new(), Vec::new());
        let mut start = leb_len(self.data.len());
        for (index, (name, flags, bytes)) in self.data.iter().enumerate() {
            segments.active(0, &ConstExpr::i32_const(0), bytes.iter().copied());
            let definition =
                DataSymbolDefinition { index: index as u32, offset: 0, size: bytes.len() as u32 };
            symbols.data(*flags, name, Some(definition));
            // A byte says what kind of segment it is, three say where it goes.
            start += 4 + leb_len(bytes.len());
            for (_, at, ty, symbol, addend) in self.pointers.iter().filter(|p| p.0 == index) {
                let offset = start + at;
                in_data.push(RelocationEntry { ty: *ty, offset, index: *symbol, addend: *addend });
            }
            start += bytes.len() as u32;
        }
        linking.symbol_table(&symbols);
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions);
        module.section(&DataCountSection { count: self.data.len() as u32 });
        module.section(&code).section(&segments).section(&linking);
        for (name, of, entries) in [("reloc.CODE", CODE, in_code), ("reloc.DATA", DATA, in_data)] {
            if entries.is_empty() {
                continue;
            }
            let content = encode::relocations(name, of, &entries);
            let data = content[name.len() + 1..].into();
            module.section(&CustomSection { name: name.into(), data });
        }
        module.finish()
    }

    fn defined(&self) -> usize {
        self.functions.iter().filter(|(_, flags, _)| flags & UNDEFINED == 0).count()
    }

    /// A function's code, and its relocations from there.
    fn body(&self, signature: &str, is_last: bool) -> (Vec<u8>, Vec<RelocationEntry>) {
        let mut function = Function::new([]);
        let mut relocations = Vec::new();
        for &index in self.calls.iter().filter(|_| is_last) {
            function.instruction(&Instruction::I32Const(0));
            relocations.push(entry(
                RelocationType::FunctionIndexLeb,
                function.byte_len() + 1,
                index,
            ));
            function.raw([0x10, 0x80 | index as u8, 0x80, 0x80, 0x80, 0]);
            function.instruction(&Instruction::Drop);
        }
        for &(data, at, index) in self.stores.iter().filter(|_| is_last) {
            function.instruction(&Instruction::I32Const(0));
            relocations.push(entry(RelocationType::TableIndexSleb, function.byte_len() + 1, index));
            function.raw([0x41, 0x80, 0x80, 0x80, 0x80, 0]);
            let place = entry(RelocationType::MemoryAddrLeb, function.byte_len() + 2, data);
            relocations.push(RelocationEntry { addend: at.into(), ..place });
            function.raw([0x36, 2, 0x80, 0x80, 0x80, 0x80, 0]);
        }
        for letter in signature.split('>').nth(1).expect("a signature").chars() {
            match letter {
                'i' => function.instruction(&Instruction::I32Const(0)),
                'd' => function.instruction(&Instruction::F64Const(0.0.into())),
                other => panic!("no sample gives {other}"),
            };
        }
        function.instruction(&Instruction::End);
        (function.into_raw_body(), relocations)
    }
}

fn entry(ty: RelocationType, offset: usize, index: u32) -> RelocationEntry {
    RelocationEntry { ty, offset: offset as u32, index, addend: 0 }
}

fn leb_len(number: usize) -> u32 {
    let mut out = Vec::new();
    number.encode(&mut out);
    out.len() as u32
}

fn val_types(letters: &str) -> Vec<ValType> {
    let of = |letter| match letter {
        'i' => ValType::I32,
        'l' => ValType::I64,
        'd' => ValType::F64,
        other => panic!("no sample has {other}"),
    };
    letters.chars().map(of).collect()
}

/// Whether bytes are a valid module, and what is wrong when they are none.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), String> {
    Validator::new().validate_all(bytes).map(|_| ()).map_err(|error| error.to_string())
}

/// The flags of the symbol of that name.
pub(crate) fn flags_of(object: &[u8], name: &str) -> Option<u32> {
    let sections = Sections::read(object).expect("an object");
    let found = (0..).zip(&sections.symbols).find_map(|(number, (_, symbol))| match *symbol {
        SymbolInfo::Func { flags, .. } => {
            (sections.function(number)?.name == name).then_some(flags)
        }
        SymbolInfo::Data { flags, name: found, .. } => (found == name).then_some(flags),
        _ => None,
    });
    found.map(|flags| flags.bits())
}
