//! What an idle stream costs.

use core::mem::size_of;

use crate::storage::{Row as TableRow, TimerSlot};

use super::*;

#[test]
fn an_idle_stream_costs_at_most_256_bytes() {
    let stream = STREAM_BYTES;
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
