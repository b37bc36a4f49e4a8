//! The table of negotiations under way: found by the channel that each is for and by the INIT that
//! it answers, counted by source, woken when something is due, each with at most one packet to
//! send.

use core::net::IpAddr;

use zeroize::Zeroize;

use crate::channel::Path;
use crate::id::ChannelId;
use crate::negotiation::{HalfOpen, Initiator, Responder, Source};
use crate::storage::present;
use crate::storage::{Full, HashIndex, KeyedHash, NONE, Queue, Table, Tally, Timers, may_join};
use crate::time::Instant;
use crate::wire::negotiation::Init;

use super::super::replayable::Replayable;
use super::negotiation_row::{Confirm, DUE, For, Kind, NegotiationRow, TurnedAway};

/// What must be so of each row that is named.
const ROW: &str = "a negotiation that is named is here";

/// All negotiations of a host.
pub(crate) struct Negotiations<'s, S: Zeroize> {
    rows: Table<'s, NegotiationRow<S>>,
    hash: KeyedHash,
    /// Rows by the channel that they are for, and by the ephemeral key of the INIT they answer.
    by_call: HashIndex<'s>,
    /// How many rows each source has that dialled this host.
    callers: Tally<'s>,
    timers: Timers<'s>,
    /// Rows with something to send.
    due: Queue<DUE>,
    /// How many rows are this host's own dials, until they are confirmed.
    own_dials: u32,
    /// The row, and its channel, that brought early data nobody has taken.
    replayable: Option<(u32, ChannelId)>,
}

impl<'s, S: Clone + Zeroize> Negotiations<'s, S> {
    /// An empty table in the given memory.
    pub(crate) const fn new(
        hash: KeyedHash,
        rows: Table<'s, NegotiationRow<S>>,
        by_call: HashIndex<'s>,
        callers: Tally<'s>,
        timers: Timers<'s>,
    ) -> Self {
        Self {
            rows,
            hash,
            by_call,
            callers,
            timers,
            due: Queue::new(),
            own_dials: 0,
            replayable: None,
        }
    }

    /// A row for the negotiation of `channel`, with nothing to send yet: what it is comes next, by
    /// [`begin_call`](Self::begin_call) or [`begin_answer`](Self::begin_answer). So the large
    /// values that it may be are made when nothing else is on the stack.
    #[inline(never)]
    pub(crate) fn insert(&mut self, now: Instant, channel: ChannelId, path: Path) -> Option<u32> {
        let finish = heapless::Vec::new();
        let kind = Kind::Confirm(Confirm { finish, channel: NONE, id: channel });
        let index = self.rows.insert(NegotiationRow::new(kind, path, now)).ok()?.index();
        if self.by_call.insert(self.hash_of(channel), index).is_err() {
            self.remove(index);
            return None;
        }
        Some(index)
    }

    /// Row `index` is a dial of this host's, which somebody `waits` for.
    #[inline(always)]
    pub(crate) fn begin_call(&mut self, index: u32, initiator: Initiator<S>, waits: For) {
        if let Some(row) = present(self.rows.at_mut(index), ROW) {
            row.kind = Kind::Call(initiator, waits);
            self.own_dials = self.own_dials.saturating_add(1);
        }
        self.renew_timer(index);
    }

    /// Row `index` is the answer to a peer that dials.
    #[inline(always)]
    pub(crate) fn begin_answer(&mut self, index: u32, responder: Responder<S>) {
        if let Some(row) = present(self.rows.at_mut(index), ROW) {
            row.kind = Kind::Answer(responder);
        }
        self.renew_timer(index);
    }

    /// Row `index` answers `init`, at the host's turn `answered`: from now on it is found by it,
    /// counted for the source at `from`, and has its answer sent.
    ///
    /// # Errors
    /// [`Full`]: there is no room to find it, and the row is freed.
    pub(crate) fn note_answered(
        &mut self,
        index: u32,
        init: &Init<'_>,
        from: IpAddr,
        answered: u64,
    ) -> Result<(), Full> {
        let hash = self.hash.hash_bytes(&init.ephemeral());
        let source = self.source_of(from);
        if let Some(row) = present(self.rows.at_mut(index), ROW) {
            row.answered = answered;
            row.init_hash = Some(hash);
            row.source = self.callers.add(source).is_ok().then_some(source);
        }
        if let Err(full) = self.by_call.insert(hash, index) {
            self.remove(index);
            return Err(full);
        }
        self.owe(index);
        Ok(())
    }

