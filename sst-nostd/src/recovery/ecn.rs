//! Whether a path carries ECN codepoints truthfully. Source: RFC 9000 section 13.4.2 and
//! appendix A.4.

/// Packets marked while the path is being tested. If marking makes the path drop packets, this is
/// all it costs.
pub const TEST_PACKETS: u64 = 10;

/// What the IP header of a packet said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codepoint {
    /// Congestion experienced: a router would rather have dropped this packet.
    Ce,
    /// ECN-capable, as SST marks.
    Ect0,
    /// ECN-capable, of the L4S experiment. SST never sends it.
    Ect1,
    /// Not ECN-capable, or the socket could not say.
    #[default]
    NotEct,
}

/// How many packets arrived with each codepoint, since the channel began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcnCounts {
    /// Marked by a router.
    pub ce: u64,
    /// Still as sent.
    pub ect0: u64,
    /// Never sent by SST.
    pub ect1: u64,
}

impl EcnCounts {
    /// Counts one packet.
    pub fn on_packet(&mut self, codepoint: Codepoint) {
        let count = match codepoint {
            Codepoint::Ce => &mut self.ce,
            Codepoint::Ect0 => &mut self.ect0,
            Codepoint::Ect1 => &mut self.ect1,
            Codepoint::NotEct => return,
        };
        *count = count.saturating_add(1);
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a path is no longer marked. Never an error of the channel: packets go on unmarked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcnFailure {
    /// Every marked packet of the test came back as congestion: the path mangles.
    AllCe,
    /// Every marked packet of the test was lost.
    AllLost,
    /// Marks were erased on the way, or the peer does not count them.
    Bleached,
    /// The peer counted backward, or more than was sent.
    WrongCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Marking, up to [`TEST_PACKETS`].
    Testing,
    /// The test packets are sent and nothing is known of them: not marking.
    Waiting,
    Capable,
    Failed,
}

/// The validation of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ecn {
    state: State,
    sent: u64,
    lost: u64,
    acked: u64,
    counts: EcnCounts,
}

impl Ecn {
    /// A path to be tested, if the socket can mark packets.
    #[must_use]
    pub const fn new(can_mark: bool) -> Self {
        Self {
            state: if can_mark { State::Testing } else { State::Failed },
            sent: 0,
            lost: 0,
            acked: 0,
            counts: EcnCounts { ce: 0, ect0: 0, ect1: 0 },
        }
    }

    /// A packet was sent, marked ECT(0) or not.
    pub fn on_sent(&mut self, ect0: bool) {
        if !ect0 {
            return;
        }
        self.sent = self.sent.saturating_add(1);
        if self.state == State::Testing && self.sent >= TEST_PACKETS {
            self.state = State::Waiting;
        }
    }

    /// A probe timeout fired. A path being tested may be one that drops marked packets, so the
    /// probe and what follows go unmarked until a marked packet is acknowledged.
    pub fn on_timeout(&mut self) {
        if self.state == State::Testing && self.sent > 0 {
            self.state = State::Waiting;
        }
    }

    /// A packet that had been marked was declared lost.
    ///
    /// # Errors
    /// [`EcnFailure::AllLost`] when that was the last of the test.
    pub fn on_lost(&mut self, ect0: bool) -> Result<(), EcnFailure> {
        if !ect0 {
            return Ok(());
        }
        self.lost = self.lost.saturating_add(1);
        if self.state == State::Waiting && self.acked == 0 && self.lost >= self.sent {
            return Err(self.failed(EcnFailure::AllLost));
        }
        Ok(())
    }

    /// An acknowledgement that raised the largest acknowledged number arrived; `newly_acked_ect0`
    /// of the packets it newly acknowledges had been marked, and `counts` are the peer's totals,
    /// if it sent any. Returns how many more packets were marked by routers.
    ///
    /// An acknowledgement that did not raise the largest number must not come here: it may be an
    /// old one, with old counts.
    ///
    /// # Errors
    /// Why marking stops. Nothing is an error once marking has stopped.
    pub fn on_ack(
        &mut self,
        newly_acked_ect0: u64,
        counts: Option<EcnCounts>,
    ) -> Result<u64, EcnFailure> {
        if self.state == State::Failed {
            return Ok(0);
        }
        self.acked = self.acked.saturating_add(newly_acked_ect0);
        let Some(counts) = counts else {
            return if newly_acked_ect0 > 0 {
                Err(self.failed(EcnFailure::Bleached))
            } else {
                Ok(0)
            };
        };
        let ce_increase = match self.increase(newly_acked_ect0, counts) {
            Ok(ce_increase) => ce_increase,
            Err(failure) => return Err(self.failed(failure)),
        };
        self.counts = counts;
        self.conclude(newly_acked_ect0)?;
        Ok(ce_increase)
    }

    /// Whether the next packet goes as ECT(0).
    #[must_use]
    pub fn sends_ect0(&self) -> bool {
        matches!(self.state, State::Testing | State::Capable)
    }

    /// Whether the path is known to carry codepoints.
    #[must_use]
    pub fn is_capable(&self) -> bool {
        self.state == State::Capable
    }

    fn increase(&self, newly_acked_ect0: u64, counts: EcnCounts) -> Result<u64, EcnFailure> {
        let wrong = EcnFailure::WrongCounts;
        let ce = counts.ce.checked_sub(self.counts.ce).ok_or(wrong)?;
        let ect0 = counts.ect0.checked_sub(self.counts.ect0).ok_or(wrong)?;
        if counts.ect1 > 0 || counts.ect0.saturating_add(counts.ce) > self.sent {
            return Err(wrong);
        }
        if ect0.saturating_add(ce) < newly_acked_ect0 {
            return Err(EcnFailure::Bleached);
        }
        Ok(ce)
    }

