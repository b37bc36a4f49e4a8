//! Which channels a session has, and which of them carries what.

/// The rows of a session's channels. Today one channel at most carries everything; whoever asks
/// says what for, so that a second one has its place.
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

    /// The row of the channel that carries new frames, and by which the session is judged.
    #[inline]
    #[must_use]
    pub const fn carrier(&self) -> Option<u32> {
        self.channel
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
