//! How far a build has come, on standard error: bars on a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ophidia::ImageStage;
use ophidia_guest::Progress;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two redraws of the clock.
pub(crate) const TICK: Duration = Duration::from_millis(120);

/// Shows how far something is, on a terminal alone.
#[derive(Debug)]
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    pub(crate) fn new(title: &str, steps: usize) -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
            bar.set_style(style("{prefix} [{bar:24}] {pos}/{len} {elapsed}"));
            bar.set_prefix(title.to_owned());
            bar
        }))
    }

    pub(crate) fn advance(&self, steps: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(steps as u64);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Shows that something takes its time: on a terminal how long, elsewhere a line at the beginning.
#[derive(Debug)]
pub(crate) struct Spinner(Option<ProgressBar>);

impl Spinner {
    pub(crate) fn new(text: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            say(text);
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style("{spinner} {elapsed} {wide_msg}"));
        bar.set_message(text.to_owned());
        bar.enable_steady_tick(TICK);
        Self(Some(bar))
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Shows a build of the guest.
#[derive(Debug)]
pub(crate) struct BuildProgress {
    bar: Option<ProgressBar>,
    stage: Option<(String, Instant)>,
}

impl BuildProgress {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
            bar.set_style(style("{prefix} [{bar:24}] {elapsed} {wide_msg}"));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, stage: None }
    }

    /// Says why there is a build at all.
    pub(crate) fn announce(&mut self, cache: &Path) {
        self.message(&format!(
            "no guest in {} yet: building CPython for WebAssembly, some minutes, once a machine",
            cache.display()
        ));
    }

    fn end_stage(&mut self) {
        if let (Some((name, since)), Some(bar)) = (self.stage.take(), &self.bar) {
            bar.println(format!("{name}: {:.1} s", since.elapsed().as_secs_f64()));
        }
    }
}

impl Progress for BuildProgress {
    fn stage(&mut self, name: &str, index: usize, count: usize) {
        self.end_stage();
        let title = format!("[{index}/{count}] {name}");
        match &self.bar {
            Some(bar) => {
                bar.reset();
                bar.set_length(1);
                bar.set_prefix(title.clone());
                bar.set_message("");
            }
            None => say(&title),
        }
        self.stage = Some((title, Instant::now()));
    }

    fn tick(&mut self, done: u64, total: u64, note: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(total.max(1));
            bar.set_position(done);
            bar.set_message(note.to_owned());
        }
    }

    fn message(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }
}

impl Drop for BuildProgress {
    fn drop(&mut self) {
        self.end_stage();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows the making of an image; costs nothing when none is made.
#[derive(Debug, Default)]
pub(crate) struct ImageProgress {
    bar: Option<ProgressBar>,
}

impl ImageProgress {
    pub(crate) fn show(&mut self, stage: &ImageStage) {
        let text = match stage {
            ImageStage::Waiting => "another process is making the image; waiting for it".to_owned(),
            ImageStage::Discarded { reason } => {
                say(&format!("the cached image is made again: {reason}"));
                return;
            }
            ImageStage::Snapshot => "starting CPython once, for the snapshot".to_owned(),
            ImageStage::Compile => {
                "compiling the snapshot, some seconds, once a machine".to_owned()
            }
            _ => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                return;
            }
        };
        if !std::io::stderr().is_terminal() {
            return say(&text);
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style("{spinner} {msg} {elapsed}"));
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.set_message(text);
    }
}

pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A line of the command's own on standard error.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "ophidia: {text}");
}
