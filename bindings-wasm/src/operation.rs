//! Calls that must go on where they were: they are kept as futures until they are done or given up.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use sst_std::{Offer, Session, Stream};

use crate::error::Fault;

/// What an operation comes to.
pub(crate) enum Answer {
    Done,
    Offers(Vec<Offer>),
    Session(Session),
    Stream(Stream),
    Word(&'static str),
}

/// A call under way. Dropping it gives it up.
pub(crate) struct Operation(Pin<Box<dyn Future<Output = Result<Answer, Fault>>>>);

impl Operation {
    pub(crate) fn new(call: impl Future<Output = Result<Answer, Fault>> + 'static) -> Self {
        Self(Box::pin(call))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Fault>> {
        self.0.as_mut().poll(cx)
    }
}
