//! What a change of the recipe gives new keys to.

use super::{Keys, keys};
use crate::recipe::inputs::{FILES, Inputs, LOCK};

/// The embedded recipe, for a test to change.
#[derive(Clone)]
struct Recipe {
    lock: String,
    header: String,
    files: Vec<(String, Vec<u8>)>,
}

impl Recipe {
    fn embedded() -> Self {
        let files = FILES.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        let header = Inputs::embedded().expect("valid").header().to_owned();
        Self { lock: LOCK.to_owned(), header, files: files.collect() }
    }

    /// With another byte in the first file whose name begins so.
    fn changed(mut self, start: &str) -> Self {
        let file = self.files.iter_mut().find(|(name, _)| name.starts_with(start));
        file.expect("a file").1.push(b'\n');
        self
    }

    /// With another text in a file.
    fn edited(mut self, name: &str, old: &str, new: &str) -> Self {
        let file = self.files.iter_mut().find(|(file, _)| file == name).expect("a file");
        let text = String::from_utf8(file.1.clone()).expect("text");
        assert!(text.contains(old), "{old}");
        file.1 = text.replacen(old, new, 1).into_bytes();
        self
    }

    fn try_keys(&self) -> Result<Keys, String> {
        let files = self.files.iter().map(|(name, bytes)| (&**name, &**bytes));
        keys((&self.lock, &self.header), files)
    }

    fn keys(&self) -> Keys {
        self.try_keys().expect("valid")
    }
}

fn key<'k>(keys: &'k Keys, name: &str) -> &'k str {
    &keys.packages.iter().find(|package| package.name == name).expect("a package").key
}

fn face<'k>(keys: &'k Keys, name: &str) -> &'k str {
    &keys.packages.iter().find(|package| package.name == name).expect("a package").face
}

#[test]
fn the_build_script_has_worked_out_the_same_keys() {
    let keys = Recipe::embedded().keys();
    assert_eq!(keys.cpython, crate::keys::CPYTHON);
    assert_eq!(keys.bridge, crate::keys::BRIDGE);
    let known = crate::flavour::packages();
    assert_eq!(known.len(), keys.packages.len());
    for (one, other) in known.iter().zip(&keys.packages) {
        assert_eq!((one.name, one.key, one.face), (&*other.name, &*other.key, &*other.face));
    }
}

#[test]
fn a_change_of_the_bridge_or_of_how_it_is_linked_only_links_anew() {
    let recipe = Recipe::embedded();
    let keys = recipe.keys();
    let mut linked = recipe.clone();
    linked.lock = linked.lock.replacen("\nlink = [", "\nlink = [\"-Wl,--new\", ", 1);
    let mut header = recipe.clone();
    header.header.push('\n');
    for changed in [recipe.clone().changed("bridge/"), recipe.changed("python/"), linked, header] {
        let changed = changed.keys();
        assert_eq!((&keys.cpython, &keys.packages), (&changed.cpython, &changed.packages));
        assert_ne!(keys.bridge, changed.bridge);
    }
}

#[test]
fn a_change_of_cpython_is_one_of_what_needs_it() {
    let recipe = Recipe::embedded();
    let keys = recipe.keys();
    let mut lock = recipe.clone();
    lock.lock = lock.lock.replacen("cpython = [\"-O3\"", "cpython = [\"-O1\"", 1);
    for changed in [lock, recipe.clone().changed("patches/"), recipe.changed("profile/")] {
        let changed = changed.keys();
        assert_ne!(keys.cpython, changed.cpython);
        assert_ne!(key(&keys, "numpy"), key(&changed, "numpy"));
        assert_eq!(key(&keys, "zlib"), key(&changed, "zlib"));
        assert_eq!(key(&keys, "openblas"), key(&changed, "openblas"));
    }
}

#[test]
fn a_change_of_a_library_is_one_of_what_is_linked_with_it() {
    let recipe = Recipe::embedded();
    let keys = recipe.keys();
    let changed = recipe.clone().edited("packages/zlib/package.toml", "1.3.2", "1.3.3").keys();
    assert_ne!(key(&keys, "zlib"), key(&changed, "zlib"));
    assert_ne!(keys.cpython, changed.cpython);
    let changed = recipe.changed("packages/openblas/patches/").keys();
    assert_ne!(key(&keys, "openblas"), key(&changed, "openblas"));
    assert_ne!(key(&keys, "numpy"), key(&changed, "numpy"));
    assert_eq!(keys.cpython, changed.cpython);
}

#[test]
fn a_change_of_a_package_leaves_the_others_as_they_are() {
    let recipe = Recipe::embedded();
    let keys = recipe.keys();
    let changed = recipe.clone().edited("packages/numpy/package.toml", "2.5.5", "2.5.4").keys();
    assert_ne!(key(&keys, "numpy"), key(&changed, "numpy"));
    assert_eq!(keys.cpython, changed.cpython);
    assert_eq!(key(&keys, "regex"), key(&changed, "regex"));
    let changed = recipe.changed("packages/numpy/bridge/").keys();
    assert_eq!(key(&keys, "numpy"), key(&changed, "numpy"), "only the bridge is compiled anew");
    assert_ne!(face(&keys, "numpy"), face(&changed, "numpy"));
}

#[test]
fn mistakes_of_packages_are_named() {
    let recipe = Recipe::embedded();
    let said = |recipe: Recipe| recipe.try_keys().expect_err("a mistake");
    let circle = recipe.clone().edited(
        "packages/openblas/package.toml",
        "steps = 2400",
        "needs = [\"numpy\"]",
    );
    let circle = said(circle);
    assert!(circle.contains("numpy (") && circle.contains("openblas (numpy)"), "{circle}");
    let name = said(recipe.clone().edited("packages/xz/package.toml", "\"xz\"", "\"zx\""));
    assert!(name.contains("packages/xz/package.toml") && name.contains("must be xz"), "{name}");
    let flavour = said(recipe.edited("packages/flavours.toml", "[\"numpy\"]", "[\"nunpy\"]"));
    assert!(flavour.contains("nunpy"), "{flavour}");
}
