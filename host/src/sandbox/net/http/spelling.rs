//! Spellings: the ways in which a text may be written letter by letter.
//!
//! Servers escape what they send back as its surroundings ask for: percent-encoding in addresses, references in HTML,
//! backslashes in JSON and in programs. They escape some characters or all, and some of them twice. So a text is not
//! looked for in every spelling there is; rather each of its bytes may be read in whatever way it is written.

use super::forms::Form;
use std::collections::BTreeSet;

/// How often an escape may have been escaped again: `%252f`, `&amp;#47;`, `\\u002f`.
const AGAIN: usize = 2;

/// Most ways of reading that are followed at once. There are more only of texts with many backslashes in a row.
const WAYS: usize = 32;

/// Most digits of a number that stands for a character.
const MOST_DIGITS: usize = 8;

/// What servers write in HTML by name.
const NAMES: [(&str, u8); 12] = [
    ("amp", b'&'),
    ("lt", b'<'),
    ("gt", b'>'),
    ("quot", b'"'),
    ("apos", b'\''),
    ("sol", b'/'),
    ("plus", b'+'),
    ("equals", b'='),
    ("colon", b':'),
    ("period", b'.'),
    ("lowbar", b'_'),
    ("grave", b'`'),
];

/// Bytes that an escape begins with.
pub(super) const ESCAPES: [u8; 4] = *b"%=\\&";

/// A text in units of so many bytes, of which all but one are zero: one byte by itself, or ASCII in UTF-16 or UTF-32,
/// from the byte that is not zero. So the order of bytes makes no difference.
#[derive(Clone, Copy)]
pub(super) struct Units<'a> {
    pub(super) text: &'a [u8],
    pub(super) width: usize,
}

/// Some units that stand for some bytes: a byte, or a character in UTF-8.
struct Reading {
    bytes: [u8; 4],
    count: usize,
    /// Where the next begins.
    next: usize,
}

impl Reading {
    fn byte(byte: u8, next: usize) -> Self {
        Self { bytes: [byte, 0, 0, 0], count: 1, next }
    }

    fn char(char: char, next: usize) -> Self {
        let mut bytes = [0; 4];
        let count = char.encode_utf8(&mut bytes).len();
        Self { bytes, count, next }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }
}

impl<'a> Units<'a> {
    /// Each byte that the text may begin with, read in whatever way, once.
    pub(super) fn first_bytes(self) -> BTreeSet<u8> {
        let mut found = BTreeSet::new();
        self.each(0, &mut |reading: Reading| found.extend(reading.bytes().first()));
        found
    }

    /// How many bytes of the text spell this form, which is in lower case, or as much of it as there has to be. The
    /// longest way counts.
    pub(super) fn spell(self, form: &Form) -> Option<usize> {
        let mut longest = None;
        // Where it can be gone on, as bytes done and units read. There is more than one seldom, and none twice: what is
        // done becomes more with each.
        let (mut only, mut open) = (Some((0, 0)), BTreeSet::new());
        while let Some((done, at)) = only.take().or_else(|| open.pop_first()) {
            if done >= form.least {
                longest = longest.max(Some(at));
            }
            let Some(rest) = form.text.get(done..).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            self.each(at, &mut |reading: Reading| {
                let bytes = reading.bytes();
                let is_next =
                    rest.get(..bytes.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(bytes));
                if is_next && self.len(reading.next) < form.most {
                    let next = (done + bytes.len(), reading.next);
                    if open.is_empty() && only.is_none() {
                        only = Some(next);
                    } else if open.len() < WAYS {
                        open.extend(only.take());
                        open.insert(next);
                    }
                }
            });
        }
        longest.map(|units| self.len(units))
    }

    /// As many bytes are so many units, without the zeros behind the last.
    fn len(self, units: usize) -> usize {
        (units * self.width).saturating_sub(self.width - 1)
    }

    /// A unit, which has the zeros before it that it ought to have.
    fn get(self, at: usize) -> Option<u8> {
        let place = at.checked_mul(self.width)?;
        let zeros = self.text.get(place.saturating_sub(self.width - 1)..place)?;
        let unit = self.text.get(place).copied();
        unit.filter(|_| zeros.iter().all(|zero| *zero == 0))
    }

    /// Where the text goes on behind this, letters without regard to case.
    fn past(self, at: usize, text: &str) -> Option<usize> {
        let same = |(place, byte): (usize, u8)| {
            self.get(at + place).is_some_and(|unit| unit.eq_ignore_ascii_case(&byte))
        };
        text.bytes().enumerate().all(same).then_some(at + text.len())
    }

