//! [`Shares`]: things of one kind that all sessions draw from, so that none takes another's.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use sst_nostd::{HostId, SessionHandle};
use tokio::sync::oneshot;

use crate::branch::Branch;
use crate::waiter::Waiter;

/// Places that the sessions of a host share: for requests under way, threads, open files.
///
/// No session holds more than `each` of the `total`. A quarter of them is kept for sessions that
/// hold none yet: another session takes from the other three quarters only while more of these are
/// free than it holds already, so that many greedy sessions together leave room as well. Who waits
/// is served in turns, session by session.
///
/// # Examples
/// ```
/// use sst_std::{Offer, Session, Shares};
/// # async fn example(session: Session) {
/// let shares = Shares::new(1_000, 8);
/// let mut services = session.offer_services(vec![Offer::new("clock", "1", "tells the time")]);
/// while let Some(request) = services.accept().await {
///     let stream = request.into_stream();
///     // More requests than 8 at a time wait where they cost nothing: at the peer.
///     let share = shares.take(&stream).await;
///     tokio::spawn(async move {
///         // ... answer on the stream ...
///         drop((stream, share));
///     });
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Shares {
    total: usize,
    each: usize,
    is_by_peer: bool,
    state: Mutex<State>,
}

/// One place, held by one party; free again when dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<Shares>,
    party: PartyId,
}

/// For whom places are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PartyId {
    Session(SessionHandle),
    /// All sessions with one peer together.
    Peer(HostId),
}

#[derive(Debug)]
struct State {
    free: usize,
    parties: HashMap<PartyId, Party>,
    /// Parties that wait for a place and hold fewer than `each`, in the order of their turns.
    turns: VecDeque<PartyId>,
}

#[derive(Debug, Default)]
struct Party {
    held: usize,
    waiting: VecDeque<oneshot::Sender<Share>>,
    has_turn: bool,
}

impl Shares {
    /// `total` places, of which no session holds more than `each`. Both are at least one.
    #[must_use]
    pub fn new(total: usize, each: usize) -> Arc<Self> {
        Self::counted(total, each, false)
    }

    /// `total` places, of which no peer holds more than `each`, however many sessions it has. For
    /// places that are few and held for long, which the many sessions of one peer would use up.
    #[must_use]
    pub fn by_peer(total: usize, each: usize) -> Arc<Self> {
        Self::counted(total, each, true)
    }

    fn counted(total: usize, each: usize, is_by_peer: bool) -> Arc<Self> {
        let (total, each) = (total.max(1), each.max(1));
        let state = State { free: total, parties: HashMap::new(), turns: VecDeque::new() };
        Arc::new(Self { total, each, is_by_peer, state: Mutex::new(state) })
    }

    fn party(&self, stream: &Branch) -> PartyId {
        let session = &stream.stream.session;
        let peer = || session.shared.lock().peer(session.handle);
        let peer = self.is_by_peer.then(peer).flatten();
        peer.map_or(PartyId::Session(session.handle), PartyId::Peer)
    }

    /// A place for the session of `stream`, once there is one.
    ///
    /// Cancel-safe: a dropped future holds nothing.
    pub async fn take(self: &Arc<Self>, stream: &Branch) -> Share {
        self.take_for(self.party(stream)).await
    }

    /// The same, unless the session ends first: `None`. For those who hold something while they
    /// wait, and for places that others may hold for long.
    ///
    /// Cancel-safe: a dropped future holds nothing.
    pub async fn take_while_open(self: &Arc<Self>, stream: &Branch) -> Option<Share> {
        let mut taken = pin!(self.take(stream));
        let mut waiter = Waiter::new();
        poll_fn(|cx| match taken.as_mut().poll(cx) {
            Poll::Ready(share) => Poll::Ready(Some(share)),
            Poll::Pending => stream.stream.session.poll_closed(cx, &mut waiter).map(|_| None),
        })
        .await
    }

    /// A place for the session of `stream`, if there is one now.
    #[must_use]
    pub fn try_take(self: &Arc<Self>, stream: &Branch) -> Option<Share> {
        self.try_take_for(self.party(stream))
    }

