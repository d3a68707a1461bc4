//! The differences written down: `expected.toml`, each with its reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use toml::Value;

use super::report::{Group, Report};

/// What stands before the first table: the file's own explanation, kept as it is.
const COMMENT: char = '#';

/// The file's content: one entry a piece of the suite.
#[derive(Debug)]
pub struct Expected {
    path: PathBuf,
    head: String,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    passed: usize,
    /// What could pass in the guest and does not.
    #[serde(default)]
    differs: BTreeMap<String, Difference>,
    /// What needs a thing that WASI does not have.
    #[serde(default)]
    cannot: BTreeMap<String, Difference>,
}

/// A reason; with the number of tests when a function has parameters and more than one differs.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Difference {
    Once(String),
    Often { times: usize, reason: String },
}

/// How many tests came out how, and what was written down about them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Share {
    /// As they should.
    pub passed: usize,
    /// Could pass and did not.
    pub differ: usize,
    /// Need what WASI does not have.
    pub cannot: usize,
}

impl Expected {
    pub(super) fn load(path: PathBuf) -> Result<Self> {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let entries = toml::from_str(&text)
            .with_context(|| format!("{} is not well formed", path.display()))?;
        let head = text.lines().take_while(|line| line.starts_with(COMMENT));
        Ok(Self { path, head: head.map(|line| format!("{line}\n")).collect(), entries })
    }

    pub(super) fn store(&self) -> Result<()> {
        let mut text = self.head.clone();
        for (name, entry) in &self.entries {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let quoted = if name.chars().all(plain) { name.clone() } else { format!("{name:?}") };
            text += &format!("\n[{quoted}]\npassed = {}\n", entry.passed);
            for (table, differences) in [("differs", &entry.differs), ("cannot", &entry.cannot)] {
                if differences.is_empty() {
                    continue;
                }
                text += &format!("[{quoted}.{table}]\n");
                for (id, difference) in differences {
                    text += &difference.line(id);
                }
            }
        }
        Ok(fs::write(&self.path, text)?)
    }

    /// Takes the reports as the new truth, keeping the reasons of differences that remain.
    pub(super) fn update(&mut self, reports: &[Report]) {
        for report in reports {
            let old = self.entries.remove(&report.name).unwrap_or_default();
            let mut entry = Entry { passed: report.count().passed, ..Entry::default() };
            for (id, Group { times, worst }) in report.groups() {
                let cannot = old.cannot.contains_key(id);
                let known = old.find(id).map(Difference::reason);
                let reason = match known.filter(|reason| !unexplained(reason)) {
                    Some(reason) => reason.to_owned(),
                    None => format!("? {}: {}", worst.outcome, worst.note),
                };
                let table = if cannot { &mut entry.cannot } else { &mut entry.differs };
                table.insert(id.to_owned(), Difference::new(times, reason));
            }
            self.entries.insert(report.name.clone(), entry);
        }
    }

    /// Every way in which the reports are not as written down, a line each.
    pub(super) fn compare(&self, reports: &[Report]) -> Vec<String> {
        let mut complaints = Vec::new();
        for report in reports {
            let name = &report.name;
            let Some(entry) = self.entries.get(name) else {
                complaints.push(format!("{name} is not in expected.toml at all"));
                continue;
            };
            if report.tests.is_empty() {
                complaints.push(format!("{name}: there was nothing to run"));
            }
            let groups = report.groups();
            for (id, group) in &groups {
                if let Some(complaint) = entry.complaint(id, group) {
                    complaints.push(format!("{name}: {id} {complaint}"));
                }
            }
            for id in entry.differs.keys().chain(entry.cannot.keys()) {
                if groups.contains_key(id.as_str()) {
                    continue;
                }
                complaints.push(match report.best(id) {
                    Some(outcome) => {
                        format!("{name}: {id} {outcome}: take it out of expected.toml")
                    }
                    None => format!("{name}: {id} was not run, but is in expected.toml"),
                });
            }
            let passed = report.count().passed;
            if passed < entry.passed {
                complaints
                    .push(format!("{name}: only {passed} tests passed, {} before", entry.passed));
            }
        }
        complaints
    }

    /// A complaint for each piece that is written down and was not run.
    pub(super) fn not_run(&self, reports: &[Report]) -> Vec<String> {
        let run = |name: &str| reports.iter().any(|report| report.name == name);
        let names = self.entries.keys().filter(|name| !run(name));
        names.map(|name| format!("{name} was not run, but is in expected.toml")).collect()
    }

    /// How many tests passed, of those that can.
    #[must_use]
    pub fn share(&self, reports: &[Report]) -> Share {
        let mut share = Share::default();
        for report in reports {
            share.passed += report.count().passed;
            let entry = self.entries.get(&report.name);
            for (id, group) in report.groups() {
                if entry.is_some_and(|entry| entry.cannot.contains_key(id)) {
                    share.cannot += group.times;
                } else {
                    share.differ += group.times;
                }
            }
        }
        share
    }

    /// How many differences are written down.
    pub(super) fn len(&self) -> usize {
        self.differences().count()
    }

    /// How many of them lack a reason.
    pub(super) fn unexplained(&self) -> usize {
        self.differences().filter(|difference| unexplained(difference.reason())).count()
    }

    fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.entries.values().flat_map(|entry| entry.differs.values().chain(entry.cannot.values()))
    }
}

impl Entry {
    fn find(&self, id: &str) -> Option<&Difference> {
        self.differs.get(id).or_else(|| self.cannot.get(id))
    }

    /// What is wrong with a difference, or nothing when it is written down as it is.
    fn complaint(&self, id: &str, group: &Group<'_>) -> Option<String> {
        let Group { times, worst } = group;
        let Some(difference) = self.find(id) else {
            return Some(format!(
                "{}, which is not in expected.toml: {}",
                worst.outcome, worst.note
            ));
        };
        if unexplained(difference.reason()) {
            return Some("has no reason in expected.toml".to_owned());
        }
        (difference.times() != *times).then(|| {
            let expected = difference.times();
            format!("differs with {times} sets of parameters, not {expected}: {}", worst.note)
        })
    }
}

impl Difference {
    fn new(times: usize, reason: String) -> Self {
        if times == 1 { Self::Once(reason) } else { Self::Often { times, reason } }
    }

    fn times(&self) -> usize {
        match self {
            Self::Once(_) => 1,
            Self::Often { times, .. } => *times,
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Once(reason) | Self::Often { reason, .. } => reason,
        }
    }

    /// Its line of the file.
    fn line(&self, id: &str) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let (id, reason) = (text(id), text(self.reason()));
        match self {
            Self::Once(_) => format!("{id} = {reason}\n"),
            Self::Often { times, .. } => {
                format!("{id} = {{ times = {times}, reason = {reason} }}\n")
            }
        }
    }
}

impl Share {
    /// How much of what can pass does, in per cent.
    #[must_use]
    pub fn percent(&self) -> f64 {
        100.0 * self.passed as f64 / (self.passed + self.differ).max(1) as f64
    }
}

fn unexplained(reason: &str) -> bool {
    reason.is_empty() || reason.starts_with('?')
}
