//! [`HostId`]: the identity of a host, and its text form.
//!
//! The text is lower-case base32 (RFC 4648 section 6, no padding) of the 32 bytes of the key and 3
//! bytes of checksum: 56 characters with no bit to spare, so that one identity has one text.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::fmt;
use core::str::FromStr;

use blake2::{Blake2s256, Digest};

/// Length of a [`HostId`], in bytes.
pub const HOST_ID_LEN: usize = 32;
/// Length of the text form of a [`HostId`], in characters.
pub const HOST_ID_TEXT_LEN: usize = 56;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const CHECKSUM_LABEL: &[u8] = b"SST1 identity";
const CHECKSUM_LEN: usize = 3;
/// Eight characters, or five bytes, are the unit of base32.
const GROUP_COUNT: usize = 7;

/// Who a host is: its X25519 public key.
///
/// Ordered as bytes; the order decides which [`Side`](super::Side) of a session a host has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId([u8; HOST_ID_LEN]);

/// Why a text is not a [`HostId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostIdError {
    /// A character outside `a`-`z` and `2`-`7`.
    Character {
        /// The character.
        found: char,
        /// How many characters come before it.
        position: usize,
    },
    /// The characters are possible, but at least one is not the right one.
    Checksum,
    /// Not 56 characters.
    Length {
        /// How many characters there are.
        found: usize,
    },
}

impl HostId {
    /// The host with this public key. Every 32 bytes name a host; not every one can be reached.
    #[must_use]
    pub const fn new(public_key: [u8; HOST_ID_LEN]) -> Self {
        Self(public_key)
    }

    /// The public key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HOST_ID_LEN] {
        &self.0
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`HostIdError`], saying what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, HostIdError> {
        let found = text.chars().count();
        if found != HOST_ID_TEXT_LEN {
            return Err(HostIdError::Length { found });
        }
        let mut groups = [[0; 5]; GROUP_COUNT];
        let mut characters = text.chars().enumerate();
        for group in &mut groups {
            let mut bits = 0_u64;
            for (position, found) in characters.by_ref().take(8) {
                let digit = digit(found).ok_or(HostIdError::Character { found, position })?;
                bits = bits << 5 | digit;
            }
            let [_, _, _, bytes @ ..] = bits.to_be_bytes();
            *group = bytes;
        }
        match groups.as_flattened().split_first_chunk() {
            Some((key, checksum)) if Self(*key).checksum() == checksum => Ok(Self(*key)),
            _ => Err(HostIdError::Checksum),
        }
    }

    /// The text form, as ASCII.
    #[must_use]
    pub fn to_text(&self) -> [u8; HOST_ID_TEXT_LEN] {
        let mut groups = [[0; 5]; GROUP_COUNT];
        let bytes = self.0.iter().copied().chain(self.checksum());
        for (place, byte) in groups.as_flattened_mut().iter_mut().zip(bytes) {
            *place = byte;
        }
        let mut text = [0; HOST_ID_TEXT_LEN];
        let (characters, _) = text.as_chunks_mut::<8>();
        for (characters, [a, b, c, d, e]) in characters.iter_mut().zip(groups) {
            let mut bits = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
            for character in characters.iter_mut().rev() {
                *character = letter(bits);
                bits >>= 5;
            }
        }
        text
    }

    fn checksum(&self) -> [u8; CHECKSUM_LEN] {
        let hash = Blake2s256::new().chain_update(CHECKSUM_LABEL).chain_update(self.0).finalize();
        let [a, b, c, ..] = <[u8; 32]>::from(hash);
        [a, b, c]
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(core::str::from_utf8(&self.to_text()).map_err(|_| fmt::Error)?)
    }
}

/// The first eight characters: enough to tell hosts apart in a log.
impl fmt::Debug for HostId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HostId({self:.8})")
    }
}

impl FromStr for HostId {
    type Err = HostIdError;

    fn from_str(text: &str) -> Result<Self, HostIdError> {
        Self::parse(text)
    }
}

impl fmt::Display for HostIdError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character { found, position } => {
                let place = position.saturating_add(1);
                write!(out, "character {place} is {found:?}: only a-z and 2-7 occur in a host id")
            }
            Self::Checksum => {
                out.write_str("the checksum of the host id is wrong: a typing error?")
            }
            Self::Length { found } => {
                write!(out, "a host id has {HOST_ID_TEXT_LEN} characters, this has {found}")
            }
        }
    }
}

impl core::error::Error for HostIdError {}

fn digit(character: char) -> Option<u64> {
    match character {
        'a'..='z' => Some(u64::from(character).wrapping_sub(u64::from('a'))),
        '2'..='7' => Some(u64::from(character).wrapping_sub(u64::from('2')).wrapping_add(26)),
        _ => None,
    }
}

fn letter(bits: u64) -> u8 {
    ALPHABET.get((bits & 31) as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::{String, ToString};

    use super::*;

    fn sample() -> HostId {
        HostId::new(core::array::from_fn(|at| (at * 37 + 5) as u8))
    }

    // Spec: R-3.2-1.
    #[test]
    fn text_round_trips_and_debug_is_its_beginning() {
        for key in [[0; 32], [0xff; 32], *sample().as_bytes()] {
            let id = HostId::new(key);
            let text = id.to_string();
            assert_eq!(text.len(), HOST_ID_TEXT_LEN);
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(format!("{id:?}"), format!("HostId({})", &text[..8]));
        }
    }

    // Spec: R-3.2-2.
    #[test]
    fn any_one_wrong_character_is_noticed() {
        let text = sample().to_string();
        for position in 0..HOST_ID_TEXT_LEN {
            for letter in "abcdefghijklmnopqrstuvwxyz234567".chars() {
                let mut wrong: String = text[..position].into();
                wrong.push(letter);
                wrong.push_str(&text[position + 1..]);
                let expected =
                    if wrong == text { Ok(sample()) } else { Err(HostIdError::Checksum) };
                assert_eq!(wrong.parse::<HostId>(), expected, "{position} {letter}");
            }
        }
    }

    // Spec: R-3.2-2.
    #[test]
    fn errors_say_what_is_wrong() {
        let text = sample().to_string();
        assert_eq!(HostId::parse(""), Err(HostIdError::Length { found: 0 }));
        assert_eq!(HostId::parse(&text[1..]), Err(HostIdError::Length { found: 55 }));
        assert_eq!(HostId::parse(&format!("{text}a")), Err(HostIdError::Length { found: 57 }));
        for found in ['0', '1', '8', 'A', '=', ' ', 'ü', '\u{1f600}'] {
            let wrong = format!("{}{found}{}", &text[..9], &text[10..]);
            let error = HostId::parse(&wrong).unwrap_err();
            assert_eq!(error, HostIdError::Character { found, position: 9 });
            assert!(error.to_string().starts_with("character 10 is"), "{error}");
        }
    }
}
