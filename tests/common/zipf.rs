//! Keys as storage servers see them: few are asked for often, most of them seldom.

/// Rank r of `n`, counted from 0, with a weight of 1 / (r + 1)^s.
pub struct Zipf {
    /// The weights up to and including each rank, as shares of the whole.
    shares: Vec<f64>,
}

impl Zipf {
    pub fn new(n: usize, s: f64) -> Self {
        let mut sum = 0.0;
        let mut shares: Vec<f64> = (1..=n)
            .map(|rank| {
                sum += (rank as f64).powf(-s);
                sum
            })
            .collect();
        shares.iter_mut().for_each(|share| *share /= sum);
        Self { shares }
    }

    /// The rank that a random number stands for, all numbers being equally likely.
    pub fn rank(&self, random: u64) -> usize {
        // As many bits as a float has.
        let point = (random >> 11) as f64 / (1_u64 << 53) as f64;
        self.shares.partition_point(|&share| share <= point).min(self.shares.len() - 1)
    }
}
