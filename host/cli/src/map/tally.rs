//! What a map has done so far: a bar on a terminal, and at the end which inputs failed.

use super::line;
use crate::progress::{self, say};
use crate::status::Status;
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::io::{self, IsTerminal as _, Write as _};

/// As many failures, and inputs that have changed, are listed.
const LISTED: usize = 20;

/// It counts what has ended.
pub(crate) struct Tally {
    bar: Option<ProgressBar>,
    done: u64,
    failed: u64,
    changed: u64,
    failures: Vec<String>,
}

impl Tally {
    /// Of so many inputs, if that is known.
    pub(crate) fn new(count: Option<u64>) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(count, ProgressDrawTarget::stderr());
            bar.set_style(progress::style(match count {
                Some(_) => "[{bar:24}] {pos}/{len}  {per_sec}  {eta} left{msg}",
                None => "{spinner} {pos}  {per_sec}  {elapsed}{msg}",
            }));
            bar.enable_steady_tick(progress::TICK);
            bar
        });
        Self { bar, done: 0, failed: 0, changed: 0, failures: Vec::new() }
    }

    /// Prints a line and counts it.
    pub(crate) fn print(&mut self, line: &str, failed: bool) -> io::Result<()> {
        let print = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(line.as_bytes())?;
            stdout.write_all(b"\n")?;
            stdout.flush()
        };
        match &self.bar {
            Some(bar) if io::stdout().is_terminal() => bar.suspend(print),
            _ => print(),
        }?;
        self.done += 1;
        if failed {
            self.failed += 1;
            if self.failures.len() < LISTED {
                self.failures.push(line::reason(line));
            }
        }
        if let Some(bar) = &self.bar {
            bar.inc(1);
            if failed {
                bar.set_message(format!("  {} failed", self.failed));
            }
        }
        Ok(())
    }

    /// Says that an input is not what the journal has it as.
    pub(crate) fn changed(&mut self, index: u64, name: &str) {
        self.changed += 1;
        if self.changed <= LISTED as u64 {
            let text = format!("input {index} ({}) has changed: run anew", line::shown(name, 60));
            match &self.bar {
                Some(bar) => bar.suspend(|| say(&text)),
                None => say(&text),
            }
        }
    }

    /// Ends where nobody reads the results any more; gives the exit status that counts the failures.
    pub(crate) fn end_quietly(self) -> Status {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        Status::of_failures(self.failed)
    }

    /// Says how it went; gives the exit status that counts the failures.
    pub(crate) fn end(self, interrupted: bool) -> Status {
        let Self { bar, done, failed, changed, failures } = self;
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        if let Some(more) = changed.checked_sub(LISTED as u64).filter(|more| *more > 0) {
            say(&format!("{more} more inputs have changed: run anew"));
        }
        for failure in &failures {
            say(&format!("failed: {failure}"));
        }
        if let Some(more) = failed.checked_sub(failures.len() as u64).filter(|more| *more > 0) {
            say(&format!("and {more} more"));
        }
        let inputs = if done == 1 { "input" } else { "inputs" };
        let end = if interrupted { ", then interrupted" } else { "" };
        say(&format!("{done} {inputs} done, {failed} failed{end}"));
        Status::of_failures(failed)
    }
}
