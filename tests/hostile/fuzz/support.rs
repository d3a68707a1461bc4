//! What the targets have in common: the inputs that are kept, the time a test takes, memory counted.

use peak_alloc::PeakAlloc;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// What one value may take of the host.
pub(crate) const VALUE: u64 = 1 << 16;

/// How long a test takes.
pub(crate) const TIME: Duration = Duration::from_secs(4);

/// Longest input.
pub(crate) const LONGEST: usize = 4_096;

/// One target at a time: memory is counted for the whole process.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a target with the inputs that are kept.
pub(crate) fn replay(name: &str, target: impl Fn(&[u8])) {
    for (_, input) in corpus(name) {
        target(&input);
    }
}

/// The inputs that are kept for a target, by name.
pub(crate) fn corpus(name: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let files = std::fs::read_dir(&folder).expect("a folder of inputs");
    let input = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(path).expect("an input"))
    };
    let corpus: BTreeMap<_, _> = files.map(input).collect();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    corpus
}

/// Runs this, and compares the host's peak of memory with what it may take.
pub(crate) fn bounded<T>(most: usize, body: impl FnOnce() -> T) -> T {
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let result = body();
    let peak = PEAK.peak_usage().saturating_sub(before);
    assert!(peak <= most, "{peak} bytes of the host's memory were taken, {most} allowed");
    result
}
