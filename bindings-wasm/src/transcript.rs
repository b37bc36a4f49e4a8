//! Whether this build sends the packets that every build must send (docs/SCENARIOS.md).

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use sst_nostd::transcript::{DIGEST, digest};
use sst_nostd::{Limits, RustCrypto, Storage};
use wasm_bindgen::prelude::wasm_bindgen;

/// Never asked: the script has random bytes of its own.
struct NoRandom;

impl TryRng for NoRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill(0);
        Ok(())
    }
}

impl TryCryptoRng for NoRandom {}

/// Plays the scripted conversation and compares its digest.
#[wasm_bindgen(js_name = transcriptMatches)]
#[must_use]
pub fn transcript_matches() -> bool {
    let limits = Limits::of(1, 8, 1 << 16);
    let storage = [Storage::owned(&limits), Storage::owned(&limits)];
    digest([RustCrypto::new(NoRandom), RustCrypto::new(NoRandom)], storage) == Ok(DIGEST)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_build_sends_what_every_build_sends() {
        assert!(super::transcript_matches());
    }
}
