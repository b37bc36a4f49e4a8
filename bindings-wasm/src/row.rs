//! [`Row`]: what a number stands for: a session or a stream, with its halves.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use sst_std::{Branch, Listener, ReadHalf, ServiceListener, Session, Stream, Waiter, WriteHalf};

use crate::woken::Woken;

/// What a call can wait for; part of the number that it is woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Interest {
    Read = 0,
    Write = 1,
    Accept = 2,
    Open = 3,
    Receive = 4,
    Send = 5,
    Closed = 6,
    Service = 7,
}

/// How many kinds of interest a row has room for.
pub(crate) const INTERESTS: u32 = 8;

/// One session or stream.
pub(crate) struct Row {
    pub(crate) branch: Branch,
    pub(crate) session: Option<Session>,
    pub(crate) read: Option<ReadHalf>,
    /// Shared with the operation that writes a record, which may last.
    pub(crate) write: Option<Rc<RefCell<WriteHalf>>>,
    pub(crate) listener: Option<Listener>,
    pub(crate) services: Option<ServiceListener>,
    wakers: Wakers,
}

/// One waker for each interest, made once, and one place to wait: whoever waits twice is noted
/// once, and what is given up leaves nothing behind.
pub(crate) struct Wakers {
    number: u32,
    woken: Woken,
    made: [Option<Waker>; INTERESTS as usize],
    waiters: [Waiter; INTERESTS as usize],
}

impl Row {
    pub(crate) fn of_session(number: u32, woken: &Woken, session: Session) -> Self {
        Self {
            branch: Branch::clone(&session),
            session: Some(session),
            read: None,
            write: None,
            listener: None,
            services: None,
            wakers: Wakers::new(number, woken),
        }
    }

    pub(crate) fn of_stream(number: u32, woken: &Woken, stream: Stream) -> Self {
        let branch = stream.branch();
        let (read, write) = stream.split();
        Self {
            branch,
            session: None,
            read: Some(read),
            write: Some(Rc::new(RefCell::new(write))),
            listener: None,
            services: None,
            wakers: Wakers::new(number, woken),
        }
    }

    /// The waker of those who wait for `interest` here.
    pub(crate) fn waker(&mut self, interest: Interest) -> Waker {
        self.wakers.of(interest)
    }

    /// The same, and where they wait.
    pub(crate) fn wait(&mut self, interest: Interest) -> (Waker, &mut Waiter) {
        self.wakers.wait(interest)
    }
}

impl Wakers {
    pub(crate) fn new(number: u32, woken: &Woken) -> Self {
        let made = [const { None }; INTERESTS as usize];
        let waiters = [const { Waiter::new() }; INTERESTS as usize];
        Self { number, woken: woken.clone(), made, waiters }
    }

    pub(crate) fn wait(&mut self, interest: Interest) -> (Waker, &mut Waiter) {
        let waker = self.of(interest);
        (waker, &mut self.waiters[interest as usize])
    }

    pub(crate) fn of(&mut self, interest: Interest) -> Waker {
        let number = self.number * INTERESTS + interest as u32;
        let make = || self.woken.waker(number);
        match self.made.get_mut(interest as usize) {
            Some(made) => made.get_or_insert_with(make).clone(),
            None => make(),
        }
    }
}
