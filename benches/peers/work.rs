//! The work, as data: what every side does, and how often.

use serde_json::{Value, json};

/// The pieces that are timed or weighed, each once a round and in a process of its own.
pub(crate) const PIECES: [&str; 5] = ["first", "agent", "speed", "alive", "starts"];

/// The piece that is done on one core.
pub(crate) const PINNED: &str = "starts";

/// What is done once, before the first round: whatever a side makes once a machine is made.
pub(crate) const PREPARE: &str = "prepare";

/// The piece that tries one capability, named by a further argument.
pub(crate) const CAN: &str = "can";

/// What a new sandbox runs.
pub(crate) const STATEMENT: &str = "x = 1";

/// Seconds that a call may take. A deadline is on all the time, as it is in services.
pub(crate) const DEADLINE: f64 = 30.0;

/// Samples of what is repeated: at most, and at least.
pub(crate) const TIMES: usize = 300;
pub(crate) const LEAST: usize = 5;

/// Seconds after which no further sample is taken.
pub(crate) const SECONDS: f64 = 2.0;

/// Timed runs of each program in a session, of which the quickest counts.
pub(crate) const PROGRAM_RUNS: usize = 20;

/// Sessions alive at once.
pub(crate) const ALIVE: u32 = 100;

/// For how long starts are counted.
pub(crate) const STARTS_SECONDS: f64 = 2.0;

/// How much later than asked for a call may be stopped.
pub(crate) const LATE: f64 = 2.0;

/// A program that is timed. Its `main()` gives the result.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
    pub(crate) result: &'static str,
}

pub(crate) const PROGRAMS: [Program; 2] = [
    Program { name: "fib", source: include_str!("programs/fib.py"), result: "46368" },
    Program { name: "words", source: include_str!("programs/words.py"), result: "37934" },
];

/// The ten statements of a session. Their like is what Monty's documentation calls an agent run: a list of orders, a
/// function, comprehensions, `json`, and a report that every side must have made.
pub(crate) fn session() -> Vec<&'static str> {
    let whole = include_str!("programs/session.py");
    whole.split("# next\n").skip(1).map(str::trim).collect()
}

/// What `report` then is.
pub(crate) const REPORT: &str = "cake: 12.75 of 23.25, 42 bytes, True";

/// What a side may be able to do. It is tried in a new session.
pub(crate) struct Capability {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) source: String,
    /// What is printed by a side that can; `None` when it is one that stops the program.
    pub(crate) prints: Option<&'static str>,
    /// Seconds that the call may take.
    pub(crate) deadline: f64,
    /// Bytes that the session may have.
    pub(crate) memory: Option<u64>,
}

pub(crate) fn capabilities() -> Vec<Capability> {
    let prints = |key, title, source: &str, printed| Capability {
        key,
        title,
        source: source.to_owned(),
        prints: Some(printed),
        deadline: DEADLINE,
        memory: None,
    };
    let stops = |key, title, source: &str, deadline, memory| Capability {
        key,
        title,
        source: source.to_owned(),
        prints: None,
        deadline,
        memory,
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    vec![
        prints(
            "exceptions",
            "exceptions are caught",
            "try:\n    {}['no']\nexcept KeyError as error:\n    print(type(error).__name__)",
            "KeyError",
        ),
        prints(
            "classes",
            "classes that inherit",
            "class A:\n    def f(self):\n        return 1\nclass B(A):\n    def f(self):\n        \
             return super().f() + 1\nprint(B().f())",
            "2",
        ),
        prints(
            "generators",
            "generators",
            "def f():\n    yield 1\n    yield 2\nprint(sum(f()))",
            "3",
        ),
        prints(
            "stdlib",
            "standard library (`statistics`, `difflib`, `csv`)",
            "import csv, difflib, statistics\nprint(statistics.median([1, 2, 3]))",
            "2",
        ),
        prints("numpy", "`import numpy`", "import numpy\nprint(int(numpy.arange(5).sum()))", "10"),
        prints(
            "files",
            "keeps the host's files away",
            &format!(
                "try:\n    open({file:?}).read()\n    print('read')\nexcept OSError:\n    print('refused')"
            ),
            "refused",
        ),
        stops(
            "deadline",
            "a deadline stops `while True: pass`",
            "while True:\n    pass",
            0.5,
            None,
        ),
        stops("long_call", "… and one long call", "sum(range(10**12))", 0.5, None),
        stops(
            "catches_all",
            "… and a loop that catches everything",
            "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
            0.5,
            None,
        ),
        stops(
            "memory",
            "a limit of memory fires",
            "size = 1 << 20\nheld = []\nfor _ in range(2048):\n    held.append(b'x' * size)",
            DEADLINE,
            Some(256 << 20),
        ),
    ]
}

/// All of it, for the peers' scripts.
pub(crate) fn json() -> Value {
    let programs = PROGRAMS.iter().map(|program| {
        (program.name.to_owned(), json!({"source": program.source, "result": program.result}))
    });
    let capabilities = capabilities().into_iter().map(|it| {
        let wanted = json!({
            "source": it.source, "prints": it.prints, "deadline": it.deadline, "memory": it.memory,
        });
        (it.key.to_owned(), wanted)
    });
    json!({
        "statement": STATEMENT,
        "deadline": DEADLINE,
        "times": TIMES,
        "least": LEAST,
        "seconds": SECONDS,
        "session": session(),
        "report": REPORT,
        "programs": programs.collect::<serde_json::Map<_, _>>(),
        "program_runs": PROGRAM_RUNS,
        "alive": ALIVE,
        "starts_seconds": STARTS_SECONDS,
        "late": LATE,
        "capabilities": capabilities.collect::<serde_json::Map<_, _>>(),
    })
}
