//! [`unless_stalled`]: notices that a peer does not take what it asked for, so that nothing is held
//! for it meanwhile.

use std::time::Duration;

use tokio::time::sleep;

/// A peer that takes or gives nothing for so long has stalled: longer than most round trips.
const STALL: Duration = Duration::from_millis(500);

/// When a peer counts as stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stalls {
    /// When it has to be waited for at all.
    AtOnce,
    /// When it has been waited for long.
    Late,
}

impl Stalls {
    /// Patience is for those who have a place among the open files.
    pub(super) const fn when_kept(is_kept: bool) -> Self {
        if is_kept { Self::Late } else { Self::AtOnce }
    }
}

/// What `step` answers; `None` if the peer stalls first.
pub(super) async fn unless_stalled<T>(stalls: Stalls, step: impl Future<Output = T>) -> Option<T> {
    let stalled = async {
        if stalls == Stalls::Late {
            sleep(STALL).await;
        }
    };
    tokio::select! {
        biased;
        answer = step => Some(answer),
        () = stalled => None,
    }
}
