//! Slots by themselves: whatever was done to one, the next memory in it begins as the first one did.

use super::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What memories begin with here: 1 MiB, of which some pages are zeros.
const SIZE: usize = 1 << 20;

fn beginning_bytes() -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    for (at, byte) in bytes.iter_mut().enumerate().filter(|(at, _)| at >> 14 & 1 == 1) {
        *byte = (at % 251) as u8;
    }
    bytes
}

fn memories(most: u32, bound: usize) -> Memories {
    Memories::new(most, bound, Pages::of_system()).expect("they fit")
}

fn slot(ready: &mut Ready) -> &mut Slot {
    ready.0.slot.as_mut().expect("it is taken")
}

/// How many slots are taken, how many idle, and what these keep.
fn counts(memories: &Memories) -> (u32, u32, usize) {
    let state = memories.0.state.lock();
    (state.taken, state.count, state.kept)
}

/// Ranges of a memory of twice that size, which lie over it, and their bytes: some not of whole pages, some behind the
/// image's end.
fn ranges() -> Vec<(Range<usize>, Vec<u8>)> {
    let page = rustix::param::page_size();
    let at = [1, 2, 9, 40, 41, 90, 130, 200].map(|number| number * page);
    let mut ranges: Vec<_> = at.into_iter().map(|at| at..at + page).collect();
    ranges.insert(3, 20 * page + 10..21 * page - 10);
    ranges.push(SIZE - page..SIZE + page);
    ranges.push(SIZE + 5 * page..SIZE + 9 * page);
    ranges
        .into_iter()
        .zip(100..)
        .map(|(range, byte)| (range.clone(), vec![byte; range.len()]))
        .collect()
}

/// What memories begin with that lie over the image, by so many pieces; and the bytes of such a memory.
fn over(image: &Pristine, most: usize) -> (Pristine, Vec<u8>) {
    let ranges = ranges();
    let mut expected = beginning_bytes();
    expected.resize(2 * SIZE, 0);
    for (range, bytes) in &ranges {
        expected[range.clone()].copy_from_slice(bytes);
    }
    let ranges = ranges.iter().map(|(range, bytes)| (range.clone(), &bytes[..]));
    (image.under(2 * SIZE, ranges, most).expect("it lies over it"), expected)
}

