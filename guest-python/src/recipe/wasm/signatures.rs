//! Whether what the structures of types, methods and modules point to has the signature that CPython
//! calls it with.

use std::collections::HashSet;

use super::layouts::{
    self, GETSET_SIZE, GETTER, METHOD_SIZE, MODULE_NAME, MODULE_SIZE, SETTER, SLOT_SIZE, SPEC_SIZE,
    SPEC_SLOTS, Structure, TYPE_NAME, TYPE_SIZE, Target,
};
use super::object::{Data, Pointer};
use super::program::{Place, Program};

/// Looks at every structure in the program's data. They are found by their looks, or because another one
/// points to them.
pub fn audit(program: &mut Program<'_>) {
    let mut walk = Walk { program, seen: HashSet::new() };
    for (place, data) in walk.program.data_with_pointers() {
        walk.start(place, data);
    }
}

struct Walk<'p, 'o> {
    program: &'p mut Program<'o>,
    seen: HashSet<(Place, u32, Structure)>,
}

impl Walk<'_, '_> {
    fn start(&mut self, place: Place, data: &Data) {
        let points_to_data = |at| matches!(data.pointers.get(&at), Some(Pointer::Data(..)));
        let named = |at| self.program.text(place, at).is_some_and(|text| is_name(&text));
        let name = self.program.name(place);
        let kind = match data.size() {
            MODULE_SIZE if points_to_data(MODULE_NAME) => Some(Structure::Module),
            SPEC_SIZE if points_to_data(0) && points_to_data(SPEC_SLOTS) => Some(Structure::Spec),
            TYPE_SIZE.. if named(TYPE_NAME) && !points_to_data(0) => Some(Structure::Type),
            _ if is_getsets(data) => Some(Structure::GetSets),
            // numpy's types get them from code.
            _ => layouts::suite(name),
        };
        if let Some(kind) = kind {
            self.structure(place, 0, kind);
        }
        for (at, pointer) in &data.pointers {
            if matches!(pointer, Pointer::Function(..)) && *at >= 4 && points_to_data(at - 4) {
                self.method(place, at - 4);
            }
        }
    }

    /// Looks at a structure and at all it leads to.
    fn structure(&mut self, place: Place, offset: i64, kind: Structure) {
        let Some(place) = self.program.resolve(place) else { return };
        let (Some(data), Ok(start)) = (self.program.data(place), u32::try_from(offset)) else {
            return;
        };
        if start > data.size() || !self.seen.insert((place, start, kind)) {
            return;
        }
        for (at, name, target) in kind.words() {
            self.word(place, start + at, name, *target);
        }
        let entries = |size: u32| (start..data.size()).step_by(size as usize);
        match kind {
            Structure::Methods => {
                for at in entries(METHOD_SIZE).take_while(|at| data.pointers.contains_key(at)) {
                    self.method(place, at);
                }
            }
            Structure::GetSets => {
                for at in entries(GETSET_SIZE) {
                    let Some(name) = self.program.text(place, at) else { break };
                    self.program.compare(place, at + 4, &format!("{name} read"), GETTER);
                    self.program.compare(place, at + 8, &format!("{name} set"), SETTER);
                }
            }
            Structure::TypeSlots | Structure::ModuleSlots => {
                for at in entries(SLOT_SIZE) {
                    let Some(slot) = data.number(at).filter(|slot| *slot != 0) else { break };
                    if let Some((_, name, target)) = kind.slot(slot) {
                        self.word(place, at + 4, name, target);
                    }
                }
            }
            _ => {}
        }
    }

    /// A `PyMethodDef`, when these four words are one.
    fn method(&mut self, place: Place, at: u32) {
        let Some(data) = self.program.data(place) else { return };
        let zero = |at| !data.pointers.contains_key(&at) && data.number(at) == Some(0);
        let documented = matches!(data.pointers.get(&(at + 12)), Some(Pointer::Data(..)));
        if data.pointers.contains_key(&(at + 8)) || !(documented || zero(at + 12)) {
            return;
        }
        if let Some(wanted) = data.number(at + 8).and_then(layouts::method) {
            let name = self.program.text(place, at).unwrap_or_default();
            self.program.compare(place, at + 4, &name, wanted);
        }
    }

    /// One word of a structure.
    fn word(&mut self, place: Place, at: u32, name: &str, target: Target) {
        match target {
            Target::Function(wanted) => self.program.compare(place, at, name, wanted),
            Target::Structure(kind) => {
                let pointer = self.program.data(place).and_then(|data| data.pointers.get(&at));
                if let Some(Pointer::Data(to, addend)) = pointer {
                    self.structure((place.0, *to), *addend, kind);
                }
            }
        }
    }
}

/// Whether this may be the name of a type: `numpy.dtypes.StringDType`.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

/// Whether data looks like an array of `PyGetSetDef`.
fn is_getsets(data: &Data) -> bool {
    let size = data.size();
    if size < 2 * GETSET_SIZE || !size.is_multiple_of(GETSET_SIZE) {
        return false;
    }
    let function = |at| matches!(data.pointers.get(&at), Some(Pointer::Function(..)));
    let text = |at| matches!(data.pointers.get(&at), Some(Pointer::Data(..)));
    let zero = |at| !data.pointers.contains_key(&at) && data.number(at) == Some(0);
    let last = size - GETSET_SIZE;
    let mut entries = (0..last).step_by(GETSET_SIZE as usize);
    entries.all(|at| {
        let functions = [at + 4, at + 8].into_iter().all(|at| function(at) || zero(at));
        text(at) && functions && (text(at + 12) || zero(at + 12))
    }) && (last..size).step_by(4).all(zero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::wasm::object::{Definition, Object, Symbol};
    use crate::recipe::wasm::sections::Site;

    const METH_NOARGS: u32 = 4;
    const METH_FASTCALL: u32 = 0x80;

    fn symbol(name: &str, definition: Definition) -> Symbol {
        Symbol { name: name.into(), definition, defined: true, global: false, weak: false }
    }

    /// What is found in a table of one method, `shout`, that is the function `shout_impl`.
    fn found(flags: u32, signature: &str) -> Vec<String> {
        let text = Data { bytes: b"shout\0".to_vec(), ..Data::default() };
        let mut bytes = vec![0; 32];
        bytes[8..12].copy_from_slice(&flags.to_le_bytes());
        let pointers = [(0, Pointer::Data(0, 0)), (4, Pointer::Function(1, Site::Data(4)))].into();
        let symbols = vec![
            symbol("text", Definition::Data(text)),
            symbol("shout_impl", Definition::Function(signature.into())),
            symbol("methods", Definition::Data(Data { bytes, pointers })),
        ];
        let objects = [Object { name: "some.o".into(), symbols }];
        let mut program = Program::new(&objects);
        audit(&mut program);
        program.mismatches.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_method_without_its_second_parameter_is_found() {
        assert_eq!(found(METH_NOARGS, "ii>i"), [""; 0]);
        assert_eq!(
            found(METH_NOARGS, "i>i"),
            ["shout_impl is i>i but called as ii>i (some.o, methods, shout)"]
        );
        assert_eq!(found(METH_FASTCALL, "iii>i"), [""; 0]);
        assert_eq!(found(METH_FASTCALL, "ii>i").len(), 1);
        assert_eq!(found(0x1000, "i>i"), [""; 0], "no method has such flags");
    }
}
