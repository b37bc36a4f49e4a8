//! A wire that loses, doubles and holds back frames, by seeds.

use sst_std::{Session, Stream};

use crate::qemu::Board;
use crate::wire::Faults;
use crate::{dial, endpoint, with_board};

/// Sends records of many sizes, `bytes` in all, and has the board say them again.
pub(crate) async fn echo(session: &Session, bytes: usize) {
    let stream = session.open_service("echo", "1").await.unwrap();
    let (mut read, mut write) = Stream::split(stream);
    let records: Vec<Vec<u8>> = (1..)
        .scan(0, |sum, number: usize| {
            *sum += number * 37;
            (*sum <= bytes).then(|| vec![number as u8; number * 37])
        })
        .collect();
    let sent = records.clone();
    let writer = tokio::spawn(async move {
        for record in sent {
            write.write_record(&record).await.unwrap();
        }
        write.finish().await.unwrap();
    });
    for record in records {
        assert!(read.read_record(bytes).await.unwrap() == Some(record));
    }
    assert_eq!(read.read_record(bytes).await.unwrap(), None);
    writer.await.unwrap();
}

/// These seeds, or the one in `SST_SEED`.
fn seeds(from: u64, count: u64) -> std::ops::Range<u64> {
    let only = std::env::var("SST_SEED").ok().map(|seed| seed.parse().expect("a number"));
    only.map_or(from..from + count, |seed: u64| seed..seed + 1)
}

#[test]
fn everything_comes_back_over_a_bad_wire() {
    for seed in seeds(1, 3) {
        with_board(async move {
            let board = Board::start(Faults { seed, lost: 30, doubled: 30, held: 100 });
            let here = endpoint().await;
            let session = dial(&here, &board.url).await;
            echo(&session, 20_000).await;
            session.close(0, "").await;
        });
    }
}

/// What two say at once fills the board's pool, and it goes on all the same.
#[test]
fn two_peers_at_once_over_a_bad_wire() {
    for seed in seeds(9, 4) {
        with_board(async move {
            let board = Board::start(Faults { seed, lost: 20, doubled: 20, held: 50 });
            let (one, other) = (endpoint().await, endpoint().await);
            let sessions = (dial(&one, &board.url).await, dial(&other, &board.url).await);
            tokio::join!(echo(&sessions.0, 10_000), echo(&sessions.1, 10_000));
        });
    }
}
