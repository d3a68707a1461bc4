//! The layout of an object's memory: what the host needs to know to see it as an array.
//!
//! The bridge writes one for each level, when a result is wanted as a
//! [`Want::Buffer`](crate::Want::Buffer); the slot [`SlotIndex::Layout`](crate::SlotIndex::Layout)
//! points to it, and it is valid as long as that slot.

/// The most dimensions there may be: those of a `memoryview`, and of an array of numpy.
pub const MAX_DIMENSIONS: u32 = 64;

/// A layout, as PEP 3118 has it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Layout {
    /// The index of the `memoryview`'s handle.
    pub index: u32,
    /// Its generation.
    pub generation: u32,
    /// The address of the first element.
    pub address: u32,
    /// The bytes of all elements together, without gaps.
    pub len: u32,
    /// The bytes of an element.
    pub item_size: u32,
    /// Bits of [`READ_ONLY`] and [`INDIRECT`].
    pub flags: u32,
    /// How many dimensions there are.
    pub dimensions: u32,
    /// The address of the format, text in the syntax of the module `struct`.
    pub format: u32,
    /// Its length in bytes.
    pub format_len: u32,
    /// How many elements there are along each dimension, an `i32`.
    pub shape: [u32; MAX_DIMENSIONS as usize],
    /// How many bytes lie between two elements along each dimension, an `i32`.
    pub strides: [u32; MAX_DIMENSIONS as usize],
}

/// The memory must not be written to.
pub const READ_ONLY: u32 = 1;

/// Some dimension holds pointers to what is along it.
pub const INDIRECT: u32 = 2;

impl Layout {
    /// The size of a layout in bytes.
    pub const SIZE: u32 = size_of::<Self>() as u32;

    /// The words in front of the shape, with their names in the header.
    pub const WORDS: &[&str] = &[
        "index",
        "generation",
        "address",
        "len",
        "item_size",
        "flags",
        "dimensions",
        "format",
        "format_len",
    ];
}
