//! What an idle stream costs.

use core::mem::size_of;

use crate::storage::{Row as TableRow, TimerSlot};

use super::*;

#[test]
fn an_idle_stream_costs_at_most_256_bytes() {
    // Two entries of the index for each row keep it at most half full.
    let stream = size_of::<TableRow<Row>>() + 2 * size_of::<u64>();
    std::println!(
        "row {}, in a table {}, with its index {stream}, timer {}; nursery {}, gaps {}, \
         ranges {}, tree {}",
        size_of::<Row>(),
        size_of::<TableRow<Row>>(),
        size_of::<TimerSlot>(),
        size_of::<TableRow<Nursery>>(),
        size_of::<TableRow<Gaps>>(),
        size_of::<TableRow<Ranges>>(),
        size_of::<Tree>(),
    );
    assert!(stream <= 256, "{stream}");
}
