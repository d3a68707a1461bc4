//! Flavours: which packages with C code are in a guest.

use crate::Error;
use crate::keys::{FLAVOURS, LIBRARIES, PACKAGES, PYTHON};

/// A package that the recipe can put into a guest, or something that one of those needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Package {
    /// Its name, such as `numpy`.
    pub name: &'static str,
    /// Its version, such as `2.5.5`.
    pub version: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    /// The names that programs import it by; none of a library in C.
    pub imports: &'static [&'static str],
    pub(crate) needs: &'static [&'static str],
    /// Whether it only runs while others are built.
    pub(crate) tool: bool,
    pub(crate) key: &'static str,
    pub(crate) face: &'static str,
}

/// All that the recipe knows, those that others need first.
#[must_use]
pub const fn packages() -> &'static [Package] {
    PACKAGES
}

/// The package that programs import by this name, be it in a guest or not.
#[must_use]
pub fn package_of(import: &str) -> Option<&'static Package> {
    PACKAGES.iter().find(|package| package.imports.contains(&import))
}

/// The version of a package, such as `2.5.5`.
#[must_use]
pub const fn version_of(package: &str) -> Option<&'static str> {
    let mut index = 0;
    while index < PACKAGES.len() {
        // Neither iterators nor comparisons of texts can be had in constants.
        let known = &PACKAGES[index];
        if same(known.name.as_bytes(), package.as_bytes()) {
            return Some(known.version);
        }
        index += 1;
    }
    None
}

const fn same(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([first, rest @ ..], [second, others @ ..]) = (one, other) {
        if *first != *second {
            return false;
        }
        (one, other) = (rest, others);
    }
    one.is_empty() && other.is_empty()
}

/// The names of all flavours, the default first.
pub fn flavours() -> impl Iterator<Item = &'static str> {
    FLAVOURS.iter().map(|(name, _)| *name)
}

/// Which packages with C code are in a guest. The default has numpy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flavour {
    /// What was asked for and what that needs, without CPython's own libraries and without tools; in the order in
    /// which they are built.
    packages: Vec<&'static Package>,
}

impl Flavour {
    /// One of the named flavours, such as `minimal`.
    ///
    /// # Errors
    ///
    /// [`Error::Flavour`] when none is called so; it names all that there are.
    pub fn named(name: &str) -> Result<Self, Error> {
        let Some((_, packages)) = FLAVOURS.iter().find(|(flavour, _)| *flavour == name) else {
            let known: Vec<&str> = flavours().collect();
            return Err(Error::Flavour(format!(
                "{name:?} is no flavour of the guest: name one of {}",
                known.join(", ")
            )));
        };
        Self::of(packages)
    }

    /// These packages and no others.
    ///
    /// # Errors
    ///
    /// [`Error::Flavour`] when one is unknown.
    pub fn of<N: AsRef<str>>(names: &[N]) -> Result<Self, Error> {
        Self { packages: Vec::new() }.with(names)
    }

    /// The same with these packages more, by their own names or by those that programs import them by.
    ///
    /// # Errors
    ///
    /// [`Error::Flavour`] when one is unknown; it names all that there are.
    ///
    /// ```
    /// use ophidia_guest::Flavour;
    ///
    /// let flavour = Flavour::default().with(&["regex", "yaml"])?;
    /// assert!(flavour.packages().any(|package| package.name == "pyyaml"));
    /// assert!(Flavour::default().with(&["torch"]).is_err());
    /// # Ok::<(), ophidia_guest::Error>(())
    /// ```
    pub fn with<N: AsRef<str>>(mut self, names: &[N]) -> Result<Self, Error> {
        for name in names {
            let name = name.as_ref();
            let package = given().find(|package| package.name == name).or_else(|| package_of(name));
            match package {
                Some(package) => self.add(package),
                None => {
                    let known: Vec<&str> = given().map(|package| package.name).collect();
                    return Err(Error::Flavour(format!(
                        "no package with C code is called {name:?} here: there are {}",
                        known.join(", ")
                    )));
                }
            }
        }
        Ok(self)
    }

    fn add(&mut self, package: &'static Package) {
        for need in package.needs {
            if let Some(need) = PACKAGES.iter().find(|other| other.name == *need) {
                self.add(need);
            }
        }
        let there = LIBRARIES.contains(&package.name) || self.packages.contains(&package);
        if !there && !package.tool {
            let place = |package: &Package| PACKAGES.iter().position(|p| p.name == package.name);
            self.packages.push(package);
            self.packages.sort_by_key(|package| place(package));
        }
    }

