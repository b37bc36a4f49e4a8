//! The file service between two endpoints: trees, resuming, damage, escapes.

mod two_hosts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sst_std::files::{
    self, FetchOptions, FileError, FileServer, Progress, PutOptions, Refusal, SMALL_FILE_BYTES,
};
use sst_std::{OpenOptions, Stream};
use two_hosts::{Pair, pair, timed};

/// Serves `directory` at the far end.
async fn serving(directory: &Path, is_writable: bool) -> Pair {
    let pair = pair().await;
    let server = FileServer::open(directory, is_writable).unwrap();
    let mut services = pair.there.offer_services(vec![files::offer()]);
    tokio::spawn(async move {
        while let Some(request) = services.accept().await {
            server.start(request.into_stream()).await;
        }
    });
    pair
}

fn make_tree(root: &Path) {
    for directory in ["a/b/c", "empty", "many"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("big"), (0..3_000_000_u32).map(|at| (at >> 5) as u8).collect::<Vec<_>>())
        .unwrap();
    fs::write(root.join("a/b/c/deep"), "deep").unwrap();
    fs::write(root.join("a/nothing"), "").unwrap();
    fs::write(root.join("a/ü \"name\""), "strange").unwrap();
    for number in 0..100 {
        fs::write(root.join(format!("many/{number}")), vec![number; 3_000]).unwrap();
    }
}

fn contents(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
            if path.is_dir() {
                found.insert(name, None);
                todo.push(path);
            } else {
                found.insert(name, Some(fs::read(path).unwrap()));
            }
        }
    }
    found
}

#[tokio::test]
async fn a_tree_arrives_as_it_was_and_again_for_nothing() {
    timed(async {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        make_tree(from.path());
        let pair = serving(from.path(), false).await;
        let to = to.path().join("copy");
        let summary = files::fetch(&pair.here, "", &to, FetchOptions::default()).await.unwrap();
        assert!(summary.errors.is_empty(), "{:?}", summary.errors);
        assert_eq!((summary.files, summary.unchanged, summary.directories), (104, 0, 6));
        assert!(contents(from.path()) == contents(&to));
        let again = files::fetch(&pair.here, "", &to, FetchOptions::default()).await.unwrap();
        assert_eq!((again.files, again.unchanged, again.bytes), (104, 104, 0));
        let one = to.with_file_name("one");
        let summary =
            files::fetch(&pair.here, "a/b/c/deep", &one, FetchOptions::default()).await.unwrap();
        assert_eq!((summary.files, summary.bytes), (1, 4));
        assert_eq!(fs::read(one).unwrap(), b"deep");
    })
    .await;
}

/// Gets `from` as it is, and answers how many directories that were.
async fn all_arrives(from: &Path) -> u64 {
    let to = tempfile::tempdir().unwrap();
    let pair = serving(from, false).await;
    let to = to.path().join("copy");
    let summary = files::fetch(&pair.here, "", &to, FetchOptions::default()).await.unwrap();
    assert_eq!(summary.failed, 0, "{:?}", summary.errors);
    assert!(contents(from) == contents(&to));
    summary.directories
}

/// More entries than the client takes before it has their files, and a list longer than a window.
#[tokio::test]
async fn what_was_listed_arrives_before_a_long_list_is_taken() {
    timed(async {
        let from = tempfile::tempdir().unwrap();
        for number in 0..20_000 {
            fs::File::create(from.path().join(format!("{number}"))).unwrap();
        }
        assert_eq!(all_arrives(from.path()).await, 1);
    })
    .await;
}

/// As many listings as the client has at a time wait under one that has not been taken whole.
#[tokio::test]
async fn directories_arrive_before_a_long_list_is_taken() {
    timed(async {
        let from = tempfile::tempdir().unwrap();
        for number in 0..5_000 {
            let path = from.path().join(format!("{number:0>200}"));
            if number % 2 == 0 {
                fs::create_dir(path).unwrap();
            } else {
                fs::File::create(path).unwrap();
            }
        }
        assert_eq!(all_arrives(from.path()).await, 2_501);
    })
    .await;
}

