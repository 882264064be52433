//! The order of a Java hash table: why IAM's scopes and claims come out in an order nobody asked for.
//!
//! Source: issuer page §2.0, "Scope parsing". A table has a power of two of buckets, doubles when more than
//! three quarters full, and is read bucket by bucket, ties in order of insertion.

use std::cmp::Ordering;

/// Java's `String.hashCode`.
pub fn hash(text: &str) -> u32 {
    text.encode_utf16().fold(0_u32, |h, unit| {
        h.wrapping_mul(31).wrapping_add(u32::from(unit))
    })
}

/// A hash, spread as `HashMap` spreads it.
pub fn spread(hash: u32) -> u32 {
    hash ^ (hash >> 16)
}

/// A text's hash, spread.
pub fn spread_hash(text: &str) -> u32 {
    spread(hash(text))
}

/// Buckets of a table created for `capacity` items, after `held` insertions.
pub fn buckets(capacity: usize, held: usize) -> usize {
    let mut size = capacity.max(1).next_power_of_two();
    while held * 4 > size * 3 {
        size *= 2;
    }
    size
}

/// `max(floor(n / 0.75) + 1, 16)`: the capacity of a Java set copied from another collection of `n` items.
pub fn copy_capacity(n: usize) -> usize {
    (n * 4 / 3 + 1).max(16)
}

/// Reads `items` (in order of insertion, without duplicates) from a table of `size` buckets.
pub fn read<T: AsRef<str>>(items: &mut [T], size: usize) {
    let mask = (size - 1) as u32;
    items.sort_by_key(|item| spread_hash(item.as_ref()) & mask);
}

/// H(c): the order in which a set created with `capacity` buckets gives `items` back.
pub fn hashed<T: AsRef<str>>(mut items: Vec<T>, capacity: usize) -> Vec<T> {
    let size = buckets(capacity, items.len());
    read(&mut items, size);
    items
}

/// H(n) with n the number of items.
pub fn hashed_by_count<T: AsRef<str>>(items: Vec<T>) -> Vec<T> {
    let n = items.len();
    hashed(items, n)
}

/// Java's string order: by UTF-16 code unit.
pub fn by_utf16(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        a.cmp(b)
    } else {
        a.encode_utf16().cmp(b.encode_utf16())
    }
}

/// Sorts as a Java `TreeSet` would, dropping duplicates.
pub fn sorted(mut items: Vec<String>) -> Vec<String> {
    items.sort_by(|a, b| by_utf16(a, b));
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn hash_is_javas() {
        // "hello".hashCode() is 0x05e918d2 on any JVM.
        assert_eq!(spread_hash("hello"), 0x05e9_18d2 ^ 0x05e9);
    }

    #[test]
    fn recorded_orders_come_out() {
        for (given, capacity, want) in [
            (
                "offline_access storage.create:/ storage.read:/",
                3,
                "storage.create:/ storage.read:/ offline_access",
            ),
            (
                "openid offline_access wlcg.groups",
                3,
                "openid wlcg.groups offline_access",
            ),
            (
                "wlcg.groups:/wlcg/alarm wlcg.groups:/wlcg/pilots",
                16,
                "wlcg.groups:/wlcg/pilots wlcg.groups:/wlcg/alarm",
            ),
        ] {
            assert_eq!(hashed(list(given), capacity), list(want), "{given}");
        }
    }

    #[test]
    fn table_grows_past_three_quarters() {
        assert_eq!(buckets(16, 12), 16);
        assert_eq!(buckets(16, 13), 32);
        assert_eq!(buckets(3, 3), 4);
        assert_eq!(buckets(4, 4), 8);
        assert_eq!(copy_capacity(13), 18);
    }
}
