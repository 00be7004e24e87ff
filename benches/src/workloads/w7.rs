//! W7: what nothing costs. Figures, and no rates: nobody does anything meanwhile.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use keylane::{ConnectionId, Delivered, DispatchQueue, Dispatcher, Handled, Message, Stop};
use malloc_info::info::{SystemType, TotalType};
use malloc_info::malloc_info;
use serde::Serialize;

use super::Size;
use crate::meter::Meter;
use crate::peers::pools::{
    Ceph, Crossbeam, Done, Grommet, HashToThread, Kanal, Keylane, Load, OverChannel, OverRayon, Pool,
    Strands, Tasks, Work,
};

/// One figure of one contender.
#[derive(Clone, Debug, Serialize)]
pub struct Idle {
    /// What was measured.
    pub name: String,
    /// Who.
    pub contender: &'static str,
    /// The less the better.
    pub figure: f64,
    /// What it is counted in.
    pub unit: &'static str,
}

/// What an idle contender takes of a processor, and of memory for each key.
pub fn measure(size: Size) -> Vec<Idle> {
    measure_with(size.scale(1_000_000) as u32, Duration::from_millis(200))
}

/// The same with so many keys, and idle for so long.
pub fn measure_with(keys: u32, rest: Duration) -> Vec<Idle> {
    let mut idle = vec![queue_at_rest(rest)];
    let load = Load::new(1024, (0..10_240).map(|number| number % 1024));
    for (name, measure) in POOLS.map(|pool| (pool.name, pool.at_rest)) {
        idle.push(at_rest(name, measure(&load, rest)));
    }
    let load = Load::new(keys, 0..keys);
    let per_key = |name: &str, contender, bytes: f64| {
        let (name, figure) = (format!("W7/{name}/{keys} keys"), bytes / f64::from(keys));
        Idle { name, contender, figure, unit: "bytes for each key" }
    };
    for pool in POOLS {
        idle.push(per_key("memory of what has run", pool.name, (pool.has_run)(&load)));
    }
    for pool in POOLS {
        idle.push(per_key("memory of what waits", pool.name, (pool.waits)(&load)));
    }
    idle
}

/// What is measured of a pool.
#[derive(Clone, Copy)]
struct Measured {
    name: &'static str,
    at_rest: fn(&Load, Duration) -> f64,
    has_run: fn(&Load) -> f64,
    waits: fn(&Load) -> f64,
}

const POOLS: [Measured; 9] = [
    measured::<Keylane<1, 2, 0>>(),
    measured::<HashToThread<Crossbeam>>(),
    measured::<HashToThread<Kanal>>(),
    measured::<Strands<OverChannel>>(),
    measured::<Strands<OverRayon>>(),
    measured::<Tasks>(),
    measured::<Grommet>(),
    measured::<Ceph<1, 2>>(),
    measured::<Ceph<2, 1>>(),
];

const fn measured<P: Pool>() -> Measured {
    Measured { name: P::NAME, at_rest: pool_at_rest::<P>, has_run: has_run::<P>, waits: waits::<P> }
}

fn at_rest(contender: &'static str, figure: f64) -> Idle {
    let name = "W7/processor time at rest".to_owned();
    Idle { name, contender, figure, unit: "processor seconds a second" }
}

/// What the process takes of a processor while this thread waits, for nothing.
fn taken_meanwhile(rest: Duration) -> f64 {
    let (nobody_sends, nothing) = channel::<()>();
    let meter = Meter::start();
    nothing.recv_timeout(rest).expect_err("nobody sends");
    let sample = meter.stop(1);
    drop(nobody_sends);
    sample.cpu.as_secs_f64() / sample.elapsed.as_secs_f64()
}

fn pool_at_rest<P: Pool>(load: &Load, rest: Duration) -> f64 {
    let (work, done) = work(load);
    let mut pool = P::start(&work, load.items.len());
    pool.release();
    load.items.iter().for_each(|item| pool.submit(*item));
    done.wait();
    let taken = taken_meanwhile(rest);
    pool.join();
    taken
}

/// keylane's queue, with both its threads, after it has been used.
fn queue_at_rest(rest: Duration) -> Idle {
    struct Number(u32);
    impl Message for Number {}

    struct Tell(Sender<u32>);
    impl Dispatcher for Tell {
        type Message = Number;

        fn can_fast_dispatch(&self, _: &Number) -> bool {
            false
        }

        fn fast_dispatch(&self, _: ConnectionId, number: Number) -> Handled<Number> {
            Err(number)
        }

        fn dispatch(&self, _: ConnectionId, number: Number) -> Handled<Number> {
            // Nobody listens any more where something else has gone wrong.
            let _ = self.0.send(number.0);
            Ok(())
        }
    }

    let (sender, receiver) = channel();
    let queue = DispatchQueue::builder(Tell(sender)).start().expect("threads");
    let (mut connection, local) = (queue.connect(), queue.local());
    for number in (0..10_000).step_by(2) {
        assert_eq!(connection.deliver(Number(number)).expect("not shut down"), Delivered::Queued);
        local.send(Number(number + 1)).expect("not shut down");
    }
    let received = receiver.iter().take(10_000).fold(0, |sum, number| sum + u64::from(number));
    assert_eq!(received, 10_000 * 9_999 / 2, "each once");
    let taken = taken_meanwhile(rest);
    queue.shutdown(Stop::RunRemaining);
    assert!(queue.join().expect("no callback joins").leftovers.is_empty());
    at_rest("keylane, a queue", taken)
}

/// What a pool holds when each key has run its item. (Of grommet that includes its mailbox, which has room for all.)
fn has_run<P: Pool>(load: &Load) -> f64 {
    let (work, done) = work(load);
    let before = heap();
    let mut pool = P::start(&work, load.items.len());
    pool.release();
    load.items.iter().for_each(|item| pool.submit(*item));
    done.wait();
    let held = heap() - before;
    pool.join();
    held
}

/// What a pool holds when each key has an item that waits.
fn waits<P: Pool>(load: &Load) -> f64 {
    let (work, done) = work(load);
    let before = heap();
    let mut pool = P::start(&work, load.items.len());
    load.items.iter().for_each(|item| pool.submit(*item));
    pool.line_up();
    let held = heap() - before;
    pool.release();
    done.wait();
    pool.join();
    held
}

fn work(load: &Load) -> (Arc<Work>, Done) {
    let (work, done) = Work::new(load, Duration::ZERO);
    (Arc::new(work), done)
}

/// Bytes that the process has allocated and not freed.
fn heap() -> f64 {
    let info = malloc_info().expect("the allocator is glibc's");
    let system = info.system.iter().filter(|system| system.r#type == SystemType::Current);
    let used = info.total.iter().map(|total| match total.r#type {
        TotalType::Fast | TotalType::Rest => -(total.size as f64),
        // Large ones, which have pages of their own.
        TotalType::Mmap => total.size as f64,
        TotalType::Other => 0.0,
    });
    system.map(|system| system.size as f64).sum::<f64>() + used.sum::<f64>()
}
