//! What nothing can be faster than on this machine today.

use std::hint::{self, black_box};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;
use serde::Serialize;

use crate::peers::carrier::{Shared, Workload};
use crate::peers::raw_futex::RawFutex;
use crate::question::Figure;
use crate::rounds::Spread;
use crate::workloads::Size;
use crate::workloads::processors::Processors;
use crate::workloads::w4::Wakes;

/// One of these.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    /// What takes that long.
    pub name: &'static str,
    /// For one operation.
    pub nanoseconds: Spread,
}

/// Measures each in turn, so many times. What the machine has not enough processors for is left out.
pub fn limits(size: Size, rounds: usize) -> Vec<Limit> {
    let mut figures = [const { Vec::new() }; TABLE.len()];
    for _ in 0..rounds {
        for (figures, (_, count, measure)) in figures.iter_mut().zip(TABLE) {
            figures.extend(measure(size.scale(count)));
        }
    }
    let limits = figures.iter().zip(TABLE).filter(|(figures, _)| !figures.is_empty());
    limits.map(|(figures, (name, ..))| Limit { name, nanoseconds: Spread::of(figures.clone()) }).collect()
}

/// What it is, how often it is done, and how long one takes then.
type Row = (&'static str, u64, fn(u64) -> Option<f64>);

const TABLE: [Row; 7] = [
    ("read-modify-write, uncontended", 1 << 23, |count| {
        let word = AtomicU64::new(0);
        Some(each(count, || black_box(&word).fetch_add(1, Ordering::AcqRel)))
    }),
    ("lock and unlock of parking_lot, uncontended", 1 << 22, |count| {
        let word = Mutex::new(0_u64);
        Some(each(count, || *black_box(&word).lock() += 1))
    }),
    ("cache line to another processor and back", 1 << 18, round_trip),
    ("futex, from the wake until the sleeper runs", 1 << 10, |count| {
        let sample = Wakes { messages: count }.run(&Shared(RawFutex::default));
        Some(1e9 / Figure::Percentile(50.0).of(&sample))
    }),
    ("allocator, 64 bytes and back", 1 << 22, |count| {
        Some(each(count, || drop(black_box(Box::new([0_u64; 8])))))
    }),
    ("clock of std", 1 << 20, |count| Some(each(count, Instant::now))),
    ("clock of quanta", 1 << 20, |count| {
        let clock = quanta::Clock::new();
        Some(each(count, || clock.raw()))
    }),
];

/// Nanoseconds for one.
fn each<R>(count: u64, operation: impl Fn() -> R) -> f64 {
    let began = Instant::now();
    for _ in 0..count {
        black_box(operation());
    }
    began.elapsed().as_secs_f64() * 1e9 / count as f64
}

/// Two threads on two processors, each waiting for the other's number.
fn round_trip(count: u64) -> Option<f64> {
    let processors = Processors::two();
    if !processors.are_two() {
        return None;
    }
    let word = AtomicU64::new(0);
    let follow = &|mine: usize| {
        processors.pin(mine);
        for number in (mine as u64..2 * count).step_by(2) {
            while word.load(Ordering::Acquire) != number {
                hint::spin_loop();
            }
            word.store(number + 1, Ordering::Release);
        }
    };
    let began = Instant::now();
    thread::scope(|scope| {
        for mine in [0, 1] {
            scope.spawn(move || follow(mine));
        }
    });
    Some(began.elapsed().as_secs_f64() * 1e9 / count as f64)
}
