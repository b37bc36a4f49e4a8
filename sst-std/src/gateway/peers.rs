//! [`Peers`]: who is carried now. A seat is taken before an offer is looked at and given back when
//! its [`Seat`] is dropped, whatever happens in between.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::places::{NoPlace, Place, Places};

/// Names a peer in the URL that ends it: 128 random bits.
pub(super) type Token = u128;

/// The table of peers.
pub(super) struct Peers {
    places: Arc<Places>,
    rows: Mutex<HashMap<Token, watch::Sender<bool>>>,
    left: Notify,
}

/// One peer's row in the table, and its place.
pub(super) struct Seat {
    peers: Arc<Peers>,
    token: Token,
    end: watch::Receiver<bool>,
    _place: Place,
}

impl Peers {
    pub(super) fn new(places: Arc<Places>) -> Arc<Self> {
        Arc::new(Self { places, rows: Mutex::default(), left: Notify::new() })
    }

    /// A seat for one more that asked from `from`, under a `token` that nobody has.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub(super) fn admit(self: &Arc<Self>, from: IpAddr, token: Token) -> Result<Seat, NoPlace> {
        let place = self.places.take(from)?;
        let (sender, end) = watch::channel(false);
        // A name that is taken is one the system had no randomness for.
        match self.rows().entry(token) {
            Entry::Occupied(_) => return Err(NoPlace::NoName),
            Entry::Vacant(row) => row.insert(sender),
        };
        Ok(Seat { peers: self.clone(), token, end, _place: place })
    }

    /// Asks a peer to end; false if there is none of this name.
    pub(super) fn end(&self, token: Token) -> bool {
        self.rows().get(&token).is_some_and(|end| end.send(true).is_ok())
    }

    /// Asks all of them, and waits until they have.
    pub(super) async fn end_all(&self) {
        loop {
            let left = self.left.notified();
            {
                let rows = self.rows();
                if rows.is_empty() {
                    return;
                }
                for end in rows.values() {
                    let _ = end.send(true);
                }
            }
            left.await;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows().len()
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<Token, watch::Sender<bool>>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    pub(super) const fn token(&self) -> Token {
        self.token
    }

    /// Returns when the peer shall end. May be dropped and called again.
    pub(super) async fn ended(&mut self) {
        // An error is a table that is gone: the end, too.
        let _ = self.end.wait_for(|end| *end).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.peers.rows().remove(&self.token);
        self.peers.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn seats_are_limited_and_come_back() {
        let peers = Peers::new(Places::new(2, &[]));
        let from = IpAddr::from([192, 0, 2, 1]);
        let mut first = peers.admit(from, 1).unwrap();
        assert_eq!(peers.admit(from, 1).err(), Some(NoPlace::NoName));
        let second = peers.admit(from, 2).unwrap();
        assert_eq!(peers.admit(from, 3).err(), Some(NoPlace::Full { limit: 2 }));
        assert!(peers.end(1) && !peers.end(3));
        first.ended().await;
        drop(first);
        assert!(!peers.end(1));
        assert_eq!(peers.admit(from, 3).unwrap().token(), 3);
        assert_eq!(peers.len(), 1);
        drop(second);
        peers.end_all().await;
    }
}
