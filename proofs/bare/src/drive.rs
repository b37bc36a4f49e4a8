//! Everything of the core that the firmware calls.
//!
//! What is not called here is not proved. So far that is the arithmetic of time; the core's five
//! verbs, with cryptography that does nothing, belong here as soon as they exist.

use core::hint::black_box;
use core::time::Duration;

use sst_nostd::time::{self, Instant};

/// Calls the core with whatever is in `input`; the answer depends on every call.
pub fn drive(input: &mut [u8; 2048]) -> u64 {
    #[cfg(feature = "planted-panic")]
    plant(input);
    drive_time(input)
}

fn drive_time(input: &[u8; 2048]) -> u64 {
    let Some((first, rest)) = input.split_first_chunk::<8>() else { return 0 };
    let Some((second, rest)) = rest.split_first_chunk::<8>() else { return 0 };
    let Some((nanos, _)) = rest.split_first_chunk::<4>() else { return 0 };
    let duration = Duration::from_secs(u64::from_le_bytes(*second))
        .saturating_add(Duration::from_nanos(u64::from(u32::from_le_bytes(*nanos))));
    let now = Instant::from_micros(u64::from_le_bytes(*first));
    let later = black_box(now.after(duration));
    let earlier = black_box(now.before(duration));
    time::micros(later.since(earlier)).wrapping_add(later.as_micros())
}

/// Indexes with a byte that may be anything.
#[cfg(feature = "planted-panic")]
fn plant(input: &mut [u8; 2048]) {
    let few = black_box([1u8, 2, 3]);
    input[1] = few[usize::from(input[0])];
}