    fn conclude(&mut self, newly_acked_ect0: u64) -> Result<(), EcnFailure> {
        if self.is_capable() || newly_acked_ect0 == 0 {
            return Ok(());
        }
        if self.counts.ect0 > 0 {
            self.state = State::Capable;
        } else if self.acked >= TEST_PACKETS {
            return Err(self.failed(EcnFailure::AllCe));
        }
        Ok(())
    }

    fn failed(&mut self, failure: EcnFailure) -> EcnFailure {
        self.state = State::Failed;
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ect0: u64, ect1: u64, ce: u64) -> Option<EcnCounts> {
        Some(EcnCounts { ce, ect0, ect1 })
    }

    fn after_sending(packets: u64) -> Ecn {
        let mut ecn = Ecn::new(true);
        for _ in 0..packets {
            let marked = ecn.sends_ect0();
            ecn.on_sent(marked);
        }
        ecn
    }

    // Spec: R-6.7-7.
    #[test]
    fn a_truthful_path_becomes_capable_and_reports_new_marks_once() {
        let mut ecn = after_sending(5);
        assert_eq!(ecn.on_ack(3, counts(3, 0, 0)), Ok(0));
        assert!(ecn.is_capable() && ecn.sends_ect0());
        assert_eq!(ecn.on_ack(2, counts(4, 0, 1)), Ok(1));
        assert_eq!(ecn.on_ack(0, counts(4, 0, 1)), Ok(0));
    }

    // Spec: R-6.7-7.
    #[test]
    fn testing_marks_ten_packets_then_waits() {
        let mut ecn = after_sending(TEST_PACKETS);
        assert!(!ecn.sends_ect0());
        assert_eq!(ecn.on_ack(1, counts(1, 0, 0)), Ok(0));
        assert!(ecn.sends_ect0());
    }

    // Spec: R-6.7-7.
    #[test]
    fn missing_counts_or_counts_that_lag_are_bleaching() {
        let mut ecn = after_sending(5);
        assert_eq!(ecn.on_ack(1, None), Err(EcnFailure::Bleached));
        assert!(!ecn.sends_ect0());
        assert_eq!(ecn.on_ack(1, counts(0, 9, 9)), Ok(0), "failed is quiet");
        let mut ecn = after_sending(5);
        assert_eq!(ecn.on_ack(3, counts(2, 0, 0)), Err(EcnFailure::Bleached));
        let mut ecn = after_sending(5);
        assert_eq!(ecn.on_ack(2, counts(2, 0, 0)), Ok(0));
        assert_eq!(ecn.on_ack(2, counts(3, 0, 0)), Err(EcnFailure::Bleached), "bleached later");
    }

    #[test]
    fn an_acknowledgement_of_unmarked_packets_needs_no_counts() {
        assert_eq!(after_sending(5).on_ack(0, None), Ok(0));
    }

    // Spec: R-6.7-7, R-10.6-2.
    #[test]
    fn counts_that_fall_or_exceed_what_was_sent_are_wrong() {
        let mut ecn = after_sending(5);
        assert_eq!(ecn.on_ack(2, counts(2, 0, 0)), Ok(0));
        assert_eq!(ecn.on_ack(0, counts(1, 0, 0)), Err(EcnFailure::WrongCounts));
        assert_eq!(after_sending(5).on_ack(2, counts(6, 0, 0)), Err(EcnFailure::WrongCounts));
        assert_eq!(after_sending(5).on_ack(2, counts(2, 1, 0)), Err(EcnFailure::WrongCounts));
        let most = counts(u64::MAX, 0, u64::MAX);
        assert_eq!(after_sending(5).on_ack(u64::MAX, most), Err(EcnFailure::WrongCounts));
    }

    #[test]
    fn a_path_that_drops_every_marked_packet_is_left_unmarked() {
        let mut ecn = after_sending(TEST_PACKETS);
        for _ in 1..TEST_PACKETS {
            assert_eq!(ecn.on_lost(true), Ok(()));
        }
        assert_eq!(ecn.on_lost(false), Ok(()));
        assert_eq!(ecn.on_lost(true), Err(EcnFailure::AllLost));
        assert!(!ecn.sends_ect0());
    }

    #[test]
    fn a_probe_timeout_ends_the_marking_early_but_not_the_hope() {
        let mut ecn = after_sending(2);
        ecn.on_timeout();
        assert!(!ecn.sends_ect0());
        let mut dropping = ecn;
        assert_eq!(dropping.on_lost(true), Ok(()));
        assert_eq!(dropping.on_lost(true), Err(EcnFailure::AllLost));
        assert_eq!(ecn.on_ack(2, counts(2, 0, 0)), Ok(0));
        assert!(ecn.sends_ect0());
    }

    #[test]
    fn a_path_that_marks_everything_is_mangling() {
        let mut ecn = after_sending(TEST_PACKETS);
        assert_eq!(ecn.on_ack(9, counts(0, 0, 9)), Ok(9));
        assert_eq!(ecn.on_ack(1, counts(0, 0, 10)), Err(EcnFailure::AllCe));
    }

    #[test]
    fn losses_after_the_test_do_not_fail_a_capable_path() {
        let mut ecn = after_sending(5);
        assert_eq!(ecn.on_ack(1, counts(1, 0, 0)), Ok(0));
        for _ in 0..100 {
            assert_eq!(ecn.on_lost(true), Ok(()));
        }
        assert!(ecn.is_capable());
    }

    #[test]
    fn a_socket_that_cannot_mark_never_marks() {
        assert!(!Ecn::new(false).sends_ect0());
    }
}
