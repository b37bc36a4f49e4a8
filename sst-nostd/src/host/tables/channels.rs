//! The table of channels: found by the ids in packets' headers, woken when something is due, queued
//! while there may be something to send.

use crate::channel::{Channel, KeysTold, Path};
use crate::crypto::Crypto;
use crate::id::ChannelId;
use crate::storage::present;
use crate::storage::{Full, HasLink, HashIndex, KeyedHash, Link, NONE, Queue, Table, Timers};
use crate::time::Instant;

/// The list of channels that may have something to send.
const READY: usize = 0;

/// So many channels that their peers named alike are found by that name. Names are random: that two
/// are alike is rare, and a third means that peers mean to make the search for it long.
const MAX_NAMED_ALIKE: u32 = 8;

/// No word has come from the peer of a call of this host's. Beside it stands the turn at which
/// FINISH went out.
pub(crate) const UNSETTLED: u64 = 1 << 63;

/// A channel and whose it is.
pub struct ChannelRow<C: Crypto> {
    pub(crate) channel: Channel<C>,
    /// Index of the session.
    pub(crate) session: u32,
    /// The handshake hash, from FINISH on.
    pub(crate) hash: Option<[u8; 32]>,
    /// What the peer would put in a LOST packet.
    pub(crate) peer_token: Option<[u8; 16]>,
    /// When the row is freed, once the session is over.
    pub(crate) ends_at: Option<Instant>,
    /// The turn at which the peer was known to have settled on this channel: where it dialled,
    /// that of the answer; where this host did, that of the first packet from the peer, and
    /// marked [`UNSETTLED`] before.
    pub(crate) settled: u64,
    /// Index of the negotiation that keeps FINISH until the peer has it.
    pub(crate) negotiation: Option<u32>,
    /// Which keys the application has, if it wants them.
    pub(crate) keys_told: KeysTold,
    link: Link,
}

impl<C: Crypto> HasLink<READY> for ChannelRow<C> {
    fn link(&self) -> &Link {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl<C: Crypto> ChannelRow<C> {
    /// A channel that is nobody's yet. `peer_token` is what the peer would put in a LOST packet.
    #[inline]
    pub(crate) const fn new(
        channel: Channel<C>,
        hash: Option<[u8; 32]>,
        peer_token: Option<[u8; 16]>,
    ) -> Self {
        Self {
            channel,
            session: NONE,
            hash,
            peer_token,
            ends_at: None,
            settled: 0,
            negotiation: None,
            keys_told: KeysTold::NONE,
            link: Link::new(),
        }
    }
}

/// What must be so of the row of a channel that a session had.
const GIVEN: &str = "a channel that a session has is here";

/// All channels of a host.
pub(crate) struct Channels<'s, C: Crypto> {
    rows: Table<'s, ChannelRow<C>>,
    hash: KeyedHash,
    /// Rows by the ids that this host gave them.
    by_local: HashIndex<'s>,
    /// Rows by the ids that their peers gave them.
    by_remote: HashIndex<'s>,
    timers: Timers<'s>,
    /// The row last found by its id: mostly the next packet is for the same one.
    found: Option<u32>,
    /// Rows that may have something to send.
    ready: Queue<READY>,
}

impl<'s, C: Crypto> Channels<'s, C> {
    /// An empty table in the given memory.
    pub(crate) const fn new(
        hash: KeyedHash,
        rows: Table<'s, ChannelRow<C>>,
        by_local: HashIndex<'s>,
        by_remote: HashIndex<'s>,
        timers: Timers<'s>,
    ) -> Self {
        Self { rows, hash, by_local, by_remote, timers, found: None, ready: Queue::new() }
    }

    /// Keeps a channel that is nobody's yet, and not to be found.
    ///
    /// # Errors
    /// [`Full`].
    #[inline]
    pub(crate) fn insert(&mut self, row: ChannelRow<C>) -> Result<u32, Full> {
        Ok(self.rows.insert(row)?.index())
    }

    /// Frees a row that is nobody's.
    pub(crate) fn discard(&mut self, index: u32) {
        debug_assert!(self.at(index).is_none_or(|row| row.session == NONE), "it is nobody's");
        self.rows.discard_at(index);
    }

