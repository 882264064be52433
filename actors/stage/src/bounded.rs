//! A table that forgets its oldest entries: what strangers can fill must not grow without end.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map of at most so many entries. The oldest goes when there are more; putting an entry anew does not make it younger.
#[derive(Clone, Debug)]
pub struct Bounded<K, V> {
    limit: usize,
    entries: HashMap<K, (u64, V)>,
    line: VecDeque<(u64, K)>,
    next: u64,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    /// An empty table for `limit` entries.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: HashMap::new(),
            line: VecDeque::new(),
            next: 0,
        }
    }

    /// Puts an entry in, and gives the one that had to go for it.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some((_, old)) = self.entries.get_mut(&key) {
            *old = value;
            return None;
        }
        self.next += 1;
        self.entries.insert(key.clone(), (self.next, value));
        self.line.push_back((self.next, key));
        if self.line.len() > 2 * self.limit + 16 {
            let entries = &self.entries;
            let lives = |(number, key): &(u64, K)| entries.get(key).is_some_and(|e| e.0 == *number);
            self.line.retain(lives);
        }
        while self.entries.len() > self.limit {
            let (number, key) = self.line.pop_front()?;
            if self.entries.get(&key).is_some_and(|e| e.0 == number) {
                return self.entries.remove(&key).map(|(_, value)| value);
            }
        }
        None
    }

    /// The entry of that key.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// Takes an entry out.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.entries.remove(key).map(|(_, value)| value)
    }

    /// Keeps only what the test likes.
    pub fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.entries.retain(|_, (_, value)| keep(value));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;

    #[test]
    fn the_oldest_goes() {
        let mut table = Bounded::new(2);
        assert_eq!(table.insert("a", 1), None);
        assert_eq!(table.insert("b", 2), None);
        assert_eq!(table.insert("a", 3), None, "a is there already");
        assert_eq!(table.insert("c", 4), Some(3), "a is still the oldest");
        assert_eq!(table.remove("b"), Some(2));
        assert_eq!(table.insert("a", 5), None, "there is room again");
        assert_eq!(table.insert("d", 6), Some(4), "c is the oldest now");
        assert_eq!((table.get("a"), table.get("c")), (Some(&5), None));
    }

    #[test]
    fn it_stays_small_whatever_comes_and_goes() {
        let mut table = Bounded::new(3);
        for n in 0..10_000_u32 {
            table.insert(n, n);
            if n % 2 == 0 {
                table.remove(&n);
            }
            assert!(table.len() <= 3 && table.line.len() <= 2 * 3 + 17);
        }
        assert!(!table.is_empty());
    }
}
