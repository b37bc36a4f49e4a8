//! [`Log`]: the last lines of text, each byte at a place of its own that it keeps for ever.

use core::fmt::{Arguments, Write};
use core::ops::Range;

use face::Instant;
use heapless::String;

/// How much is kept.
const KEPT_BYTES: usize = 1024;
/// The longest line; more is cut.
const LINE_BYTES: usize = 64;

/// A ring of text.
pub(crate) struct Log {
    bytes: [u8; KEPT_BYTES],
    /// One past the last byte ever written.
    end: u64,
}

impl Log {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; KEPT_BYTES], end: 0 }
    }

    /// Adds a line, with the time in front, and shows it with `print`.
    pub(crate) fn write_line(&mut self, now: Instant, line: Arguments<'_>, print: fn(&str)) {
        let mut text: String<LINE_BYTES> = String::new();
        // What is too long is cut.
        let _ = write!(text, "{:>8} ", now.as_micros() / 1000);
        let _ = text.write_fmt(line);
        print(&text);
        for byte in text.bytes().chain([b'\n']) {
            if let Some(place) = self.bytes.get_mut((self.end % KEPT_BYTES as u64) as usize) {
                *place = byte;
            }
            self.end = self.end.saturating_add(1);
        }
    }

    /// What is kept now. Old bytes leave while new ones come.
    pub(crate) fn range(&self) -> Range<u64> {
        self.end.saturating_sub(KEPT_BYTES as u64)..self.end
    }

    /// Copies the bytes from `position` on to `to`. False if some of them have left.
    pub(crate) fn copy(&self, position: u64, to: &mut [u8]) -> bool {
        let wanted = position..position.saturating_add(to.len() as u64);
        let kept = self.range();
        for (byte, at) in to.iter_mut().zip(wanted.clone()) {
            *byte = self.bytes.get((at % KEPT_BYTES as u64) as usize).copied().unwrap_or_default();
        }
        kept.start <= wanted.start && wanted.end <= kept.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_their_places_until_they_leave() {
        let mut log = Log::new();
        let mut first = [0; 4];
        for number in 0..100 {
            log.write_line(Instant::from_micros(5_000), format_args!("line {number}"), |_| {});
            assert_eq!(log.copy(9, &mut first), log.range().start <= 9);
            assert!(log.range().start > 9 || &first == b"line");
        }
        let kept = log.range();
        assert_eq!(kept.end - kept.start, KEPT_BYTES as u64);
        assert!(!log.copy(kept.end - 2, &mut first));
    }

    #[test]
    fn long_lines_are_cut() {
        let mut log = Log::new();
        log.write_line(Instant::ZERO, format_args!("{:0100}", 1), |_| {});
        assert_eq!(log.range().end, LINE_BYTES as u64 + 1);
    }
}
