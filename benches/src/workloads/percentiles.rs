//! From a histogram to what a sample has.

use hdrhistogram::Histogram;

/// The values at these percentiles.
pub fn percentiles(histogram: &Histogram<u64>, wanted: &[f64]) -> Vec<(f64, u64)> {
    wanted.iter().map(|&percentile| (percentile, histogram.value_at_percentile(percentile))).collect()
}
