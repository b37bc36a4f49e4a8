//! The table of sessions: found by the peer that each is with, counted by where peers dialled
//! from, queued while they have events to tell and while their streams are being freed.

use core::net::IpAddr;

use crate::id::{HostId, Instance};
use crate::negotiation::Source;
use crate::session::{
    Breach, Ending, LastWords, Paths, SESSION_EVENTS, Session, SessionEvent, TENDED, Words,
};
use crate::storage::present;
use crate::storage::{Full, Handle, HashIndex, KeyedHash, NONE, Queue, Table, Tally};
use crate::time::{Duration, Instant};

/// How long a session without streams must have been quiet to give way to another: longer than
/// most pauses of those who come back.
pub(crate) const QUIET_TIMEOUT: Duration = Duration::from_secs(10);
/// How many sessions are looked at for one that gives way, each time one is wanted: work for some
/// microseconds. The next look begins where this one ended.
const MAX_LOOKED_AT: u32 = 16;

/// What must be so of each row that this host names.
const ROW: &str = "a session that is named is here";

/// Names one session of this host; stale once it was released.
pub type SessionHandle = Handle<Session>;

/// All sessions of a host.
pub(crate) struct Sessions<'s> {
    rows: Table<'s, Session>,
    hash: KeyedHash,
    /// Rows by their peers, from when those are known until the session is over.
    by_peer: HashIndex<'s>,
    /// How many rows each source has whose peers dialled.
    guests: Tally<'s>,
    /// Where the last look for a quiet session ended.
    looked_at: u32,
    /// Rows with events to tell.
    eventful: Queue<SESSION_EVENTS>,
    /// The row that the verb touched first, if any: mostly the only one.
    touched: u32,
    /// The others, of which none is doomed: a row has one place in the two lists.
    also_touched: Queue<TENDED>,
    /// Rows whose streams are being freed.
    doomed: Queue<TENDED>,
    /// What was said when sessions ended.
    words: LastWords,
}

impl<'s> Sessions<'s> {
    /// An empty table in the given memory.
    pub(crate) const fn new(
        hash: KeyedHash,
        rows: Table<'s, Session>,
        by_peer: HashIndex<'s>,
        guests: Tally<'s>,
    ) -> Self {
        Self {
            rows,
            hash,
            by_peer,
            guests,
            looked_at: 0,
            eventful: Queue::new(),
            touched: NONE,
            also_touched: Queue::new(),
            doomed: Queue::new(),
            words: LastWords::new(),
        }
    }

    /// Keeps a session, which is found by its peer if that is known.
    ///
    /// # Errors
    /// [`Full`]: there is no row, or no room to find it.
    pub(crate) fn insert(&mut self, session: Session) -> Result<SessionHandle, Full> {
        let peer = session.peer().copied();
        let handle = self.rows.insert(session)?;
        if let Some(peer) = peer
            && let Err(full) = self.by_peer.insert(self.hash_of(&peer), handle.index())
        {
            self.rows.discard_at(handle.index());
            return Err(full);
        }
        Ok(handle)
    }

    /// Frees row `index`, and everything that leads to it.
    pub(crate) fn remove(&mut self, index: u32) {
        debug_assert!(self.touched == NONE && self.also_touched.is_empty(), "all is looked after");
        self.unlist(index);
        if let Some(source) = self.rows.at_mut(index).and_then(Session::take_source) {
            self.guests.take_away(source);
        }
        self.eventful.remove(&mut self.rows, index);
        self.doomed.remove(&mut self.rows, index);
        self.rows.discard_at(index);
    }

    /// The peer that the session in row `index` waited for has proved itself, in that instance.
    pub(crate) fn set_peer(&mut self, index: u32, peer: HostId, instance: Option<Instance>) {
        let hash = self.hash_of(&peer);
        let Some(row) = present(self.rows.at_mut(index), ROW) else { return };
        if row.set_peer(peer, instance) {
            // The index has room for every row.
            let _ = self.by_peer.insert(hash, index);
        }
    }