/// A request on a stream of its own under `parent`.
async fn ask(parent: &Stream, request: &[u8]) -> Stream {
    let mut stream = parent.open_substream(OpenOptions::new()).await.unwrap();
    stream.write_record(request).await.unwrap();
    stream
}

/// A client that finishes a directory's stream as soon as it has asked for all it wants, while as
/// many requests as its session may have (docs/LIMITS.md) are answered.
#[tokio::test]
async fn what_was_asked_for_before_the_end_is_answered_after_it() {
    timed(async {
        let get = |path: &[u8]| [&b"\x02"[..], &[0; 40], path].concat();
        let from = tempfile::tempdir().unwrap();
        fs::write(from.path().join("small"), "small").unwrap();
        fs::File::create(from.path().join("large")).unwrap().set_len(1 << 30).unwrap();
        let pair = serving(from.path(), false).await;
        let mut roots = Vec::new();
        for _ in 0..2 {
            let mut root = pair.here.open_service("files", "1").await.unwrap();
            root.write_record(b"\x01").await.unwrap();
            while !root.read_record(5_000).await.unwrap().unwrap().is_empty() {}
            roots.push(root);
        }
        let mut held = Vec::new();
        for _ in 0..96 {
            let mut large = ask(&roots[0], &get(b"large")).await;
            assert_eq!(large.read_record(100).await.unwrap().unwrap()[0], 0);
            held.push(large);
        }
        let mut asked = Vec::new();
        for _ in 0..20 {
            asked.push(ask(&roots[1], &get(b"small")).await);
        }
        roots[1].start_finish().unwrap();
        // Only while places are taken does anything wait beyond the end.
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(held);
        for mut small in asked {
            let answer = small.read_record(100).await.unwrap().unwrap();
            assert_eq!(answer, [&[0][..], &5_u64.to_be_bytes(), &[0; 8]].concat());
        }
    })
    .await;
}

#[tokio::test]
async fn a_partial_file_is_continued_and_a_wrong_one_begun_again() {
    timed(async {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        make_tree(from.path());
        let pair = serving(from.path(), false).await;
        let big = fs::read(from.path().join("big")).unwrap();
        let (path, part) = (to.path().join("big"), to.path().join(".big.sst-part"));
        fs::write(&part, &big[..2_000_000]).unwrap();
        let summary =
            files::fetch(&pair.here, "big", &path, FetchOptions::default()).await.unwrap();
        assert_eq!(summary.bytes, 1_000_000);
        assert!(fs::read(&path).unwrap() == big && !part.exists());
        fs::remove_file(&path).unwrap();
        fs::write(&part, vec![9; 2_000_000]).unwrap();
        let summary =
            files::fetch(&pair.here, "big", &path, FetchOptions::default()).await.unwrap();
        assert_eq!(summary.bytes, 3_000_000);
        assert!(fs::read(&path).unwrap() == big && !part.exists());
    })
    .await;
}

/// A new version half arrived beside the old one, or beside one that is right already.
#[tokio::test]
async fn an_interrupted_update_of_a_file_goes_on_where_it_was() {
    timed(async {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        make_tree(from.path());
        let pair = serving(from.path(), false).await;
        let big = fs::read(from.path().join("big")).unwrap();
        let (path, part) = (to.path().join("big"), to.path().join(".big.sst-part"));
        let cases = [
            // What is here, what is unfinished; the bytes that come, what it is called.
            (vec![9; 500_000], &big[..2_000_000], 1_000_000, (0, 1)),
            (big[..500_000].to_vec(), &[9; 70_000], 2_500_000, (0, 1)),
            (vec![8; 500_000], &[9; 70_000], 3_000_000, (0, 0)),
            (big.clone(), &big[..2_000_000], 1_000_000, (0, 1)),
            (big.clone(), &[9; 70_000], 0, (1, 0)),
        ];
        for (finished, unfinished, bytes, called) in cases {
            fs::write(&path, finished).unwrap();
            fs::write(&part, unfinished).unwrap();
            let options = FetchOptions::default();
            let summary = files::fetch(&pair.here, "big", &path, options).await.unwrap();
            assert_eq!((summary.bytes, (summary.unchanged, summary.resumed)), (bytes, called));
            assert!(fs::read(&path).unwrap() == big && !part.exists());
        }
    })
    .await;
}

