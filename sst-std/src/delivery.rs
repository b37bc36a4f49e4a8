//! [`Delivery`]: what becomes of one datagram, for a sender who wants to know.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sst_nostd::stream::{DatagramForm, DatagramOutcome, DatagramSent, DatagramTicket};

use crate::session::SessionRef;

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

/// The deliveries of an endpoint that someone holds, by the index of their ticket.
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
    /// [`DatagramOutcome::Unknown`] at once if the endpoint had no room to track another one.
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

impl Deliveries {
    /// Someone is about to hold this one.
    pub(crate) fn add(&mut self, ticket: DatagramTicket) {
        let index = ticket.index() as usize;
        if self.rows.len() <= index {
            self.rows.resize_with(index + 1, || None);
        }
        self.rows[index] = Some(Row { ticket, outcome: None, waker: None });
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
        let place = self.rows.get_mut(ticket.index() as usize)?;
        place.take_if(|row| row.ticket == ticket)?.outcome
    }

    fn row(&mut self, ticket: DatagramTicket) -> Option<&mut Row> {
        let row = self.rows.get_mut(ticket.index() as usize)?.as_mut()?;
        (row.ticket == ticket).then_some(row)
    }
}