    /// Gives a channel to a session: from now on it is found.
    ///
    /// # Errors
    /// [`Full`], with nothing changed, if there is no room to find it.
    pub(crate) fn give(&mut self, index: u32, session: u32) -> Result<(), Full> {
        let row = self.rows.at_mut(index).ok_or(Full)?;
        let (id, remote_id) = (row.channel.local_id(), row.channel.remote_id());
        self.by_local.insert(hash_of(&self.hash, id), index)?;
        row.session = session;
        let remote_hash = hash_of(&self.hash, remote_id);
        let mut alike = 0u32;
        let are_many = |_| {
            alike = alike.saturating_add(1);
            alike >= MAX_NAMED_ALIKE
        };
        if self.by_remote.find(remote_hash, are_many).is_none() {
            let _ = self.by_remote.insert(remote_hash, index);
        }
        Ok(())
    }

    /// Frees the row of a channel that a session had.
    pub(crate) fn remove(&mut self, index: u32) {
        let Some(row) = present(self.rows.at(index), GIVEN) else { return };
        let (id, remote_id) = (row.channel.local_id(), row.channel.remote_id());
        self.by_local.remove(hash_of(&self.hash, id), index);
        self.by_remote.remove(hash_of(&self.hash, remote_id), index);
        self.ready.remove(&mut self.rows, index);
        let _ = self.timers.set(index, None);
        self.rows.discard_at(index);
    }

    /// The channel that packets with this id belong to.
    pub(crate) fn find(&mut self, id: ChannelId) -> Option<u32> {
        let is_it = |slot| self.rows.at(slot).is_some_and(|row| row.channel.local_id() == id);
        if !self.found.is_some_and(is_it) {
            self.found = self.by_local.find(hash_of(&self.hash, id), is_it);
        }
        self.found
    }

    /// The channel on which packets go out with the id `remote`, to where `path` comes from.
    pub(crate) fn find_by_remote(&self, path: Path, remote: ChannelId) -> Option<u32> {
        self.by_remote.find(hash_of(&self.hash, remote), |slot| {
            self.rows.at(slot).is_some_and(|row| {
                row.channel.remote_id() == remote && row.channel.path().peer == path.peer
            })
        })
    }

    /// Row `index`.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> Option<&ChannelRow<C>> {
        self.rows.at(index)
    }

    /// Row `index`.
    #[inline]
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut ChannelRow<C>> {
        self.rows.at_mut(index)
    }

    /// The channel in row `index` may have something to send, or another deadline.
    #[inline]
    pub(crate) fn queue(&mut self, index: u32) {
        self.ready.push_back(&mut self.rows, index);
    }

    /// The channel whose turn it is to send.
    #[inline]
    pub(crate) const fn next_ready(&self) -> Option<u32> {
        self.ready.front()
    }

    /// The channel whose turn it was has had it: it goes behind the others if it has sent
    /// something, and leaves the queue if it had nothing to send.
    #[inline]
    pub(crate) fn end_turn(&mut self, has_sent: bool) {
        let index = self.ready.pop_front(&mut self.rows);
        if let Some(index) = index.filter(|_| has_sent) {
            self.queue(index);
        }
    }

    /// Sets the timer of row `index` to the channel's next deadline, or to when its session must
    /// act, if that is sooner.
    pub(crate) fn renew_timer(&mut self, index: u32, acts_at: Option<Instant>) {
        let Some(row) = present(self.rows.at(index), GIVEN) else { return };
        let of_channel = row.ends_at.or_else(|| row.channel.deadline());
        let deadline = match (of_channel, acts_at) {
            (Some(channel), Some(session)) => Some(channel.min(session)),
            (channel, session) => channel.or(session),
        };
        let is_set = self.timers.set(index, deadline).is_ok();
        debug_assert!(is_set, "the timers have a slot for every row");
    }

    /// A row whose time has come.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<u32> {
        self.timers.pop_due(now)
    }

    /// When the next row's time comes.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// How many channels there are.
    pub(crate) const fn len(&self) -> u32 {
        self.rows.len()
    }

    /// Whether every row is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.rows.is_full()
    }

    /// How many channels are found by the ids that their peers gave them.
    #[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
    pub(crate) const fn found_by_remote(&self) -> u32 {
        self.by_remote.len()
    }

    /// Row indices in use are below this.
    pub(crate) fn used(&self) -> u32 {
        self.rows.used()
    }
}

fn hash_of(hash: &KeyedHash, id: ChannelId) -> u32 {
    hash.hash_u64(u64::from(id.as_u32()))
}
