//! What a memory begins with: the contents of a module's data segments, taken out of the module and kept in a file.
//!
//! A module without data serves memories of any beginning. The file is as long as the memory is at its start, and holes
//! stand for zeros. An instance's memory is a private mapping of it, so nobody's writes reach it. It is a file of the
//! cache, which nobody but its owner can change ([`trust`](super::trust)), or one without a name that is sealed: after
//! that, nobody at all.

use crate::error::{Error, Result};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use wasm_encoder::{DataCountSection, DataSection, Module, RawSection};
use wasmparser::{DataKind, Operator, Parser, Payload};

/// Raised with every change of what is taken out, or of how it is written.
pub(super) const VERSION: u32 = 1;

/// A page of WebAssembly.
const PAGE: u64 = 1 << 16;

/// The most that a memory with addresses of 32 bits can be.
const MOST: u64 = 1 << 32;

/// A file that memories begin with, and how long it is: a multiple of 64 KiB.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) file: File,
    pub(crate) size: u64,
}

impl Contents {
    /// Fails when a file is not as long as it has to be.
    pub(crate) fn of(file: File, size: u64) -> io::Result<Self> {
        let len = file.metadata()?.len();
        if len == size && size.is_multiple_of(PAGE) && size <= MOST {
            return Ok(Self { file, size });
        }
        let said = format!("it has {len} bytes, where a memory begins with {size}");
        Err(io::Error::new(io::ErrorKind::InvalidData, said))
    }

    #[cfg(test)]
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let file = sealed(|file| file.write_all_at(bytes, 0)).expect("a file");
        Self::of(file, bytes.len() as u64).expect("of this size")
    }
}

/// The data segments of a module.
#[derive(Debug)]
pub(super) struct Segments<'a> {
    /// The size of the memory that they are for.
    size: u64,
    /// Where each lies, and what it holds. Later ones lie above earlier ones.
    parts: Vec<(u64, &'a [u8])>,
}

impl Segments<'_> {
    /// Writes them to an empty file.
    pub(super) fn write_to(&self, file: &File) -> io::Result<()> {
        file.set_len(self.size)?;
        self.parts.iter().try_for_each(|(at, bytes)| file.write_all_at(bytes, *at))
    }

    /// Writes them to a file without a name that cannot be changed from then on.
    pub(super) fn sealed(&self) -> io::Result<Contents> {
        Contents::of(sealed(|file| self.write_to(file))?, self.size)
    }
}

/// A file without a name in memory, written by this function, that nobody can change from then on.
#[cfg(target_os = "linux")]
pub(crate) fn sealed(write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<File> {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create("ophidia memory", flags)?);
    write(&file)?;
    fcntl_add_seals(
        &file,
        SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL,
    )?;
    Ok(file)
}

/// A file without a name, written by this function, of which nobody else has a descriptor.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sealed(write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<File> {
    let file = tempfile::tempfile()?;
    write(&file)?;
    Ok(file)
}

/// Takes the data out of a module with one memory of 32 bits.
pub(super) fn take(wasm: &[u8]) -> Result<(Vec<u8>, Segments<'_>)> {
    split(wasm)
        .map_err(|error| Error::image(format!("the data of the snapshot: {error}")).because(error))
}

fn split(wasm: &[u8]) -> Result<(Vec<u8>, Segments<'_>), String> {
    let said = |error: wasmparser::BinaryReaderError| error.to_string();
    let mut module = Module::new();
    let mut segments = Segments { size: 0, parts: Vec::new() };
    // Passive segments stay, by their numbers. Those of the guest's that its code could name are all passive by now.
    let mut passive: Vec<Vec<u8>> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::DataSection(section) = payload.map_err(said)? {
            let mut number = 0;
            for data in section {
                let data = data.map_err(said)?;
                number += 1;
                match data.kind {
                    DataKind::Passive => {
                        passive.resize(number - 1, Vec::new());
                        passive.push(data.data.to_vec());
                    }
                    DataKind::Active { offset_expr, .. } => {
                        let at =
                            constant(&offset_expr).ok_or("an address that is not a constant")?;
                        segments.parts.push((at, data.data));
                    }
                }
            }
        }
    }
    let count = u32::try_from(passive.len()).unwrap_or(u32::MAX);
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(said)?;
        match &payload {
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    let pages = memory.map_err(said)?.initial;
                    segments.size =
                        pages.checked_mul(PAGE).filter(|size| *size <= MOST).ok_or("too large")?;
                }
            }
            Payload::DataCountSection { .. } => {
                if count > 0 {
                    module.section(&DataCountSection { count });
                }
                continue;
            }
            Payload::DataSection(_) => {
                let mut data = DataSection::new();
                for bytes in &passive {
                    data.passive(bytes.iter().copied());
                }
                if count > 0 {
                    module.section(&data);
                }
                continue;
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: wasm.get(range).unwrap_or_default() });
        }
    }
    for (at, bytes) in &segments.parts {
        let end = at.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > segments.size) {
            let len = bytes.len();
            return Err(format!("{len} bytes at {at:#x} in a memory of {}", segments.size));
        }
    }
    Ok((module.finish(), segments))
}

