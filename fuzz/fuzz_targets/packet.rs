//! Packets at a host.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sst_fuzz::packet::run(data));
