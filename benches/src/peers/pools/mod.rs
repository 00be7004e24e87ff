//! Pools: items of one key run one at a time and in order, those of different keys in parallel.

mod bound;
mod ceph;
mod grommet;
mod hash_to_thread;
mod keylane;
mod strands;
mod tokio;
mod work;

use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::meter::{Meter, Sample};

pub use self::bound::bound;
pub use self::ceph::Ceph;
pub use self::grommet::Grommet;
pub use self::hash_to_thread::{Crossbeam, HashToThread, Kanal};
pub use self::keylane::Keylane;
pub use self::strands::{OverChannel, OverRayon, Strands};
pub use self::tokio::Tasks;
pub use self::work::{Done, Item, Load, Work};

/// How many threads each contender runs items on.
pub const WORKERS: usize = 2;

/// A contender.
pub trait Pool {
    /// What it is: a crate, or what it is built of.
    const NAME: &'static str;
    /// Why it is not quite the same that is compared, if so.
    const LACKS: Option<&'static str>;

    /// Starts it with [`WORKERS`] threads, none of which runs anything yet. So many items may wait at once; most do not ask.
    fn start(work: &Arc<Work>, waiting: usize) -> Self;

    /// Lets its threads begin. Called once.
    fn release(&mut self);

    /// Queues an item.
    fn submit(&self, item: Item);

    /// Has what was submitted lined up by key, where that is put off until somebody looks.
    fn line_up(&self) {}

    /// Ends it, with all its threads. Everything has been run.
    fn join(self);
}

/// When the threads may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Before the first item is submitted, which is when the clock starts.
    Live,
    /// When everything has been submitted, and the clock starts: nobody who submits takes part.
    Held,
}

/// Has a pool do the work, from the first item to the last.
///
/// # Panics
/// If it does not: each item once, one of a key at a time, in order.
pub fn run<P: Pool>(load: &Load, each: Duration, begin: Begin) -> Sample {
    let (work, done) = Work::new(load, each);
    let work = Arc::new(work);
    let mut pool = P::start(&work, load.items.len());
    let submit = |pool: &P| load.items.iter().for_each(|item| pool.submit(*item));
    let meter = match begin {
        Begin::Live => {
            pool.release();
            let meter = Meter::start();
            submit(&pool);
            meter
        }
        Begin::Held => {
            submit(&pool);
            let meter = Meter::start();
            pool.release();
            meter
        }
    };
    done.wait();
    let sample = meter.stop(load.items.len() as u64);
    pool.join();
    work.check(&done);
    sample
}

/// Where the threads of a pool wait for whoever releases them.
type Gate = Arc<Barrier>;

fn gate() -> Gate {
    Arc::new(Barrier::new(WORKERS + 1))
}