    /// The session in row `index` is over: its peer may have another.
    pub(crate) fn unlist(&mut self, index: u32) {
        if let Some(peer) = self.rows.at(index).and_then(|row| row.peer().copied()) {
            self.by_peer.remove(self.hash_of(&peer), index);
        }
    }

    /// A living session with a peer that `is_it` accepts.
    pub(crate) fn find(&self, peer: &HostId, is_it: impl Fn(&Session) -> bool) -> Option<u32> {
        self.by_peer.find(self.hash_of(peer), |slot| {
            self.rows
                .at(slot)
                .is_some_and(|row| row.is_living() && row.peer() == Some(peer) && is_it(row))
        })
    }

    /// The living session with a peer in an instance.
    pub(crate) fn find_in(&self, peer: &HostId, instance: Option<Instance>) -> Option<u32> {
        self.find(peer, |row| row.instance() == instance)
    }

    /// The session with a peer that is up or coming up and answers a dial, which would get
    /// `instance` if it were new. With `takes_own`, any that this host has begun does. Who dialled
    /// holds it.
    pub(crate) fn reuse(
        &mut self,
        peer: &HostId,
        instance: Option<Instance>,
        takes_own: bool,
    ) -> Option<SessionHandle> {
        let index =
            self.find(peer, |row| row.instance() == instance || takes_own && row.is_own_dial())?;
        self.rows.at_mut(index)?.adopt();
        self.touch(index);
        self.rows.handle_at(index)
    }

    /// Shows each session with a peer that is not over, those that are closing included.
    pub(crate) fn for_each_with(&self, peer: &HostId, mut show: impl FnMut(u32, &Session)) {
        let _ = self.by_peer.find(self.hash_of(peer), |slot| {
            if let Some(row) = self.rows.at(slot).filter(|row| row.peer() == Some(peer)) {
                show(slot, row);
            }
            false
        });
    }

    /// The session in row `index` is counted for the source at `from`, where its peer dialled.
    pub(crate) fn note_guest(&mut self, now: Instant, index: u32, from: IpAddr) {
        let source = self.source_of(from);
        if let Some(row) = self.rows.at_mut(index)
            && self.guests.add(source).is_ok()
        {
            row.note_guest(now, source);
        }
    }

    /// How many sessions the source at `from` has.
    pub(crate) fn held_by(&self, from: IpAddr) -> u32 {
        self.guests.held(self.source_of(from))
    }

    /// A quiet session of a source that has more than `held`, if a few looks find one.
    pub(crate) fn find_quiet(&mut self, now: Instant, held: u32) -> Option<u32> {
        for _ in 0..MAX_LOOKED_AT.min(self.rows.used()) {
            let index = self.looked_at;
            let next = index.saturating_add(1);
            self.looked_at = if next < self.rows.used() { next } else { 0 };
            let quiet = self.rows.at(index).filter(|row| row.is_quiet(now, QUIET_TIMEOUT));
            let source = quiet.and_then(Session::source);
            if source.is_some_and(|source| self.guests.held(source) > held) {
                return Some(index);
            }
        }
        None
    }

    /// This verb has to do with the session in row `index`, which is looked after when it is done.
    #[inline]
    pub(crate) fn touch(&mut self, index: u32) {
        debug_assert!(self.rows.at(index).is_some(), "only what is here is touched");
        if self.touched == NONE {
            self.touched = index;
        } else if self.touched != index {
            self.also_touched.push_back(&mut self.rows, index);
        }
    }

    /// Whether any session is to be looked after.
    #[inline]
    pub(crate) const fn has_touched(&self) -> bool {
        self.touched != NONE || !self.also_touched.is_empty()
    }

    /// The next session to look after, in the order in which they were touched.
    #[inline]
    pub(crate) fn pop_touched(&mut self) -> Option<u32> {
        match core::mem::replace(&mut self.touched, NONE) {
            NONE => self.also_touched.pop_front(&mut self.rows),
            index => Some(index),
        }
    }

