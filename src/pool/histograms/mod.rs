//! How the times of a pool's items are spread, where somebody wants to know: a shard records under its baton, and who asks
//! takes what there is and leaves empty ones in its place. Without the feature `histograms` there is nothing here.

#[cfg(feature = "histograms")]
mod kept;
#[cfg(not(feature = "histograms"))]
mod none;

#[cfg(feature = "histograms")]
pub use kept::{ClassHistograms, Histograms};
#[cfg(feature = "histograms")]
pub(super) use kept::{Kept, Wanted};
#[cfg(not(feature = "histograms"))]
pub(super) use none::{Kept, Wanted};
