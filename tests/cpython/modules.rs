//! Which modules of CPython's test-suite are run: `modules.toml`.

use anyhow::{Result, bail};
use serde::Deserialize;

/// One module of `Lib/test`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Module {
    /// Its name below the package `test`.
    pub(crate) name: String,
    /// One of the ten that run with every change.
    #[serde(default)]
    pub(crate) quick: bool,
    /// What the module skips itself without, though most of it needs no such thing.
    #[serde(default)]
    pub(crate) pretend: Vec<String>,
    /// C modules for testing CPython itself, whose absence would skip the module as a whole.
    #[serde(default)]
    pub(crate) stand_ins: Vec<String>,
}

#[derive(Deserialize)]
struct Table {
    modules: Vec<Module>,
}

/// The modules asked for: the quick ones, the named ones, or all.
pub(crate) fn choose(quick: bool, names: &[String]) -> Result<Vec<Module>> {
    let Table { modules } = toml::from_str(include_str!("modules.toml"))?;
    if names.is_empty() {
        return Ok(modules.into_iter().filter(|module| module.quick || !quick).collect());
    }
    let mut chosen = Vec::new();
    for name in names {
        let Some(module) = modules.iter().find(|module| module.name == *name) else {
            bail!("{name} is not in tests/cpython/modules.toml: add it there first");
        };
        chosen.push(module.clone());
    }
    Ok(chosen)
}
