//! SplitMix64: numbers that look random, and a hasher made of its last step.

use std::hash::{BuildHasherDefault, Hasher};

/// What the state grows by: 2^64 divided by the golden ratio, odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Guy Steele, Doug Lea and Christine Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014),
/// with the constants of Sebastiano Vigna's `splitmix64.c`. Passes BigCrush; nothing secret may rest on it.
#[derive(Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Equal seeds give equal numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, any of 2^64.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }
}

/// A bijection that spreads each bit over all.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// For maps whose keys no peer chooses: connection numbers are counted here. Several times as fast as the
/// standard hasher, which withstands chosen keys; this one does not.
pub type Mixed = BuildHasherDefault<Mixer>;

/// See [`Mixed`].
#[derive(Debug, Default)]
pub struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    // The keys here are made of these two; each is one step, and not a loop over bytes.
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(GAMMA);
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }

    fn finish(&self) -> u64 {
        mix(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_generator() {
        let mut random = SplitMix64::new(1_234_567);
        let drawn = [(); 3].map(|()| random.draw());
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn every_byte_counts_in_a_hash() {
        let hash = |parts: &[&[u8]]| {
            let mut mixer = Mixer::default();
            parts.iter().for_each(|part| mixer.write(part));
            mixer.finish()
        };
        let numbers = |word: u64, byte: u8| {
            let mut mixer = Mixer::default();
            mixer.write_u64(word);
            mixer.write_u8(byte);
            mixer.finish()
        };
        assert_eq!(numbers(1 << 63 | 7, 3), hash(&[&(1_u64 << 63 | 7).to_le_bytes(), &[3]]));
        assert_eq!(hash(&[]), 0);
        assert_eq!(hash(&[&[1]]), mix(GAMMA));
        assert_eq!(hash(&[&[1], &[3]]), mix((GAMMA ^ 3).wrapping_mul(GAMMA)));
        assert_eq!(hash(&[&[0, 1]]), mix(GAMMA.wrapping_mul(256)));
        assert_eq!(hash(&[&[1, 0, 0, 0, 0, 0, 0, 0, 3]]), hash(&[&[1], &[3]]), "nine bytes are two words");
    }
}
