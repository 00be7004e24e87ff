//! Strands: a queue for each key, which threads take turns to serve.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use arrayvec::ArrayVec;
use parking_lot::Mutex;

use super::{Gate, Item, Pool, WORKERS, Work, gate};

/// Over executors of this kind.
pub struct Strands<E: Executor> {
    table: Arc<Table>,
    executor: E,
}

/// Something that runs what it is told to, as soon as it can.
pub trait Executor: Sized {
    /// What is compared.
    const NAME: &'static str;

    /// Starts it with [`WORKERS`] threads, which wait.
    fn start(table: &Arc<Table>) -> Self;

    /// Lets its threads begin.
    fn release(&self);

    /// From outside: has a key of the table served.
    fn serve(&self, table: &Arc<Table>, key: u32);

    /// Ends it. Nothing is left to be served.
    fn join(self);
}

impl<E: Executor> Pool for Strands<E> {
    const NAME: &'static str = E::NAME;
    const LACKS: Option<&'static str> =
        Some("a table that has all keys from the start, by number, and never forgets one");

    fn start(work: &Arc<Work>, _: usize) -> Self {
        let strands = (0..work.keys()).map(|_| Strand::default()).collect();
        let table = Arc::new(Table { strands, work: Arc::clone(work) });
        Self { executor: E::start(&table), table }
    }

    fn release(&mut self) {
        self.executor.release();
    }

    fn submit(&self, item: Item) {
        if self.table.queue(item) {
            self.executor.serve(&self.table, item.key);
        }
    }

    fn join(self) {
        self.executor.join();
    }
}

/// All strands.
pub struct Table {
    strands: Box<[Strand]>,
    work: Arc<Work>,
}

/// With a cache line to itself.
#[derive(Default)]
#[repr(align(64))]
struct Strand(Mutex<Line>);

#[derive(Default)]
struct Line {
    items: VecDeque<Item>,
    /// It is, or will be, served: nobody else need see to it.
    scheduled: bool,
}

/// How many items of a key run before others have their turn, if it has so many.
const TURN: usize = 16;

impl Table {
    /// Queues an item; whether its key is to be served now.
    fn queue(&self, item: Item) -> bool {
        let mut line = self.strands[item.key as usize].0.lock();
        line.items.push_back(item);
        !std::mem::replace(&mut line.scheduled, true)
    }

    /// Runs a few items of a key, with two short locks; whether it is to be served again.
    fn turn(&self, key: u32) -> bool {
        let strand = &self.strands[key as usize];
        let mut batch = ArrayVec::<_, TURN>::new();
        {
            let mut line = strand.0.lock();
            let few = line.items.len().min(TURN);
            batch.extend(line.items.drain(..few));
        }
        batch.into_iter().for_each(|item| self.work.run(item));
        let mut line = strand.0.lock();
        line.scheduled = !line.items.is_empty();
        line.scheduled
    }
}

/// Keys that are to be served are in a channel that all threads receive from; `None` ends one.
pub struct OverChannel {
    ready: crossbeam_channel::Sender<Option<u32>>,
    threads: Vec<JoinHandle<()>>,
    gate: Gate,
}

impl Executor for OverChannel {
    const NAME: &'static str = "strands over a crossbeam-channel";

    fn start(table: &Arc<Table>) -> Self {
        let (gate, (ready, receiver)) = (gate(), crossbeam_channel::unbounded());
        let thread = |_| {
            let (gate, table) = (Arc::clone(&gate), Arc::clone(table));
            let (again, receiver) = (ready.clone(), receiver.clone());
            std::thread::spawn(move || {
                gate.wait();
                while let Ok(Some(key)) = receiver.recv() {
                    if table.turn(key) {
                        again.send(Some(key)).expect("this thread receives");
                    }
                }
            })
        };
        let threads = (0..WORKERS).map(thread).collect();
        Self { ready, threads, gate }
    }

    fn release(&self) {
        self.gate.wait();
    }

    fn serve(&self, _: &Arc<Table>, key: u32) {
        self.ready.send(Some(key)).expect("threads receive");
    }

    fn join(self) {
        (0..WORKERS).for_each(|_| self.ready.send(None).expect("threads receive"));
        self.threads.into_iter().for_each(|thread| thread.join().expect("runs to its end"));
    }
}

/// Each turn of a key is a job of [`rayon`]'s.
pub struct OverRayon {
    pool: rayon::ThreadPool,
    gate: Gate,
}

impl Executor for OverRayon {
    const NAME: &'static str = "strands over rayon";

    fn start(_: &Arc<Table>) -> Self {
        let gate = gate();
        let wait = |gate: &Gate| {
            let gate = Arc::clone(gate);
            move |_| {
                gate.wait();
            }
        };
        let builder = rayon::ThreadPoolBuilder::new().num_threads(WORKERS);
        let pool = builder.start_handler(wait(&gate)).exit_handler(wait(&gate)).build().expect("threads");
        Self { pool, gate }
    }

    fn release(&self) {
        self.gate.wait();
    }

    fn serve(&self, table: &Arc<Table>, key: u32) {
        let table = Arc::clone(table);
        self.pool.spawn_fifo(move || turn(table, key));
    }

    fn join(self) {
        // They end when the pool is dropped, which does not wait for them.
        drop(self.pool);
        self.gate.wait();
    }
}

fn turn(table: Arc<Table>, key: u32) {
    if table.turn(key) {
        rayon::spawn_fifo(move || turn(table, key));
    }
}
