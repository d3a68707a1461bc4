//! What the guest says of its arrays: each lie is found out.

use crate::support::*;
use ophidia::Buffer;
use ophidia::array::ndarray::{Array1, Ix1, IxDyn};
use ophidia_abi::{INDIRECT, Layout, MAX_DIMENSIONS, SlotIndex, Tag};

/// Where the format is.
const FORMAT: u32 = ROOM + 1_024;

/// What the guest says of an array: by default 16 doubles at a good place.
#[derive(Clone)]
struct Said {
    handle: (u32, u32),
    address: u32,
    len: u32,
    item_size: u32,
    flags: u32,
    dimensions: u32,
    format: (u32, u32),
    axes: Vec<(i32, i32)>,
}

impl Default for Said {
    fn default() -> Self {
        Self {
            handle: (0, 1),
            address: 2 << 20,
            len: 128,
            item_size: 8,
            flags: 0,
            dimensions: 1,
            format: (FORMAT, 1),
            axes: vec![(16, 8)],
        }
    }
}

impl Said {
    /// With these axes, of elements of one byte.
    fn bytes(len: u32, axes: &[(i32, i32)]) -> Self {
        let dimensions = axes.len() as u32;
        Self { len, item_size: 1, dimensions, axes: axes.to_vec(), ..Self::default() }
    }

    fn words(&self) -> Vec<u8> {
        let mut axes = self.axes.clone();
        axes.resize(MAX_DIMENSIONS as usize, (0, 0));
        let head = [
            self.handle.0,
            self.handle.1,
            self.address,
            self.len,
            self.item_size,
            self.flags,
            self.dimensions,
            self.format.0,
            self.format.1,
        ];
        let shape = axes.iter().map(|(len, _)| len.cast_unsigned());
        let strides = axes.iter().map(|(_, stride)| stride.cast_unsigned());
        head.into_iter().chain(shape).chain(strides).flat_map(u32::to_le_bytes).collect()
    }

    /// A guest whose every operation gives this layout.
    fn guest(&self, format: &[u8]) -> Guest {
        operating(ROOM, Layout::SIZE).with(&data(ROOM, &self.words())).with(&data(FORMAT, format))
    }

