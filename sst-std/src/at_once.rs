//! What tasks do themselves, rather than leave it to the driver.
//!
//! A task that waits for an answer sends what it has written, and, if it was asked to, looks out
//! for the answer. One task alone then needs no turn of the driver between its writing and the
//! packet. Where many have something to send, the driver gathers it: so a task sends only if the
//! last turn woke no other, and once for each turn of the driver, or of a task that found its
//! answer.
//!
//! Where so many write that a batch is full before the driver's turn comes, the task that filled it
//! sends it: the peer then works on it while the others write, rather than after them.

use std::task::Waker;

use sst_nostd::Instant;
use zeroize::zeroize_stack;

use crate::shared::{Inner, Shared};
use crate::waiters::{Interest, Place};

/// How deep below a turn ciphers go, in bytes: ChaCha20's leave the key there.
pub(crate) const CIPHER_DEPTH_BYTES: usize = 8 << 10;

/// Bytes that fill a batch: half of what one call of the system takes.
const BATCH_BYTES: usize = 32 << 10;
/// As many small writes fill one, too: the peer has to work on each.
const BATCH_WRITES: u32 = 16;
/// Batches that tasks send between two turns of the driver, which receives in between.
const MAX_BATCHES: u32 = 4;

/// What was written since the driver's last turn and not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    bytes: usize,
    writes: u32,
    batches: u32,
}

/// What the driver's last turn leaves to the tasks that it woke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Several of them, or one that has sent already: the driver sends.
    #[default]
    Crowded,
    /// One at most: it may send.
    Quiet,
}

impl Scene {
    /// That after a turn which woke so many tasks.
    pub(crate) const fn after(woken: &[Waker]) -> Self {
        if woken.len() <= 1 { Self::Quiet } else { Self::Crowded }
    }
}

impl Gathered {
    /// More of it: whether that fills a batch that may be sent.
    fn add(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        self.writes = self.writes.saturating_add(1);
        let is_full = self.bytes >= BATCH_BYTES || self.writes >= BATCH_WRITES;
        if !is_full || self.batches >= MAX_BATCHES {
            return false;
        }
        *self = Self { bytes: 0, writes: 0, batches: self.batches + 1 };
        true
    }
}

impl Place {
    /// Whether who waits here waits for what a peer sends.
    const fn is_for_peer(self) -> bool {
        matches!(self, Self::Stream(_, _, Interest::Read | Interest::Receive))
    }
}

impl Inner {
    /// A task begins to wait at `place`. Whether it, being alone, did the driver's work: then keys
    /// are on the stack, and it may look out for the answer.
    #[inline(never)]
    pub(crate) fn send_at_once(&mut self, place: Place, now: Instant) -> bool {
        // Nothing was done to the host since the driver's last turn: there is nothing to send.
        let is_told = self.driver.is_none();
        if self.scene != Scene::Quiet || !is_told || !place.is_for_peer() {
            return false;
        }
        self.scene = Scene::Crowded;
        self.try_transmit(now)
    }

    /// A task has written so many bytes. Whether it sent them, and what else there was: then keys
    /// are on the stack.
    pub(crate) fn send_if_full(&mut self, bytes: usize, now: Instant) -> bool {
        self.gathered.add(bytes) && self.try_transmit(now)
    }

    /// Whether anything was sent.
    #[inline(never)]
    fn try_transmit(&mut self, now: Instant) -> bool {
        let Some(mut outbox) = self.outbox.take() else { return false };
        outbox.try_transmit(self, now);
        self.outbox = Some(outbox);
        std::mem::take(&mut self.used_keys)
    }
}

/// Answers that tasks found by looking out for them, in all tests.
#[cfg(test)]
static FOUND: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// For who has sent, once nothing is locked.
pub(crate) fn wipe_stack() {
    zeroize_stack::<CIPHER_DEPTH_BYTES>();
}

impl Shared {
    /// For who has sent at once: looks out for the answer as long as it was asked to.
    pub(crate) fn look_out(&self) {
        zeroize_stack::<CIPHER_DEPTH_BYTES>();
        if !self.busy_poll.is_zero() && self.receive_busily() {
            zeroize_stack::<CIPHER_DEPTH_BYTES>();
        }
    }

