//! [`Peers`]: who is carried now. A place is taken before an offer is looked at and given back when
//! its [`Place`] is dropped, whatever happens in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

/// Names a peer in the URL that ends it: 128 random bits.
pub(super) type Token = u128;

/// The table of peers.
pub(super) struct Peers {
    max_peers: usize,
    rows: Mutex<HashMap<Token, watch::Sender<bool>>>,
    left: Notify,
}

/// One peer's place in the table.
pub(super) struct Place {
    peers: Arc<Peers>,
    token: Token,
    end: watch::Receiver<bool>,
}

impl Peers {
    pub(super) fn new(max_peers: usize) -> Arc<Self> {
        Arc::new(Self { max_peers, rows: Mutex::default(), left: Notify::new() })
    }

    /// A place for one more, if there is one.
    pub(super) fn admit(self: &Arc<Self>, token: Token) -> Option<Place> {
        let mut rows = self.rows();
        if rows.len() >= self.max_peers || rows.contains_key(&token) {
            return None;
        }
        let (sender, end) = watch::channel(false);
        rows.insert(token, sender);
        Some(Place { peers: self.clone(), token, end })
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

impl Place {
    pub(super) const fn token(&self) -> Token {
        self.token
    }

    /// Returns when the peer shall end. May be dropped and called again.
    pub(super) async fn ended(&mut self) {
        // An error is a table that is gone: the end, too.
        let _ = self.end.wait_for(|end| *end).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.peers.rows().remove(&self.token);
        self.peers.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_limited_and_come_back() {
        let peers = Peers::new(2);
        let mut first = peers.admit(1).unwrap();
        assert!(peers.admit(1).is_none(), "one name, one peer");
        let second = peers.admit(2).unwrap();
        assert!(peers.admit(3).is_none());
        assert!(peers.end(1) && !peers.end(3));
        first.ended().await;
        drop(first);
        assert!(!peers.end(1));
        assert_eq!(peers.admit(3).unwrap().token(), 3);
        assert_eq!(peers.len(), 1);
        drop(second);
        peers.end_all().await;
    }
}