    fn attack<T>(
        &self,
        format: &[u8],
        use_it: impl FnOnce(&mut Interpreter, Buffer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        attack(&self.guest(format), |py| {
            let object = py.import("array")?;
            let buffer = object.buffer(py)?;
            use_it(py, buffer)
        })
    }

    fn fault(&self) -> String {
        fault(self.attack(b"d", |_, buffer| Ok(buffer)))
    }

    /// What is said of a view of bytes; the guest is not at fault.
    fn refused(&self, format: &[u8]) -> String {
        let result =
            self.attack(format, |py, buffer| buffer.view::<f64, IxDyn>(py).map(|view| view.len()));
        match result {
            Err(Error::Conversion(error)) => error.to_string(),
            other => panic!("not refused: {other:?}"),
        }
    }
}

/// A guest whose every operation gives a handle, and a layout at this address.
fn operating(address: u32, len: u32) -> Guest {
    Guest::new().operates(&format!(
        "(call $value (i32.const {}) (i32.const 1) (i64.const 0))
             (call $slot (i32.const 0) (i32.const {}) (i32.const {}) (i32.const {len})
               (i64.const {address})) (i32.const 0)",
        Tag::Handle as u32,
        SlotIndex::Layout as u32,
        Tag::Bytes as u32,
    ))
}

#[test]
fn an_honest_layout_is_a_view() {
    let sum = Said::default().attack(b"d", |py, buffer| {
        buffer.view_mut::<f64, Ix1>(py)?.fill(1.5);
        Ok(buffer.view::<f64, Ix1>(py)?.sum())
    });
    assert_eq!(sum.expect("a view"), 24.0);
}

/// T13: addresses and lengths of arrays are the guest's word.
#[test]
fn arrays_outside_memory() {
    let outside = |said: Said| assert!(said.fault().contains("partly outside its memory"));
    outside(Said { address: (4 << 20) - 120, ..Said::default() });
    outside(Said { address: u32::MAX, ..Said::default() });
    outside(Said { axes: vec![(16, 1 << 20)], ..Said::default() });
    outside(Said { axes: vec![(16, i32::MAX)], ..Said::default() });
    outside(Said { axes: vec![(16, -(1 << 20))], ..Said::default() });
    outside(Said { axes: vec![(16, i32::MIN)], ..Said::default() });
    outside(Said { address: 8, axes: vec![(16, -8)], ..Said::default() });
    // Two axes that reach beyond on either side.
    outside(Said::bytes(4, &[(2, i32::MIN), (2, i32::MAX)]));
    outside(Said::bytes(1 << 31, &[(1 << 30, i32::MAX), (2, i32::MAX)]));
}

#[test]
fn sizes_that_cannot_be() {
    let negative = Said { axes: vec![(-1, 8)], ..Said::default() }.fault();
    assert!(negative.contains("-1 elements along an axis"), "{negative}");
    for said in [
        Said { len: 127, ..Said::default() },
        Said { len: 0, ..Said::default() },
        Said { item_size: u32::MAX, ..Said::default() },
        Said {
            item_size: 0,
            len: 0,
            axes: vec![(i32::MAX, 0), (3, 0)],
            dimensions: 2,
            ..Said::default()
        },
        // The products wrap around: to nothing, to 128.
        Said::bytes(0, &[(1 << 16, 0); 4]),
        Said::bytes(128, &[(i32::MAX, 0); 64]),
        Said { axes: vec![(1 << 30, 0), (8, 0), (1 << 30, 0)], dimensions: 3, ..Said::default() },
    ] {
        let told = said.fault();
        assert!(told.contains("elements of") && told.len() < 1_000, "{told}");
    }
    for dimensions in [65, 1 << 31, u32::MAX] {
        assert!(Said { dimensions, ..Said::default() }.fault().contains("at most 64"));
    }
}

#[test]
fn layouts_that_are_not_there() {
    let taken = |guest: &Guest| {
        attack(guest, |py| py.import("array").and_then(|object| object.buffer(py)).map(drop))
    };
    assert!(fault(taken(&Guest::new())).contains("a buffer without its layout"));
    assert!(fault(taken(&operating(ROOM, Layout::SIZE - 4))).contains("without its layout"));
    for address in [(4 << 20) - 4, u32::MAX] {
        assert!(fault(taken(&operating(address, Layout::SIZE))).contains("outside its memory"));
    }
    for handle in [(0, 2), (1, 1), (u32::MAX, u32::MAX)] {
        let said = Said { handle, ..Said::default() };
        assert!(fault(taken(&said.guest(b"d"))).contains("without its layout"));
    }
}

#[test]
fn formats_that_are_none() {
    let long = Said { format: (FORMAT, 1 << 20), ..Said::default() };
    assert!(long.refused(b"d").contains("a text of 1048576 bytes"));
    let wild = Said { format: (u32::MAX, 5), ..Said::default() };
    assert!(wild.fault().contains("outside its memory"));
    assert!(fault(Said::default().attack(b"\xff", |_, _| Ok(()))).contains("not UTF-8"));
    let digits = Said { format: (FORMAT, 255), ..Said::default() };
    assert!(digits.refused(&[b'9'; 255]).len() < 400);
    assert!(Said::default().refused(b"f").contains("is one of 4 bytes; the object says 8"));
    assert!(Said { flags: INDIRECT, ..Said::default() }.refused(b"d").contains("pointers"));
}

#[test]
fn addresses_that_are_not_aligned() {
    let shifted = Said { address: (2 << 20) + 4, ..Said::default() };
    assert!(shifted.refused(b"d").contains("no multiple of 8"));
    let apart = Said { axes: vec![(16, 12)], ..Said::default() };
    assert!(apart.refused(b"d").contains("elements lie 12 bytes apart, which is no multiple of 8"));
}

#[test]
fn many_elements_in_one_place() {
    // 2 GiB of elements, all of them the same byte.
    let said = Said::bytes(1 << 31, &[(1 << 16, 0), (1 << 15, 0)]);
    let seen = said.attack(b"B", |py, buffer| {
        assert!(matches!(buffer.view_mut::<u8, IxDyn>(py), Err(Error::Conversion(_))));
        assert!(matches!(
            buffer.object().extract::<ophidia::array::ndarray::Array2<u8>>(py),
            Err(Error::Limit(LimitExceeded::Value { .. }))
        ));
        Ok(buffer.view::<u8, IxDyn>(py)?.len())
    });
    assert_eq!(seen.expect("a view"), 1 << 31);
    // Rows that overlap in part.
    let rows = Said { len: 256, dimensions: 2, axes: vec![(2, 8), (16, 8)], ..Said::default() };
    let result =
        rows.attack(b"d", |py, buffer| buffer.view_mut::<f64, IxDyn>(py).map(|view| view.len()));
    assert!(matches!(result, Err(Error::Conversion(_))), "{result:?}");
}

#[test]
fn a_copy_is_bounded() {
    let said = Said::bytes(2 << 20, &[(2 << 20, 1)]);
    let copied = said.attack(b"B", |_, buffer| Ok(buffer.len()));
    assert_eq!(copied.expect("a buffer"), 2 << 20);
    let guest = said.guest(b"B");
    let result = attack(&guest, |py| py.import("array")?.extract::<Array1<u8>>(py));
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Value { .. }))), "{result:?}");
}

#[test]
fn an_array_that_moves_is_seen_where_it_was() {
    // Every operation moves the array, and writes over its last place.
    let moves = "(memory.fill (i32.load (i32.const {at})) (i32.const 7) (i32.const 128))
        (i32.store (i32.const {at}) (i32.add (i32.load (i32.const {at})) (i32.const 1048576)))";
    let moves = moves.replace("{at}", &(ROOM + 8).to_string());
    let guest = Said { address: 1 << 20, ..Said::default() }.guest(b"d").operates(&format!(
        "{moves} (call $value (i32.const 6) (i32.const 1) (i64.const 0))
             (call $slot (i32.const 0) (i32.const {}) (i32.const {}) (i32.const {})
               (i64.const {ROOM})) (i32.const 0)",
        SlotIndex::Layout as u32,
        Tag::Bytes as u32,
        Layout::SIZE,
    ));
    let result = attack(&guest, |py| {
        let object = py.import("array")?;
        let first = object.buffer(py)?;
        let second = object.buffer(py)?;
        for (buffer, expected) in [(&second, 0), (&first, 7)] {
            let bytes = buffer.bytes(py)?;
            assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == expected));
        }
        // There is no memory where it goes next.
        object.buffer(py)
    });
    assert!(fault(result).contains("partly outside its memory"));
}