    /// Whether anything came. Never inlined, so that what ciphers leave on the stack lies below
    /// whoever calls this.
    #[inline(never)]
    fn receive_busily(&self) -> bool {
        // The driver receives already, in another thread.
        let Ok(mut intake) = self.intake.try_lock() else { return false };
        let Some(receiving) = intake.as_mut() else { return false };
        let begun_at = self.clock.now();
        let (until, mut now) = (begun_at.after(self.busy_poll), begun_at);
        let mut has_come = receiving.try_receive(self, now) > 0;
        while !has_come && now < until {
            std::hint::spin_loop();
            now = self.clock.now();
            has_come = receiving.try_receive(self, now) > 0;
        }
        drop(intake);
        let mut woken = Vec::new();
        let mut inner = self.lock();
        if has_come {
            #[cfg(test)]
            FOUND.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            inner.drain_events(now, &mut woken);
            inner.scene = Scene::after(&woken);
        }
        // What else follows from the packets, and what came while the driver could not receive, the
        // driver sees to.
        let driver = inner.driver.take();
        drop(inner);
        woken.into_iter().for_each(Waker::wake);
        self.tell(driver);
        has_come
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;
    use std::time::Duration;

    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

    use super::*;
    use crate::two_hosts::{Pair, endpoint, pair};
    use crate::{Config, Session, Stream, Url};

    fn sent_packets(session: &Session) -> u64 {
        session.stats().unwrap().totals.sent_packets
    }

    /// Begins to read, and does not wait.
    async fn begin_to_read(stream: &mut Stream) {
        poll_fn(|cx| {
            let mut room = [0; 8];
            let read = Pin::new(&mut *stream).poll_read(cx, &mut ReadBuf::new(&mut room));
            assert!(read.is_pending());
            Poll::Ready(())
        })
        .await;
    }

    /// A stream on which both hosts have nothing more to say.
    async fn settled(pair: &Pair) -> (Stream, Stream) {
        let streams = pair.stream_with(b"!").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        streams
    }

    #[tokio::test]
    async fn one_that_waits_for_an_answer_sends_by_itself_once_for_each_turn() {
        let pair = pair().await;
        let (mut stream, _theirs) = settled(&pair).await;
        let before = sent_packets(&pair.here);
        begin_to_read(&mut stream).await;
        assert_eq!(sent_packets(&pair.here), before, "there was nothing to send");
        stream.write_all(b"ping").await.unwrap();
        begin_to_read(&mut stream).await;
        let once = sent_packets(&pair.here);
        assert!(once > before);
        for _ in 0..3 {
            stream.write_all(b"ping").await.unwrap();
            begin_to_read(&mut stream).await;
        }
        assert_eq!(sent_packets(&pair.here), once);
    }

    #[tokio::test]
    async fn who_fills_a_batch_sends_it_until_the_driver_has_to_receive() {
        let pair = pair().await;
        let (mut stream, _theirs) = settled(&pair).await;
        let before = sent_packets(&pair.here);
        for _ in 1..BATCH_WRITES {
            stream.write_all(b"small").await.unwrap();
        }
        assert_eq!(sent_packets(&pair.here), before, "the driver would gather these");
        stream.write_all(b"small").await.unwrap();
        assert!(sent_packets(&pair.here) > before);
        let mut gathered = Gathered::default();
        let batches = (0..100).filter(|_| gathered.add(BATCH_BYTES)).count();
        assert_eq!(batches, MAX_BATCHES as usize);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn answers_are_found_by_those_who_look_out_for_them() {
        let busy = |config: &mut Config| config.busy_poll = Duration::from_secs(1);
        let there = endpoint(|config| {
            config.accept = true;
            busy(config);
        })
        .await;
        let url = Url::new(there.id(), there.local_addrs()[0], "");
        let near = endpoint(busy).await;
        assert_eq!(near.shared().busy_poll, crate::MAX_BUSY_POLL, "there is a bound");
        let session = near.connect(&url).await.unwrap();
        let served = there.accept().await.unwrap();
        let echo = tokio::spawn(async move {
            let mut stream = served.listen(1).accept().await.unwrap();
            let mut room = [0; 4];
            while stream.read_exact(&mut room).await.is_ok() {
                stream.write_all(&room).await.unwrap();
            }
        });
        let asking = tokio::spawn(async move {
            let mut stream = session.open_substream(crate::OpenOptions::new()).await.unwrap();
            for at in 0..500_u32 {
                let mut room = [0; 4];
                stream.write_all(&at.to_be_bytes()).await.unwrap();
                stream.read_exact(&mut room).await.unwrap();
                assert_eq!(u32::from_be_bytes(room), at);
            }
            stream.finish().await.unwrap();
        });
        asking.await.unwrap();
        echo.await.unwrap();
        assert!(FOUND.load(std::sync::atomic::Ordering::Relaxed) > 0, "none was looked out for");
    }
}
