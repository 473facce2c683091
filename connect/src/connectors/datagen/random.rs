/// The random numbers of one record: they depend on the seed and on the record's number, and on no record before it.
///
/// SplitMix64 (Steele, Lea, Flood 2014): a release of another generator must not change what a seed makes.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    state: u64,
}

impl Draw {
    pub(super) fn of(seed: u64, number: u64) -> Self {
        Self { state: mix(seed.wrapping_add(GOLDEN)) ^ mix(number.wrapping_mul(GOLDEN)) }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number below a bound, which is not 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True in so many cases, from 0 to 1.
    pub(super) fn in_share(&mut self, share: f64) -> bool {
        // 53 bits are what a float holds.
        ((self.next() >> 11) as f64) < share * (1_u64 << 53) as f64
    }

    pub(super) fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len() as u64) as usize]
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first numbers of SplitMix64 with the seed 1234567, as the Rosetta Code task has them.
        let mut draw = Draw { state: 1_234_567 };
        let numbers: Vec<u64> = (0..3).map(|_| draw.next()).collect();
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn shares_are_what_they_say() {
        let hits = |share| (0..10_000).filter(|number| Draw::of(7, *number).in_share(share)).count();
        assert_eq!((hits(0.0), hits(1.0)), (0, 10_000));
        assert!((2_700..3_300).contains(&hits(0.3)), "{}", hits(0.3));
    }
}
