//! Objects and archives as the linker gets them, and whether what their structures point to has the signature
//! that CPython calls it with.
//!
//! WebAssembly records each function's true signature, and relocations tell which words of the data point to
//! which functions. The recipe looks at packages with this; the audit of the whole guest lies in `tests/audit`.

pub use crate::recipe::wasm::layouts::SLOT_SIZE;
pub use crate::recipe::wasm::object::{Data, Definition, Index, Object, Pointer, Symbol, read};
pub use crate::recipe::wasm::program::{Mismatch, Place, Program};
pub use crate::recipe::wasm::sections::{Signature, Site, signature};
pub use crate::recipe::wasm::signatures::audit as signatures;
