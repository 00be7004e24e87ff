//! A queue with limits: room is given back after the callback, by a discard, and by nothing else; and nobody waits for
//! room in a queue that has been shut down.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Log, Model};
use keylane::internals::mark;
use keylane::testing::Balance;
use keylane::{
    Connection, ConnectionId, Delivered, DispatchLoop, DispatchQueue, Dispatcher, Handled, Limits, LocalLoop,
    Message, Permit, QueueHandle, Refusal, Step, Stop,
};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        blocked_deliver_against_step(),
        blocked_deliver_against_discard(),
        blocked_deliver_against_shutdown(),
        blocked_deliver_against_a_kept_permit(),
        a_kept_permit_against_shutdown(),
        fast_dispatch_gives_back_its_room(),
    ]
}

/// A message that says of itself when it is under way: from when the queue has room for it until it is dropped, which
/// is before its room is given back.
struct Op {
    number: u32,
    fast: bool,
    balance: Balance,
    under_way: AtomicBool,
}

impl Message for Op {}

impl Drop for Op {
    fn drop(&mut self) {
        if *self.under_way.get_mut() {
            self.balance.returned(1);
        }
    }
}

struct Recorder(Log<u32>);

impl Dispatcher for Recorder {
    type Message = Op;

    fn fast_preprocess(&self, _: ConnectionId, op: &Op) {
        op.balance.acquired(1);
        op.under_way.store(true, Ordering::Relaxed);
    }

    fn can_fast_dispatch(&self, op: &Op) -> bool {
        op.fast
    }

    fn dispatch(&self, _: ConnectionId, op: Op) -> Handled<Op> {
        self.0.add(op.number);
        Ok(())
    }
}

struct Bench {
    ran: Log<u32>,
    balance: Balance,
    queue: QueueHandle<Recorder>,
    dispatch: DispatchLoop<Recorder>,
    local: LocalLoop<Recorder>,
}

/// A queue that takes one message at a time.
fn bench() -> Bench {
    bench_of(1)
}

/// A queue that takes so many.
fn bench_of(count: usize) -> Bench {
    let ran = Log::new();
    let limits = Limits { count: Some(count as u64), bytes: None };
    let (queue, dispatch, local) = DispatchQueue::builder(Recorder(ran.clone())).limits(limits).stepped();
    Bench { ran, balance: Balance::new(count), queue, dispatch, local }
}

impl Bench {
    fn op(&self, number: u32, fast: bool) -> Op {
        // Loom need not see the flag: one thread at a time owns the message.
        Op { number, fast, balance: self.balance.clone(), under_way: AtomicBool::new(false) }
    }

    /// Runs what is left, and looks that nothing is out.
    fn end(mut self) -> Vec<u32> {
        while self.dispatch.step() == Step::Ran {}
        self.balance.check_quiet();
        let out = self.queue.throttle().expect("it has limits").snapshot();
        assert_eq!((out.count, out.bytes, out.waiting), (0, 0, 0), "D8: nothing is out when all is quiet");
        assert!(self.queue.reclaim(self.dispatch, self.local).leftovers.is_empty());
        self.ran.take()
    }
}

/// A second message waits for room while the first is dispatched: it is let in after the first one's callback.
fn blocked_deliver_against_step() -> Model {
    Model::new("blocked_deliver_against_step", "D8 D11", 2)
        .iterations(8)
        .reaches(&["stands in line", "granted in line"])
        .scenario(|| {
            let mut bench = bench();
            let mut connection = bench.queue.connect();
            let _ = connection.deliver(bench.op(1, false)).unwrap();
            let second = bench.op(2, false);
            let reader = thread::spawn(move || {
                let _ = connection.deliver(second).unwrap();
            });
            assert_eq!(bench.dispatch.step(), Step::Ran);
            reader.join().unwrap();
            assert_eq!(bench.end(), [1, 2]);
        })
}

/// A queue of which the dispatch thread may keep one permit, since that is less than a sixteenth of them; all others are out,
/// but for so many.
fn nearly_full(room: usize) -> (Bench, Vec<Permit>, Connection<Recorder>) {
    let mut bench = bench_of(32);
    let mut connection = bench.queue.connect();
    // As it returns one, it hears how many there are.
    let _ = connection.deliver(bench.op(0, false)).unwrap();
    assert_eq!(bench.dispatch.step(), Step::Ran);
    let throttle = bench.queue.throttle().expect("it has limits");
    let others = (room..32).map(|_| throttle.try_acquire(0).unwrap()).collect();
    (bench, others, connection)
}

