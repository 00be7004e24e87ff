//! What nobody can beat.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::{Load, WORKERS, Work, gate};
use crate::meter::{Meter, Sample};

/// Bare threads that have been given the items beforehand, as evenly as can be if the items of a key are one thread's: nobody
/// queues anything, nor waits. With many keys, of which none has more than its thread's share, that is half of the work for
/// each; otherwise it is the largest key's.
///
/// # Panics
/// If it does not come out right.
pub fn bound(load: &Load, each: Duration) -> Sample {
    let (work, done) = Work::new(load, each);
    let (work, gate) = (Arc::new(work), gate());
    let thread_of = split(&load.totals);
    let threads: Vec<_> = (0..WORKERS)
        .map(|thread| {
            let mine = load.items.iter().filter(|item| thread_of[item.key as usize] == thread);
            let (mine, work, gate) =
                (mine.copied().collect::<Vec<_>>(), Arc::clone(&work), Arc::clone(&gate));
            std::thread::spawn(move || {
                gate.wait();
                mine.into_iter().for_each(|item| work.run(item));
            })
        })
        .collect();
    let meter = Meter::start();
    gate.wait();
    done.wait();
    let sample = meter.stop(load.items.len() as u64);
    threads.into_iter().for_each(|thread| thread.join().expect("runs to its end"));
    work.check(&done);
    sample
}

/// Which thread each key is given to: the largest first, always to the one that has least.
fn split(totals: &[u32]) -> Vec<usize> {
    let mut keys: Vec<usize> = (0..totals.len()).collect();
    keys.sort_by_key(|key| Reverse(totals[*key]));
    let (mut thread_of, mut shares) = (vec![0; totals.len()], [0u64; WORKERS]);
    for key in keys {
        let thread = (0..WORKERS).min_by_key(|thread| shares[*thread]).expect("some");
        thread_of[key] = thread;
        shares[thread] += u64::from(totals[key]);
    }
    thread_of
}