    /// Closes the session in row `index`, whose peer broke the protocol, or whose keys may not be
    /// used any more. False if it was ending already.
    pub(crate) fn close_for(&mut self, index: u32, breach: &Breach) -> bool {
        let is_breach =
            present(self.rows.at_mut(index), ROW).is_some_and(|row| row.close_for(breach));
        self.touch(index);
        is_breach
    }

    /// The session in row `index`, which never had a channel, is over.
    pub(crate) fn end_at_once(&mut self, index: u32, reason: Ending) {
        if let Some(row) = present(self.rows.at_mut(index), ROW) {
            row.on_over(reason);
        }
        self.touch(index);
    }

    /// Row `index` has its events told, if there are any. Answers with its channels.
    #[inline]
    pub(crate) fn note_events(&mut self, index: u32) -> Option<Paths> {
        let row = present(self.rows.at(index), ROW)?;
        let paths = *row.paths();
        if row.has_events() {
            self.eventful.push_back(&mut self.rows, index);
        }
        Some(paths)
    }

    /// Nobody wants to hear of row `index` any more.
    pub(crate) fn silence(&mut self, index: u32) {
        self.eventful.remove(&mut self.rows, index);
    }

    /// The next event, and whose it is.
    pub(crate) fn pop_event(&mut self) -> Option<(SessionHandle, SessionEvent)> {
        loop {
            let index = self.eventful.front()?;
            let handle = self.rows.handle_at(index);
            let event = self.rows.at_mut(index).and_then(Session::take_event);
            if let (Some(handle), Some(event)) = (handle, event) {
                return Some((handle, event));
            }
            self.eventful.pop_front(&mut self.rows);
        }
    }

    /// Row `index` is to be freed, once its streams are, if nothing needs it any more.
    pub(crate) fn doom_if_forgotten(&mut self, index: u32) {
        let is_forgotten = present(self.rows.at_mut(index), ROW).is_some_and(Session::doom);
        if is_forgotten {
            let is_queued = self.doomed.push_back(&mut self.rows, index);
            debug_assert!(is_queued, "a session that is looked after is in neither list");
        }
    }

    /// The row that is to be freed next.
    pub(crate) const fn next_doomed(&self) -> Option<u32> {
        self.doomed.front()
    }

    /// Keeps what was said when a session ended.
    pub(crate) fn keep_words(&mut self, words: &str) -> Words {
        self.words.keep(words)
    }

    /// What was said when sessions ended.
    pub(crate) const fn words(&self) -> &LastWords {
        &self.words
    }

    /// Row `index`, and where words are kept.
    #[inline]
    pub(crate) fn with_words(&mut self, index: u32) -> Option<(&mut Session, &mut LastWords)> {
        Some((self.rows.at_mut(index)?, &mut self.words))
    }

    /// The session that `handle` names.
    #[inline]
    pub(crate) fn get(&self, handle: SessionHandle) -> Option<&Session> {
        self.rows.get(handle)
    }

    /// The session that `handle` names.
    #[inline]
    pub(crate) fn get_mut(&mut self, handle: SessionHandle) -> Option<&mut Session> {
        self.rows.get_mut(handle)
    }

    /// Row `index`.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> Option<&Session> {
        self.rows.at(index)
    }

    /// Row `index`.
    #[inline]
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut Session> {
        self.rows.at_mut(index)
    }

    /// The name of the session in row `index`.
    #[inline]
    pub(crate) fn handle_at(&self, index: u32) -> Option<SessionHandle> {
        self.rows.handle_at(index)
    }

    /// How many sessions there are.
    pub(crate) const fn len(&self) -> u32 {
        self.rows.len()
    }

    /// How many sessions there can be.
    pub(crate) fn limit(&self) -> u32 {
        self.rows.limit()
    }

    /// Row indices in use are below this.
    pub(crate) fn used(&self) -> u32 {
        self.rows.used()
    }

    fn hash_of(&self, peer: &HostId) -> u32 {
        self.hash.hash_bytes(peer.as_bytes())
    }

    fn source_of(&self, from: IpAddr) -> u32 {
        Source::of(from).hash(&self.hash)
    }
}
