//! Frames: messages as they travel, each with whom it is for.

use crate::bridge::{Encoder, check_message, write_message};
use crate::error::{ConversionError, Error, Result};
use crate::value::Pid;
use ophidia_abi::message::{HEAD, Kind};

/// The index that stands for a domain itself.
pub(super) const THE_DOMAIN: u32 = u32::MAX;

/// The node of a domain, which has the number of the first domain there could be. Mailboxes of Rust are of that.
pub(super) fn node_of(domain: u64) -> u64 {
    domain & !0xff_ffff
}

/// A domain as a pid.
pub(super) fn the_domain(domain: u64) -> Pid {
    Pid { domain, index: THE_DOMAIN, generation: 0 }
}

/// One of several that follow one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    pub(super) to: Pid,
    /// The encoded value.
    pub(super) value: &'a [u8],
    /// All of it.
    pub(super) bytes: &'a [u8],
}

/// Bytes of a frame in front of its value, as lengths are counted here.
const START: usize = HEAD as usize;

/// Where its domain stands.
const DOMAIN: std::ops::Range<usize> = 5..13;

/// Takes the first frame off the bytes.
fn split(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    if count < START - 4 || count > rest.len() {
        return None;
    }
    let (bytes, rest) = bytes.split_at_checked(4 + count)?;
    let (head, value) = bytes.split_first_chunk::<START>()?;
    let word = |at: usize| Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let to = Pid {
        domain: u64::from_le_bytes(*head.get(DOMAIN)?.first_chunk()?),
        index: word(13)?,
        generation: word(17)?,
    };
    let kind = Kind::from_number(*head.get(4)?)?;
    Some((Frame { kind, to, value, bytes }, rest))
}

/// The frames that a guest has written. A message that is none, or holds what means nothing elsewhere, is the fault of
/// that guest.
pub(super) fn frames(mut bytes: &[u8]) -> impl Iterator<Item = Result<Frame<'_>>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let Some((frame, rest)) = split(bytes) else {
            bytes = &[];
            return Some(Err(Error::GuestFault("a frame of a message that is none".into())));
        };
        bytes = rest;
        Some(check_message(frame.value).map(|()| frame))
    })
}

/// Appends a frame.
pub(super) fn write(
    mut bytes: Vec<u8>,
    kind: Kind,
    to: Pid,
    value: impl FnOnce(&mut Encoder<'_>) -> Result<(), ConversionError>,
) -> Result<Vec<u8>> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0, 0, 0, 0, kind as u8]);
    bytes.extend_from_slice(&to.domain.to_le_bytes());
    bytes.extend_from_slice(&to.index.to_le_bytes());
    bytes.extend_from_slice(&to.generation.to_le_bytes());
    let mut bytes = write_message(bytes, value)?;
    let value = bytes.get(start + START..).unwrap_or_default();
    check_message(value).map_err(|error| ConversionError::other(error.to_string()))?;
    let count = bytes.len() - start - 4;
    let count = u32::try_from(count)
        .map_err(|_| ConversionError::new("at most 256 MiB at once", "more"))?;
    if let Some(place) = bytes.get_mut(start..start + 4) {
        place.copy_from_slice(&count.to_le_bytes());
    }
    Ok(bytes)
}

/// Appends a copy of a frame that is for this domain.
pub(super) fn copy_for(bytes: &mut Vec<u8>, frame: &Frame<'_>, domain: u64) {
    let start = bytes.len();
    bytes.extend_from_slice(frame.bytes);
    if frame.to.domain != domain
        && let Some(place) = bytes.get_mut(start + DOMAIN.start..start + DOMAIN.end)
    {
        place.copy_from_slice(&domain.to_le_bytes());
    }
}
