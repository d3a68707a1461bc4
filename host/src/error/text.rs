//! Texts of errors, which may quote what a guest has made: each of bounded size.

use ophidia_abi::{CUT, ERROR_TEXT};
#[cfg(feature = "serde")]
use std::fmt::{Display, Write};

/// Characters of a text that an error quotes.
const QUOTED: usize = 80;

/// As much of a text as an error quotes: it may be of any length.
pub(crate) fn beginning(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A text of an error: when it takes more than 64 KiB, its beginning and a mark.
pub(crate) fn cut(mut text: String) -> String {
    if text.len() > ERROR_TEXT as usize {
        text.truncate(text.floor_char_boundary(ERROR_TEXT as usize - CUT.len()));
        text.push_str(CUT);
        text.shrink_to_fit();
    }
    text
}

/// The same of what is yet to be written: what is cut off is never held.
#[cfg(feature = "serde")]
pub(crate) fn written(said: impl Display) -> String {
    struct Bounded(String);
    impl Write for Bounded {
        fn write_str(&mut self, more: &str) -> std::fmt::Result {
            let room = (ERROR_TEXT as usize + 1).saturating_sub(self.0.len());
            // A character more than fits, so that it is seen to be too long.
            let end = if more.len() > room { more.ceil_char_boundary(room) } else { more.len() };
            self.0.push_str(more.get(..end).unwrap_or_default());
            if end < more.len() { Err(std::fmt::Error) } else { Ok(()) }
        }
    }
    let mut text = Bounded(String::new());
    // It fails where the text is cut.
    let _ = write!(text, "{said}");
    cut(text.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_character() {
        for letter in ["x", "é", "€", "😀"] {
            for text in [letter.repeat(1 << 20), format!("_{}", letter.repeat(1 << 20))] {
                for short in [written(&text), cut(text.clone())] {
                    assert!(short.len() <= ERROR_TEXT as usize && short.len() > 65_000);
                    assert!(short.strip_suffix(CUT).is_some_and(|start| text.starts_with(start)));
                }
            }
        }
        let fits = "x".repeat(ERROR_TEXT as usize);
        assert_eq!(written(&fits), fits);
        assert_eq!(cut(fits.clone()), fits);
        let parts = written(format_args!("{fits}{fits}"));
        assert!(parts.len() == ERROR_TEXT as usize && parts.ends_with(CUT));
    }
}
