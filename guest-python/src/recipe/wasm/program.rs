//! All objects seen as one program, and what was found in it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::object::{Data, Definition, Index, Object, Pointer};
use super::sections::{Signature, Site};

/// A symbol: its object's number and its own.
pub type Place = (usize, Index);

/// A function that is called as if it had another signature: a trap.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The object, the structure, and which word of it.
    pub place: String,
    /// The function's name.
    pub function: String,
    /// What it is.
    pub found: Signature,
    /// What it is called as.
    pub wanted: &'static str,
    /// The relocation that makes the word point to it.
    pub site: Site,
}

/// The objects, and what has been compared so far.
#[derive(Debug)]
pub struct Program<'o> {
    /// All of them.
    pub objects: &'o [Object],
    /// Where each name is defined that other objects may use.
    globals: HashMap<&'o str, Place>,
    compared: HashSet<(Place, u32)>,
    /// What was found, in the order of the looking.
    pub mismatches: Vec<Mismatch>,
}

impl<'o> Program<'o> {
    /// A program of which nothing has been compared.
    #[must_use]
    pub fn new(objects: &'o [Object]) -> Self {
        let mut globals = HashMap::new();
        for (number, object) in objects.iter().enumerate() {
            for (index, symbol) in (0..).zip(&object.symbols) {
                if symbol.defined && symbol.global {
                    globals.entry(symbol.name.as_str()).or_insert((number, index));
                }
            }
        }
        Self { objects, globals, compared: HashSet::new(), mismatches: Vec::new() }
    }

    /// How many pointers have been compared.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.compared.len()
    }

    /// The first mismatch of each function name.
    #[must_use]
    pub fn mismatches_by_function(&self) -> BTreeMap<&str, &Mismatch> {
        let mut first = BTreeMap::new();
        for mismatch in &self.mismatches {
            first.entry(&*mismatch.function).or_insert(mismatch);
        }
        first
    }

    /// Every piece of data that has pointers in it.
    #[must_use]
    pub fn data_with_pointers(&self) -> Vec<(Place, &'o Data)> {
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
    #[must_use]
    pub fn resolve(&self, place: Place) -> Option<Place> {
        let symbol = self.objects.get(place.0)?.symbol(place.1)?;
        if symbol.defined { Some(place) } else { self.globals.get(&*symbol.name).copied() }
    }

    /// The name of a symbol; that of a section is empty.
    #[must_use]
    pub fn name(&self, place: Place) -> &'o str {
        let symbol = self.objects.get(place.0).and_then(|object| object.symbol(place.1));
        symbol.map_or("", |symbol| &symbol.name)
    }

    /// A place of this name in the same object, or in any.
    #[must_use]
    pub fn named(&self, object: usize, name: &str) -> Option<Place> {
        let symbols = &self.objects.get(object)?.symbols;
        let own = symbols.iter().position(|symbol| symbol.defined && symbol.name == name);
        own.map(|index| (object, index as Index)).or_else(|| self.globals.get(name).copied())
    }

    /// The data that a symbol stands for.
    #[must_use]
    pub fn data(&self, place: Place) -> Option<&'o Data> {
        match &self.objects.get(place.0)?.symbol(place.1)?.definition {
            Definition::Data(data) => Some(data),
            _ => None,
        }
    }

    /// The text that a word points to.
    #[must_use]
    pub fn text(&self, place: Place, at: u32) -> Option<String> {
        let Some(Pointer::Data(to, addend)) = self.data(place)?.pointers.get(&at) else {
            return None;
        };
        let data = self.data(self.resolve((place.0, *to))?)?;
        let text =
            data.bytes.get(usize::try_from(*addend).ok()?..)?.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// The name of the function that a word points to.
    #[must_use]
    pub fn function(&self, place: Place, at: u32) -> Option<&'o str> {
        match self.data(place)?.pointers.get(&at)? {
            Pointer::Function(index, _) => Some(self.name((place.0, *index))),
            Pointer::Data(..) => None,
        }
    }

    /// Compares the function that a word points to, if it does, with what it is called as.
    pub fn compare(&mut self, place: Place, at: u32, word: &str, wanted: &'static str) {
        let pointer = self.data(place).and_then(|data| data.pointers.get(&at));
        let Some(&Pointer::Function(index, site)) = pointer else { return };
        let declared = (place.0, index);
        let function = self.resolve(declared).unwrap_or(declared);
        let symbol = self.objects.get(function.0).and_then(|object| object.symbol(function.1));
        let Some(Definition::Function(found)) = symbol.map(|symbol| &symbol.definition) else {
            return;
        };
        if self.compared.insert((place, at)) && found != wanted {
            let object = self.objects.get(place.0).map_or("", |object| &object.name);
            self.mismatches.push(Mismatch {
                place: format!("{object}, {}, {word}", self.name(place)),
                function: self.name(function).to_owned(),
                found: found.clone(),
                wanted,
                site,
            });
        }
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, function, found, wanted, .. } = self;
        write!(f, "{function} is {found} but called as {wanted} ({place})")
    }
}
