//! Which pages of a mapped memory were written to: what `PAGEMAP_SCAN` (Linux 6.7) tells. Elsewhere nobody tells, and
//! whoever asks has to look at all of them.
//!
//! Layouts and numbers are those of `linux/fs.h`:
//! <https://docs.kernel.org/admin-guide/mm/pagemap.html>.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "asking the system about pages is an ioctl")
)]

use std::fs::File;
use std::ops::Range;

/// Asks about pages of this process.
#[derive(Debug)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "there is nothing to ask elsewhere")
)]
pub(crate) struct Written(Option<File>);

/// Ranges that one call tells of.
#[cfg(target_os = "linux")]
const RANGES: usize = 512;

impl Written {
    /// Whatever the system can tell.
    pub(crate) fn new() -> Self {
        Self(File::open("/proc/self/pagemap").ok())
    }

    /// Ranges of bytes of a memory that may have been written to since it was mapped, in order: whole pages, none that
    /// was written to left out. `None` where the system does not tell.
    ///
    /// Pages count that are in memory or swapped out, and are neither a file's nor the page of zeros.
    #[cfg(target_os = "linux")]
    pub(crate) fn ranges(&self, memory: &[u8]) -> Option<Vec<Range<usize>>> {
        use std::os::fd::AsRawFd;

        const FILE: u64 = 1 << 2;
        const PRESENT: u64 = 1 << 3;
        const SWAPPED: u64 = 1 << 4;
        const ZERO: u64 = 1 << 5;
        /// `_IOWR('f', 16, struct pm_scan_arg)`.
        const PAGEMAP_SCAN: libc::c_ulong = 3 << 30 | 96 << 16 | (b'f' as libc::c_ulong) << 8 | 16;

        #[repr(C)]
        #[derive(Default)]
        struct Scan {
            size: u64,
            flags: u64,
            start: u64,
            end: u64,
            walk_end: u64,
            ranges: u64,
            ranges_len: u64,
            max_pages: u64,
            inverted: u64,
            mask: u64,
            any_of: u64,
            returned: u64,
        }

        #[repr(C)]
        #[derive(Clone, Copy, Default)]
        struct Region {
            start: u64,
            end: u64,
            categories: u64,
        }

        let file = self.0.as_ref()?;
        let base = memory.as_ptr().addr() as u64;
        let end = base + memory.len() as u64;
        let mut start = base;
        let mut regions = [Region::default(); RANGES];
        let mut ranges: Vec<Range<usize>> = Vec::new();
        while start < end {
            let mut scan = Scan {
                size: size_of::<Scan>() as u64,
                start,
                end,
                ranges: regions.as_mut_ptr().expose_provenance() as u64,
                ranges_len: RANGES as u64,
                inverted: FILE | ZERO,
                mask: FILE | ZERO,
                any_of: PRESENT | SWAPPED,
                returned: PRESENT | SWAPPED,
                ..Scan::default()
            };
            // SAFETY: the request takes a pointer to this structure, which names its own size and, as a vector of so many
            // places, an array that outlives the call. It reads page tables and changes nothing else.
            let found = unsafe { libc::ioctl(file.as_raw_fd(), PAGEMAP_SCAN as _, &mut scan) };
            let found = usize::try_from(found).ok()?;
            for region in regions.get(..found)? {
                let from = usize::try_from(region.start.checked_sub(base)?).ok()?;
                let to = usize::try_from(region.end.checked_sub(base)?).ok()?;
                match ranges.last_mut() {
                    Some(last) if last.end == from => last.end = to,
                    _ => ranges.push(from..to),
                }
            }
            // It has to come to an end whatever the system says.
            start = Some(scan.walk_end).filter(|walked| *walked > start)?;
        }
        Some(ranges)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn ranges(&self, _memory: &[u8]) -> Option<Vec<Range<usize>>> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    #[test]
    fn pages_that_were_written_to_are_told() {
        let bytes = 64 * PAGE;
        // SAFETY: new memory, of which nothing else knows, as long as the test runs.
        let memory = unsafe {
            let (read_write, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE);
            let flags = private | libc::MAP_ANONYMOUS;
            let at = libc::mmap(std::ptr::null_mut(), bytes, read_write, flags, -1, 0);
            assert_ne!(at, libc::MAP_FAILED);
            std::slice::from_raw_parts_mut(at.cast::<u8>(), bytes)
        };
        let written = Written::new();
        if written.ranges(memory).is_none() {
            return; // a system that does not tell
        }
        assert!(written.ranges(memory).expect("as before").is_empty());
        // Reading is not writing.
        assert_eq!(memory.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 0);
        for page in [3, 4, 9, 63] {
            memory[page * PAGE + 5] = 1;
        }
        let expected = [3..5, 9..10, 63..64].map(|range| range.start * PAGE..range.end * PAGE);
        assert_eq!(written.ranges(memory).expect("as before"), expected);
    }
}