/// An address that is written down.
fn constant(expression: &wasmparser::ConstExpr<'_>) -> Option<u64> {
    let mut operators = expression.get_operators_reader();
    match (operators.read().ok()?, operators.read().ok()?) {
        (Operator::I32Const { value }, Operator::End) => Some(u64::from(value.cast_unsigned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn parts(fields: &str) -> Result<(Vec<u8>, Vec<u8>), String> {
        let wasm = wat::parse_str(format!("(module {fields})")).expect("valid text");
        let (module, segments) = split(&wasm)?;
        wasmparser::validate(&module).expect("still a module");
        let contents = segments.sealed().expect("a file");
        let mut bytes = Vec::new();
        std::io::Seek::rewind(&mut &contents.file).expect("its start");
        (&contents.file).read_to_end(&mut bytes).expect("it can be read");
        assert_eq!(bytes.len() as u64, contents.size);
        Ok((module, bytes))
    }

    fn data_of(module: &[u8]) -> usize {
        let data = Parser::new(0).parse_all(module).map(|payload| match payload.expect("valid") {
            Payload::DataSection(section) => {
                section.into_iter().map(|data| data.expect("valid").data.len()).sum()
            }
            _ => 0,
        });
        data.sum()
    }

    #[test]
    fn data_lies_where_it_lay() {
        let fields = "(memory 2) (data (i32.const 3) \"abc\") (data (i32.const 4) \"X\") \
                      (data (i32.const 131071) \"z\") (func (export \"f\"))";
        let (module, bytes) = parts(fields).expect("it fits");
        assert_eq!(data_of(&module), 0, "nothing is left in it");
        let mut expected = vec![0; 2 << 16];
        expected[3..6].copy_from_slice(b"aXc");
        expected[131_071] = b'z';
        assert!(bytes == expected);
    }

    #[test]
    fn passive_data_stays_by_its_number() {
        let fields = "(memory 1) (data (i32.const 0) \"active\") (data $p \"passive\") \
             (data (i32.const 9) \"last\") \
             (func (memory.init $p (i32.const 0) (i32.const 0) (i32.const 1)))";
        let (module, bytes) = parts(fields).expect("it fits");
        assert_eq!(data_of(&module), "passive".len());
        assert_eq!(bytes.get(..13), Some(&b"active\0\0\0last"[..]));
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let said = parts("(memory 1) (data (i32.const 65535) \"ab\")").expect_err("outside");
        assert!(said.contains("2 bytes at 0xffff in a memory of 65536"), "{said}");
        parts("(memory 1) (data (i32.const -1) \"a\")").expect_err("outside");
        let moved = "(import \"a\" \"b\" (global i32)) (memory 1) (data (global.get 0) \"a\")";
        assert!(parts(moved).expect_err("not known").contains("not a constant"));
    }

    #[test]
    fn a_sealed_file_stays_as_it_is() {
        let wasm = wat::parse_str("(module (memory 1) (data (i32.const 0) \"a\"))").expect("text");
        let contents = split(&wasm).expect("it fits").1.sealed().expect("a file");
        if cfg!(target_os = "linux") {
            contents.file.write_all_at(b"b", 0).expect_err("sealed");
            contents.file.set_len(0).expect_err("sealed");
            contents.file.set_len(1 << 20).expect_err("sealed");
        }
        Contents::of(contents.file, 2 << 16).expect_err("another size");
    }
}
