//! The form of a checkpoint: a head that says what it belongs to, a compressed body, and a seal where there is a key.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `OPHIDIA` and a line break |
//! | 4 | the version of this form |
//! | 1 | what it is of: an interpreter, a template |
//! | 1 | whether a seal follows the body |
//! | 4 + n | the build that wrote it |
//! | 4 + n | a note of whoever wrote it |
//! | 32 | the SHA-256 of what memories of its image begin with |
//! | 8, 8 | bytes of the body, and bytes that it takes compressed |
//! | … | the body, compressed with zstd: the state, then each page as its difference from the image's |
//! | 32 | the seal: HMAC-SHA256 of all that is before it |
//!
//! A dump is hostile input. The seal is looked at before anything behind the head; the body is decompressed into as many
//! bytes as it says, which are bounded before; what it holds is bounded by them.

use super::frozen::Frozen;
use super::restore::CheckpointOptions;
use crate::error::{CheckpointError, Error, Result};
use crate::function::Function;
use crate::image;
use crate::python::{Carried, Table};
use crate::sandbox::memories::Beginning;
use crate::sandbox::pages::Pages;
use crate::sandbox::travel::{Bytes, Damaged, Travel};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::io::Read;
use std::ops::Range;

const MAGIC: [u8; 8] = *b"OPHIDIA\n";

/// Raised with every change of the form.
pub(super) const VERSION: u32 = 2;

/// Bytes of a note, at most.
pub(super) const MOST_NOTE: usize = 64 << 10;

/// Bytes of a seal.
const SEAL: usize = 32;

/// Level of compression: higher ones gain little and take twice the time.
const LEVEL: i32 = 1;

/// How far a body looks back at most, as a power of two: 8 MiB.
const WINDOW: u32 = 23;

/// What a dump is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Interpreter = 0,
    Template = 1,
}

/// An interpreter at rest as it was written down: the host's functions by their names.
pub(super) struct Written {
    pub(super) carried: Carried,
    pub(super) table: Vec<Option<String>>,
    /// The kinds of generators that have drawn, where that was looked at.
    pub(super) drawn: u32,
    pub(super) pages: Pages<'static>,
}

/// The build that dumps belong to: the agreement of host and guest, and our own code that images depend on.
fn build() -> String {
    format!("{} (interop {})", env!("CARGO_PKG_VERSION"), ophidia_abi::VERSION)
}

fn hex(bytes: &[u8]) -> String {
    image::hex(bytes.get(..8).unwrap_or(bytes))
}

/// Writes a frozen interpreter down, whose pages that differ from the image are these.
pub(super) fn write(
    frozen: &Frozen<'_>,
    pages: &Pages<'_>,
    kind: Kind,
    pristine: &Beginning,
    options: &CheckpointOptions,
) -> Result<Vec<u8>> {
    let (key, note) = (options.checked_key()?, options.checked_note()?);
    let mut body = Vec::with_capacity(pages.size() + 4096);
    frozen.carried.put(&mut body);
    names_of(&frozen.table)?.put(&mut body);
    frozen.drawn.put(&mut body);
    pages.len.put(&mut body);
    let ranges: Vec<(usize, usize)> =
        pages.ranges.iter().map(|range| (range.start, range.end)).collect();
    ranges.put(&mut body);
    for (range, bytes) in pages.each() {
        let from = body.len();
        body.extend_from_slice(bytes);
        pristine.difference(range, body.get_mut(from..).unwrap_or_default());
    }
    let packed = zstd::stream::encode_all(&*body, LEVEL).map_err(|error| {
        Error::host(format!("a checkpoint cannot be compressed: {error}")).because(error)
    })?;
    let mut out = Vec::with_capacity(packed.len() + 256);
    out.extend_from_slice(&MAGIC);
    VERSION.put(&mut out);
    (kind as u8).put(&mut out);
    key.is_some().put(&mut out);
    build().put(&mut out);
    note.to_owned().put(&mut out);
    out.extend_from_slice(&pristine.digest());
    (body.len() as u64, packed.len() as u64).put(&mut out);
    out.extend_from_slice(&packed);
    if let Some(key) = key {
        let seal = seal(key, &out)?.finalize().into_bytes();
        out.extend_from_slice(&seal);
    }
    Ok(out)
}

