//! Every contender of the pools' questions does its work once: each item once, one of a key at a time, in order. Few items, no
//! figures.

use std::time::Duration;

use keylane_benches::rounds;
use keylane_benches::workloads::{w3, w7};

#[test]
fn every_pool_runs_each_item_once_and_in_order() {
    for question in w3::questions_with(|full| full / 1000) {
        let samples = rounds::ask(&question, 1);
        assert_eq!(samples.len(), question.contenders.len());
        let operations = samples[0][0].operations;
        assert!(operations > 0 && samples.iter().all(|samples| samples[0].operations == operations));
        let known = |name: &&str| question.contenders.iter().any(|contender| contender.name == *name);
        assert!(question.targets.iter().all(|target| target.of.iter().all(&known)));
    }
}

#[test]
fn every_pool_can_be_idle() {
    let idle = w7::measure_with(1000, Duration::from_millis(1));
    assert!(idle.iter().all(|idle| idle.figure.is_finite()));
}
