//! A table whose rows are drawn by parties with a share each.

use core::ops::Deref;

use super::{Account, Full, Handle, HasLink, HasNode, Heaped, Link, Linked, Node, Shares, Table};

/// A [`Table`] from which each party takes rows on its [`Account`]. A row must be taken out on the
/// account it was put in on.
pub struct SharedTable<'s, T> {
    table: Table<'s, T>,
    shares: Shares,
}

impl<'s, T> SharedTable<'s, T> {
    /// `table`, which is empty, shared by up to `parties` parties.
    #[must_use]
    pub fn new(table: Table<'s, T>, parties: u32) -> Self {
        let shares = Shares::new(table.limit(), parties);
        Self { table, shares }
    }

    /// Puts `value` in a free row.
    ///
    /// # Errors
    /// [`Full`] if the party of `account` may take no row now; the value is gone.
    #[inline]
    pub fn insert(&mut self, account: &mut Account, value: T) -> Result<Handle<T>, Full> {
        if self.shares.room(account) == 0 {
            return Err(Full);
        }
        let handle = self.table.insert(value)?;
        self.shares.take(account, 1)?;
        Ok(handle)
    }

    /// Takes out the value that `handle` names; `None` if it is stale.
    #[inline]
    pub fn remove(&mut self, account: &mut Account, handle: Handle<T>) -> Option<T> {
        let value = self.table.remove(handle)?;
        self.shares.give_back(account, 1);
        Some(value)
    }

    /// Takes out the value in row `index`; `None` if there is none.
    #[inline]
    pub fn remove_at(&mut self, account: &mut Account, index: u32) -> Option<T> {
        let value = self.table.remove_at(index)?;
        self.shares.give_back(account, 1);
        Some(value)
    }

    /// Frees row `index` where it is. False if nothing was in it.
    #[inline]
    pub fn discard_at(&mut self, account: &mut Account, index: u32) -> bool {
        let was_there = self.table.discard_at(index);
        if was_there {
            self.shares.give_back(account, 1);
        }
        was_there
    }

    /// The value that `handle` names; `None` if it is stale.
    #[inline]
    pub fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        self.table.get_mut(handle)
    }

    /// The value in row `index`, whatever its generation.
    #[inline]
    pub fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.table.at_mut(index)
    }

    /// The value now in row `index`, and its handle.
    #[inline]
    pub fn entry_at_mut(&mut self, index: u32) -> Option<(Handle<T>, &mut T)> {
        self.table.entry_at_mut(index)
    }

    /// Who may have how many rows.
    #[inline]
    #[must_use]
    pub const fn shares(&self) -> &Shares {
        &self.shares
    }
}

/// All questions of a [`Table`]; rows come and go on accounts only.
impl<'s, T> Deref for SharedTable<'s, T> {
    type Target = Table<'s, T>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.table
    }
}

impl<const LIST: usize, T: HasLink<LIST>> Linked<LIST> for SharedTable<'_, T> {
    #[inline]
    fn link(&self, index: u32) -> Option<Link> {
        Linked::<LIST>::link(&self.table, index)
    }

    #[inline]
    fn link_mut(&mut self, index: u32) -> Option<&mut Link> {
        Linked::<LIST>::link_mut(&mut self.table, index)
    }
}

impl<const HEAP: usize, T: HasNode<HEAP>> Heaped<HEAP> for SharedTable<'_, T> {
    #[inline]
    fn node(&self, index: u32) -> Option<Node> {
        Heaped::<HEAP>::node(&self.table, index)
    }

    #[inline]
    fn node_mut(&mut self, index: u32) -> Option<&mut Node> {
        Heaped::<HEAP>::node_mut(&mut self.table, index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Row;
    use super::*;

    #[test]
    fn rows_are_counted_where_they_come_and_go() {
        let mut rows = [const { Row::empty() }; 16];
        let mut table = SharedTable::new(Table::lent(&mut rows), 2);
        let (mut one, mut two) = (Account::new(), Account::new());
        let mut handles = [0; 11].map(|value| table.insert(&mut one, value).unwrap());
        assert_eq!((table.insert(&mut one, 1), table.len(), one.held()), (Err(Full), 11, 11));
        assert!(table.insert(&mut two, 2).is_ok() && table.insert(&mut two, 2).is_ok());
        handles.reverse();
        assert_eq!(table.remove(&mut one, handles[0]), Some(0));
        assert_eq!(table.remove(&mut one, handles[0]), None);
        assert_eq!(table.remove_at(&mut one, handles[1].index()), Some(0));
        assert_eq!(table.remove_at(&mut one, handles[1].index()), None);
        assert!(table.discard_at(&mut one, handles[2].index()));
        assert!(!table.discard_at(&mut one, handles[2].index()));
        assert_eq!((one.held(), two.held(), table.shares().used(), table.len()), (8, 2, 10, 10));
        assert_eq!(table.get_mut(handles[3]).copied(), table.at_mut(handles[3].index()).copied());
    }
}