/// Reads a dump that nobody vouches for, of so many bytes at most.
pub(super) fn read(
    bytes: &[u8],
    kind: Kind,
    pristine: &Beginning,
    (key, most): (Option<&[u8]>, u64),
) -> Result<Written> {
    let packed = open(bytes, kind, pristine, key)?;
    let (len, packed) = packed;
    if len > most {
        return Err(CheckpointError::TooLarge { asked: len, limit: most }.into());
    }
    let body = unpack(packed, len)?;
    parse(&body, pristine, most).map_err(damaged)
}

/// What is before the body. Nobody vouches for it.
pub(super) struct Head {
    pub(super) kind: u8,
    pub(super) is_sealed: bool,
    pub(super) build: String,
    pub(super) note: String,
    pub(super) digest: [u8; SEAL],
    /// Bytes of the body.
    pub(super) len: u64,
    packed: usize,
}

impl Head {
    /// Reads it.
    pub(super) fn take(from: &mut Bytes<'_>) -> Result<Self> {
        if from.next(MAGIC.len()).map_err(damaged)? != MAGIC {
            return Err(damaged(Damaged("it does not begin as one".into())));
        }
        let found = u32::take(from).map_err(damaged)?;
        if found != VERSION {
            return Err(CheckpointError::Version { found, known: VERSION }.into());
        }
        Self::behind_version(from).map_err(damaged)
    }

    fn behind_version(from: &mut Bytes<'_>) -> Result<Self, Damaged> {
        let (kind, is_sealed) = Travel::take(from)?;
        let (build, note) = Travel::take(from)?;
        let digest = from.next(SEAL)?.try_into();
        let digest = digest.map_err(|_| Damaged("a digest that is cut off".into()))?;
        let (len, packed) = Travel::take(from)?;
        Ok(Self { kind, is_sealed, build, note, digest, len, packed })
    }

    /// In words a piece of the digest that names an image.
    pub(super) fn image(&self) -> String {
        hex(&self.digest)
    }
}

/// Looks at the head and the seal; gives the bytes of the body, and the body as it is compressed.
fn open<'a>(
    bytes: &'a [u8],
    kind: Kind,
    pristine: &Beginning,
    key: Option<&[u8]>,
) -> Result<(u64, &'a [u8])> {
    let mut from = Bytes::new(bytes, 0);
    let head = Head::take(&mut from)?;
    match (key, head.is_sealed) {
        (Some(_), false) => return Err(CheckpointError::Unsealed.into()),
        (None, true) => return Err(CheckpointError::Sealed.into()),
        (Some(key), true) => {
            let at = bytes.len().saturating_sub(SEAL);
            let (before, found) = bytes.split_at_checked(at).unwrap_or_default();
            seal(key, before)?.verify_slice(found).map_err(|_| CheckpointError::Forged)?;
        }
        (None, false) => {}
    }
    let here = build();
    if head.build != here {
        // As much as is worth telling of what may be anything.
        let found = crate::error::beginning(&head.build).to_string();
        return Err(CheckpointError::Foreign { what: "library", found, here }.into());
    }
    if head.digest != pristine.digest() {
        let (found, here) = (head.image(), hex(&pristine.digest()));
        return Err(CheckpointError::Foreign { what: "image", found, here }.into());
    }
    if head.kind != kind as u8 {
        let said = match kind {
            Kind::Interpreter => "it is no checkpoint of an interpreter",
            Kind::Template => "it is no template",
        };
        return Err(damaged(Damaged(said.into())));
    }
    let packed = from.next(head.packed).map_err(damaged)?;
    if head.is_sealed {
        from.next(SEAL).map_err(damaged)?;
    }
    from.end().map_err(damaged)?;
    Ok((head.len, packed))
}