    /// How many places are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.total - self.lock().free
    }

    async fn take_for(self: &Arc<Self>, party: PartyId) -> Share {
        let waiting = {
            let mut state = self.lock();
            let (told, waiting) = oneshot::channel();
            state.parties.entry(party).or_default().waiting.push_back(told);
            state.give_turn(party, self.each);
            waiting
        };
        self.serve_waiting();
        // The sender is in a queue that lives as long as `self`, and is only dropped when used.
        waiting.await.expect("whoever waits is served")
    }

    fn try_take_for(self: &Arc<Self>, party: PartyId) -> Option<Share> {
        let mut state = self.lock();
        // Not before those who wait.
        let waits = state.parties.get(&party).is_some_and(|party| !party.waiting.is_empty());
        if waits || !self.may_take(&state, party) {
            return None;
        }
        state.parties.entry(party).or_default().held += 1;
        state.free -= 1;
        Some(Share { of: self.clone(), party })
    }

    fn may_take(&self, state: &State, party: PartyId) -> bool {
        let held = state.parties.get(&party).map_or(0, |party| party.held);
        let open = state.free.saturating_sub(self.total / 4);
        held < self.each && state.free > 0 && (held == 0 || held < open)
    }

    /// Hands out what is free to those who wait, in turns.
    fn serve_waiting(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            let Some(next) = self.next_turn(&mut state) else { return };
            let Some((waiter, party)) = next else { continue };
            drop(state);
            // Of a dropped future: the share comes back and is free again, outside of the lock.
            let _ = waiter.send(Share { of: self.clone(), party });
        }
    }

    /// The first in turn who may take a place, with the place; `Some(None)` if that turn passed.
    #[allow(clippy::type_complexity, reason = "a turn, or that it passed, or that there is none")]
    fn next_turn(&self, state: &mut State) -> Option<Option<(oneshot::Sender<Share>, PartyId)>> {
        if state.free == 0 {
            return None;
        }
        let at = state.turns.iter().position(|party| self.may_take(state, *party))?;
        let party = state.turns.remove(at)?;
        let row = state.parties.get_mut(&party)?;
        row.has_turn = false;
        while row.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            row.waiting.pop_front();
        }
        let waiter = row.waiting.pop_front();
        if waiter.is_some() {
            row.held += 1;
            state.free -= 1;
        }
        state.give_turn(party, self.each);
        state.forget_idle(party);
        Some(waiter.map(|waiter| (waiter, party)))
    }

    fn give_back(self: &Arc<Self>, party: PartyId) {
        let mut state = self.lock();
        state.free += 1;
        if let Some(row) = state.parties.get_mut(&party) {
            row.held -= 1;
        }
        state.give_turn(party, self.each);
        state.forget_idle(party);
        drop(state);
        self.serve_waiting();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts a party that waits at the end of the turns, unless it is there or holds its most.
    fn give_turn(&mut self, party: PartyId, each: usize) {
        let Some(row) = self.parties.get_mut(&party) else { return };
        if !row.has_turn && row.held < each && !row.waiting.is_empty() {
            row.has_turn = true;
            self.turns.push_back(party);
        }
    }

    fn forget_idle(&mut self, party: PartyId) {
        let is_idle = |row: &Party| row.held == 0 && row.waiting.is_empty() && !row.has_turn;
        if self.parties.get(&party).is_some_and(is_idle) {
            self.parties.remove(&party);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.give_back(self.party);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    fn session(index: u32) -> PartyId {
        PartyId::Session(SessionHandle::from_parts(index, 1))
    }

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_greedy_session_leaves_places_and_its_queue_delays_no_other() {
        let shares = Shares::new(8, 3);
        let greedy: Vec<_> = (0..3).map(|_| shares.try_take_for(session(1)).unwrap()).collect();
        assert!(shares.try_take_for(session(1)).is_none(), "its most");
        let mut queue: Vec<_> = (0..1_000).map(|_| Box::pin(shares.take_for(session(1)))).collect();
        assert!(queue.iter_mut().all(|one| poll(one.as_mut()).is_none()));
        let other = poll(pin!(shares.take_for(session(2))));
        assert!(other.is_some(), "1,000 that wait are not in its way");
        drop(greedy);
        let served = queue.iter_mut().filter_map(|one| poll(one.as_mut())).collect::<Vec<_>>();
        assert_eq!(served.len(), 3);
    }

    #[test]
    fn many_greedy_sessions_leave_a_quarter_for_those_who_hold_nothing() {
        let shares = Shares::new(64, 16);
        let mut held = Vec::new();
        for greedy in 0..8 {
            held.extend(std::iter::from_fn(|| shares.try_take_for(session(greedy))));
        }
        assert!(shares.taken() <= 48 + 8, "{}", shares.taken());
        let of_each = |party| held.iter().filter(|share: &&Share| share.party == party).count();
        assert!((0..8).all(|greedy| (1..=16).contains(&of_each(session(greedy)))));
        for honest in 100..108 {
            held.push(shares.try_take_for(session(honest)).expect("the first is kept for it"));
        }
    }

    #[test]
    fn who_waits_is_served_session_by_session() {
        let shares = Shares::new(1, 1);
        let first = shares.try_take_for(session(9)).unwrap();
        let mut waiting: Vec<_> =
            [1, 1, 1, 2, 3].map(|party| (party, Box::pin(shares.take_for(session(party))))).into();
        for (_, one) in &mut waiting {
            assert!(poll(one.as_mut()).is_none());
        }
        drop(first);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let served = waiting.iter_mut().position(|(_, one)| poll(one.as_mut()).is_some());
            // Polled to its end, and its share dropped: the next has its turn.
            order.push(waiting.remove(served.expect("someone has the turn")).0);
        }
        assert_eq!(order, [1, 2, 3, 1, 1]);
    }

    #[test]
    fn a_dropped_wait_holds_nothing_and_leaves_nothing() {
        let shares = Shares::new(1, 1);
        let first = shares.try_take_for(session(1)).unwrap();
        let mut gone = Box::pin(shares.take_for(session(2)));
        let mut served_then_gone = Box::pin(shares.take_for(session(3)));
        assert!(poll(gone.as_mut()).is_none() && poll(served_then_gone.as_mut()).is_none());
        drop(gone);
        drop(first);
        drop(served_then_gone);
        assert_eq!(shares.taken(), 0);
        let state = shares.lock();
        assert!(state.parties.is_empty() && state.turns.is_empty(), "{state:?}");
    }
}