/// More transfers than a session has places for open files stand still while the file grows.
#[tokio::test]
async fn a_file_that_grows_while_its_transfer_stands_still_arrives_as_long_as_it_was() {
    const LEN: usize = 6 << 20;
    timed(async {
        let from = tempfile::tempdir().unwrap();
        let path = from.path().join("log");
        fs::write(&path, vec![7; LEN]).unwrap();
        let pair = serving(from.path(), false).await;
        let mut root = pair.here.open_service("files", "1").await.unwrap();
        root.write_record(b"\x01").await.unwrap();
        while !root.read_record(5_000).await.unwrap().unwrap().is_empty() {}
        let get = [&b"\x02"[..], &[0; 40], b"log"].concat();
        let mut getting = Vec::new();
        for _ in 0..40 {
            let mut stream = ask(&root, &get).await;
            assert_eq!(stream.read_record(100).await.unwrap().unwrap()[0], 0);
            getting.push(stream);
        }
        // Those without a place stall at once, those with one after half a second.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let mut log = fs::File::options().append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut log, &[8; 1_000]).unwrap();
        drop(log);
        let hash = blake3::hash(&vec![7; LEN]);
        let mut contents = vec![0; LEN];
        for mut stream in getting {
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut contents).await.unwrap();
            assert!(contents.iter().all(|byte| *byte == 7));
            assert_eq!(&stream.read_record(32).await.unwrap().unwrap(), hash.as_bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn paths_that_lead_out_and_absent_ones_are_refused() {
    timed(async {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(from.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", from.path().join("etc")).unwrap();
        let pair = serving(from.path(), false).await;
        for (path, expected) in [
            ("../file", Refusal::BadRequest),
            ("etc/passwd", Refusal::WrongKind),
            ("absent", Refusal::NotFound),
            ("file/x", Refusal::WrongKind),
        ] {
            let to = to.path().join("x");
            let error =
                files::fetch(&pair.here, path, &to, FetchOptions::default()).await.unwrap_err();
            let FileError::Refused { refusal, .. } = error else { panic!("{error}") };
            assert_eq!(refusal, expected, "{path}");
        }
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    })
    .await;
}

#[tokio::test]
async fn files_can_be_put_where_that_is_allowed_but_never_over_others() {
    timed(async {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = from.path().join("file");
        fs::write(&file, vec![5; 1_000_000]).unwrap();
        let pair = serving(to.path(), true).await;
        let put = |to| files::put(&pair.here, &file, to, PutOptions::default());
        let sent = put("new").await.unwrap();
        assert_eq!((sent.files, sent.unchanged, sent.bytes), (1, 0, 1_000_000));
        assert_eq!(contents(from.path())["file"], contents(to.path())["new"]);
        let again = put("new").await.unwrap();
        assert_eq!((again.files, again.unchanged, again.bytes), (1, 1, 0));
        // The contents of a small one go along with the request, and are no news.
        let small = to.path().join("small");
        fs::write(&small, "small").unwrap();
        let again = files::put(&pair.here, &small, "small", PutOptions::default()).await.unwrap();
        assert_eq!((again.files, again.unchanged, again.bytes), (1, 1, 0));
        fs::remove_file(&small).unwrap();
        let error = put("../new").await.unwrap_err();
        assert!(matches!(error, FileError::Refused { .. }), "{error}");
        fs::write(&file, vec![6; 1_000_000]).unwrap();
        let error = put("new").await.unwrap_err();
        assert!(matches!(error, FileError::Refused { refusal: Refusal::Exists, .. }), "{error}");
        assert_eq!(fs::read(to.path().join("new")).unwrap(), vec![5; 1_000_000]);
        let locked = serving(to.path(), false).await;
        let error = files::put(&locked.here, &file, "other", PutOptions::default()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, FileError::Refused { refusal: Refusal::ReadOnly, .. }), "{error}");
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
    })
    .await;
}

/// The mode of what is at `path`.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Of a stranger, no directory has a group; of the directory it is made in, it has.
#[tokio::test]
async fn set_group_id_is_the_receivers_to_give_whether_it_gets_or_was_put_to() {
    timed(async {
        let from = tempfile::tempdir().unwrap();
        fs::create_dir_all(from.path().join("theirs")).unwrap();
        fs::create_dir_all(from.path().join("plain")).unwrap();
        fs::write(from.path().join("theirs/file"), "x").unwrap();
        set_mode(&from.path().join("plain"), 0o755);
        set_mode(&from.path().join("theirs/file"), 0o6755);
        set_mode(&from.path().join("theirs"), 0o3755);
        for (above, expected) in [(0o755, 0o755), (0o2755, 0o2755)] {
            let (got, put) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            set_mode(got.path(), above);
            set_mode(put.path(), above);
            let away = serving(from.path(), false).await;
            let fetched = files::fetch(&away.here, "", got.path(), FetchOptions::default()).await;
            assert_eq!(fetched.unwrap().failed, 0);
            let away = serving(put.path(), true).await;
            let sent = files::put(&away.here, from.path(), "", PutOptions::default()).await;
            assert_eq!(sent.unwrap().failed, 0);
            for at in [got.path(), put.path()] {
                let modes = ["plain", "theirs", "theirs/file"].map(|name| mode(&at.join(name)));
                assert_eq!(modes, [expected, expected, 0o755], "{modes:?} in {above:o}");
            }
        }
    })
    .await;
}

/// Several trees and a file named at once are sent by as many streams as one tree would be.
#[tokio::test]
async fn jobs_are_counted_over_everything_that_is_put_at_once() {
    const JOBS: usize = 2;
    timed(async {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut what = Vec::new();
        for tree in ["one", "two", "three"] {
            fs::create_dir(from.path().join(tree)).unwrap();
            for number in 0..8 {
                // Among them large ones.
                let len = if number % 3 == 0 { SMALL_FILE_BYTES as usize + 1 } else { 100 };
                fs::write(from.path().join(tree).join(format!("{number}")), vec![7; len]).unwrap();
            }
            what.push((from.path().join(tree), tree.into()));
        }
        fs::write(from.path().join("single"), "single").unwrap();
        what.push((from.path().join("single"), "single".into()));
        let pair = serving(to.path(), true).await;
        let sending = Arc::new(Mutex::new((BTreeSet::new(), 0)));
        let seen = sending.clone();
        let mut options = PutOptions::default();
        options.jobs = JOBS;
        options.observer = Arc::new(move |progress| {
            let (now, most) = &mut *seen.lock().unwrap();
            match progress {
                Progress::Sent { path, .. } => drop(now.insert(path)),
                Progress::Done { path } => drop(now.remove(&path)),
                _ => {}
            }
            *most = now.len().max(*most);
        });
        let summary = files::put_all(&pair.here, &what, options).await;
        assert_eq!((summary.files, summary.failed), (25, 0), "{:?}", summary.errors);
        assert!(contents(from.path()) == contents(to.path()));
        assert!((1..=JOBS).contains(&sending.lock().unwrap().1));
    })
    .await;
}

/// A host that answers every listing without end, and no other request.
async fn listing_for_ever(pair: &Pair, kind: u8, told: Arc<AtomicU64>) {
    let mut services = pair.there.offer_services(vec![files::offer()]);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Some(request) = services.accept().await {
            let mut stream = request.into_stream();
            stream.read_record(5_000).await.unwrap();
            stream.write_record(&[&b"\0d"[..], &[0; 24]].concat()).await.unwrap();
            held.push(stream.branch());
            let told = told.clone();
            tokio::spawn(async move {
                loop {
                    let number = told.fetch_add(1, Ordering::Relaxed);
                    let name = format!("{number:0>255}");
                    let record = [&[kind], &[0; 24][..], &[255], name.as_bytes()].concat();
                    if stream.write_record(&record).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
}

#[tokio::test]
async fn a_host_that_lists_without_end_is_not_listened_to_without_end() {
    timed(async {
        for kind in [b'f', b'd'] {
            let (pair, told) = (pair().await, Arc::new(AtomicU64::new(0)));
            listing_for_ever(&pair, kind, told.clone()).await;
            let to = tempfile::tempdir().unwrap();
            let to = to.path().join("copy");
            let fetching = files::fetch(&pair.here, "", &to, FetchOptions::default());
            let mut fetching = Box::pin(fetching);
            // What it has not taken waits at the peer, whose words come to an end.
            let (mut last, mut same) = (0, 0);
            while same < 20 {
                let pause = tokio::time::sleep(Duration::from_millis(50));
                tokio::select! {
                    _ = &mut fetching => panic!("nothing could be had"),
                    () = pause => {}
                }
                let now = told.load(Ordering::Relaxed);
                same = if now == last && now > 0 { same + 1 } else { 0 };
                last = now;
                assert!(now < 400_000, "100 MB of names are taken");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_that_knows_no_attributes_is_asked_without() {
    timed(async {
        let pair = pair().await;
        let mut services = pair.there.offer_services(vec![files::offer()]);
        tokio::spawn(async move {
            while let Some(request) = services.accept().await {
                let mut stream = request.into_stream();
                let request = stream.read_record(5_000).await.unwrap().unwrap();
                let records: &[&[u8]] = match request[0] {
                    1 => &[b"\0d\0\0\0\0\0\0\0\0", b""],
                    _ => &[b"\x01"],
                };
                for record in records {
                    stream.write_record(record).await.unwrap();
                }
                stream.start_finish().unwrap();
                let _ = stream.read_record(0).await;
            }
        });
        let to = tempfile::tempdir().unwrap();
        let to = to.path().join("copy");
        let fetching = files::fetch(&pair.here, "", &to, FetchOptions::default()).await;
        let summary = fetching.unwrap();
        assert_eq!((summary.directories, summary.failed), (1, 0), "{:?}", summary.errors);
        assert!(to.is_dir());
    })
    .await;
}

/// A request of a client that keeps no rules, and the first byte of the answer.
async fn status(parent: &Stream, request: &[u8]) -> u8 {
    let mut stream = ask(parent, request).await;
    stream.read_record(5_000).await.unwrap().unwrap()[0]
}

#[tokio::test]
async fn a_hostile_client_makes_nothing_outside_or_through_links_or_hidden() {
    const ATTRIBUTES: [u8; 16] = [0, 0, 0x0f, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    timed(async {
        let (shared, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(shared.path().join("real")).unwrap();
        fs::write(shared.path().join("there"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), shared.path().join("away")).unwrap();
        let pair = serving(shared.path(), true).await;
        let directory = |path: &str| [&b"\x06"[..], &ATTRIBUTES, path.as_bytes()].concat();
        let file = |path: &str| [&b"\x05"[..], &[0; 8], &ATTRIBUTES, path.as_bytes()].concat();
        let link = |path: &str, target: &str| {
            let len = (path.len() as u16).to_be_bytes();
            [&b"\x07"[..], &len, path.as_bytes(), target.as_bytes()].concat()
        };
        let mut root = pair.here.open_service("files", "1").await.unwrap();
        root.write_record(&directory("")).await.unwrap();
        assert_eq!(root.read_record(100).await.unwrap().unwrap(), [0, 0], "it is there");
        for path in ["../x", "/x", "a/../../x", "x\0", ".hidden.sst-part", ".x.sst-put"] {
            assert_eq!(status(&root, &directory(path)).await, 1, "{path:?}");
            assert_eq!(status(&root, &file(path)).await, 1, "{path:?}");
            assert_eq!(status(&root, &link(path, "real")).await, 1, "{path:?}");
        }
        for target in ["/etc", "..", "real/../..", "../x", ""] {
            assert_eq!(status(&root, &link("link", target)).await, 1, "{target:?}");
        }
        assert_eq!(status(&root, &link("real/link", "../../x")).await, 1);
        for path in ["away/new", "away/a/b", "there/new"] {
            assert_eq!(status(&root, &directory(path)).await, 7, "{path}");
            assert_eq!(status(&root, &file(path)).await, 7, "{path}");
            assert_eq!(status(&root, &link(path, "x")).await, 7, "{path}");
        }
        for path in ["away", "there"] {
            assert_eq!(status(&root, &directory(path)).await, 2, "{path}");
            assert_eq!(status(&root, &link(path, "x")).await, 2, "{path}");
        }
        for malformed in [&b"\x05"[..], b"\x06", b"\x07", b"\x07\0\x09a"] {
            assert_eq!(status(&root, malformed).await, 1, "{malformed:?}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert_eq!(fs::read_dir(shared.path()).unwrap().count(), 3, "nothing new");
        // What was there keeps its attributes; what is new has no set-user-id bit.
        let before = fs::metadata(shared.path().join("real")).unwrap();
        for (path, is_new) in [("real", 0), ("new", 1)] {
            let mut made = ask(&root, &directory(path)).await;
            assert_eq!(made.read_record(100).await.unwrap().unwrap(), [0, is_new]);
            made.start_finish().unwrap();
            assert_eq!(made.read_record(100).await.unwrap().unwrap(), [0]);
        }
        let after = fs::metadata(shared.path().join("real")).unwrap();
        assert_eq!((before.mode(), before.mtime()), (after.mode(), after.mtime()));
        let new = fs::metadata(shared.path().join("new")).unwrap();
        assert_eq!((new.mode() & 0o7022, new.mtime()), (0, 1));
    })
    .await;
}

/// A server of old knows no puts with attributes.
#[tokio::test]
async fn a_file_is_put_without_attributes_where_they_are_not_known() {
    timed(async {
        let pair = pair().await;
        let mut services = pair.there.offer_services(vec![files::offer()]);
        let taken = tokio::spawn(async move {
            loop {
                let mut stream = services.accept().await.unwrap().into_stream();
                let request = stream.read_record(5_000).await.unwrap().unwrap();
                if request[0] != 3 {
                    stream.write_record(b"\x01").await.unwrap();
                    stream.start_finish().unwrap();
                    continue;
                }
                stream.write_record(b"\0").await.unwrap();
                let mut contents = [0; 5];
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut contents).await.unwrap();
                stream.read_record(32).await.unwrap();
                stream.write_record(b"\0").await.unwrap();
                stream.finish().await.unwrap();
                return (request, contents);
            }
        });
        let from = tempfile::tempdir().unwrap();
        let file = from.path().join("file");
        fs::write(&file, "hello").unwrap();
        let put = files::put(&pair.here, &file, "new", PutOptions::default()).await.unwrap();
        assert_eq!((put.files, put.bytes), (1, 5));
        let (request, contents) = taken.await.unwrap();
        assert_eq!((&request[9..], &contents), (&b"new"[..], b"hello"));
    })
    .await;
}