    /// The packages that programs can import.
    pub fn packages(&self) -> impl Iterator<Item = &'static Package> {
        self.packages.iter().copied().filter(|package| !package.imports.is_empty())
    }

    /// The command that builds its guest.
    #[must_use]
    pub fn command(&self) -> String {
        const BUILD: &str = "ophidia guest build";
        if *self == Self::default() {
            return BUILD.to_owned();
        }
        for (name, _) in FLAVOURS {
            if Self::named(name).is_ok_and(|named| named == *self) {
                return format!("{BUILD} --flavour {name}");
            }
        }
        let base = Self::default();
        let has_all = base.packages.iter().all(|package| self.packages.contains(package));
        let more = self.packages().filter(|package| !has_all || !base.packages.contains(package));
        let more: Vec<&str> = more.map(|package| package.name).collect();
        let flavour = if has_all { "" } else { " --flavour minimal" };
        format!("{BUILD}{flavour} --with {}", more.join(","))
    }

    /// Everything that is linked into it because of them, libraries included.
    pub(crate) fn linked(&self) -> &[&'static Package] {
        &self.packages
    }
}

#[cfg(feature = "build")]
impl Flavour {
    /// All that a build of it may have to build, CPython's own libraries and tools included, in order.
    pub(crate) fn built(&self) -> Vec<&'static Package> {
        let mut wanted: Vec<&str> = LIBRARIES.to_vec();
        wanted.extend(self.packages.iter().map(|package| package.name));
        let mut index = 0;
        while let Some(name) = wanted.get(index).copied() {
            let package = PACKAGES.iter().find(|package| package.name == name);
            let needs = package.map_or(&[][..], |package| package.needs);
            wanted.extend(needs.iter().filter(|need| !wanted.contains(need)).collect::<Vec<_>>());
            index += 1;
        }
        PACKAGES.iter().filter(|package| wanted.contains(&package.name)).collect()
    }
}

impl Default for Flavour {
    fn default() -> Self {
        let default = FLAVOURS.first().map(|(name, _)| Self::named(name));
        default.and_then(Result::ok).unwrap_or(Self { packages: Vec::new() })
    }
}

impl std::fmt::Display for Flavour {
    /// CPython's version and those of the packages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CPython {PYTHON}")?;
        self.packages().try_for_each(|package| write!(f, ", {} {}", package.name, package.version))
    }
}

/// What programs can import.
fn given() -> impl Iterator<Item = &'static Package> {
    PACKAGES.iter().filter(|package| !package.imports.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(flavour: &Flavour) -> Vec<&'static str> {
        flavour.linked().iter().map(|package| package.name).collect()
    }

    #[test]
    fn what_a_package_needs_comes_with_it_and_before_it() {
        assert_eq!(linked(&Flavour::default()), ["openblas", "numpy"]);
        assert_eq!(linked(&Flavour::of(&["yaml"]).expect("known")), ["libyaml", "pyyaml"]);
        assert!(linked(&Flavour::named("minimal").expect("known")).is_empty());
    }

    #[cfg(feature = "build")]
    #[test]
    fn what_is_built_for_it_has_the_tools_and_what_cpython_needs() {
        let built = |names: &[&str]| -> Vec<&str> {
            let flavour = Flavour::of(names).expect("known");
            flavour.built().iter().map(|package| package.name).collect()
        };
        assert_eq!(built(&[]), ["bzip2", "sqlite", "xz", "zlib", "zstd"]);
        let numpy = built(&["numpy"]);
        assert!(["cython", "ninja", "openblas", "zlib"].iter().all(|name| numpy.contains(name)));
        assert!(!numpy.contains(&"regex"));
    }

    #[test]
    fn the_order_in_which_packages_are_asked_for_is_of_no_account() {
        let one = Flavour::of(&["regex", "numpy"]).expect("known");
        assert_eq!(one, Flavour::default().with(&["regex", "regex"]).expect("known"));
    }

    #[test]
    fn the_command_that_builds_it_is_the_shortest() {
        let command = |names: &[&str]| Flavour::of(names).expect("known").command();
        assert_eq!(command(&["numpy"]), "ophidia guest build");
        assert_eq!(command(&[]), "ophidia guest build --flavour minimal");
        assert_eq!(command(&["numpy", "regex"]), "ophidia guest build --with regex");
        assert_eq!(command(&["regex"]), "ophidia guest build --flavour minimal --with regex");
    }

    #[test]
    fn what_is_unknown_is_named_with_what_is_known() {
        let said = Flavour::of(&["torch"]).expect_err("unknown").to_string();
        assert!(said.contains("\"torch\"") && said.contains("numpy"), "{said}");
        assert!(!said.contains("openblas"), "no program imports it: {said}");
        let said = Flavour::named("huge").expect_err("unknown").to_string();
        assert!(said.contains("\"huge\"") && said.contains("minimal"), "{said}");
    }
}
