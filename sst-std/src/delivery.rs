//! How a datagram is sent, and what becomes of it: [`DatagramOptions`], [`Delivery`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sst_nostd::stream::{
    self as core, DatagramForm, DatagramOutcome, DatagramSent, DatagramTicket, StreamHandle,
};
use sst_nostd::time::Instant;

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
    ticket: Option<DatagramTicket>,
    outcome: DatagramOutcome,
}

/// The deliveries of an endpoint that someone holds, wherever there was a place: the index of a
/// ticket is used again while the outcome of the one before still waits to be taken.
#[derive(Default)]
pub(crate) struct Deliveries {
    rows: Vec<Option<Row>>,
}

struct Row {
    ticket: DatagramTicket,
    outcome: Option<DatagramOutcome>,
    waker: Option<Waker>,
}

impl Delivery {
    pub(crate) fn new(session: Arc<SessionRef>, sent: DatagramSent) -> Self {
        let outcome = DatagramOutcome::Unknown;
        Self { session, form: sent.form, ticket: sent.ticket, outcome }
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
        if let Some(ticket) = self.ticket {
            let told = self.session.shared.lock().deliveries.poll(ticket, cx.waker());
            let Some(outcome) = told else { return Poll::Pending };
            self.outcome = outcome;
            self.ticket = None;
        }
        Poll::Ready(self.outcome)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let mut inner = self.session.shared.lock();
            inner.deliveries.take(ticket);
            inner.host.forget_datagram(ticket);
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
    ) -> Result<DatagramSent, core::DatagramError> {
        let DatagramOptions { lifetime, is_reliable: reliable, is_tracked } = options;
        let options = core::DatagramOptions { lifetime, reliable };
        let sent = self.host.send_datagram_with(now, parent, bytes, options, is_tracked)?;
        if let Some(ticket) = sent.ticket {
            self.deliveries.add(ticket);
        }
        Ok(sent)
    }
}

impl Deliveries {
    /// Someone is about to hold this one.
    pub(crate) fn add(&mut self, ticket: DatagramTicket) {
        let row = Some(Row { ticket, outcome: None, waker: None });
        match self.rows.iter_mut().find(|row| row.is_none()) {
            Some(free) => *free = row,
            None => self.rows.push(row),
        }
    }

    /// The host knows.
    pub(crate) fn settle(
        &mut self,
        ticket: DatagramTicket,
        outcome: DatagramOutcome,
        woken: &mut Vec<Waker>,
    ) {
        if let Some(row) = self.row(ticket) {
            row.outcome = Some(outcome);
            woken.extend(row.waker.take());
        }
    }

    /// The outcome, which is then forgotten; until there is one, `waker` waits for it.
    fn poll(&mut self, ticket: DatagramTicket, waker: &Waker) -> Option<DatagramOutcome> {
        let Some(row) = self.row(ticket) else { return Some(DatagramOutcome::Unknown) };
        if row.outcome.is_none() {
            row.waker = Some(waker.clone());
            return None;
        }
        self.take(ticket)
    }

    fn take(&mut self, ticket: DatagramTicket) -> Option<DatagramOutcome> {
        self.place(ticket)?.take()?.outcome
    }

    fn row(&mut self, ticket: DatagramTicket) -> Option<&mut Row> {
        self.place(ticket)?.as_mut()
    }

    fn place(&mut self, ticket: DatagramTicket) -> Option<&mut Option<Row>> {
        let mut rows = self.rows.iter_mut();
        rows.find(|row| row.as_ref().is_some_and(|row| row.ticket == ticket))
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
        for &ticket in &tickets[..3] {
            deliveries.add(ticket);
            deliveries.settle(ticket, DatagramOutcome::Lost, woken);
        }
        for &ticket in &tickets[3..] {
            deliveries.add(ticket);
            assert_eq!(deliveries.poll(ticket, Waker::noop()), None);
            deliveries.settle(ticket, DatagramOutcome::Acknowledged, woken);
            let told = deliveries.poll(ticket, Waker::noop());
            assert_eq!(told, Some(DatagramOutcome::Acknowledged));
        }
        for &ticket in &tickets[..3] {
            assert_eq!(deliveries.poll(ticket, Waker::noop()), Some(DatagramOutcome::Lost));
            assert_eq!(deliveries.poll(ticket, Waker::noop()), Some(DatagramOutcome::Unknown));
        }
        assert!(deliveries.rows.len() <= 4, "places are used again");
    }
}