/// A message has run, and its permit is kept. Whoever waits for that room has it at the latest when the dispatch thread has
/// nothing to do.
fn blocked_deliver_against_a_kept_permit() -> Model {
    Model::new("blocked_deliver_against_a_kept_permit", "D8 D11", 2)
        .iterations(32)
        .reaches(&["permit kept", "stands in line", "granted in line"])
        .scenario(|| {
            let (mut bench, others, mut connection) = nearly_full(1);
            let _ = connection.deliver(bench.op(1, false)).unwrap();
            let second = bench.op(2, false);
            let reader = thread::spawn(move || {
                let _ = connection.deliver(second).unwrap();
            });
            assert_eq!(bench.dispatch.step(), Step::Ran);
            let _ = bench.dispatch.step();
            reader.join().unwrap();
            drop(others);
            assert_eq!(bench.end(), [0, 1, 2]);
        })
}

/// What the dispatch thread keeps is back when it has been told to stop.
fn a_kept_permit_against_shutdown() -> Model {
    Model::new("a_kept_permit_against_shutdown", "D8 D10", 2)
        .iterations(89)
        .reaches(&["permit kept", "one ran", "none or both did"])
        .scenario(|| {
            let (mut bench, mut others, mut connection) = nearly_full(2);
            for number in [1, 2] {
                let _ = connection.deliver(bench.op(number, false)).unwrap();
            }
            let stopper = {
                let queue = bench.queue.clone();
                thread::spawn(move || queue.shutdown(Stop::HandBack))
            };
            while bench.dispatch.step() == Step::Ran {}
            stopper.join().unwrap();
            assert_eq!(bench.dispatch.step(), Step::Stopped);
            let ran = bench.ran.take().len() - 1;
            mark(if ran == 1 { "one ran" } else { "none or both did" });
            let out = bench.queue.throttle().expect("it has limits").snapshot().count;
            assert_eq!(
                out as usize,
                others.len() + 2 - ran,
                "D8: what waits has its permit, what has run has none"
            );
            others.clear();
        })
}

/// What is discarded gives its room back when the dispatch loop looks; whoever waits for it goes on.
fn blocked_deliver_against_discard() -> Model {
    Model::new("blocked_deliver_against_discard", "D7 D8", 2)
        .iterations(8)
        .reaches(&["discarded", "stands in line", "granted in line"])
        .scenario(|| {
            let mut bench = bench();
            let mut lost = bench.queue.connect();
            let _ = lost.deliver(bench.op(1, false)).unwrap();
            lost.reset().unwrap();
            let (mut kept, second) = (bench.queue.connect(), bench.op(2, false));
            let reader = thread::spawn(move || {
                let _ = kept.deliver(second).unwrap();
            });
            assert_eq!(bench.dispatch.step(), Step::Ran, "the reset is told");
            reader.join().unwrap();
            assert_eq!(bench.end(), [2]);
        })
}

/// Whoever waits for room when the queue is shut down gets the message back, or had room in time.
fn blocked_deliver_against_shutdown() -> Model {
    Model::new("blocked_deliver_against_shutdown", "D8 D10", 3)
        .iterations(6_929)
        .reaches(&["stands in line", "got in", "was refused"])
        .scenario(|| {
            let mut bench = bench();
            let mut connection = bench.queue.connect();
            let _ = connection.deliver(bench.op(1, false)).unwrap();
            let second = bench.op(2, false);
            let reader = thread::spawn(move || match connection.deliver(second) {
                Ok(_) => true,
                Err(refused) => {
                    assert_eq!((refused.reason(), refused.into_message().number), (Refusal::Stopped, 2));
                    false
                }
            });
            let stopper = {
                let queue = bench.queue.clone();
                thread::spawn(move || queue.shutdown(Stop::RunRemaining))
            };
            assert_eq!(bench.dispatch.step(), Step::Ran);
            stopper.join().unwrap();
            let got_in = reader.join().unwrap();
            mark(if got_in { "got in" } else { "was refused" });
            assert_eq!(bench.local.step(), Step::Stopped);
            assert_eq!(bench.end(), if got_in { vec![1, 2] } else { vec![1] });
        })
}

/// A fast callback has room of its own for as long as it runs, and a message to oneself needs none.
fn fast_dispatch_gives_back_its_room() -> Model {
    Model::new("fast_dispatch_gives_back_its_room", "D5 D6 D8", 2)
        .iterations(18)
        .reaches(&["visited", "had room", "was full"])
        .scenario(|| {
            let bench = bench();
            let (mut one, mut other) = (bench.queue.connect(), bench.queue.connect());
            let (first, second) = (bench.op(1, true), bench.op(2, true));
            let reader = thread::spawn(move || one.deliver(first).unwrap() == Delivered::Fast);
            let outcome = other.try_deliver(second).map_err(|refused| refused.reason());
            mark(if outcome.is_ok() { "had room" } else { "was full" });
            assert!(matches!(outcome, Ok(Delivered::Fast) | Err(Refusal::Full)), "{outcome:?}");
            assert!(reader.join().unwrap());
            let ran = bench.end();
            assert_eq!(ran.len(), if outcome.is_ok() { 2 } else { 1 });
        })
}
