//! Frames past the cryptography.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sst_fuzz::frames::run(data));
