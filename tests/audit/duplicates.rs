//! Names that more than one link input defines. Between two objects that is an error of the linker; out of
//! an archive it takes the first it comes across, and whoever meant the other calls a stranger.

use std::collections::{BTreeMap, BTreeSet};

use ophidia_guest::audit::Object;

/// Each name that is defined more than once, and by which objects.
pub(crate) fn duplicates(objects: &[Object]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for object in objects {
        for symbol in &object.symbols {
            if symbol.defined && symbol.global && !symbol.weak && !symbol.name.is_empty() {
                found.entry(&symbol.name).or_default().insert(&object.name);
            }
        }
    }
    found.retain(|_, objects| objects.len() > 1);
    found
}
