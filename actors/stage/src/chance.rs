//! Seeded chance: one seed a run, one named stream an actor.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The run's seed, from which named streams are drawn. Same seed, same faults and data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance {
    seed: u64,
}

impl Chance {
    /// Chance from a given seed.
    pub fn from_seed(seed: u64) -> Self {
        Self { seed }
    }

    /// A seed nobody chose, drawn from the operating system.
    pub fn fresh() -> Self {
        Self {
            seed: StdRng::from_os_rng().next_u64() >> 16,
        }
    }

    /// The seed, to print and to give again.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The stream of that name; independent of every other name's.
    pub fn stream(&self, name: &str) -> StdRng {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        // FNV-1a, three times with different offsets: enough to keep names apart.
        for (i, chunk) in key[8..].chunks_exact_mut(8).enumerate() {
            let mut hash =
                0xcbf2_9ce4_8422_2325_u64 ^ (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for byte in name.bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            chunk.copy_from_slice(&hash.to_le_bytes());
        }
        StdRng::from_seed(key)
    }

    /// A stream that takes its seed from the operating system: for secrets of a `serve` that strangers can reach.
    pub fn unpredictable() -> StdRng {
        StdRng::from_os_rng()
    }
}

use rand::RngCore as _;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let chance = Chance::from_seed(7);
        assert_eq!(
            chance.stream("se1").next_u64(),
            Chance::from_seed(7).stream("se1").next_u64()
        );
        assert_ne!(
            chance.stream("se1").next_u64(),
            chance.stream("se2").next_u64()
        );
        assert_ne!(
            chance.stream("se1").next_u64(),
            Chance::from_seed(8).stream("se1").next_u64()
        );
    }
}
