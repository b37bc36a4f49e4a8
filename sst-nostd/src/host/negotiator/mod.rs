//! Dialling and answering: work on the rows of negotiations, and on nothing else. What comes of a
//! packet or of the time is answered as a value; whom it concerns is a mark on the row
//! ([`For`](super::tables::For)) that nobody here looks behind.

mod answering;
mod dialling;
mod due;
mod failure;

pub(super) use answering::Proved;
pub(super) use dialling::{Answered, Wish};
pub(super) use due::Due;
pub(super) use failure::Failure;

use crate::crypto::{Crypto, KEY_LEN, RandomError};
use crate::id::ChannelId;

use super::clock::Clock;
use super::door::Door;
use super::means::Means;
use super::stats::Stats;
use super::tables::{For, Negotiations};

/// What must be so of the row of a negotiation that has just begun.
const BEGUN: &str = "a negotiation that begins has its row";
/// What must be so of the row that an index of negotiations, a timer or a queue leads to.
const FOUND: &str = "a negotiation that was found is here";

/// What dialling and answering work with.
pub(super) struct Negotiator<'h, 's, C: Crypto> {
    pub(super) rows: &'h mut Negotiations<'s, C::Secret>,
    pub(super) means: &'h mut Means<C>,
    pub(super) clock: &'h mut Clock,
    pub(super) door: &'h mut Door,
    pub(super) stats: &'h mut Stats,
}

/// A call of this host's that came to nothing.
pub(super) struct Failed {
    /// Who waited for it.
    pub(super) waits: For,
    pub(super) why: Failure,
}

impl<C: Crypto> Negotiator<'_, '_, C> {
    /// A name for a new channel: none of another negotiation's, and not one that `is_taken`.
    fn new_channel_id(
        &mut self,
        mut is_taken: impl FnMut(ChannelId) -> bool,
    ) -> Result<ChannelId, RandomError> {
        let rows = &*self.rows;
        self.means.new_channel_id(|id| is_taken(id) || rows.find(id).is_some())
    }

    /// The secret half of a negotiation that begins.
    fn new_ephemeral(&mut self) -> Result<[u8; KEY_LEN], RandomError> {
        let ephemeral = self.means.new_ephemeral()?;
        self.stats.on_curve(1);
        Ok(ephemeral)
    }
}