    /// Row `index` had its answer: FINISH is kept in it until the peer has it. Where there is none,
    /// only the row's deadline counts.
    #[inline(always)]
    pub(crate) fn begin_confirm(&mut self, index: u32, path: Path, confirm: Confirm) {
        if let Some(row) = present(self.rows.at_mut(index), ROW) {
            row.sends = u32::from(!confirm.finish.is_empty());
            row.kind = Kind::Confirm(confirm);
            row.path = path;
        }
        self.renew_timer(index);
    }

    /// The call in row `index` was answered on `path`, and brought `channel`. Its first packet
    /// waits for a word of that; an INIT that was due is not, now.
    pub(crate) fn hold_first_packet(&mut self, index: u32, path: Path, channel: u32) {
        self.due.remove(&mut self.rows, index);
        if let Some(row) = present(self.rows.at_mut(index), ROW) {
            if let Kind::Call(_, waits) = &mut row.kind {
                *waits = For::Channel(channel);
            }
            row.path = path;
            row.sends = 0;
        }
        self.renew_timer(index);
    }

    /// The peer of row `index` proved itself, on `path`, and is turned away: it hears so. False if
    /// there is no such row.
    pub(crate) fn turn_away(
        &mut self,
        now: Instant,
        index: u32,
        path: Path,
        mut refused: TurnedAway,
    ) {
        if let Some(row) = present(self.rows.at_mut(index), ROW) {
            refused.on_finish(now, row.begun_at);
            row.kind = Kind::Refused(refused);
            row.path = path;
        }
        self.owe(index);
        self.renew_timer(index);
    }

    /// Row `index` has something to send.
    pub(crate) fn owe(&mut self, index: u32) {
        self.due.push_back(&mut self.rows, index);
    }

    /// The INIT that row `index` answers came again, on `path`: the answer goes there, wherever the
    /// one before went. Two paths may wait for an answer, more copies than that get none.
    pub(crate) fn owe_reply(&mut self, index: u32, path: Path) {
        let Some(row) = present(self.rows.at_mut(index), ROW) else { return };
        if !row.link.is_linked() {
            row.path = path;
        } else if row.path != path && row.also.is_none() {
            row.also = Some(path);
        }
        self.owe(index);
    }

    /// What the call in row `index` waits for has changed: INITs that are due go out, and the timer
    /// is set to those that come later.
    pub(crate) fn on_call_changed(&mut self, index: u32) {
        let kind = self.rows.at(index).map(|row| &row.kind);
        if matches!(kind, Some(Kind::Call(call, _)) if call.due_path().is_some()) {
            self.owe(index);
        }
        self.renew_timer(index);
    }

    /// The addresses of this host may have changed: dials go on from the new ones.
    pub(crate) fn on_network_changed(&mut self, now: Instant) {
        for index in 0..self.rows.used() {
            if let Some(initiator) = self.call_mut(index) {
                initiator.on_network_changed(now);
                self.renew_timer(index);
            }
        }
    }

    /// Row `index` has sent its packet. If there is one for another path, it is due next.
    pub(crate) fn on_sent(&mut self, index: u32, is_more_due: bool) {
        let Some(row) = present(self.rows.at_mut(index), ROW) else { return };
        row.sends = row.sends.saturating_add(1);
        let also = row.also.take();
        row.path = also.unwrap_or(row.path);
        if is_more_due || also.is_some() {
            self.owe(index);
        }
        self.renew_timer(index);
    }

    /// Whether any row has something to send.
    #[inline]
    pub(crate) const fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// A row that has something to send, which is its turn now.
    pub(crate) fn pop_due(&mut self) -> Option<u32> {
        self.due.pop_front(&mut self.rows)
    }

