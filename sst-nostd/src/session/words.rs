//! [`LastWords`]: what was said for people at the ends of sessions.
//!
//! Own words are literals and cost a session nothing. Those of applications and peers are kept
//! beside all sessions, the newest few: whoever asks late, when many have ended since, learns who
//! ended a session and the code, and no words. A row of each session for them would cost an idle
//! session 130 bytes.

use core::str;

use crate::limits::LAST_WORDS;
use crate::wire::close::MAX_REASON_LEN;

/// Where the words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Here.
    Own(&'static str),
    /// In [`LastWords`], under that number.
    Kept(u32),
}

#[derive(Clone, Copy)]
struct Slot {
    number: u32,
    len: u8,
    text: [u8; MAX_REASON_LEN],
}

/// The newest words of applications and peers.
pub struct LastWords {
    slots: [Slot; LAST_WORDS],
    next: u32,
}

impl LastWords {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        // No words have the number that `next` reaches last.
        let slot = Slot { number: u32::MAX, len: 0, text: [0; MAX_REASON_LEN] };
        Self { slots: [slot; LAST_WORDS], next: 0 }
    }

    /// Keeps `text`, cut to [`MAX_REASON_LEN`] bytes at a character's end.
    pub fn keep(&mut self, text: &str) -> Words {
        if text.is_empty() {
            return Words::Own("");
        }
        let mut len = text.len().min(MAX_REASON_LEN);
        while !text.is_char_boundary(len) {
            len = len.saturating_sub(1);
        }
        let number = self.next;
        self.next = if number.saturating_add(1) == u32::MAX { 0 } else { number.saturating_add(1) };
        if let Some(slot) = self.slots.get_mut(number as usize % LAST_WORDS) {
            slot.number = number;
            slot.len = u8::try_from(len).unwrap_or(0);
            let bytes = text.as_bytes().get(..len).unwrap_or_default();
            for (to, from) in slot.text.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        Words::Kept(number)
    }

    /// The words; empty if they are no longer kept.
    #[must_use]
    pub fn read(&self, words: Words) -> &str {
        let number = match words {
            Words::Own(text) => return text,
            Words::Kept(number) => number,
        };
        let slot = self.slots.get(number as usize % LAST_WORDS);
        let slot = slot.filter(|slot| slot.number == number);
        let bytes = slot.and_then(|slot| slot.text.get(..usize::from(slot.len)));
        str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }
}

impl Default for LastWords {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn the_newest_are_kept_and_older_ones_are_silence() {
        let mut words = LastWords::new();
        let count = 3 * LAST_WORDS as u32;
        let all: Vec<_> = (0..count).map(|n| words.keep(&format!("word {n}"))).collect();
        for (n, kept) in (0..count).zip(all) {
            let is_new = n >= count - LAST_WORDS as u32;
            let expected = if is_new { format!("word {n}") } else { String::new() };
            assert_eq!(words.read(kept), expected);
        }
        words.next = u32::MAX - 1;
        for n in 0..3 {
            let kept = words.keep(&format!("late {n}"));
            assert_eq!(words.read(kept), format!("late {n}"));
        }
        assert_eq!(words.read(Words::Own("own")), "own");
    }

    // Spec: R-9.2-1.
    #[test]
    fn words_are_cut_between_characters() {
        let mut words = LastWords::new();
        let long = "é".repeat(100);
        let kept = words.keep(&long);
        assert_eq!(words.read(kept), "é".repeat(64));
        let kept = words.keep(&format!("x{long}"));
        assert_eq!(words.read(kept).len(), 127);
    }
}
