//! What is seen of an app while it runs: a table on a terminal, lines elsewhere.

use crate::progress::{say, style};
use indicatif::{ProgressBar, ProgressDrawTarget};
use ophidia::{DomainInfo, TaskletInfo};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// Between two looks on a terminal, and elsewhere.
const SOON: Duration = Duration::from_millis(500);
const LATE: Duration = Duration::from_secs(5);

/// Interpreters, and tasklets, that a terminal shows.
const MOST_DOMAINS: usize = 16;
const MOST_TASKLETS: usize = 10;

pub(super) struct View {
    bar: Option<ProgressBar>,
    quiet: bool,
    looked: Instant,
    /// Messages by then, by domains.
    received: BTreeMap<u64, u64>,
}

impl View {
    pub(super) fn new(quiet: bool) -> Self {
        let is_seen = !quiet && std::io::stderr().is_terminal();
        let bar = is_seen.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style("{msg}"));
            bar
        });
        Self { bar, quiet, looked: Instant::now(), received: BTreeMap::new() }
    }

    pub(super) fn is_due(&self) -> bool {
        let after = if self.bar.is_some() { SOON } else { LATE };
        !self.quiet && self.looked.elapsed() >= after
    }

    /// Shows what the interpreters say of themselves.
    pub(super) fn show(&mut self, domains: &[DomainInfo]) {
        let seconds = self.looked.elapsed().as_secs_f64().max(1e-3);
        self.looked = Instant::now();
        let rates: Vec<f64> = domains.iter().map(|one| self.rate(one, seconds)).collect();
        match &self.bar {
            Some(bar) => bar.set_message(table(domains, &rates)),
            None => say(&line(domains, &rates)),
        }
    }

    /// Messages that were received a second.
    fn rate(&mut self, info: &DomainInfo, seconds: f64) -> f64 {
        let before = self.received.insert(info.domain, info.received).unwrap_or_default();
        #[allow(clippy::cast_precision_loss, reason = "a rate is shown, not reckoned with")]
        let rate = info.received.saturating_sub(before) as f64 / seconds;
        rate
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.end();
    }
}

fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

fn line(domains: &[DomainInfo], rates: &[f64]) -> String {
    let sum = |get: fn(&DomainInfo) -> u64| domains.iter().map(get).sum::<u64>();
    let rate = rates.iter().fold(0.0, |sum, rate| sum + rate);
    let mut busiest = all_busiest(domains);
    busiest.truncate(1);
    let busiest = busiest.first().map_or_else(String::new, |one| {
        format!(", busiest: {} ({} waiting)", plain(&one.function), one.messages)
    });
    format!(
        "interpreters: {}, tasklets: {}, messages/s: {rate:.0}, restarts: {}, MiB: {}{busiest}",
        domains.len(),
        sum(|one| one.alive),
        sum(|one| one.restarts),
        mebibytes(sum(|one| one.memory)),
    )
}

/// A text of a guest's, which may hold anything.
fn plain(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(100).collect()
}

fn all_busiest(domains: &[DomainInfo]) -> Vec<&TaskletInfo> {
    let mut all: Vec<&TaskletInfo> = domains.iter().flat_map(|one| &one.busiest).collect();
    all.sort_by_key(|one| std::cmp::Reverse((one.steps, one.messages)));
    all
}

fn table(domains: &[DomainInfo], rates: &[f64]) -> String {
    let mut text = format!(
        "{:<22}{:>10}{:>10}{:>14}{:>10}{:>10}\n",
        "interpreter", "tasklets", "spawned", "messages/s", "restarts", "MiB"
    );
    for (one, rate) in domains.iter().zip(rates).take(MOST_DOMAINS) {
        let _ = writeln!(
            text,
            "{:<22}{:>10}{:>10}{rate:>14.0}{:>10}{:>10}",
            one.domain,
            one.alive,
            one.spawned,
            one.restarts,
            mebibytes(one.memory)
        );
    }
    if domains.len() > MOST_DOMAINS {
        let _ = writeln!(text, "and {} more", domains.len() - MOST_DOMAINS);
    }
    let _ = write!(
        text,
        "{:<34}{:<24}{:<10}{:>8}{:>8}",
        "busiest tasklets", "function", "status", "waiting", "steps"
    );
    for one in all_busiest(domains).into_iter().take(MOST_TASKLETS) {
        let (name, status) = (plain(&one.function), plain(&one.status));
        let _ = write!(
            text,
            "\n{:<34}{name:<24.23}{status:<10.9}{:>8}{:>8}",
            one.pid.to_string(),
            one.messages,
            one.steps
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_bytes_are_shown_in_mebibytes() {
        assert_eq!(mebibytes(64 << 20), 64);
        assert_eq!(
            line(&[], &[]),
            "interpreters: 0, tasklets: 0, messages/s: 0, restarts: 0, MiB: 0"
        );
    }
}
