//! keylane beside its peers: the same work, in the same run, each in turn.
//!
//! A [`Question`](question::Question) is one row of the table: a workload with its size, and who competes in it; [`rounds`] asks it of
//! all of them A/B/A/B. What competes is in `peers/`, what is asked in `workloads/`.

pub mod meter;
pub mod peers;
pub mod question;
pub mod rounds;
pub mod workloads;
