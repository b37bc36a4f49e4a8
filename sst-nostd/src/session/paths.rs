//! Which channels a session has, and which of them carries what.

/// The rows of a session's channels. Today there is one at most; whoever asks says what for, so
/// that none, one or several fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths {
    channel: Option<u32>,
}

impl Paths {
    /// No channel.
    #[must_use]
    pub const fn new() -> Self {
        Self { channel: None }
    }

    /// Each channel's row.
    #[inline]
    pub fn all(&self) -> impl Iterator<Item = u32> + use<> {
        self.channel.into_iter()
    }

    /// The row of the channel that carries the frames of streams. None, while the session is being
    /// dialled or has lost its last one.
    #[inline]
    #[must_use]
    pub const fn carrier(&self) -> Option<u32> {
        self.channel
    }

    /// Whether the one in that row is the only one.
    pub fn is_only(&self, channel: u32) -> bool {
        self.all().eq([channel])
    }

    /// Whether there is no channel.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.channel.is_none()
    }

    /// One more, in that row.
    pub(super) fn add(&mut self, channel: u32) {
        debug_assert!(self.is_empty(), "a session has one channel at a time");
        self.channel = Some(channel);
    }

    /// The one in that row is gone.
    pub(super) fn remove(&mut self, channel: u32) {
        if self.channel == Some(channel) {
            self.channel = None;
        }
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self::new()
    }
}
