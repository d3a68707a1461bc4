//! Parts of an object file as bytes.

use wasm_encoder::{Encode as _, ValType};
use wasmparser::{BinaryReader, RelocAddendKind, RelocationEntry};

use super::sections::Malformed;

/// A list that counts `added` entries more. The entries themselves are to follow.
pub(crate) fn grown(list: &[u8], added: usize) -> Result<Vec<u8>, Malformed> {
    let mut reader = BinaryReader::new(list, 0);
    let count = reader.read_var_u32()?;
    let added = u32::try_from(added).ok().and_then(|added| count.checked_add(added));
    let entries = reader.read_bytes(reader.bytes_remaining())?;
    let mut out = Vec::new();
    added.ok_or("too many entries")?.encode(&mut out);
    out.extend(entries);
    Ok(out)
}

/// The content of a section of relocations for the section of the number `of`.
pub(crate) fn relocations(name: &str, of: u32, entries: &[RelocationEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    name.encode(&mut out);
    of.encode(&mut out);
    entries.len().encode(&mut out);
    for entry in entries {
        out.push(entry.ty as u8);
        entry.offset.encode(&mut out);
        entry.index.encode(&mut out);
        if entry.ty.addend_kind() != RelocAddendKind::None {
            entry.addend.encode(&mut out);
        }
    }
    out
}

/// Whether a letter of a signature is that of a number or a vector, which [`function_type`] knows.
pub(crate) fn is_plain(letter: char) -> bool {
    value_type(letter).is_some()
}

/// A function type. Letters that are not plain are left out.
pub(crate) fn function_type(signature: &str, out: &mut Vec<u8>) {
    out.push(0x60);
    let (takes, gives) = signature.split_once('>').unwrap_or_default();
    for letters in [takes, gives] {
        let types: Vec<ValType> = letters.chars().filter_map(value_type).collect();
        types.as_slice().encode(out);
    }
}

fn value_type(letter: char) -> Option<ValType> {
    Some(match letter {
        'i' => ValType::I32,
        'l' => ValType::I64,
        'f' => ValType::F32,
        'd' => ValType::F64,
        'v' => ValType::V128,
        _ => return None,
    })
}
