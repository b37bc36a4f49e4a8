//! A client that asks for much and takes nothing, beside one that wants a small file: the second is
//! served, and the server stays within its budget (docs/LIMITS.md).

use std::fs::{self, File};
use std::time::{Duration, Instant};

use sst_std::files::{FetchOptions, fetch};
use sst_std::{Config, Endpoint, Identity, OpenOptions, Session, Stream, Url};

use crate::compare::{At, Measure, PATIENCE, within};
use crate::tool::{Running, User, noise, until};

/// More than any budget, and nothing on the disk.
const ENDLESS: u64 = 200 << 30;
/// Threads of the server: 16 that work, 8 that wait for the disk, 1 for each two processors that
/// hash, and the runtime's own.
const MAX_THREADS: usize = 26 + 2 * 64;
/// Nothing takes longer, on the busiest machine.
const HANGS: Duration = Duration::from_secs(120);

struct Client {
    _endpoint: Endpoint,
    session: Session,
}

impl Client {
    async fn new(url: &str) -> Self {
        let mut config = Config::new(Identity::generate().unwrap());
        config.bind = vec!["127.0.0.1:0".parse().unwrap()];
        config.keep_alive = Some(Duration::from_secs(2));
        let endpoint = Endpoint::bind(config).await.unwrap();
        let url: Url = url.parse().unwrap();
        let session = endpoint.connect(&url).await.unwrap();
        Self { _endpoint: endpoint, session }
    }

    /// Asks for what is listed at `path`, and reads nothing.
    async fn ask_list(&self, path: &str) -> Stream {
        let mut stream = self.session.open_service("files", "1").await.unwrap();
        stream.write_record(&[b"\x01", path.as_bytes()].concat()).await.unwrap();
        stream
    }

    /// The stream of the shared directory, for requests under it.
    async fn root(&self) -> Stream {
        let mut root = self.ask_list("").await;
        while root.read_record(5_000).await.unwrap().is_some_and(|record| !record.is_empty()) {}
        root
    }

    /// A small file comes.
    async fn small_get(&self) {
        let to = tempfile::tempdir().unwrap();
        let to = to.path().join("small");
        let fetched = fetch(&self.session, "small", &to, FetchOptions::default());
        let summary = tokio::time::timeout(HANGS, fetched).await.expect("it comes").unwrap();
        assert_eq!((summary.files, summary.bytes), (1, 5_000));
    }
}

/// Opens up to `count` children under `parent`, as many as the server allows, each with a request.
async fn ask_all(parent: &Stream, count: u64, request: impl Fn(u64) -> Vec<u8>) -> Vec<Stream> {
    let mut asked = Vec::new();
    for number in 0..count {
        let opened = parent.open_substream(OpenOptions::new());
        let Ok(opened) = tokio::time::timeout(Duration::from_secs(1), opened).await else { break };
        let mut stream = opened.unwrap();
        stream.write_record(&request(number)).await.unwrap();
        asked.push(stream);
    }
    asked
}

fn get(path: &str, have: u64) -> Vec<u8> {
    [b"\x02", &have.to_be_bytes()[..], &[7; 32], path.as_bytes()].concat()
}

/// A server that somebody is greedy at, one that nobody is, and who comes to both.
struct Served {
    running: Running,
    url: String,
    _server: User,
    client: Client,
    quiet: (Running, String),
    guest: User,
}

impl Served {
    async fn new(descriptors: u32, prepare: impl FnOnce(&User)) -> Self {
        let server = User::new();
        fs::create_dir(server.path("tree")).unwrap();
        fs::write(server.path("tree/small"), noise(5_000)).unwrap();
        prepare(&server);
        let (running, url) = server.serve_within(descriptors, &["serve", "tree"]);
        let client = Client::new(&url).await;
        let quiet = server.serve_within(descriptors, &["serve", "tree"]);
        Self { running, url, _server: server, client, quiet, guest: User::new() }
    }

    /// Who comes for a small file is served as if nobody else were there: as by the server that
    /// nobody asks for much, on the same machine at the same time.
    fn is_fair(&self) {
        let measure = Measure { samples: 5, quantile: 0.5 };
        within("a small get beside a greedy client", 2.0, measure, |at| {
            let url = if at == At::Quiet { &self.quiet.1 } else { &self.url };
            let begun = Instant::now();
            self.guest.good(&["get", &format!("{url}/small"), "-o", "small"]);
            let took = begun.elapsed();
            assert_eq!(fs::read(self.guest.path("small")).unwrap(), noise(5_000));
            fs::remove_file(self.guest.path("small")).unwrap();
            took.min(PATIENCE)
        });
    }

    fn entries(&self, of: &str) -> usize {
        fs::read_dir(format!("/proc/{}/{of}", self.running.child.id())).unwrap().count()
    }