    /// A row whose time has come.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<u32> {
        self.timers.pop_due(now)
    }

    /// When the next row's time comes.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Sets the timer of row `index` to when it must act or is given up.
    pub(crate) fn renew_timer(&mut self, index: u32) {
        let deadline = present(self.rows.at(index), ROW).and_then(NegotiationRow::deadline);
        let is_set = self.timers.set(index, deadline).is_ok();
        debug_assert!(is_set, "the timers have a slot for every row");
    }

    /// Frees row `index`.
    pub(crate) fn remove(&mut self, index: u32) {
        let Some(row) = present(self.rows.at(index), ROW) else { return };
        let id_hash = self.hash_of(row.channel());
        let (init_hash, source) = (row.init_hash, row.source);
        let is_own = match &row.kind {
            Kind::Call(..) => true,
            Kind::Confirm(confirm) => confirm.channel != NONE,
            Kind::Answer(_) | Kind::Refused(_) => false,
        };
        self.own_dials = self.own_dials.saturating_sub(u32::from(is_own));
        self.by_call.remove(id_hash, index);
        if let Some(hash) = init_hash {
            self.by_call.remove(hash, index);
        }
        if let Some(source) = source {
            self.callers.take_away(source);
        }
        self.due.remove(&mut self.rows, index);
        let _ = self.timers.set(index, None);
        self.rows.discard_at(index);
    }

    /// Row `index`.
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut NegotiationRow<S>> {
        self.rows.at_mut(index)
    }

    /// This host's dial in row `index`.
    pub(crate) fn call_mut(&mut self, index: u32) -> Option<&mut Initiator<S>> {
        match &mut self.rows.at_mut(index)?.kind {
            Kind::Call(initiator, _) => Some(initiator),
            Kind::Answer(_) | Kind::Confirm(..) | Kind::Refused(..) => None,
        }
    }

    /// The answer to a peer that dials, in row `index`.
    pub(crate) fn answer_mut(&mut self, index: u32) -> Option<&mut Responder<S>> {
        match &mut self.rows.at_mut(index)?.kind {
            Kind::Answer(responder) => Some(responder),
            Kind::Call(..) | Kind::Confirm(..) | Kind::Refused(..) => None,
        }
    }

    /// The negotiation for the channel that this host named `id`.
    pub(crate) fn find(&self, id: ChannelId) -> Option<u32> {
        let is_it = |slot| self.rows.at(slot).is_some_and(|row| row.channel() == id);
        self.by_call.find(self.hash_of(id), is_it)
    }

    /// The row that answers this very INIT already.
    pub(crate) fn find_repeated(&self, init: &Init<'_>) -> Option<u32> {
        self.by_call.find(self.hash.hash_bytes(&init.ephemeral()), |slot| {
            let row = self.rows.at(slot);
            row.is_some_and(
                |row| matches!(&row.kind, Kind::Answer(responder) if responder.is_repeat(init)),
            )
        })
    }

    /// Whether an INIT is one that this host sent, come back.
    pub(crate) fn is_own_init(&self, init: &Init<'_>) -> bool {
        let row = self.find(init.channel).and_then(|index| self.rows.at(index));
        row.is_some_and(
            |row| matches!(&row.kind, Kind::Call(initiator, _) if initiator.is_of(init)),
        )
    }

    /// Whether the source at `from` may have one more row: not if it has more than are free.
    pub(crate) fn has_room_for(&self, from: IpAddr) -> bool {
        let free = self.rows.limit().saturating_sub(self.rows.len());
        may_join(self.callers.held(self.source_of(from)), free)
    }

    /// The dial that row `index` answers may have brought early data: they wait for the
    /// application.
    pub(crate) fn note_replayable(&mut self, index: u32) {
        if let Some(responder) = self.answer_mut(index)
            && !responder.early().is_empty()
        {
            self.replayable = Some((index, responder.channel()));
        }
    }

    /// The early data that nobody has taken, unless the row that brought them is gone.
    pub(crate) fn take_replayable(&mut self) -> Option<Replayable> {
        let (index, channel) = self.replayable.take()?;
        let row = self.rows.at(index)?;
        let Kind::Answer(responder) = &row.kind else { return None };
        let peer = responder.offer().ok()?.peer.filter(|_| responder.channel() == channel)?;
        Replayable::new(peer, row.path, responder.early())
    }

    /// Whether this host dials somebody.
    pub(crate) const fn has_own_dials(&self) -> bool {
        self.own_dials > 0
    }

    /// How full the table is.
    pub(crate) fn half_open(&self) -> HalfOpen {
        HalfOpen { count: self.rows.len() as usize, limit: self.rows.limit() as usize }
    }

    /// How many negotiations are under way.
    pub(crate) const fn len(&self) -> u32 {
        self.rows.len()
    }

    /// Whether there is no row, and nothing is counted for anybody.
    #[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.callers.is_empty() && self.by_call.is_empty()
    }

    fn source_of(&self, from: IpAddr) -> u32 {
        Source::of(from).hash(&self.hash)
    }

    fn hash_of(&self, id: ChannelId) -> u32 {
        self.hash.hash_u64(u64::from(id.as_u32()))
    }
}
