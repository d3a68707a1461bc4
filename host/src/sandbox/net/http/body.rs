//! Bodies: read by the framing they came with, written in a framing of our own.

use super::head::{Told, check_byte};
use super::refusal::Fault;

/// Longest chunk extension, and longest trailer section. Both are dropped, so nothing of them is held.
const MOST_DROPPED: u32 = 16 << 10;

/// Most hexadecimal digits of a chunk's size: as many as 64 bits have.
const MOST_DIGITS: u32 = 16;

/// Where a body ends, and how far it is read.
#[derive(Debug)]
pub(super) enum Body {
    /// So many more bytes.
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

/// What came of reading on.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// Some of the body's own bytes.
    Piece(&'a [u8]),
    /// The bytes are used up.
    More,
    /// The body is over. What is left belongs to the next message.
    Over,
}

impl Body {
    /// The body of a message that says this much.
    pub(super) fn new(told: &Told, otherwise: Self) -> Self {
        match told {
            Told::Nothing => otherwise,
            Told::Length(length) => Self::Length(*length),
            Told::Chunked => Self::Chunked(Chunks::default()),
        }
    }

    /// Moves bytes from the front of `bytes`.
    pub(super) fn step<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Step<'a>, Fault> {
        match self {
            Self::Length(0) => Ok(Step::Over),
            Self::Length(left) => Ok(piece(left, bytes)),
            Self::Chunked(chunks) => chunks.step(bytes),
            Self::UntilClose => Ok(piece(&mut { u64::MAX }, bytes)),
        }
    }
}

/// At most `left` bytes off the front, and `left` made smaller by them.
fn piece<'a>(left: &mut u64, bytes: &mut &'a [u8]) -> Step<'a> {
    let most = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    match bytes.split_at_checked(most) {
        Some((piece, rest)) if !piece.is_empty() => {
            *bytes = rest;
            *left = left.saturating_sub(piece.len() as u64);
            Step::Piece(piece)
        }
        _ => Step::More,
    }
}

/// Reads the chunked coding, RFC 9112, 7.1. Extensions and trailers are dropped.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    state: State,
    /// The byte before, within extensions and trailers.
    last: Option<u8>,
    /// How much of an extension or of the trailers was dropped.
    dropped: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In a size, after so many digits.
    Size {
        digits: u32,
        size: u64,
    },
    /// Within an extension.
    Extension {
        size: u64,
    },
    /// After the CR of a size's line.
    SizeEnd {
        size: u64,
    },
    Data {
        left: u64,
    },
    /// Before the CR, or the LF, that ends a chunk.
    DataEnd {
        cr: bool,
    },
    /// In the trailers; `empty` while the line has no bytes yet.
    Trailers {
        empty: bool,
    },
    Over,
}

impl Default for State {
    fn default() -> Self {
        Self::Size { digits: 0, size: 0 }
    }
}

impl Chunks {
    fn step<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Step<'a>, Fault> {
        loop {
            match &mut self.state {
                State::Over => return Ok(Step::Over),
                State::Data { left: 0 } => self.state = State::DataEnd { cr: false },
                State::Data { left } => return Ok(piece(left, bytes)),
                _ => {
                    let Some((&byte, rest)) = bytes.split_first() else { return Ok(Step::More) };
                    *bytes = rest;
                    self.state = self.after(byte)?;
                }
            }
        }
    }

    /// The state after one byte that is not data.
    fn after(&mut self, byte: u8) -> Result<State, Fault> {
        match self.state {
            State::Size { digits, size } => match (char::from(byte).to_digit(16), byte) {
                (Some(digit), _) if digits < MOST_DIGITS => {
                    let size = size << 4 | u64::from(digit);
                    Ok(State::Size { digits: digits + 1, size })
                }
                (_, b'\r') if digits > 0 => Ok(State::SizeEnd { size }),
                (_, b';') if digits > 0 => Ok(State::Extension { size }),
                _ => Err(malformed("its size is not 1 to 16 hexadecimal digits")),
            },
            State::Extension { size } => {
                self.drop(byte)?;
                let over = byte == b'\r';
                Ok(if over { State::SizeEnd { size } } else { State::Extension { size } })
            }
            State::SizeEnd { size } => {
                (self.last, self.dropped) = (None, 0);
                match (byte, size) {
                    (b'\n', 0) => Ok(State::Trailers { empty: true }),
                    (b'\n', left) => Ok(State::Data { left }),
                    _ => Err(malformed("its size is followed by a CR without LF")),
                }
            }
            State::DataEnd { cr } => match (cr, byte) {
                (false, b'\r') => Ok(State::DataEnd { cr: true }),
                (true, b'\n') => Ok(State::default()),
                _ => Err(malformed("its data is longer than its size")),
            },
            State::Trailers { empty } => {
                self.drop(byte)?;
                Ok(match byte {
                    b'\n' if empty => State::Over,
                    b'\n' => State::Trailers { empty: true },
                    b'\r' => State::Trailers { empty },
                    _ => State::Trailers { empty: false },
                })
            }
            State::Data { .. } | State::Over => Ok(self.state),
        }
    }

    fn drop(&mut self, byte: u8) -> Result<(), Fault> {
        check_byte(self.last, byte)?;
        self.last = Some(byte);
        self.dropped += 1;
        match self.dropped > MOST_DROPPED {
            true => Err(malformed("its extension, or the trailers, are longer than 16 KiB")),
            false => Ok(()),
        }
    }
}

fn malformed(why: &str) -> Fault {
    Fault::malformed(format!("a chunk of a body is malformed: {why}"))
}

/// Writes a body on, in chunks of its own or as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    pub(super) chunked: bool,
}

impl Writer {
    pub(super) fn piece(self, piece: &[u8], out: &mut Vec<u8>) {
        match self.chunked {
            // A chunk of no bytes would end the body.
            true if piece.is_empty() => {}
            true => {
                out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                out.extend_from_slice(piece);
                out.extend_from_slice(b"\r\n");
            }
            false => out.extend_from_slice(piece),
        }
    }

    pub(super) fn end(self, out: &mut Vec<u8>) {
        if self.chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }
}
