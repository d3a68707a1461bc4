//! What memories begin with: a file, and pieces of others over it.
//!
//! ```text
//! | the image                                                  |
//!         | a piece |      | a piece |                         | what it has grown by |
//! ```
//!
//! A piece lies in its file where it lies in memory: such a file is as long as the memory, and mostly holes. Few pieces
//! are left of many ranges, as the system counts mappings: the narrowest gaps between them are filled with what
//! is there beneath.
#![expect(unsafe_code, reason = "mapping memory")]

use crate::image::contents::{self, Contents};
use crate::image::engine::MEMORY_SIZE;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use rustix::param::page_size;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// Bytes of which those that are zeros are left out of a file.
const HOLE: usize = 4096;

/// Bytes of a memory that lie at the same place of a file. Whole pages.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) file: Arc<File>,
    pub(super) at: Range<usize>,
}

/// What memories begin with: the files, and the same to read from.
pub(super) struct Pristine {
    /// Later ones lie over earlier ones. Together they cover all of it.
    pieces: Vec<Piece>,
    /// Where it can be read.
    bytes: NonNull<c_void>,
    size: usize,
}

// SAFETY: it is address space that belongs to this value, and is only read from.
unsafe impl Send for Pristine {}
// SAFETY: as above.
unsafe impl Sync for Pristine {}

impl Pristine {
    pub(super) fn map(contents: Contents) -> io::Result<Self> {
        let Contents { file, size } = contents;
        let size = usize::try_from(size).map_err(io::Error::other)?;
        Self::of(vec![Piece { file: Arc::new(file), at: 0..size }], size)
    }

    /// This one with other bytes in these ranges, which are in order, and with more behind it. At most so many pieces
    /// lie over it; of none, all of it is copied.
    ///
    /// `ranges` come with their bytes, and end before `size`, which is this one's size at least, by whole pages.
    pub(super) fn under<'a>(
        &self,
        size: usize,
        ranges: impl Iterator<Item = (Range<usize>, &'a [u8])> + Clone,
        most: usize,
    ) -> io::Result<Self> {
        if size < self.size || size > MEMORY_SIZE || !size.is_multiple_of(page_size()) {
            let said = format!("a memory of {size} bytes over one of {}", self.size);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, said));
        }
        let pieces = self.pieces_of(size, ranges.clone().map(|(range, _)| range), most);
        let file = contents::sealed(|file| {
            file.set_len(size as u64)?;
            for piece in &pieces {
                let mut from = piece.start;
                let within = ranges.clone().map(|(range, _)| range);
                for range in within.filter(|range| piece.contains(&range.start)) {
                    self.copy(from..range.start, file)?;
                    from = range.end;
                }
                self.copy(from..piece.end, file)?;
            }
            ranges.clone().try_for_each(|(range, bytes)| {
                if range.len() == bytes.len() && range.end <= size {
                    return file.write_all_at(bytes, range.start as u64);
                }
                Err(io::ErrorKind::InvalidInput.into())
            })
        })?;
        let file = Arc::new(file);
        let beneath = if most == 0 { Vec::new() } else { self.pieces.clone() };
        let over = pieces.into_iter().map(|at| Piece { file: Arc::clone(&file), at });
        Self::of(beneath.into_iter().chain(over).collect(), size)
    }

    /// The pieces that these ranges make, in order.
    fn pieces_of(
        &self,
        size: usize,
        ranges: impl Iterator<Item = Range<usize>>,
        most: usize,
    ) -> Vec<Range<usize>> {
        if most == 0 {
            return std::iter::once(0..size).collect();
        }
        let page = page_size();
        let mut pieces: Vec<Range<usize>> = Vec::new();
        let mut add = |range: Range<usize>| {
            let (start, end) = (range.start / page * page, range.end.next_multiple_of(page));
            match pieces.last_mut() {
                Some(last) if start <= last.end => last.end = last.end.max(end),
                _ => pieces.push(start..end),
            }
        };
        // What is behind this one is a piece of its own, whatever it holds: else nothing would lie there.
        let behind = self.size..size;
        ranges.filter(|range| range.start < behind.start).for_each(&mut add);
        if !behind.is_empty() {
            add(behind);
        }
        if pieces.len() > most {
            let mut gaps: Vec<usize> =
                pieces.windows(2).map(|two| two[1].start - two[0].end).collect();
            gaps.sort_unstable();
            // Gaps as wide as the last one that has to be filled are filled, too.
            let filled = gaps.get(pieces.len() - most - 1).copied().unwrap_or(usize::MAX);
            pieces = pieces.into_iter().fold(Vec::new(), |mut fewer: Vec<Range<usize>>, piece| {
                match fewer.last_mut() {
                    Some(last) if piece.start - last.end <= filled => last.end = piece.end,
                    _ => fewer.push(piece),
                }
                fewer
            });
        }
        pieces
    }

    /// Writes what this one has there to the same place of a file that has only holes there.
    fn copy(&self, range: Range<usize>, file: &File) -> io::Result<()> {
        let end = range.end.min(self.size);
        let bytes = self.bytes().get(range.start..end).unwrap_or_default();
        for (number, bytes) in bytes.chunks(HOLE).enumerate() {
            if bytes.iter().any(|byte| *byte != 0) {
                file.write_all_at(bytes, (range.start + number * HOLE) as u64)?;
            }
        }
        Ok(())
    }

    fn of(pieces: Vec<Piece>, size: usize) -> io::Result<Self> {
        // SAFETY: a new mapping wherever there is room, which nothing else refers to.
        let at =
            unsafe { mmap_anonymous(ptr::null_mut(), size, ProtFlags::READ, MapFlags::PRIVATE)? };
        let bytes = NonNull::new(at).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // From here on it is unmapped when it is dropped.
        let pristine = Self { pieces, bytes, size };
        for piece in &pristine.pieces {
            if piece.at.end > size {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let at = at.cast::<u8>().wrapping_add(piece.at.start).cast();
            let flags = MapFlags::PRIVATE | MapFlags::FIXED;
            let from = piece.at.start as u64;
            // SAFETY: replaces pages within the mapping, to which there is no reference yet.
            unsafe { mmap(at, piece.at.len(), ProtFlags::READ, flags, &piece.file, from)? };
        }
        Ok(pristine)
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: all of the mapping, which can be read as long as this value lives. Nobody changes the files
        // (`contents`), and nothing writes here.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.size) }
    }
}

impl Drop for Pristine {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, made in `of`. Nothing keeps addresses of it.
        let _ = unsafe { munmap(self.bytes.as_ptr(), self.size) };
    }
}
