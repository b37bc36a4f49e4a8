//! A session whose readers pause: the application learns that its peer waits, and which streams
//! hold what it waits for.

mod two_hosts;

use sst_std::{OpenOptions, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use two_hosts::{Pair, pair_with, timed};

/// What a session of [`narrow`] may hold.
const BUDGET: u64 = 128 << 10;
/// What the first window of a stream is there.
const WINDOW: u32 = 64 << 10;

/// Two hosts, of which the one that accepts holds little of a session.
async fn narrow() -> Pair {
    pair_with(|config| {
        config.session_budget = BUDGET;
        (config.stream_window, config.max_stream_window) = (WINDOW, WINDOW);
    })
    .await
}

/// A stream, and who writes so much to it.
async fn writes(pair: &Pair, len: u32) -> (u64, tokio::task::JoinHandle<Stream>) {
    let mut stream = pair.here.open_substream(OpenOptions::new()).await.unwrap();
    let id = stream.stream_id().unwrap().as_u64();
    let writing = tokio::spawn(async move {
        stream.write_all(&vec![1; len as usize]).await.unwrap();
        stream.finish().await.unwrap();
        stream
    });
    (id, writing)
}

/// Spec: R-7.5-10
#[tokio::test]
async fn who_holds_a_crowded_session_is_told_and_what_is_given_up_goes_to_the_others() {
    timed(async {
        let pair = narrow().await;
        let mut listener = pair.there.listen(8);
        // Two that nobody reads have windows for the whole budget; the third then waits.
        let (small, _) = writes(&pair, WINDOW / 2).await;
        let small_child = listener.accept().await.unwrap();
        let (large, _) = writes(&pair, 2 * WINDOW).await;
        let large_child = listener.accept().await.unwrap();
        let (_, waits) = writes(&pair, 3 * WINDOW).await;
        pair.there.crowded().await.unwrap();

        let mut third = listener.accept().await.unwrap();
        // The peer has sent all that it may; what is lost on the way comes again.
        while pair.there.unread() < BUDGET {
            tokio::task::yield_now().await;
        }
        let holds = pair.there.largest_unread(8);
        let names: Vec<_> = holds.iter().map(|held| held.stream.as_u64()).collect();
        assert_eq!(names.len(), 3, "{holds:?}");
        assert!(holds.is_sorted_by_key(|held| std::cmp::Reverse(held.unread)), "{holds:?}");
        assert!(names.contains(&small) && names.contains(&large), "{holds:?}");
        let all: u64 = holds.iter().map(|held| held.unread).sum();
        assert_eq!((all, pair.there.unread()), (BUDGET, BUDGET), "{holds:?}");
        assert_eq!(pair.there.largest_unread(1), holds[..1]);

        // What the first two hold is given up, and the third is read to its end.
        large_child.stop(1);
        drop((small_child, large_child));
        let mut read = Vec::new();
        third.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), 3 * WINDOW as usize);
        waits.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_session_that_was_read_since_is_not_called_crowded() {
    timed(async {
        let pair = narrow().await;
        let mut listener = pair.there.listen(8);
        let mut writers = Vec::new();
        for _ in 0..3 {
            writers.push(writes(&pair, WINDOW).await.1);
        }
        // All that there is room for has come, and the peer has said that it waits.
        pair.there.crowded().await.unwrap();
        // All are read at once: one that is read to its end alone may lack credit that the others,
        // who come first, use up for what nobody reads yet.
        let mut children = Vec::new();
        for _ in 0..3 {
            let mut child = listener.accept().await.unwrap();
            children.push(tokio::spawn(async move {
                let mut read = Vec::new();
                child.read_to_end(&mut read).await.unwrap();
                child
            }));
        }
        let mut kept = Vec::new();
        for child in children {
            kept.push(child.await.unwrap());
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(pair.there.unread(), 0);
        // It may have been crowded again meanwhile, and that is over: the end ends the wait.
        let close = pair.here.close(5, "enough");
        let (told, _) = tokio::join!(pair.there.crowded(), close);
        assert_eq!(told.unwrap_err().reason(), "enough");
        assert!(pair.there.largest_unread(8).is_empty());
    })
    .await;
}
