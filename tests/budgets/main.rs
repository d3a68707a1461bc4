//! The figures of the benches against their budgets.
//!
//! Reads the lines `figure KEY VALUE UNIT` that benches print with `--figures`, and compares them with
//! `benches/budgets.toml`. A miss is a figure past its budget, and a budget whose figure is not there. From the
//! repository's root:
//!
//! ```text
//! cargo bench --bench call -- --figures | cargo run --release -p ophidia-tests --bin budgets -- call
//! cargo run --release -p ophidia-tests --bin budgets < figures.txt           of all benches
//! cargo run --release -p ophidia-tests --bin budgets -- --json < figures.txt for other programs
//! ```
#![expect(clippy::print_stdout, reason = "a command reports on standard output")]

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use serde::{Deserialize, Serialize};

const BUDGETS: &str = include_str!("../../benches/budgets.toml");

/// Compare figures of the benches, given on standard input, with their budgets.
#[derive(Debug, Parser)]
#[command(name = "budgets", version)]
struct Options {
    /// Print JSON: a list of objects, one a budget.
    #[arg(long)]
    json: bool,
    /// The benches whose figures are given [default: all of benches/budgets.toml].
    benches: Vec<String>,
}

/// A row of the file: at most `most`, or at least `least`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    unit: String,
    most: Option<f64>,
    least: Option<f64>,
    aim: Option<f64>,
}

/// How a figure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Met,
    /// Past the budget and within the aim.
    Missed,
    /// Past the aim.
    Worse,
    /// No bench has printed it.
    Absent,
}

/// One budget and its figure.
#[derive(Debug, Serialize)]
struct Row {
    bench: String,
    key: String,
    value: Option<f64>,
    unit: String,
    most: Option<f64>,
    least: Option<f64>,
    aim: Option<f64>,
    standing: Standing,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let budgets = chosen(&options.benches)?;
    let figures = figures(&std::io::read_to_string(std::io::stdin())?)?;
    let rows = compare(budgets, &figures)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        rows.iter().for_each(|row| println!("{row}"));
    }
    let missed = rows.iter().filter(|row| row.standing != Standing::Met).count();
    if !options.json {
        println!("{} of {} budgets are met", rows.len() - missed, rows.len());
    }
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Budgets = BTreeMap<String, BTreeMap<String, Budget>>;

/// The budgets of these benches.
fn chosen(benches: &[String]) -> Result<Budgets> {
    let mut all: Budgets = toml::from_str(BUDGETS)?;
    if let Some(unknown) = benches.iter().find(|bench| !all.contains_key(*bench)) {
        bail!("{unknown} is not in benches/budgets.toml");
    }
    all.retain(|bench, _| benches.is_empty() || benches.contains(bench));
    for (key, Budget { most, least, .. }) in all.values().flatten() {
        ensure!(most.is_some() != least.is_some(), "{key}: either `most` or `least`");
    }
    Ok(all)
}

/// The figures in the output of benches, by key; other lines are left out.
fn figures(text: &str) -> Result<BTreeMap<String, (f64, String)>> {
    let mut figures = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("figure ")) {
        let [_, key, value, unit] = *line.split(' ').collect::<Vec<_>>() else {
            bail!("{line:?} is not `figure KEY VALUE UNIT`");
        };
        let value: f64 = value.parse().with_context(|| format!("{line:?}"))?;
        ensure!(value.is_finite(), "{line:?}: not a number");
        let before = figures.insert(key.to_owned(), (value, unit.to_owned()));
        ensure!(before.is_none(), "{key} is given twice");
    }
    ensure!(!figures.is_empty(), "no figures on standard input: run the benches with --figures");
    Ok(figures)
}

fn compare(budgets: Budgets, figures: &BTreeMap<String, (f64, String)>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (bench, budgets) in budgets {
        for (key, Budget { unit, most, least, aim }) in budgets {
            let figure = figures.get(&key);
            if let Some((_, printed)) = figure.filter(|(_, printed)| *printed != unit) {
                bail!("{key} is printed in {printed}, its budget is in {unit}");
            }
            let value = figure.map(|(value, _)| *value);
            let within = |limit: Option<f64>| match (value, limit) {
                (Some(value), Some(limit)) => {
                    if most.is_some() {
                        value <= limit
                    } else {
                        value >= limit
                    }
                }
                _ => false,
            };
            let standing = match value {
                None => Standing::Absent,
                Some(_) if within(most.or(least)) => Standing::Met,
                Some(_) if within(aim) => Standing::Missed,
                Some(_) => Standing::Worse,
            };
            rows.push(Row { bench: bench.clone(), key, value, unit, most, least, aim, standing });
        }
    }
    Ok(rows)
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.most.is_some() { '≤' } else { '≥' };
        let limit =
            |limit: Option<f64>| limit.map_or("–".to_owned(), |it| format!("{sign} {it}"));
        let value = self.value.map_or("–".to_owned(), |value| format!("{value:.2}"));
        let standing = match self.standing {
            Standing::Met => "met",
            Standing::Missed => "missed",
            Standing::Worse => "missed, and past the aim",
            Standing::Absent => "not printed",
        };
        let (budget, aim) = (limit(self.most.or(self.least)), limit(self.aim));
        let Self { key, unit, .. } = self;
        write!(f, "{key:26} {value:>9} {unit:12} budget {budget:8} aim {aim:8} {standing}")
    }
}
