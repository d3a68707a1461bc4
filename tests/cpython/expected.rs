//! The differences written down: `expected.toml`, each with its reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ophidia_tests::repository;
use serde::{Deserialize, Serialize};

use crate::run::Report;

/// What is written above the table.
const HEAD: &str = "\
# Where the guest differs from what CPython's test-suite expects: test -> reason. `cpython --update`
# rewrites this file and keeps the reasons; a reason that begins with `?` is still to be found.
# `passed` is how many tests pass at least. (module), (exit) and (rest) stand for no single test: the
# module skips itself or cannot be imported, the run ends badly, the rest was given up.
";

/// The file's content: one entry a module.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Expected {
    #[serde(flatten)]
    modules: BTreeMap<String, Entry>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    passed: usize,
    #[serde(default)]
    differs: BTreeMap<String, String>,
}

impl Expected {
    pub(crate) fn load() -> Result<Self> {
        let path = path();
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not well formed", path.display()))
    }

    pub(crate) fn store(&self) -> Result<()> {
        let mut text = HEAD.to_owned();
        for (module, entry) in &self.modules {
            let quoted = if module.contains('.') { format!("{module:?}") } else { module.clone() };
            text += &format!("\n[{quoted}]\npassed = {}\n", entry.passed);
            if !entry.differs.is_empty() {
                text += &format!("[{quoted}.differs]\n{}", toml::to_string(&entry.differs)?);
            }
        }
        Ok(fs::write(path(), text)?)
    }

    /// Takes the reports as the new truth, keeping the reasons of differences that remain.
    pub(crate) fn update(&mut self, reports: &[Report]) {
        for report in reports {
            let mut old = self.modules.remove(&report.module).unwrap_or_default();
            let differs = report.differences().map(|(id, result)| {
                let reason = old.differs.remove(id).filter(|reason| !reason.starts_with('?'));
                (
                    id.clone(),
                    reason.unwrap_or_else(|| format!("? {}: {}", result.outcome, result.note)),
                )
            });
            let entry = Entry { passed: report.count().passed, differs: differs.collect() };
            self.modules.insert(report.module.clone(), entry);
        }
    }

    /// Every way in which the reports are not as written down, a line each.
    pub(crate) fn compare(&self, reports: &[Report]) -> Vec<String> {
        let mut complaints = Vec::new();
        for report in reports {
            let module = &report.module;
            let Some(entry) = self.modules.get(module) else {
                complaints.push(format!("{module} is not in expected.toml at all"));
                continue;
            };
            for (id, result) in report.differences() {
                match entry.differs.get(id) {
                    None => complaints.push(format!(
                        "{module}: {id} {}, which is not in expected.toml: {}",
                        result.outcome, result.note
                    )),
                    Some(reason) if reason.starts_with('?') || reason.is_empty() => {
                        complaints.push(format!("{module}: {id} has no reason in expected.toml"));
                    }
                    Some(_) => {}
                }
            }
            for id in entry.differs.keys() {
                let Some(result) = report.tests.get(id) else {
                    complaints.push(format!("{module}: {id} was not run, but is in expected.toml"));
                    continue;
                };
                if report.differences().all(|(different, _)| different != id) {
                    complaints.push(format!(
                        "{module}: {id} {}: take it out of expected.toml",
                        result.outcome
                    ));
                }
            }
            let passed = report.count().passed;
            if passed < entry.passed {
                complaints
                    .push(format!("{module}: only {passed} tests passed, {} before", entry.passed));
            }
        }
        complaints
    }

    /// How many differences are written down.
    pub(crate) fn len(&self) -> usize {
        self.modules.values().map(|entry| entry.differs.len()).sum()
    }

    /// How many of them lack a reason.
    pub(crate) fn unexplained(&self) -> usize {
        let reasons = self.modules.values().flat_map(|entry| entry.differs.values());
        reasons.filter(|reason| reason.starts_with('?') || reason.is_empty()).count()
    }
}

fn path() -> PathBuf {
    repository().join("tests/cpython/expected.toml")
}
