//! Counts the living bytes of the Rust heap, in builds with the feature `count-heap`.

#[cfg(feature = "count-heap")]
#[global_allocator]
static HEAP: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// Bytes asked for and not given back; 0 in builds that do not count. What C code takes, that is
/// the keys inside aws-lc, is not among them.
#[cfg(feature = "count-heap")]
pub(crate) fn living_bytes() -> u64 {
    let stats = HEAP.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated) as u64
}

#[cfg(not(feature = "count-heap"))]
pub(crate) const fn living_bytes() -> u64 {
    0
}
