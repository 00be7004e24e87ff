//! keylane beside its peers: the same work, in the same run, each in turn.
//!
//! A [`Question`](question::Question) is one row of the table: a workload with its size, and who competes in it; [`rounds`] asks it of
//! all of them A/B/A/B. What competes is in `peers/`, what is asked in `workloads/`, and [`catalogue`] has all of it. [`verdict`] compares,
//! and [`findings`] is what came out, for programs; [`tables`] and [`report`] tell it to people.

pub mod allocations;
pub mod catalogue;
#[cfg(test)]
mod demonstration;
pub mod findings;
pub mod machine;
pub mod meter;
pub mod options;
pub mod peers;
pub mod question;
pub mod report;
pub mod rounds;
pub mod tables;
pub mod verdict;
pub mod workloads;
