//! How a datagram is sent, and what becomes of it: [`DatagramOptions`], [`Delivery`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slab::Slab;
use sst_nostd::{
    self as core, DatagramForm, DatagramOutcome, DatagramTicket, Instant, StreamHandle,
};

use crate::session::SessionRef;
use crate::shared::Inner;

/// How to send a datagram, with [`Branch::send_datagram_with`](crate::Branch::send_datagram_with).
#[derive(Clone, Copy, Debug, Default)]
pub struct DatagramOptions {
    pub(crate) lifetime: Option<Duration>,
    pub(crate) is_reliable: bool,
    pub(crate) is_tracked: bool,
}

impl DatagramOptions {
    /// Best effort, for as long as it takes; nobody is told.
    #[must_use]
    pub const fn new() -> Self {
        Self { lifetime: None, is_reliable: false, is_tracked: false }
    }

    /// Abandons it if it has not left, or has not arrived, after this long.
    #[must_use]
    pub const fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    /// It is sent again if lost.
    #[must_use]
    pub const fn reliable(self) -> Self {
        Self { is_reliable: true, ..self }
    }

    /// The [`Delivery`] tells what becomes of it.
    #[must_use]
    pub const fn tracked(self) -> Self {
        Self { is_tracked: true, ..self }
    }
}

/// A datagram under way: how it travels, and, awaited, what became of it.
///
/// The answer comes once and is final: see [`DatagramOutcome`]. It takes about a round trip where
/// the datagram leaves at once; a lost one shows as soon as later packets are acknowledged. Until
/// then the session is kept as if by any other handle of it. Needs no runtime of a certain kind.
///
/// Dropping it changes nothing for the datagram: nobody is told then.
///
/// # Examples
/// ```
/// use sst_std::{DatagramOutcome, Session};
/// # async fn example(session: Session) -> Result<(), Box<dyn std::error::Error>> {
/// let delivery = session.send_tracked_datagram(b"position", None).await?;
/// if delivery.await == DatagramOutcome::Lost {
///     session.send_datagram(b"a newer position", None).await?;
/// }
/// # Ok(()) }
/// ```
#[must_use = "a delivery that is dropped tells nobody"]
pub struct Delivery {
    session: Arc<SessionRef>,
    form: DatagramForm,
    /// `None` if it is not tracked, or not any more.
    tracked: Option<Tracked>,
    outcome: DatagramOutcome,
}

/// The deliveries of an endpoint that someone holds. The index of a ticket is used again while the
/// outcome of the one before still waits to be taken, so each has a row of its own.
#[derive(Default)]
pub(crate) struct Deliveries {
    rows: Slab<Row>,
    /// The row of the ticket that has this index now. Those before it are settled.
    latest: Vec<usize>,
}

/// A ticket, and where its outcome will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tracked {
    ticket: DatagramTicket,
    row: usize,
}

struct Row {
    ticket: DatagramTicket,
    outcome: Option<DatagramOutcome>,
    waker: Option<Waker>,
}

impl Delivery {
    pub(crate) fn new(
        session: Arc<SessionRef>,
        form: DatagramForm,
        tracked: Option<Tracked>,
    ) -> Self {
        Self { session, form, tracked, outcome: DatagramOutcome::Unknown }
    }

    /// How the datagram travels.
    #[must_use]
    pub const fn form(&self) -> DatagramForm {
        self.form
    }

    /// The outcome, if it is known already.
    #[must_use]
    pub fn outcome(&mut self) -> Option<DatagramOutcome> {
        match Pin::new(self).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }
}