#[test]
fn what_lies_over_an_image_is_the_same_in_any_number_of_pieces() {
    let image = Pristine::map(Contents::of_bytes(&beginning_bytes())).expect("mapped");
    for (most, pieces) in [(0, 1), (1, 2), (3, 4), (100, 10)] {
        let (pristine, expected) = over(&image, most);
        assert!(pristine.bytes() == expected, "{most}");
        assert!(Slot::new(&pristine).expect("address space").bytes() == expected, "{most}");
        let found = pristine.pieces().len();
        assert!(found <= pieces && (found == pieces || most > 1), "{found} pieces of {most}");
    }
    assert!(image.bytes() == beginning_bytes(), "nothing is written to it");
    // What does not lie in a memory of that size is refused.
    let byte = [1];
    for (size, range) in
        [(SIZE / 2, 0..1), (2 * SIZE + 1, 0..1), (SIZE, SIZE..SIZE + 1), (SIZE, 0..2)]
    {
        let ranges = std::iter::once((range, &byte[..]));
        assert!(image.under(size, ranges, 8).is_err(), "{size}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_lies_over_an_image_is_mapped_and_not_copied() {
    let image = Pristine::map(Contents::of_bytes(&beginning_bytes())).expect("mapped");
    for most in [0, 2, 8] {
        let (pristine, expected) = over(&image, most);
        let mut slot = Slot::new(&pristine).expect("address space");
        assert!(slot.bytes() == expected, "all of it is read");
        slot.bytes_mut()[SIZE] = 1;
        let start = slot.base().addr();
        let written = Pages::of_system().written(start..start + slot.size(), true, usize::MAX);
        let Some(written) = written else { return }; // Before 6.7.
        let page = rustix::param::page_size();
        let one = start + SIZE;
        assert_eq!(
            written.ranges,
            std::slice::from_ref(&(one..one + page)),
            "{most}: no page of its own but one"
        );
    }
}

#[test]
fn mappings_suffice_for_as_many_memories_as_there_may_be() {
    for most in [1, 100, 1_000, 4_000, 10_000, MOST] {
        let pieces = pieces_over(most);
        assert!(most as usize * (3 + 2 * pieces) <= MAPPINGS, "{pieces} of {most}");
        assert!(pieces > 0 || most > 9_000);
    }
}

#[test]
fn nothing_of_one_memory_is_in_the_next() {
    let image = Pristine::map(Contents::of_bytes(&beginning_bytes())).expect("mapped");
    for most in [0, 2, 8] {
        let (pristine, expected) = over(&image, most);
        used_again(&pristine, &expected);
    }
    used_again(&image, &beginning_bytes());
}

/// One memory after another in the same slot, each of which is written to.
fn used_again(pristine: &Pristine, expected: &[u8]) {
    let begins = pristine.size();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for pages in [Pages::of_system(), Pages::without_scan(), Pages::Mapped] {
        let mut slot = Slot::new(pristine).expect("address space");
        for round in 0..60 {
            assert!(slot.bytes() == expected, "round {round}");
            let grown = (random.next_u32() as usize % 64) << 16;
            if round % 3 > 0 {
                slot.grow_to(begins + grown).expect("it grows");
            }
            let size = slot.size();
            assert!(slot.bytes()[begins..].iter().all(|byte| *byte == 0), "round {round}");
            match round % 5 {
                // Everything, nothing, zeros, or here and there.
                0 => slot.bytes_mut().fill(0xA5),
                1 => {}
                2 => slot.bytes_mut().fill(0),
                _ => {
                    for _ in 0..random.next_u32() % 300 {
                        let at = random.next_u32() as usize % size;
                        slot.bytes_mut()[at] ^= 0x5A;
                    }
                }
            }
            let may_keep = [0, 4096, 3 * 65_536, KEEP, 1 << 30][random.next_u32() as usize % 5];
            let kept = slot.reset(pristine, &pages, may_keep).expect("it is reset");
            assert!(kept <= may_keep, "{kept} of {may_keep}");
            assert_eq!(slot.size(), begins);
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_was_only_read_is_not_copied() {
    let pages = Pages::of_system();
    if !matches!(pages, Pages::Scanned(_)) {
        return;
    }
    let pristine = Pristine::map(Contents::of_bytes(&beginning_bytes())).expect("mapped");
    let mut slot = Slot::new(&pristine).expect("address space");
    slot.grow_to(2 * SIZE).expect("it grows");
    assert!(slot.bytes().iter().any(|byte| *byte != 0), "all of it is read");
    let page = rustix::param::page_size();
    for at in [0, SIZE - 1, SIZE, 2 * SIZE - 1] {
        slot.bytes_mut()[at] = 7;
    }
    // A system older than 6.7 keeps nothing.
    let kept = slot.reset(&pristine, &pages, KEEP).expect("it is reset");
    assert!([0, 4 * page].contains(&kept), "{kept}");
}

#[test]
fn a_memory_of_another_beginning_is_not_taken_for_reset() {
    let pristine = Pristine::map(Contents::of_bytes(&beginning_bytes())).expect("mapped");
    let other = Pristine::map(Contents::of_bytes(&vec![0; 1 << 16])).expect("mapped");
    let mut slot = Slot::new(&pristine).expect("address space");
    slot.reset(&other, &Pages::of_system(), KEEP).expect_err("another size");
}

#[test]
fn a_memory_ends_at_4_gib() {
    let pristine = Pristine::map(Contents::of_bytes(&beginning_bytes())).expect("mapped");
    let mut slot = Slot::new(&pristine).expect("address space");
    slot.grow_to((4 << 30) + 1).expect_err("too large");
    assert_eq!(slot.size(), SIZE);
    slot.grow_to(4 << 30).expect("as large as it can be");
    slot.grow_to(SIZE).expect("it does not shrink");
    assert_eq!(slot.size(), 4 << 30);
    slot.reset(&pristine, &Pages::of_system(), KEEP).expect("it is reset");
}

#[test]
fn what_is_no_beginning_is_refused() {
    for (len, size) in [(1 << 16, 1 << 17), (1 << 17, 1 << 16), (4096, 4096), (100, 100)] {
        let file = crate::image::contents::sealed(|file| file.set_len(len)).expect("a file");
        let said = Contents::of(file, size).expect_err("another size").to_string();
        assert!(said.contains(&format!("it has {len} bytes")), "{said}");
    }
}

#[test]
fn the_last_slot_is_the_next_and_belongs_to_its_beginning() {
    let memories = memories(8, 1 << 20);
    let [one, two] = [1, 2].map(|byte| {
        memories.beginning(Contents::of_bytes(&vec![byte; 1 << 16])).expect("a beginning")
    });
    let mut first = memories.take(&one).expect("a slot");
    let mut second = memories.take(&one).expect("a slot");
    let bases = [slot(&mut first).base(), slot(&mut second).base()];
    drop(first);
    drop(second);
    let mut other = memories.take(&two).expect("a slot");
    assert!(slot(&mut other).bytes().iter().all(|byte| *byte == 2));
    let mut again = [memories.take(&one), memories.take(&one)].map(|slot| slot.expect("a slot"));
    assert_eq!([slot(&mut again[1]).base(), slot(&mut again[0]).base()], bases);
    assert!(slot(&mut again[0]).bytes().iter().all(|byte| *byte == 1));
    drop(again);
    assert_eq!((counts(&memories).0, counts(&memories).1), (1, 2));
    // Slots that are taken keep their beginning, idle ones go with it.
    drop((one, two));
    assert_eq!(counts(&memories), (1, 0, 0));
    assert!(slot(&mut other).bytes().iter().all(|byte| *byte == 2));
    drop(other);
    assert_eq!(counts(&memories), (0, 0, 0));
}

#[test]
fn there_are_as_many_as_were_asked_for_whatever_they_begin_with() {
    let memories = memories(4, 1 << 20);
    let beginnings: Vec<_> = (0..10)
        .map(|byte| {
            memories.beginning(Contents::of_bytes(&vec![byte; 1 << 16])).expect("a beginning")
        })
        .collect();
    for beginning in &beginnings {
        let all: Vec<_> = (0..4).map(|_| memories.take(beginning).expect("a slot")).collect();
        let more = memories.take(beginning).map(drop);
        let limit = LimitExceeded::Interpreters { asked: 5, limit: 4 };
        assert!(matches!(more, Err(Error::Limit(found)) if found == limit));
        assert_eq!(counts(&memories), (4, 0, 0), "those of others were given up");
        drop(all);
    }
    assert_eq!(counts(&memories).1, 4);
}

#[test]
fn idle_slots_keep_what_they_may_and_give_it_back() {
    let bound = 96 << 10;
    let memories = memories(16, bound);
    let beginning =
        memories.beginning(Contents::of_bytes(&beginning_bytes())).expect("a beginning");
    for _ in 0..3 {
        let mut all: Vec<_> = (0..16).map(|_| memories.take(&beginning).expect("a slot")).collect();
        for ready in &mut all {
            assert!(slot(ready).bytes() == beginning_bytes());
            slot(ready).bytes_mut()[..64 << 10].fill(9);
        }
        drop(all);
        assert!(counts(&memories).2 <= bound, "{:?}", counts(&memories));
    }
    let kept = counts(&memories).2;
    assert_eq!((memories.trim(), counts(&memories).2, memories.trim()), (kept, 0, 0));
}

#[test]
fn slots_are_used_by_many_threads_at_once() {
    let memories = memories(4, 1 << 20);
    let beginning =
        memories.beginning(Contents::of_bytes(&beginning_bytes())).expect("a beginning");
    let expected = beginning_bytes();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let (memories, beginning, expected) = (&memories, &beginning, &expected);
            scope.spawn(move || {
                for round in 0..100 {
                    let mut ready = memories.take(beginning).expect("one for each thread");
                    assert!(slot(&mut ready).bytes() == *expected);
                    slot(&mut ready).bytes_mut()[usize::from(thread) << 12..].fill(thread);
                    if round % 10 == 0 {
                        memories.trim();
                    }
                }
            });
        }
    });
    assert_eq!(counts(&memories).0, 0);
}

#[test]
fn slots_of_what_lies_over_an_image_are_not_the_images() {
    let memories = memories(8, 1 << 20);
    let image = memories.beginning(Contents::of_bytes(&beginning_bytes())).expect("a beginning");
    let (_, expected) = over(&image.pristine, 8);
    let ranges = ranges();
    let ranges = ranges.iter().map(|(range, bytes)| (range.clone(), &bytes[..]));
    let frozen = memories.over(&image, 2 * SIZE, ranges).expect("it lies over it");
    assert_eq!((image.over().len(), frozen.over().len()), (0, 11));
    for _ in 0..3 {
        let mut child = memories.take(&frozen).expect("a slot");
        assert!(slot(&mut child).bytes() == expected);
        slot(&mut child).bytes_mut().fill(7);
        drop(child);
        let mut plain = memories.take(&image).expect("a slot");
        assert!(slot(&mut plain).bytes() == beginning_bytes());
        slot(&mut plain).bytes_mut().fill(8);
    }
    assert_eq!(counts(&memories).1, 2);
    drop(frozen);
    assert_eq!(counts(&memories).1, 1);
}
