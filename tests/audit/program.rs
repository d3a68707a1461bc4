//! All objects seen as one program, and what was found in it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::object::{Data, Definition, Index, Object, Pointer};

/// A symbol: its object's number and its own.
pub(crate) type Place = (usize, Index);

/// A function that is called as if it had another signature: a trap.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// The object, the structure, and which word of it.
    pub(crate) place: String,
    pub(crate) function: String,
    pub(crate) found: String,
    pub(crate) wanted: &'static str,
}

/// The objects, and what has been compared so far.
#[derive(Debug)]
pub(crate) struct Program<'o> {
    pub(crate) objects: &'o [Object],
    /// Where each name is defined that other objects may use.
    globals: HashMap<&'o str, Place>,
    compared: HashSet<(Place, u32)>,
    /// The first of each function.
    pub(crate) mismatches: BTreeMap<String, Mismatch>,
}

impl<'o> Program<'o> {
    pub(crate) fn new(objects: &'o [Object]) -> Self {
        let mut globals = HashMap::new();
        for (number, object) in objects.iter().enumerate() {
            for (index, symbol) in (0..).zip(&object.symbols) {
                if symbol.defined && symbol.global {
                    globals.entry(symbol.name.as_str()).or_insert((number, index));
                }
            }
        }
        Self { objects, globals, compared: HashSet::new(), mismatches: BTreeMap::new() }
    }

    /// How many functions have been compared.
    pub(crate) fn compared(&self) -> usize {
        self.compared.len()
    }

    /// Every piece of data that has pointers in it.
    pub(crate) fn data_with_pointers(&self) -> Vec<(Place, &'o Data)> {
        let mut all = Vec::new();
        for (number, object) in self.objects.iter().enumerate() {
            for (index, symbol) in (0..).zip(&object.symbols) {
                if let Definition::Data(data) = &symbol.definition
                    && !data.pointers.is_empty()
                {
                    all.push(((number, index), data));
                }
            }
        }
        all
    }

    /// The symbol itself, wherever it is defined.
    pub(crate) fn resolve(&self, place: Place) -> Option<Place> {
        let symbol = self.objects.get(place.0)?.symbol(place.1)?;
        if symbol.defined { Some(place) } else { self.globals.get(&*symbol.name).copied() }
    }

    pub(crate) fn name(&self, place: Place) -> &'o str {
        let symbol = self.objects.get(place.0).and_then(|object| object.symbol(place.1));
        symbol.map_or("", |symbol| &symbol.name)
    }

    /// A place of this name in the same object, or in any.
    pub(crate) fn named(&self, object: usize, name: &str) -> Option<Place> {
        let symbols = &self.objects.get(object)?.symbols;
        let own = symbols.iter().position(|symbol| symbol.defined && symbol.name == name);
        own.map(|index| (object, index as Index)).or_else(|| self.globals.get(name).copied())
    }

    pub(crate) fn data(&self, place: Place) -> Option<&'o Data> {
        match &self.objects.get(place.0)?.symbol(place.1)?.definition {
            Definition::Data(data) => Some(data),
            _ => None,
        }
    }

    /// The text that a word points to.
    pub(crate) fn text(&self, place: Place, at: u32) -> Option<String> {
        let Some(Pointer::Data(to, addend)) = self.data(place)?.pointers.get(&at) else {
            return None;
        };
        let data = self.data(self.resolve((place.0, *to))?)?;
        let text =
            data.bytes.get(usize::try_from(*addend).ok()?..)?.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// The name of the function that a word points to.
    pub(crate) fn function(&self, place: Place, at: u32) -> Option<&'o str> {
        match self.data(place)?.pointers.get(&at)? {
            Pointer::Function(index) => Some(self.name((place.0, *index))),
            Pointer::Data(..) => None,
        }
    }

    /// Compares the function that a word points to, if it does, with what it is called as.
    pub(crate) fn compare(&mut self, place: Place, at: u32, word: &str, wanted: &'static str) {
        let pointer = self.data(place).and_then(|data| data.pointers.get(&at));
        let Some(Pointer::Function(index)) = pointer else { return };
        let declared = (place.0, *index);
        let function = self.resolve(declared).unwrap_or(declared);
        let symbol = self.objects.get(function.0).and_then(|object| object.symbol(function.1));
        let Some(Definition::Function(found)) = symbol.map(|symbol| &symbol.definition) else {
            return;
        };
        if self.compared.insert((place, at)) && found != wanted {
            let name = self.name(function).to_owned();
            let object = &self.objects[place.0].name;
            let mismatch = Mismatch {
                place: format!("{object}, {}, {word}", self.name(place)),
                function: name.clone(),
                found: found.clone(),
                wanted,
            };
            self.mismatches.entry(name).or_insert(mismatch);
        }
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, function, found, wanted } = self;
        write!(f, "{function} is {found} but called as {wanted} ({place})")
    }
}
