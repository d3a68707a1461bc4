//! Findings that are known, each with its reason (`known.toml`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result};
use ophidia_tests::repository;
use serde::Deserialize;

/// All of `known.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    pub(crate) signatures: Reasons,
    pub(crate) calls: Reasons,
    pub(crate) functions: Reasons,
}

/// Names of functions, and why each may stay.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Reasons(BTreeMap<String, String>);

impl Known {
    pub(crate) fn load() -> Result<Self> {
        let path = repository().join("tests/audit/known.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    pub(crate) fn len(&self) -> usize {
        self.signatures.0.len() + self.calls.0.len() + self.functions.0.len()
    }
}

impl Reasons {
    /// Complains of what was found and is not known, and of what is known and was not found.
    pub(crate) fn compare<'f>(
        &self,
        found: impl IntoIterator<Item = (&'f str, String)>,
        complaints: &mut Vec<String>,
    ) {
        let mut missing: BTreeSet<&str> = self.0.keys().map(String::as_str).collect();
        for (name, what) in found {
            if !missing.remove(name) {
                complaints.push(what);
            }
        }
        let gone =
            |name| format!("{name} is found no longer: take it out of tests/audit/known.toml");
        complaints.extend(missing.into_iter().map(gone));
    }
}
