//! What meets packets that belong to nothing here yet: it spends no memory on whoever sends them.

use crate::channel::Path;
use crate::limits::ANSWERS as MAX_ANSWERS;
use crate::negotiation::{Front, Source, Sources};
use crate::recovery::ecn::Codepoint;
use crate::storage::may_join;
use crate::storage::present;

use super::transmit::Transmit;

/// Where strangers' packets end or are let in.
pub(super) struct Door {
    /// Says which INIT is worth an answer.
    pub(super) front: Front,
    /// Who was told of late that a channel is lost.
    pub(super) lost_sources: Sources,
    pub(super) outbox: Outbox,
}

/// The longest answer without state: a FINISH that only says why there will be no session.
const MAX_ANSWER_BYTES: usize = 128;

/// Answers that need no state.
pub(super) struct Outbox {
    answers: heapless::Deque<(Path, heapless::Vec<u8, MAX_ANSWER_BYTES>), MAX_ANSWERS>,
}

impl Outbox {
    pub(super) const fn new() -> Self {
        Self { answers: heapless::Deque::new() }
    }

    /// Keeps an answer; drops it if too many wait, or more to that source than there is room left.
    pub(super) fn push(&mut self, path: Path, answer: &[u8]) {
        let source = Source::of(path.peer.ip());
        let is_alike = |(path, _): &&(Path, _)| Source::of(path.peer.ip()) == source;
        let held = self.answers.iter().filter(is_alike).count();
        let free = MAX_ANSWERS.saturating_sub(self.answers.len());
        if !may_join(held as u32, free as u32) {
            return;
        }
        if let Ok(answer) = heapless::Vec::from_slice(answer) {
            let _ = self.answers.push_back((path, answer));
        }
    }

    /// Keeps the answer of `len` bytes at the front of `buffer`.
    pub(super) fn push_from(&mut self, path: Path, buffer: &[u8], len: usize) {
        if let Some(answer) = present(buffer.get(..len), "an answer is within its buffer") {
            self.push(path, answer);
        }
    }

    pub(super) fn pop(&mut self, buffer: &mut [u8]) -> Option<Transmit> {
        let (path, answer) = self.answers.pop_front()?;
        buffer.get_mut(..answer.len())?.copy_from_slice(&answer);
        Some(Transmit { path, len: answer.len(), segment_len: None, ecn: Codepoint::NotEct })
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, SocketAddr};

    use super::*;

    // Spec: R-13.7-6.
    #[test]
    fn a_source_that_asks_for_much_leaves_places_for_others_answers() {
        let path =
            |n| Path { local: None, peer: SocketAddr::from((Ipv4Addr::new(192, 0, 2, n), 9)) };
        let mut outbox = Outbox::new();
        for _ in 0..100 {
            outbox.push(path(1), b"answer");
        }
        let greedy = outbox.answers.len();
        assert!(greedy <= MAX_ANSWERS / 2 + 1, "{greedy}");
        for n in 2..100 {
            outbox.push(path(n), b"answer");
        }
        assert_eq!(outbox.answers.len(), MAX_ANSWERS, "each of the others one");
    }
}