/// A body of exactly so many bytes, which grow as they come.
fn unpack(packed: &[u8], len: u64) -> Result<Vec<u8>> {
    let wrong = |said: String| damaged(Damaged(format!("its body: {said}")));
    let decoder = zstd::stream::read::Decoder::with_buffer(packed);
    let mut decoder = decoder.map_err(|error| wrong(error.to_string()))?;
    // What this level looks back at; one that says more would have more memory kept for it.
    decoder.window_log_max(WINDOW).map_err(|error| wrong(error.to_string()))?;
    let mut body = Vec::new();
    let read = decoder.take(len.saturating_add(1)).read_to_end(&mut body);
    read.map_err(|error| wrong(error.to_string()))?;
    if body.len() as u64 != len {
        return Err(wrong(format!("{len} bytes are said to be in it, {} are", body.len())));
    }
    Ok(body)
}

/// Of a body, lists of so many bytes at most.
fn parse(body: &[u8], pristine: &Beginning, most: u64) -> Result<Written, Damaged> {
    let mut from = Bytes::new(body, usize::try_from(most).unwrap_or(usize::MAX));
    let carried = Carried::take(&mut from)?;
    let table = Vec::take(&mut from)?;
    let drawn = u32::take(&mut from)?;
    let len = usize::take(&mut from)?;
    let ranges: Vec<(usize, usize)> = Vec::take(&mut from)?;
    let ranges: Vec<Range<usize>> = ranges.into_iter().map(|(start, end)| start..end).collect();
    let mut bytes = from.rest().to_vec();
    let mut at = 0;
    for range in &ranges {
        let end = at + range.len();
        let Some(piece) = bytes.get_mut(at..end) else { break };
        pristine.difference(range.clone(), piece);
        at = end;
    }
    let pages = Pages::apart(len, ranges, bytes).map_err(Damaged)?;
    Ok(Written { carried, table, drawn, pages })
}

pub(super) fn damaged(damaged: Damaged) -> Error {
    CheckpointError::Damaged(damaged.0).into()
}

fn seal(key: &[u8], bytes: &[u8]) -> Result<Hmac<Sha256>> {
    let mut seal = Hmac::<Sha256>::new_from_slice(key).map_err(|error| {
        Error::host(format!("a key of {} bytes: {error}", key.len())).because(error)
    })?;
    seal.update(bytes);
    Ok(seal)
}

/// The functions that the guest holds, by their names. Objects of the host have none.
fn names_of(table: &Table) -> Result<Vec<Option<String>>> {
    let objects = table.iter().flatten().filter(|entry| Function::of_table(entry).is_none());
    match objects.count() {
        0 => {}
        1 => {
            let said = "an object of a class of the host".to_owned();
            return Err(CheckpointError::HostValues(said).into());
        }
        count => {
            let said = format!("{count} objects of classes of the host");
            return Err(CheckpointError::HostValues(said).into());
        }
    }
    let name = |entry: &Option<_>| entry.as_ref().and_then(Function::of_table).map(|it| it.path());
    Ok(table.iter().map(name).collect())
}

/// The functions of these names, as a guest holds them; fails with the names of all that are not there.
pub(super) fn bind(names: &[Option<String>], functions: &[Function]) -> Result<Table> {
    let mut missing = Vec::new();
    let bound = names.iter().map(|name| {
        let name = name.as_ref()?;
        let found = functions.iter().find(|function| function.path() == *name);
        if found.is_none() && !missing.contains(name) && missing.len() < MOST_MISSING {
            missing.push(name.clone());
        }
        found.map(Function::to_table)
    });
    let bound = bound.collect();
    if missing.is_empty() { Ok(bound) } else { Err(CheckpointError::Missing(missing).into()) }
}

/// So many names are told of those that are missing.
const MOST_MISSING: usize = 32;