    /// A number of `least` to `most` digits, and where the text goes on behind it.
    fn number(self, at: usize, radix: u32, least: usize, most: usize) -> Option<(u32, usize)> {
        let (mut number, mut count) = (0_u32, 0);
        while let Some(digit) =
            self.get(at + count).and_then(|unit| char::from(unit).to_digit(radix))
            && count < most
        {
            number = number.checked_mul(radix)?.checked_add(digit)?;
            count += 1;
        }
        (count >= least).then_some((number, at + count))
    }

    /// Every way to read what is at a place.
    fn each(self, at: usize, tell: &mut dyn FnMut(Reading)) {
        let Some(unit) = self.get(at) else { return };
        tell(Reading::byte(unit, at + 1));
        match unit {
            b'+' => tell(Reading::byte(b' ', at + 1)),
            b'%' => self.again(at + 1, "25", AGAIN, &mut |at| self.byte(at, 16, 2).map(&mut *tell)),
            b'=' => drop(self.byte(at + 1, 16, 2).map(tell)),
            b'&' => {
                self.again(at + 1, "amp;", AGAIN, &mut |at| self.reference(at).map(&mut *tell));
            }
            // Two become four, and four eight.
            b'\\' => self.again(at + 1, "\\", (2 << AGAIN) - 1, &mut |at| {
                self.behind_backslash(at).map(&mut *tell)
            }),
            _ => {}
        }
    }

    /// Reads on here, and behind one, two, … of what stands for the beginning of an escape in one.
    fn again(
        self,
        mut at: usize,
        text: &str,
        most: usize,
        read: &mut dyn FnMut(usize) -> Option<()>,
    ) {
        for _ in 0..=most {
            // What stands here may be no escape.
            let _ = read(at);
            match self.past(at, text) {
                Some(next) => at = next,
                None => return,
            }
        }
    }

    /// A byte by its number, of so many digits.
    fn byte(self, at: usize, radix: u32, digits: usize) -> Option<Reading> {
        let (number, next) = self.number(at, radix, digits, digits)?;
        Some(Reading::byte(u8::try_from(number).ok()?, next))
    }

    /// In HTML, behind `&`: `#47;`, `#x2f;`, `sol;`. Browsers do without the semicolon of numbers.
    fn reference(self, at: usize) -> Option<Reading> {
        if let Some(at) = self.past(at, "#") {
            let (number, next) = match self.past(at, "x") {
                Some(at) => self.number(at, 16, 1, MOST_DIGITS)?,
                None => self.number(at, 10, 1, MOST_DIGITS)?,
            };
            return Some(Reading::char(
                char::from_u32(number)?,
                self.past(next, ";").unwrap_or(next),
            ));
        }
        NAMES.iter().find_map(|(name, byte)| {
            Some(Reading::byte(*byte, self.past(self.past(at, name)?, ";")?))
        })
    }

    /// In JSON and programs, behind a backslash: `u002f`, two of these for what has no room in one, `u{2f}`,
    /// `U0000002f`, `x2f`, `057`, and what stands for itself.
    fn behind_backslash(self, at: usize) -> Option<Reading> {
        let char = |(number, next)| Some(Reading::char(char::from_u32(number)?, next));
        match self.get(at)? {
            b'u' | b'U' => {
                if let Some(begin) = self.past(at, "u{") {
                    let (number, next) = self.number(begin, 16, 1, MOST_DIGITS)?;
                    return char((number, self.past(next, "}")?));
                }
                if self.get(at)? == b'U'
                    && let Some(found) = self.number(at + 1, 16, 8, 8)
                {
                    return char(found);
                }
                let (high, next) = self.number(at + 1, 16, 4, 4)?;
                let pair = || {
                    let (low, next) = self.number(self.past(next, "\\u")?, 16, 4, 4)?;
                    let units = [u16::try_from(high).ok()?, u16::try_from(low).ok()?];
                    let decoded = char::decode_utf16(units).next()?;
                    Some(Reading::char(decoded.ok()?, next))
                };
                char((high, next)).or_else(pair)
            }
            b'x' => self.byte(at + 1, 16, 2),
            b'0'..=b'7' => self.byte(at, 8, 3),
            unit => unit.is_ascii_punctuation().then(|| Reading::byte(unit, at + 1)),
        }
    }
}
