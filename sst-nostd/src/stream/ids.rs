//! Streams by their ids: what finds the stream that a frame names.

use crate::id::StreamId;
use crate::storage::{Full, HashIndex, KeyedHash};

use super::row::{Rows, StreamHandle};

/// The index of streams by party and id. Roots are not in it: their trees have their handles.
pub(super) struct Ids<'s> {
    index: HashIndex<'s>,
    hash: KeyedHash,
    /// The row last found by its id: mostly the next frame is for the same stream.
    found: Option<u32>,
}

impl<'s> Ids<'s> {
    /// No streams yet. `hash` must be keyed at random: peers choose stream ids.
    pub(super) const fn new(index: HashIndex<'s>, hash: KeyedHash) -> Self {
        Self { index, hash, found: None }
    }

    /// The living stream of a party that has this id.
    pub(super) fn find(
        &mut self,
        rows: &Rows<'_>,
        party: u32,
        id: StreamId,
    ) -> Option<StreamHandle> {
        let handle_of = |slot| {
            let entry = rows.entry_at(slot);
            entry.filter(|(_, row)| row.party == party && row.id == id).map(|(stream, _)| stream)
        };
        if let Some(stream) = self.found.and_then(handle_of) {
            return Some(stream);
        }
        let mut stream = None;
        self.found = self.index.find(self.hash_of(party, id), |slot| {
            stream = handle_of(slot);
            stream.is_some()
        });
        stream
    }

    /// Enters the stream in row `index`.
    pub(super) fn insert(&mut self, party: u32, id: StreamId, index: u32) -> Result<(), Full> {
        self.index.insert(self.hash_of(party, id), index)
    }

    /// The stream in row `index` is gone.
    pub(super) fn remove(&mut self, party: u32, id: StreamId, index: u32) {
        self.index.remove(self.hash_of(party, id), index);
        self.found = None;
    }

    /// Streams entered, for audits.
    #[cfg(all(test, feature = "alloc"))]
    pub(super) fn len(&self) -> u32 {
        self.index.len()
    }

    fn hash_of(&self, party: u32, id: StreamId) -> u32 {
        self.hash.hash_pair(u64::from(party), id.as_u64())
    }
}
