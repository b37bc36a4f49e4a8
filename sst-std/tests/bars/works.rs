//! Requests that cause work, which nobody waits for.

use std::fs::File;

use crate::scene::{Scene, sparse};

const MIB: u64 = 1 << 20;

/// docs/LIMITS.md: what `sst serve` has at most, whatever its clients ask for.
const MAX_DESCRIPTORS: usize = 336;
const MAX_FILE_THREADS: usize = 24;
/// Its buffers of 256 MiB, and as much again for rows, stacks and the allocator.
const MAX_RESIDENT_BYTES: u64 = 512 * MIB;

fn all_is_bounded(scene: &Scene) {
    let server = &scene.attacked;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // One for each two processors hashes, the runtime has one for each, and one is the first.
    let max_threads = (MAX_FILE_THREADS + processors.div_ceil(2) + processors + 1) as u64;
    let (threads, descriptors) = (server.threads(), server.descriptors());
    let resident = server.resident_bytes() / MIB;
    println!("{threads} threads, {descriptors} descriptors, {resident} MiB");
    assert!(threads <= max_threads, "{threads} threads");
    assert!(descriptors <= MAX_DESCRIPTORS, "{descriptors} descriptors");
    assert!(resident <= MAX_RESIDENT_BYTES / MIB, "{resident} MiB");
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_hashes_of_large_files() {
    let mut scene = Scene::new(|shared| sparse(shared, "huge", 2_048 * MIB));
    scene.attack("hashes", "huge");
    scene.gets_keep("a get beside 60 hashes of 2 GiB", 2.0);
    all_is_bounded(&scene);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_listings_of_50_000_names() {
    let mut scene = Scene::new(|shared| {
        for number in 0..50_000 {
            File::create(shared.join(format!("a-name-as-files-have-them-{number}"))).unwrap();
        }
    });
    scene.attack("lists", "");
    scene.gets_keep("a get beside 200 listings of 50,000 names", 2.0);
    all_is_bounded(&scene);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_more_transfers_than_descriptors() {
    let mut scene = Scene::new(|shared| sparse(shared, "small", 100_000));
    scene.attack("hoard --count 1100", "small");
    scene.gets_keep("a get beside 1,100 requests that wait", 2.0);
    all_is_bounded(&scene);
}