impl Future for Delivery {
    /// [`DatagramOutcome::Unknown`] at once if it is not tracked: because nobody asked for that, or
    /// because as many others are as there is room for.
    type Output = DatagramOutcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<DatagramOutcome> {
        if let Some(tracked) = self.tracked {
            let told = self.session.shared.lock().deliveries.poll(tracked, cx.waker());
            let Some(outcome) = told else { return Poll::Pending };
            self.outcome = outcome;
            self.tracked = None;
        }
        Poll::Ready(self.outcome)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(tracked) = self.tracked {
            let mut inner = self.session.shared.lock();
            let row = inner.deliveries.take(tracked);
            inner.host.forget_datagram(tracked.ticket);
            // Its waker may be the last of a task that has handles: not under the lock.
            drop(inner);
            drop(row);
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Delivery").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn send_datagram(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
    ) -> Result<(DatagramForm, Option<Tracked>), core::DatagramError> {
        let DatagramOptions { lifetime, is_reliable: reliable, is_tracked } = options;
        let options = core::DatagramOptions { lifetime, reliable };
        let sent = self.host.send_datagram_with(now, parent, bytes, options, is_tracked)?;
        Ok((sent.form, sent.ticket.map(|ticket| self.deliveries.add(ticket))))
    }
}

impl Deliveries {
    /// Someone is about to hold this one.
    pub(crate) fn add(&mut self, ticket: DatagramTicket) -> Tracked {
        let row = self.rows.insert(Row { ticket, outcome: None, waker: None });
        let index = ticket.index() as usize;
        if self.latest.len() <= index {
            self.latest.resize(index + 1, row);
        }
        self.latest[index] = row;
        Tracked { ticket, row }
    }

    /// The host knows.
    pub(crate) fn settle(
        &mut self,
        ticket: DatagramTicket,
        outcome: DatagramOutcome,
        woken: &mut Vec<Waker>,
    ) {
        let Some(&row) = self.latest.get(ticket.index() as usize) else { return };
        if let Some(row) = self.rows.get_mut(row).filter(|row| row.ticket == ticket) {
            row.outcome = Some(outcome);
            woken.extend(row.waker.take());
        }
    }

    /// The outcome, which is then forgotten; until there is one, `waker` waits for it.
    fn poll(&mut self, tracked: Tracked, waker: &Waker) -> Option<DatagramOutcome> {
        let row = self.rows.get_mut(tracked.row).filter(|row| row.ticket == tracked.ticket);
        let Some(row) = row else { return Some(DatagramOutcome::Unknown) };
        if row.outcome.is_none() {
            row.waker = Some(waker.clone());
            return None;
        }
        self.take(tracked)?.outcome
    }

    fn take(&mut self, tracked: Tracked) -> Option<Row> {
        let is_there = self.rows.get(tracked.row).is_some_and(|row| row.ticket == tracked.ticket);
        if is_there { self.rows.try_remove(tracked.row) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_that_nobody_took_yet_outlives_the_next_use_of_its_index() {
        let mut deliveries = Deliveries::default();
        let tickets: Vec<_> =
            (0..100).map(|use_no| DatagramTicket::from_parts(2, use_no)).collect();
        let woken = &mut Vec::new();
        let lost: Vec<_> = tickets[..3]
            .iter()
            .map(|&ticket| {
                let tracked = deliveries.add(ticket);
                deliveries.settle(ticket, DatagramOutcome::Lost, woken);
                tracked
            })
            .collect();
        for &ticket in &tickets[3..] {
            let tracked = deliveries.add(ticket);
            assert_eq!(deliveries.poll(tracked, Waker::noop()), None);
            deliveries.settle(ticket, DatagramOutcome::Acknowledged, woken);
            let told = deliveries.poll(tracked, Waker::noop());
            assert_eq!(told, Some(DatagramOutcome::Acknowledged));
        }
        for tracked in lost {
            assert_eq!(deliveries.poll(tracked, Waker::noop()), Some(DatagramOutcome::Lost));
            assert_eq!(deliveries.poll(tracked, Waker::noop()), Some(DatagramOutcome::Unknown));
        }
        assert!(deliveries.rows.capacity() <= 4, "places are used again");
    }

    /// So many that a search among them would take longer than anybody waits for a test.
    #[test]
    fn to_track_a_datagram_costs_the_same_however_many_are_tracked() {
        const MANY: u32 = 200_000;
        let mut deliveries = Deliveries::default();
        let woken = &mut Vec::new();
        let tickets = (0..MANY).map(|index| DatagramTicket::from_parts(index, 1));
        let tracked: Vec<_> = tickets.map(|ticket| deliveries.add(ticket)).collect();
        for &tracked in tracked.iter().rev() {
            assert_eq!(deliveries.poll(tracked, Waker::noop()), None);
            deliveries.settle(tracked.ticket, DatagramOutcome::Acknowledged, woken);
        }
        assert!(tracked.into_iter().all(|tracked| deliveries.take(tracked).is_some()));
        assert!(woken.len() == MANY as usize && deliveries.rows.is_empty());
    }
}
