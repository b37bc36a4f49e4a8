//! Bytes at the parsers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sst_fuzz::parsers::run(data));
