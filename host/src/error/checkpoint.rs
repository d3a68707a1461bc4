//! `CheckpointError`: why an interpreter cannot be forked, written down, or go on from what was written.

/// Why an interpreter cannot be forked or checkpointed, or cannot go on from a checkpoint. Nothing has happened to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Something of it is under way that is not in its memory.
    #[error("the interpreter is not at rest: {0}")]
    NotAtRest(String),
    /// Python holds values of the host that nobody could find again elsewhere.
    #[error(
        "Python holds what cannot go along: {0} (let Python drop it first, or fork: a child in this process has it too)"
    )]
    HostValues(String),
    /// What the program has of the host is not there.
    #[error("functions of the host are missing: {} (give them by RestoreOptions::function, or by modules of the sandbox)", .0.join(", "))]
    Missing(Vec<String>),
    /// It is cut off, changed, or no checkpoint at all.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(String),
    /// It was written by a version of this library that has another form.
    #[error("the checkpoint is of version {found}, this is version {known}: {}", if found < known { "write it anew" } else { "restore it with a later build" })]
    Version {
        /// The version that it has.
        found: u32,
        /// The version that is read here.
        known: u32,
    },
    /// It belongs to another guest or another image: its functions lie elsewhere.
    #[error(
        "the checkpoint belongs to another build: its {what} is {found}, here it is {here} (restore it with the build that wrote it)"
    )]
    Foreign {
        /// What differs: `image`, `library`.
        what: &'static str,
        /// What it was written with.
        found: String,
        /// What is here.
        here: String,
    },
    /// A key is expected, and the checkpoint is sealed with none.
    #[error("the checkpoint is not sealed, and only one sealed with the key is taken")]
    Unsealed,
    /// It is sealed with another key, or was changed since.
    #[error("the checkpoint is not sealed with this key, or was changed since")]
    Forged,
    /// It is sealed, and no key was given.
    #[error("the checkpoint is sealed: give the key by RestoreOptions::key")]
    Sealed,
    /// It is larger than may be read.
    #[error("the checkpoint holds {asked} bytes, {limit} may be read (raise RestoreOptions::most)")]
    TooLarge {
        /// Bytes that it says it holds.
        asked: u64,
        /// Bytes that may be read.
        limit: u64,
    },
    /// The folder of a durable program is open.
    #[error(
        "{folder}: a process has this program's state open (end that process, or wait for its end)"
    )]
    Busy {
        /// The folder.
        folder: String,
    },
    /// The folder of a durable program has another program's state.
    #[error(
        "{folder}: the state of another program, or of this one before it was changed (name another folder, or remove that state)"
    )]
    OtherProgram {
        /// The folder.
        folder: String,
    },
    /// Its file cannot be read or written.
    #[error("{0}")]
    File(String),
}