    /// Resident memory, in bytes.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.running.child.id()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Processor time used, in ticks.
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.running.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_of_endless_files_are_bounded_and_end_with_their_session() {
    let served = Served::new(1_024, |server| {
        File::create(server.path("tree/endless")).unwrap().set_len(ENDLESS).unwrap();
    })
    .await;
    let greedy = Client::new(&served.url).await;
    let root = greedy.root().await;
    let asked = ask_all(&root, 200, |number| get("endless", ENDLESS - number)).await;
    assert!(asked.len() >= 60, "{}", asked.len());
    served.is_fair();
    assert!(served.entries("task") <= MAX_THREADS, "{} threads", served.entries("task"));
    greedy.session.abort(0, "enough");
    // Idle again, for as long as one hash would need its processor in vain.
    let mut idle = 0;
    until("the hashes have ended", || {
        let before = served.ticks();
        std::thread::sleep(Duration::from_millis(200));
        idle = if served.ticks() - before <= 1 { idle + 1 } else { 0 };
        idle == 10
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hashes_ends_when_it_is_told_to() {
    let served = Served::new(1_024, |server| {
        File::create(server.path("tree/endless")).unwrap().set_len(ENDLESS).unwrap();
    })
    .await;
    let root = served.client.root().await;
    let _asked = ask_all(&root, 8, |number| get("endless", ENDLESS - number)).await;
    let before = served.ticks();
    until("it hashes", || served.ticks() > before + 10);
    served.running.signal("-TERM");
    assert!(served.running.wait().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_transfers_and_silent_streams_take_no_descriptors_from_others() {
    let served = Served::new(100, |server| {
        fs::write(server.path("tree/medium"), noise(600_000)).unwrap();
    })
    .await;
    let mut held = Vec::new();
    // 1,152 in all.
    for _ in 0..12 {
        let greedy = Client::new(&served.url).await;
        let root = greedy.root().await;
        let silent = root.open_substream(OpenOptions::new()).await.unwrap();
        let asked = ask_all(&root, 96, |_| get("medium", 0)).await;
        assert_eq!(asked.len(), 96);
        held.push((silent, asked, root, greedy));
        assert!(served.entries("fd") < 100);
    }
    let late = Client::new(&served.url).await;
    let late_root = late.root().await;
    let mut late = ask_all(&late_root, 1, |_| get("medium", 0)).await;
    served.is_fair();
    assert!(served.entries("fd") < 100, "{}", served.entries("fd"));
    until("stalled files are closed", || served.entries("fd") < 40);
    // Whoever reads again gets everything.
    let mut late = late.remove(0);
    let answer = late.read_record(100).await.unwrap().unwrap();
    assert_eq!(answer, [&[0][..], &600_000_u64.to_be_bytes(), &[0; 8]].concat());
    let mut contents = vec![0; 600_000];
    tokio::io::AsyncReadExt::read_exact(&mut late, &mut contents).await.unwrap();
    assert!(contents == noise(600_000));
    let hash = late.read_record(32).await.unwrap().unwrap();
    assert_eq!(hash, blake3::hash(&contents).as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_that_nobody_takes_wait_in_the_directory() {
    const NAMES: usize = 50_000;
    let served = Served::new(1_024, |server| {
        fs::create_dir(server.path("tree/many")).unwrap();
        for name in 0..NAMES {
            let path = server.path(&format!("tree/many/{name:0>200}"));
            File::create(path).unwrap();
        }
    })
    .await;
    let before = served.memory();
    let greedy = Client::new(&served.url).await;
    let root = greedy.root().await;
    let list = |_| [b"\x01", &b"many"[..]].concat();
    let mut asked = ask_all(&root, 200, list).await;
    served.is_fair();
    // They are more than there are places for requests, and keep none.
    greedy.small_get().await;
    let grown = served.memory().saturating_sub(before);
    // A listing has 4 MB; what one stream may have unread is in the session's share.
    assert!(grown < 200 << 20, "{grown} bytes for {} listings", asked.len());
    // Whoever reads again gets every name once.
    let mut names = std::collections::BTreeSet::new();
    let mut one = asked.swap_remove(0);
    drop(asked);
    assert_eq!(one.read_record(100).await.unwrap().unwrap()[..2], *b"\0d");
    while let Some(record) = one.read_record(5_000).await.unwrap().filter(|one| !one.is_empty()) {
        assert!(names.insert(record), "a name comes twice");
    }
    assert_eq!(names.len(), NAMES);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_that_nobody_reads_stop_nobody() {
    const LARGE: usize = 16 << 20;
    let served = Served::new(1_024, |server| {
        fs::write(server.path("tree/large"), noise(LARGE)).unwrap();
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let greedy = Client::new(&served.url).await;
        let root = greedy.root().await;
        held.push((ask_all(&root, 60, |_| get("large", 0)).await, root, greedy));
        served.is_fair();
    }
    assert!(served.memory() < 400 << 20, "{} bytes", served.memory());
}
