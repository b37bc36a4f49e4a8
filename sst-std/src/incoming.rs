//! Sessions that wait to be accepted: so many and no more, with a share for each source.

use std::collections::VecDeque;

use sst_nostd::{SessionHandle, SessionState, Source, may_join};

use crate::config::Config;
use crate::shared::StdHost;

/// Sessions that peers began and nobody has accepted yet, first come first.
pub(crate) struct Waiting {
    sessions: VecDeque<SessionHandle>,
    limit: usize,
    has_shares: bool,
}

impl Waiting {
    /// Nobody waits; up to `config.backlog` may.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            sessions: VecDeque::new(),
            limit: config.backlog.max(1) as usize,
            has_shares: config.shares_by_source,
        }
    }

    /// The next session to accept.
    pub(crate) fn pop(&mut self) -> Option<SessionHandle> {
        self.sessions.pop_front()
    }

    /// Takes out the sessions that ended while they waited, for the caller to let go. Fewer than
    /// half of the places may be theirs until they are accepted: what they brought can be read.
    pub(crate) fn take_ended(&mut self, host: &StdHost) -> Vec<SessionHandle> {
        if self.sessions.len() * 2 < self.limit {
            return Vec::new();
        }
        let is_open = |it: &SessionHandle| {
            matches!(host.session_state(*it), Some(SessionState::Ready | SessionState::Draining))
        };
        let (open, ended): (VecDeque<_>, VecDeque<_>) = self.sessions.drain(..).partition(is_open);
        self.sessions = open;
        ended.into()
    }

    /// Lets a session wait. False if there are too many, or, where sources have shares, more from
    /// its source than places left.
    pub(crate) fn push(&mut self, host: &StdHost, session: SessionHandle) -> bool {
        let free = self.limit.saturating_sub(self.sessions.len());
        let source = source(host, session);
        let is_alike = |it: &&SessionHandle| self::source(host, **it) == source;
        let has_shares = self.has_shares;
        let held = if has_shares { self.sessions.iter().filter(is_alike).count() } else { 0 };
        let is_let = may_join(held as u32, free as u32);
        if is_let {
            self.sessions.push_back(session);
        }
        is_let
    }
}

fn source(host: &StdHost, session: SessionHandle) -> Option<Source> {
    host.session_info(session)?.path.map(|path| Source::of(path.peer.ip()))
}
