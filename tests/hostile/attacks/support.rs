//! The one helper: a guest that turns hostile when its source text is not empty, and what is said of it.

use ophidia::Runtime;
pub(crate) use ophidia::{Error, Function, Interpreter, LimitExceeded, Value};
pub(crate) use ophidia_hostile::{FRAME, Guest, INPUT, OBJECTS, ROOM, VALUE, interpreter};
use peak_alloc::PeakAlloc;
use std::sync::{PoisonError, RwLock};

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// One attack at a time, and no guest is compiled meanwhile: memory is counted for the whole process.
static TURN: RwLock<()> = RwLock::new(());

/// What any attack may make the host hold: a value, twice over, and what a trap and a new interpreter take.
pub(crate) const BOUND: usize = 2 * VALUE as usize + (1 << 20);

/// Runs this, and compares the host's peak of memory with the bound.
pub(crate) fn bounded<T>(body: impl FnOnce() -> T) -> T {
    let _turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let result = body();
    let peak = PEAK.peak_usage().saturating_sub(before);
    assert!(peak <= BOUND, "{peak} bytes of the host's memory were taken");
    result
}

/// The runtime of a guest.
pub(crate) fn runtime(guest: &Guest) -> Runtime {
    let _turn = TURN.read().unwrap_or_else(PoisonError::into_inner);
    guest.runtime()
}

/// A guest that does this in `ophidia_run` unless the source text is empty.
pub(crate) fn running(body: &str) -> Guest {
    Guest::new().does(
        "ophidia_run",
        &format!("(if (result i32) (local.get $source_len) (then {body}) (else (i32.const 0)))"),
    )
}

/// Attacks an interpreter, and then uses another of the same runtime.
pub(crate) fn attack<T>(
    guest: &Guest,
    attack: impl FnOnce(&mut Interpreter) -> Result<T, Error>,
) -> Result<T, Error> {
    let runtime = runtime(guest);
    let mut other = interpreter(&runtime).expect("it is not hostile yet");
    let mut py = interpreter(&runtime).expect("it is not hostile yet");
    let result = bounded(|| attack(&mut py));
    if let Err(Error::GuestFault(_)) = &result {
        assert!(py.is_poisoned(), "a fault poisons");
        assert!(matches!(py.run(""), Err(Error::Poisoned { .. })));
    }
    other.run("").expect("the other one goes on");
    drop(py);
    interpreter(&runtime).expect("its slot is free").run("").expect("a new one works");
    result
}

/// What is said of a guest that is at fault.
pub(crate) fn fault<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::GuestFault(said)) => said,
        other => panic!("no fault: {other:?}"),
    }
}

/// What is said of a value that a run leaves.
pub(crate) fn value(body: &str) -> Result<Value, Error> {
    attack(&running(&format!("{body} (i32.const 0)")), |py| py.eval("!"))
}

/// Bytes at an address, as a field of a module.
pub(crate) fn data(at: u32, bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(data (i32.const {at}) \"{text}\")")
}
