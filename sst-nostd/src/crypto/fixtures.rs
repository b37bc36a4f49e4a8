//! Values that the tests of several modules share.

use core::fmt;
use std::vec::Vec;

use rand_core::{TryCryptoRng, TryRng};

/// A generator that never has anything to give.
pub(crate) struct NoRandomness;

impl TryRng for NoRandomness {
    type Error = fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, fmt::Error> {
        Err(fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, fmt::Error> {
        Err(fmt::Error)
    }

    fn try_fill_bytes(&mut self, _out: &mut [u8]) -> Result<(), fmt::Error> {
        Err(fmt::Error)
    }
}

impl TryCryptoRng for NoRandomness {}

/// The bytes written as `hex`; anything that is not a digit is skipped.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The 32 bytes written as `hex`.
pub(crate) fn key(hex: &str) -> [u8; 32] {
    bytes(hex).try_into().unwrap()
}

/// Every public key whose agreement is zero: 0, 1, two of order 8, p-1, and the non-canonical p
/// and p+1, each without and with the top bit, which X25519 ignores.
pub(crate) fn low_order_points() -> Vec<[u8; 32]> {
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let mut all: Vec<[u8; 32]> = points.iter().map(|hex| key(hex)).collect();
    for mut point in all.clone() {
        point[31] |= 0x80;
        all.push(point);
    }
    all
}
