//! Readers that do not read, and streams that nobody needs.

use std::path::Path;
use std::time::Duration;

use crate::scene::{Scene, sparse};

const MIB: u64 = 1 << 20;

/// What a server may have in memory, whatever its peers do: its buffers of 256 MiB, and as much
/// again for rows, stacks and the allocator.
const MAX_RESIDENT_BYTES: u64 = 512 * MIB;

fn memory_keeps(scene: &Scene) {
    let resident = scene.attacked.resident_bytes();
    println!("{} MiB resident", resident / MIB);
    assert!(resident <= MAX_RESIDENT_BYTES, "{} MiB", resident / MIB);
}

/// How much there is in the files of a directory.
fn bytes_in(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_a_suspended_get_of_80_files() {
    let scene = Scene::new(|shared| {
        std::fs::create_dir(shared.join("many")).unwrap();
        for number in 0..80 {
            sparse(&shared.join("many"), &format!("file{number}"), 16 * MIB);
        }
    });
    let url = scene.attacked.url.with_path("many").to_string();
    let (client, home) = scene.client(&["get", &url, "-o", "many"]);
    let many = home.path().join("many");
    // Suspended in the midst.
    let began = std::time::Instant::now();
    while bytes_in(&many) < 100 * MIB {
        assert!(began.elapsed() < Duration::from_secs(60), "the get of 80 files goes on");
        std::thread::sleep(Duration::from_millis(1));
    }
    client.suspend();
    scene.gets_keep("a get beside a suspended one", 1.5);
    memory_keeps(&scene);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_60_that_nobody_reads() {
    let mut scene = Scene::new(|shared| sparse(shared, "big", 16 * MIB));
    scene.attack("gets", "big");
    scene.gets_keep("a get beside 60 unread", 1.5);
    memory_keeps(&scene);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_1000_streams_that_nobody_reads() {
    let mut scene = Scene::new(|shared| sparse(shared, "big", 16 * MIB));
    scene.attack("hoard", "big");
    scene.gets_keep("a get beside 1,000 streams unread", 1.5);
    memory_keeps(&scene);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_readers_that_stopped() {
    let mut scene = Scene::new(|shared| sparse(shared, "big", 64 * MIB));
    scene.attack("stall --after 1000000", "big");
    scene.gets_keep("a get beside 100 readers that stopped", 1.5);
    memory_keeps(&scene);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_a_peer_that_opens_all_it_may() {
    let mut scene = Scene::new(|_| ());
    scene.attack("open-all", "two");
    scene.gets_keep("a get beside all streams that one peer may open", 2.0);
    memory_keeps(&scene);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_datagrams_that_nobody_reads() {
    let mut scene = Scene::new(|_| ());
    scene.attack("datagrams --count 60", "two");
    scene.gets_keep("a get beside datagrams unread", 1.5);
    memory_keeps(&scene);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn memory_keeps_beside_records_without_an_end() {
    let mut scene = Scene::of("echo", |_| ());
    scene.attack("records", "");
    memory_keeps(&scene);
}
