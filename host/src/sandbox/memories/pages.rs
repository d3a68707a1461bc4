//! Which pages of a memory were written to, as far as the system tells.
//!
//! Linux does since 6.7 (`PAGEMAP_SCAN`): a page that was written to is anonymous, while one that was only read is the
//! file's, or the page of zeros. Elsewhere nobody knows, and all pages are given up.
#![expect(unsafe_code, reason = "a scan of page tables")]

use std::ops::Range;

/// How a memory is reset.
pub(crate) enum Pages {
    /// What was written to is copied back, where the system tells what that is.
    #[cfg(target_os = "linux")]
    Scanned(linux::Pagemap),
    /// Everything that was written to is given up.
    #[cfg(target_os = "linux")]
    Discarded,
    /// What the memory begins with is mapped once more.
    #[cfg_attr(
        all(target_os = "linux", not(test)),
        expect(dead_code, reason = "for other systems, and tests")
    )]
    Mapped,
}

/// Pages that were written to.
pub(super) struct Written {
    /// Their addresses.
    pub(super) ranges: Vec<Range<usize>>,
    /// Up to which address the system has looked.
    pub(super) end: usize,
}

impl Pages {
    /// The best that this system has.
    pub(crate) fn of_system() -> Self {
        #[cfg(target_os = "linux")]
        return linux::Pagemap::open().map_or(Self::Discarded, Self::Scanned);
        #[cfg(not(target_os = "linux"))]
        return Self::Mapped;
    }

    /// What there is without a scan.
    pub(crate) fn without_scan() -> Self {
        #[cfg(target_os = "linux")]
        return Self::Discarded;
        #[cfg(not(target_os = "linux"))]
        return Self::Mapped;
    }

    /// Whether the system has no way to give up what was written.
    pub(super) fn plain(&self) -> bool {
        matches!(self, Self::Mapped)
    }

    /// The first pages within these that were written to, as many as make so many bytes: one at least. They are a
    /// private mapping of a file, or anonymous. More may be said to be written to, never less. `None` when the system
    /// does not tell.
    pub(super) fn written(
        &self,
        within: Range<usize>,
        file: bool,
        bytes: usize,
    ) -> Option<Written> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Scanned(pagemap) => pagemap.written(within, file, bytes),
            _ => {
                let _ = (within, file, bytes);
                None
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::Written;
    use rustix::ioctl::{self, Ioctl, IoctlOutput, Opcode, opcode};
    use rustix::process::{Pid, getpid};
    use std::ffi::c_void;
    use std::fs::File;
    use std::ops::Range;

    /// What the page tables of one process say.
    pub(crate) struct Pagemap {
        file: File,
        /// The process that opened it. After a fork it would go on to tell of that one.
        process: Pid,
    }

    /// What the kernel says of a page.
    const FILE: u64 = 1 << 2;
    const PRESENT: u64 = 1 << 3;
    const SWAPPED: u64 = 1 << 4;
    const ZEROS: u64 = 1 << 5;

    /// How many ranges are asked for at once: a start and a short program write to some 30.
    const RANGES: usize = 64;

    /// `struct page_region` of `linux/fs.h`.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Region {
        start: u64,
        end: u64,
        categories: u64,
    }

    /// `struct pm_scan_arg` of `linux/fs.h`.
    #[repr(C)]
    #[derive(Default)]
    struct Scan {
        size: u64,
        flags: u64,
        start: u64,
        end: u64,
        walk_end: u64,
        vec: u64,
        vec_len: u64,
        max_pages: u64,
        category_inverted: u64,
        category_mask: u64,
        category_anyof_mask: u64,
        return_mask: u64,
    }

    /// A scan, and where its answer goes. Gives how many ranges there are.
    struct Asked<'a> {
        scan: &'a mut Scan,
        regions: &'a mut [Region; RANGES],
    }

    // SAFETY: the number is that of `PAGEMAP_SCAN`, whose argument is read and written. It writes to that, and to as
    // many regions as it says there is room for, both of which outlive the call (`as_ptr` puts their address there).
    // Neither holds anything but numbers.
    unsafe impl Ioctl for Asked<'_> {
        type Output = usize;

        const IS_MUTATING: bool = true;

        fn opcode(&self) -> Opcode {
            opcode::read_write::<Scan>(b'f', 16)
        }

        fn as_ptr(&mut self) -> *mut c_void {
            self.scan.vec = self.regions.as_mut_ptr() as u64;
            self.scan.vec_len = RANGES as u64;
            std::ptr::from_mut(self.scan).cast()
        }

        unsafe fn output_from_ptr(
            out: IoctlOutput,
            _: *mut c_void,
        ) -> rustix::io::Result<Self::Output> {
            usize::try_from(out).map_err(|_| rustix::io::Errno::INVAL)
        }
    }

    impl Pagemap {
        pub(super) fn open() -> Option<Self> {
            let file = File::open("/proc/self/pagemap").ok()?;
            Some(Self { file, process: getpid() })
        }

        /// As it is in the child of a fork.
        #[cfg(test)]
        pub(super) fn forked(self) -> Self {
            Self { process: Pid::INIT, ..self }
        }

        pub(super) fn written(
            &self,
            within: Range<usize>,
            file: bool,
            bytes: usize,
        ) -> Option<Written> {
            if getpid() != self.process {
                return None;
            }
            // Of a private mapping of a file the page of zeros is a written one, too: the system may have put it in the
            // place of one with nothing else in it.
            let read_only = if file { FILE } else { FILE | ZEROS };
            let mut scan = Scan {
                size: size_of::<Scan>() as u64,
                start: within.start as u64,
                end: within.end as u64,
                max_pages: (bytes / rustix::param::page_size()) as u64,
                category_inverted: read_only,
                category_mask: read_only,
                category_anyof_mask: PRESENT | SWAPPED,
                return_mask: PRESENT | SWAPPED,
                ..Scan::default()
            };
            let mut regions = [Region::default(); RANGES];
            let asked = Asked { scan: &mut scan, regions: &mut regions };
            // SAFETY: as `Asked` says, for a file that takes it or refuses it.
            let found = unsafe { ioctl::ioctl(&self.file, asked) }.ok()?;
            let address = |address: u64| usize::try_from(address).ok();
            let end = address(scan.walk_end)
                .filter(|end| (within.start + 1..=within.end).contains(end))?;
            let mut ranges = Vec::with_capacity(found);
            for region in regions.get(..found)? {
                let range = address(region.start)?..address(region.end)?;
                if range.start < within.start || range.end > end || range.is_empty() {
                    return None;
                }
                ranges.push(range);
            }
            Some(Written { ranges, end })
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::linux::Pagemap;

    #[test]
    fn another_process_is_told_nothing() {
        let memory = vec![1_u8; 1 << 16];
        let start = memory.as_ptr() as usize;
        let within = start.next_multiple_of(1 << 12)..(start + (1 << 16)) & !((1 << 12) - 1);
        let pagemap = Pagemap::open().expect("Linux");
        if pagemap.written(within.clone(), false, 1 << 20).is_none() {
            return; // Before 6.7.
        }
        assert!(pagemap.forked().written(within, false, 1 << 20).is_none());
    }
}
