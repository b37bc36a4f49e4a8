//! Two hosts and their applications.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    sst_fuzz::ops::run(data);
});
