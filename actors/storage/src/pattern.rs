//! Seeded content: a file of any size made from one key, read at any offset without generating anything.
//!
//! One fixed block of 1 MiB is made once. A file is a 64-byte head derived from its key, followed by
//! copies of that block, each turned round by an amount that follows from the key and the block's
//! number. Reading is slicing; the adler32 of a terabyte follows from 16,384 prefix sums.

use std::sync::LazyLock;

use bytes::Bytes;

use crate::checksum::AdlerSum;

/// Granule of turning; also the length of the head.
pub const LINE: usize = 64;
const LINES: usize = 16_384;
/// Length of the block every seeded file is made of.
pub const BLOCK: usize = LINE * LINES;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const FIRST: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND: u64 = 0x94d0_49bb_1331_11eb;

/// A bijection on 64 bits that looks random (the finalizer of splitmix64).
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(FIRST);
    z = (z ^ (z >> 27)).wrapping_mul(SECOND);
    z ^ (z >> 31)
}

const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut round = 0;
    while round < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

fn unmix(mut z: u64) -> u64 {
    z = z ^ (z >> 31) ^ (z >> 62);
    z = z.wrapping_mul(inverse(SECOND));
    z = z ^ (z >> 27) ^ (z >> 54);
    z = z.wrapping_mul(inverse(FIRST));
    z ^ (z >> 30) ^ (z >> 60)
}

/// A key for a name under a seed: same seed and name, same content.
pub fn key(seed: u64, name: &str) -> u64 {
    name.bytes().fold(mix(seed ^ GOLDEN), |state, byte| {
        mix(state.wrapping_add(u64::from(byte)).wrapping_add(GOLDEN))
    })
}

struct Base {
    block: Bytes,
    /// Sums of the first `n` lines, for every n.
    prefixes: Vec<AdlerSum>,
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let mut block = Vec::with_capacity(BLOCK);
    for word in 0..(BLOCK as u64 / 8) {
        block.extend_from_slice(&mix(word.wrapping_mul(GOLDEN) ^ SECOND).to_le_bytes());
    }
    let mut prefixes = Vec::with_capacity(LINES + 1);
    let mut sum = AdlerSum::default();
    prefixes.push(sum);
    for line in block.chunks_exact(LINE) {
        sum = sum.then(AdlerSum::of(line));
        prefixes.push(sum);
    }
    Base {
        block: Bytes::from(block),
        prefixes,
    }
});

/// A seeded file without its size: an endless stream of bytes that follows from the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    key: u64,
}

impl Pattern {
    /// The pattern of a key.
    pub fn new(key: u64) -> Self {
        Self { key }
    }

    /// Recognises the pattern whose head these bytes are.
    pub fn recognise(head: &[u8]) -> Option<Self> {
        let first: [u8; 8] = head.get(..8)?.try_into().ok()?;
        let candidate = Self {
            key: unmix(u64::from_le_bytes(first)),
        };
        (head.len() >= LINE && candidate.head()[..] == head[..LINE]).then_some(candidate)
    }

    fn head(self) -> [u8; LINE] {
        let mut head = [0; LINE];
        for (index, word) in head.chunks_exact_mut(8).enumerate() {
            word.copy_from_slice(
                &mix(self.key.wrapping_add(GOLDEN.wrapping_mul(index as u64))).to_le_bytes(),
            );
        }
        head
    }

    fn turn(self, block: u64) -> usize {
        (mix(self.key ^ mix(block.wrapping_add(GOLDEN))) as usize % LINES) * LINE
    }

    /// The bytes from `offset`, at least one and at most `most`, as a slice of the shared block.
    pub fn slice(self, offset: u64, most: usize) -> Bytes {
        if offset < LINE as u64 {
            let head = Bytes::copy_from_slice(&self.head());
            let start = offset as usize;
            return head.slice(start..LINE.min(start.saturating_add(most)));
        }
        let inside = (offset % BLOCK as u64) as usize;
        let start = (self.turn(offset / BLOCK as u64) + inside) % BLOCK;
        let run = (BLOCK - start).min(BLOCK - inside).min(most);
        BASE.block.slice(start..start + run)
    }

    /// Whether `bytes` are the pattern's bytes at `offset`.
    pub fn matches(self, mut offset: u64, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let expected = self.slice(offset, bytes.len());
            if bytes[..expected.len()] != expected[..] {
                return false;
            }
            offset += expected.len() as u64;
            bytes = &bytes[expected.len()..];
        }
        true
    }

    /// The adler32 of the first `size` bytes, without reading them.
    pub fn adler32(self, size: u64) -> u32 {
        let whole = size / BLOCK as u64;
        let mut sum = AdlerSum::default();
        for block in 0..whole {
            let line = self.turn(block) / LINE;
            let all = BASE.prefixes[LINES];
            let front = BASE.prefixes[line];
            let turned = all.without_front(front).then(front);
            sum = if block == 0 {
                AdlerSum::of(&self.head())
                    .then(turned.without_front(AdlerSum::of(&first_line(line))))
            } else {
                sum.then(turned)
            };
        }
        let mut offset = whole * BLOCK as u64;
        while offset < size {
            let part = self.slice(offset, (size - offset) as usize);
            sum = sum.then(AdlerSum::of(&part));
            offset += part.len() as u64;
        }
        sum.value()
    }
}

fn first_line(line: usize) -> Bytes {
    BASE.block.slice(line * LINE..(line + 1) * LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: Pattern, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            let part = pattern.slice(bytes.len() as u64, size - bytes.len());
            bytes.extend_from_slice(&part);
        }
        bytes
    }

    #[test]
    fn mixing_can_be_undone() {
        for z in [0, 1, 42, u64::MAX, GOLDEN, 1 << 63] {
            assert_eq!(unmix(mix(z)), z);
        }
    }

    #[test]
    fn adler_of_a_pattern_is_that_of_its_bytes() {
        let pattern = Pattern::new(key(7, "/wlcg/file"));
        for size in [
            0,
            1,
            63,
            64,
            65,
            4096,
            BLOCK - 1,
            BLOCK,
            BLOCK + 1,
            3 * BLOCK + 77,
        ] {
            let bytes = read(pattern, size);
            assert_eq!(
                pattern.adler32(size as u64),
                simd_adler32::adler32(&&bytes[..]),
                "{size}"
            );
            assert!(pattern.matches(0, &bytes));
        }
    }

    #[test]
    fn a_pattern_is_known_by_its_head_and_reads_the_same_at_any_offset() {
        let pattern = Pattern::new(key(1, "/a"));
        let bytes = read(pattern, 2 * BLOCK + 5);
        assert_eq!(Pattern::recognise(&bytes[..100]), Some(pattern));
        assert_eq!(Pattern::recognise(&bytes[1..100]), None);
        for offset in [0usize, 10, 63, 64, 100, BLOCK - 1, BLOCK, BLOCK + 64] {
            let part = pattern.slice(offset as u64, 33);
            assert_eq!(&part[..], &bytes[offset..offset + part.len()], "{offset}");
        }
        let mut wrong = bytes.clone();
        wrong[BLOCK + 9] ^= 1;
        assert!(!pattern.matches(0, &wrong));
    }

    #[test]
    fn a_terabyte_has_a_checksum_at_once() {
        assert_ne!(Pattern::new(3).adler32(1 << 40), 1);
    }

    #[test]
    fn seed_and_name_both_count() {
        assert_ne!(key(1, "/a"), key(2, "/a"));
        assert_ne!(key(1, "/a"), key(1, "/b"));
    }
}
