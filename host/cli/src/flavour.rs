//! Which packages with C code the guest has: the options that choose them.

use crate::Usage;
use ophidia_guest::{Flavour, flavours, packages};
use serde::{Deserialize, Serialize};

/// The options.
#[derive(clap::Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct With {
    /// Have these packages with C code in the guest too: regex,pyyaml
    ///
    /// The first time, the guest is built with them, which takes about a minute where there is one already; then it starts as fast as any. Names
    /// are those of packages or of what programs import. `ophidia guest packages` lists all that there are. Repeatable.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = HEADING)]
    with: Vec<String>,

    /// Begin with the packages of this flavour instead of numpy alone
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    flavour: Option<String>,
}

const HEADING: &str = "What is in the guest";

impl With {
    /// What they say.
    pub(crate) fn flavour(&self) -> Result<Flavour, Usage> {
        let wrong = |option: &str, error: ophidia_guest::Error| Usage(format!("{option}: {error}"));
        let flavour = match &self.flavour {
            Some(name) => Flavour::named(name).map_err(|error| wrong("--flavour", error))?,
            None => Flavour::default(),
        };
        let names: Vec<&str> =
            self.with.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
        flavour.with(&names).map_err(|error| wrong("--with", error))
    }
}

/// All packages and flavours, in words.
pub(crate) fn listed() -> String {
    let given: Vec<_> = packages().iter().filter(|package| !package.imports.is_empty()).collect();
    let width = |text: fn(&ophidia_guest::Package) -> &str| {
        given.iter().map(|package| text(package).len()).max().unwrap_or_default() + 2
    };
    let (name, version) = (width(|package| package.name), width(|package| package.version));
    let mut text = String::new();
    for package in &given {
        text += &format!("{:name$}{:version$}{}\n", package.name, package.version, package.what);
    }
    text += "\nflavours:\n";
    for flavour in flavours() {
        let packages = Flavour::named(flavour).map(|f| f.to_string()).unwrap_or_default();
        text += &format!("{flavour:name$}{packages}\n");
    }
    text
}
