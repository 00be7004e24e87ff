//! A pool that is watched: which item takes too long, and what is done about it (P13).

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keylane::testing::ManualClock;
use keylane::{
    Class, Fatal, Handler, Lease, MonotonicClock, Patience, PoolHandle, Running, ShardedThreadPool,
    ShardedThreadPoolBuilder, Step, Stop, Task, WatchSuspension, Worker,
};

use common::{bounded, hear};

const GRACE: Duration = Duration::from_secs(5);
const FATAL: Duration = Duration::from_secs(30);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a handler does.
enum Act {
    Nothing,
    /// It takes so many seconds, and looks for slow items after each.
    Take(u64),
    /// It waits for so many seconds on purpose, and looks after each.
    Park(u64),
    /// One after the other.
    Both(Vec<Act>),
    /// The same, while it waits on purpose.
    While(Vec<Act>),
    /// It waits on purpose, and never says that it goes on.
    Forget,
    /// It waits until it is told that it may return.
    Wait(Receiver<()>),
    Panic,
    /// It drops the pool.
    Drop(Arc<Mutex<Option<ShardedThreadPool<Store>>>>),
}

/// An item: what it does, and for how long it may.
struct Op(Act, Patience);

fn op(act: Act) -> Op {
    Op(act, Patience::default())
}

#[derive(Default)]
struct Store {
    clock: ManualClock,
    /// For how long nothing was due, as the looks said.
    pauses: Arc<Mutex<Vec<u64>>>,
}

impl Store {
    fn pass(&self, pool: &PoolHandle<Self>, time: u64) {
        for _ in 0..time {
            self.clock.advance(seconds(1));
            self.pauses.lock().unwrap().push(pool.report_slow().unwrap().as_secs());
        }
    }

    fn act(&self, key: &Lease<'_, u8, Op>, act: Act) {
        let parked = |acts| {
            let _suspension: WatchSuspension<'_, u8> = key.suspend_watch();
            for act in acts {
                self.act(key, act);
            }
        };
        match act {
            Act::Nothing => {}
            Act::Take(time) => self.pass(&key.pool(), time),
            Act::Park(time) => parked(vec![Act::Take(time)]),
            Act::Both(acts) => acts.into_iter().for_each(|act| self.act(key, act)),
            Act::While(acts) => parked(acts),
            Act::Forget => std::mem::forget(key.suspend_watch()),
            Act::Wait(may_return) => hear(&may_return),
            Act::Panic => panic!("a bad item"),
            Act::Drop(pool) => drop(pool.lock().unwrap().take()),
        }
    }
}

impl Handler for Store {
    type Key = u8;
    type Item = Op;

    fn class(_: &Op) -> Class {
        Class(2)
    }

    fn patience(op: &Op) -> Patience {
        assert_ne!(op.1.grace, Some(seconds(13)), "no patience");
        op.1
    }

    fn handle(&self, key: Lease<'_, u8, Op>, Op(act, _): Op) {
        self.act(&key, act);
    }
}

type Reports = Arc<Mutex<Vec<Running<Task<u8>>>>>;

fn add(reports: &Reports) -> impl Fn(&Running<Task<u8>>) + Send + Sync + 'static {
    let reports = Arc::clone(reports);
    move |running| reports.lock().unwrap().push(running.clone())
}

struct Stepped {
    clock: ManualClock,
    pool: PoolHandle<Store>,
    workers: Vec<Worker<Store>>,
    slow: Reports,
    fatal: Reports,
    pauses: Arc<Mutex<Vec<u64>>>,
}

impl Stepped {
    fn new() -> Self {
        let (slow, fatal) = (Reports::default(), Reports::default());
        let watched = |builder: ShardedThreadPoolBuilder<Store>| {
            builder.watch(GRACE, add(&slow)).fatal(FATAL, Fatal::report(add(&fatal)))
        };
        let (clock, pool, workers, pauses) = Self::stepped(watched);
        Self { clock, pool, workers, slow, fatal, pauses }
    }

    #[allow(clippy::type_complexity, reason = "what it is made of")]
    fn stepped(
        watched: impl FnOnce(ShardedThreadPoolBuilder<Store>) -> ShardedThreadPoolBuilder<Store>,
    ) -> (ManualClock, PoolHandle<Store>, Vec<Worker<Store>>, Arc<Mutex<Vec<u64>>>) {
        let store = Store::default();
        let (clock, pauses) = (store.clock.clone(), Arc::clone(&store.pauses));
        let builder = watched(ShardedThreadPool::builder(store).clock(clock.clone()));
        let (pool, workers) = builder.shards(1).threads_per_shard(2).stepped().unwrap();
        (clock, pool, workers, pauses)
    }

    /// Runs it; age and number of each report, and the age when it was fatal, if it was.
    fn run(&mut self, op: Op) -> (Vec<(u64, u32)>, Vec<u64>) {
        self.pool.submit(7, op).unwrap();
        assert_eq!(self.workers[0].step(), Step::Ran);
        self.found()
    }

    fn found(&self) -> (Vec<(u64, u32)>, Vec<u64>) {
        let slow = std::mem::take(&mut *self.slow.lock().unwrap());
        let fatal = std::mem::take(&mut *self.fatal.lock().unwrap());
        let slow = slow.iter().map(|running| (running.age.as_secs(), running.reports)).collect();
        (slow, fatal.iter().map(|running| running.age.as_secs()).collect())
    }

    fn pauses(&self) -> Vec<u64> {
        std::mem::take(&mut *self.pauses.lock().unwrap())
    }
}

#[test]
fn a_slow_item_is_reported_while_it_runs_and_is_fatal_once() {
    let mut stepped = Stepped::new();
    assert_eq!(
        stepped.run(op(Act::Take(65))),
        (vec![(5, 1), (10, 2), (20, 3), (40, 4)], vec![30]),
        "each time its age has doubled"
    );
    let pauses = stepped.pauses();
    // Until it is due, or for a grace: something else may begin.
    assert_eq!(pauses[..11], [4, 3, 2, 1, 5, 4, 3, 2, 1, 5, 5]);
    assert_eq!(pauses[24..40], [5, 4, 3, 2, 1, 5, 5, 5, 5, 5, 5, 4, 3, 2, 1, 5]);
    assert_eq!(
        (stepped.pool.report_slow(), stepped.found()),
        (Some(GRACE), (vec![], vec![])),
        "nothing runs"
    );
    assert_eq!(stepped.run(op(Act::Take(4))), (vec![], vec![]), "and this is quick");
}

#[test]
fn a_late_look_reports_it_as_slow_and_then_as_fatal() {
    let mut stepped = Stepped::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let (slow, fatal) = (Arc::clone(&order), Arc::clone(&order));
    let (clock, pool, mut workers, _) = Stepped::stepped(|builder| {
        let builder = builder.watch(GRACE, move |running| {
            slow.lock().unwrap().push(("slow", running.age));
            panic!("a bad report");
        });
        builder.fatal(FATAL, Fatal::report(move |running| fatal.lock().unwrap().push(("fatal", running.age))))
    });
    let (may_return, told) = channel();
    pool.submit(7, op(Act::Wait(told))).unwrap();
    bounded(move || {
        let working = std::thread::Builder::new().name("a worker".to_owned());
        let working = working.spawn(move || workers[0].step()).unwrap();
        while pool.running().is_empty() {
            std::thread::yield_now();
        }
        clock.advance(seconds(36));
        // A report that panics costs nothing but itself.
        catch_unwind(AssertUnwindSafe(|| pool.report_slow())).unwrap_err();
        assert_eq!(pool.report_slow(), Some(seconds(4)), "at 40 seconds");
        assert_eq!(pool.report_slow(), Some(seconds(4)));
        assert_eq!(*order.lock().unwrap(), [("slow", seconds(36)), ("fatal", seconds(36))]);
        let running = pool.running();
        assert_eq!(
            (running.len(), running[0].reports, running[0].age),
            (1, 1, seconds(36)),
            "and it still runs"
        );
        let Task { key, class, shard, .. } = running[0].what;
        assert_eq!((key, class, shard, running[0].thread.as_deref()), (7, Class(2), 0, Some("a worker")));
        if cfg!(target_os = "linux") {
            let id = running[0].os_thread.expect("/proc says it");
            let name = std::fs::read_to_string(format!("/proc/self/task/{id}/comm")).unwrap();
            assert_eq!(name.trim(), "a worker", "what a debugger calls it");
        }
        let mut said = running[0].clone();
        (said.os_thread, said.suspended) = (Some(17), seconds(3));
        assert_eq!(
            said.to_string(),
            "item of key 7 (class 2, shard 0) has been running for 36s, 3s of which do not count, on thread a worker \
             (17)"
        );
        may_return.send(()).unwrap();
        assert_eq!(working.join().unwrap(), Step::Ran);
        assert!(pool.running().is_empty());
    });
    assert_eq!(stepped.run(op(Act::Nothing)), (vec![], vec![]));
}

#[test]
fn an_item_has_its_own_patience() {
    let mut stepped = Stepped::new();
    let patience = |grace, fatal| Patience { grace, fatal };
    let (some, never) = (|time| Some(seconds(time)), Some(Duration::MAX));
    assert_eq!(
        stepped.run(Op(Act::Take(50), patience(some(8), None))),
        (vec![(8, 1), (16, 2), (32, 3)], vec![30])
    );
    assert_eq!(stepped.run(Op(Act::Take(65), patience(never, some(60)))), (vec![], vec![60]));
    assert_eq!(stepped.run(Op(Act::Take(65), patience(never, never))), (vec![], vec![]));
    stepped.pauses();
    // What is shorter than anything before is looked for as often, from then on.
    assert_eq!(stepped.pool.report_slow(), Some(GRACE));
    assert_eq!(stepped.run(Op(Act::Take(5), patience(some(2), None))), (vec![(2, 1), (4, 2)], vec![]));
    assert_eq!(stepped.pauses(), [1, 2, 1, 2, 2]);
    assert_eq!(stepped.pool.report_slow(), Some(seconds(2)));
    assert_eq!(stepped.run(Op(Act::Take(2), patience(some(60), some(1)))), (vec![], vec![1]));
    assert_eq!(stepped.pool.report_slow(), Some(seconds(1)));
    assert_eq!(stepped.run(Op(Act::Nothing, patience(Some(Duration::ZERO), None))), (vec![], vec![]));
    assert_eq!(stepped.pool.report_slow(), Some(Duration::from_millis(1)));
    assert_eq!(stepped.run(op(Act::Take(9))), (vec![(5, 1)], vec![]), "the others are as patient as ever");
}

#[test]
fn what_it_waits_on_purpose_does_not_count() {
    let mut stepped = Stepped::new();
    assert_eq!(stepped.run(op(Act::Park(100))), (vec![], vec![]));
    let both = |acts| op(Act::Both(acts));
    // The rest of its patience goes on where it was.
    assert_eq!(stepped.run(both(vec![Act::Take(4), Act::Park(100), Act::Take(1)])), (vec![(105, 1)], vec![]));
    assert_eq!(
        stepped.run(both(vec![Act::Take(7), Act::Park(10), Act::Take(20), Act::Park(10), Act::Take(20)])),
        (vec![(5, 1), (20, 2), (30, 3), (60, 4)], vec![50])
    );
    // Nested ones are one.
    let nested = vec![Act::Take(6), Act::Park(10), Act::Take(6)];
    assert_eq!(
        stepped.run(both(vec![Act::Take(4), Act::While(nested), Act::Take(1)])),
        (vec![(27, 1)], vec![])
    );
    // One that is never taken back ends with its item.
    assert_eq!(
        stepped.run(both(vec![Act::Take(4), Act::Forget, Act::Take(9), Act::Park(9), Act::Take(9)])),
        (vec![], vec![])
    );
    assert_eq!(stepped.run(op(Act::Take(5))), (vec![(5, 1)], vec![]), "the next one is watched");
    // Nothing is due while it waits, and then what is left is.
    stepped.pauses();
    stepped.run(both(vec![Act::Take(3), Act::Park(3), Act::Take(3)]));
    assert_eq!(stepped.pauses(), [4, 3, 2, 5, 5, 5, 1, 5, 4]);
}

#[test]
fn a_guard_may_outlive_the_lease() {
    struct Holder(ManualClock, Sender<keylane::KeyGuard<u8, ()>>);
    impl Handler for Holder {
        type Key = u8;
        type Item = ();
        fn handle(&self, key: Lease<'_, u8, ()>, (): ()) {
            let pool: PoolHandle<Self> = key.pool();
            let suspension = key.suspend_watch();
            assert_eq!(format!("{suspension:?}"), "WatchSuspension { watched: true }");
            self.1.send(key.hold()).unwrap();
            self.0.advance(seconds(3));
            assert_eq!(pool.running()[0].suspended, seconds(3));
            drop(suspension);
            self.0.advance(seconds(1));
            assert_eq!((pool.running()[0].age, pool.running()[0].suspended), (seconds(4), seconds(3)));
        }
    }
    let (clock, (keep, kept)) = (ManualClock::new(), channel());
    let builder = ShardedThreadPool::builder(Holder(clock.clone(), keep)).clock(clock).watch(GRACE, |_| ());
    let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
    pool.submit(1, ()).unwrap();
    assert_eq!(workers[0].step(), Step::Ran);
    assert!(pool.running().is_empty(), "a key that is held is not watched");
    drop(kept.recv().unwrap());
}

#[test]
fn an_item_that_panics_is_over() {
    let mut stepped = Stepped::new();
    let impatient = Patience { grace: Some(seconds(13)), fatal: None };
    stepped
        .pool
        .submit_batch(7, vec![op(Act::Panic), Op(Act::Nothing, impatient), op(Act::Nothing)])
        .unwrap();
    for _ in 0..2 {
        catch_unwind(AssertUnwindSafe(|| stepped.workers[0].step())).unwrap_err();
        stepped.clock.advance(seconds(99));
        assert!(stepped.pool.running().is_empty());
        assert_eq!((stepped.pool.report_slow(), stepped.found()), (Some(GRACE), (vec![], vec![])));
    }
    assert_eq!(stepped.workers[0].step(), Step::Ran, "the key goes on");
    stepped.pool.drain().unwrap();
}

#[test]
fn without_a_watch_nothing_is_known() {
    struct Careful;
    impl Handler for Careful {
        type Key = u8;
        type Item = ();
        fn patience((): &()) -> Patience {
            panic!("nobody asks")
        }
        fn handle(&self, key: Lease<'_, u8, ()>, (): ()) {
            let suspension = key.suspend_watch();
            assert_eq!(format!("{suspension:?}"), "WatchSuspension { watched: false }");
            let pool: PoolHandle<Self> = key.pool();
            assert_eq!((pool.running().len(), pool.report_slow()), (0, None));
        }
    }
    let (pool, mut workers) =
        ShardedThreadPool::builder(Careful).shards(1).threads_per_shard(1).stepped().unwrap();
    pool.submit(1, ()).unwrap();
    assert_eq!(workers[0].step(), Step::Ran);
    assert_eq!(pool.report_slow(), None);

    // One alarm is enough, and the other stays silent, whatever items say.
    let fatal = Reports::default();
    let alarm = Fatal::report(add(&fatal));
    assert_eq!(format!("{alarm:?}"), "Fatal { .. }");
    let (_, pool, mut workers, _) = Stepped::stepped(|builder| builder.fatal(FATAL, alarm));
    assert_eq!(pool.report_slow(), Some(FATAL));
    pool.submit(7, Op(Act::Take(40), Patience { grace: Some(seconds(1)), fatal: None })).unwrap();
    assert_eq!(workers[0].step(), Step::Ran);
    let ages: Vec<_> = fatal.lock().unwrap().iter().map(|running| (running.age, running.reports)).collect();
    assert_eq!(ages, [(FATAL, 0)]);
}

#[test]
fn the_watch_thread_reports_and_ends_with_the_pool() {
    bounded(|| {
        let (slow, reported) = channel();
        let slow = Mutex::new(slow);
        let builder = ShardedThreadPool::builder(Store::default()).name("osd").clock(MonotonicClock::new());
        let pool = builder.shards(2).threads_per_shard(1).watch(Duration::ZERO, move |running| {
            let watch = std::thread::current().name().map(str::to_owned);
            slow.lock().unwrap().send((running.clone(), watch)).unwrap();
            assert_ne!(running.reports, 2, "a bad report");
        });
        let pool = pool.start().unwrap();
        let (may_return, told) = channel();
        pool.submit(1, op(Act::Wait(told))).unwrap();
        for reports in 1..=3 {
            let (running, watch) = hear(&reported);
            assert_eq!(
                (running.what.key, running.reports, watch.as_deref()),
                (1, reports, Some("osd-watch"))
            );
            assert!(running.age >= Duration::from_millis(1 << (reports - 1)), "{running:?}");
            let worker = format!("osd-{}-0", pool.shard_of(&1));
            assert_eq!(running.thread, Some(worker));
        }
        may_return.send(()).unwrap();
        let report = pool.join().unwrap();
        assert_eq!(report.panics, 1, "the second report");
        while reported.recv().is_ok() {}
    });
}

#[test]
fn a_short_patience_wakes_the_watch_thread() {
    bounded(|| {
        let (slow, reported) = channel();
        let slow = Mutex::new(slow);
        let builder = ShardedThreadPool::builder(Store::default()).clock(MonotonicClock::new());
        let pool = builder.watch(seconds(1_000_000), move |running| {
            slow.lock().unwrap().send(running.what.key).unwrap();
        });
        let pool = pool.start().unwrap();
        for key in 1..=2 {
            let (may_return, told) = channel();
            let patience = Patience { grace: Some(Duration::from_millis(1)), fatal: None };
            pool.submit(key, Op(Act::Wait(told), patience)).unwrap();
            // The first may have been reported more than once.
            while hear(&reported) != key {}
            may_return.send(()).unwrap();
            pool.drain().unwrap();
        }
        assert_eq!(pool.join().unwrap().panics, 0);
    });
}

#[test]
fn a_pool_dropped_in_its_own_handler_is_watched_no_more() {
    bounded(|| {
        let (slow, reported) = channel::<()>();
        let slow = Mutex::new(slow);
        let builder = ShardedThreadPool::builder(Store::default()).shards(1).threads_per_shard(1);
        let pool = builder.watch(seconds(1_000_000), move |_| slow.lock().unwrap().send(()).unwrap());
        let (pool, place) = (pool.start().unwrap(), Arc::new(Mutex::new(None)));
        let handle = pool.handle();
        *place.lock().unwrap() = Some(pool);
        handle.submit(1, op(Act::Drop(place))).unwrap();
        drop(handle);
        // Its threads end, and with the last of them the report.
        assert!(reported.recv().is_err());
    });
}

#[test]
fn a_watched_pool_that_is_dropped_ends() {
    bounded(|| {
        let (slow, reported) = channel::<()>();
        let slow = Mutex::new(slow);
        let builder = ShardedThreadPool::builder(Store::default());
        let pool = builder.watch(seconds(1_000_000), move |_| slow.lock().unwrap().send(()).unwrap());
        let pool = pool.start().unwrap();
        pool.submit(1, op(Act::Nothing)).unwrap();
        pool.shutdown(Stop::RunRemaining);
        drop(pool);
        assert!(reported.try_recv().is_err());
        assert_eq!(reported.recv(), Err(std::sync::mpsc::RecvError), "nobody is left to report");
    });
}

/// In the child, which item hangs.
const HANGS: &str = "KEYLANE_TEST_HANGS";

/// Hangs, where it is asked to.
#[test]
fn child_that_hangs() {
    /// Panics when it is to be shown, if it is a bad one.
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Name(&'static str);
    impl std::fmt::Debug for Name {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            assert_ne!(self.0, "unspeakable", "it has no name");
            f.write_str(self.0)
        }
    }
    struct Hangs;
    impl Handler for Hangs {
        type Key = Name;
        type Item = Receiver<()>;
        fn handle(&self, _: Lease<'_, Name, Receiver<()>>, never: Receiver<()>) {
            hear(&never);
        }
    }
    let Ok(key) = std::env::var(HANGS) else { return };
    let key = Name(if key == "unspeakable" { "unspeakable" } else { "rbd.7" });
    let builder = ShardedThreadPool::builder(Hangs).shards(1).threads_per_shard(1).name("osd");
    let pool = builder.fatal(Duration::from_millis(1), Fatal::abort()).start().unwrap();
    let (keep, never) = channel();
    pool.submit(key, never).unwrap();
    pool.drain().unwrap();
    drop(keep);
}

#[test]
fn what_hangs_aborts_the_process() {
    for key in ["rbd.7", "unspeakable"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "child_that_hangs", "--nocapture"]).env(HANGS, key).stdin(Stdio::null());
        let ended = child.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            assert!(ended.status.signal().is_some(), "it has been aborted: {:?}\n{said}", ended.status);
        }
        assert!(!ended.status.success());
        let line = "keylane aborts the process: item of key ";
        let line =
            said.lines().find(|said| said.starts_with(line)).unwrap_or_else(|| panic!("it says why: {said}"));
        if key == "rbd.7" {
            assert!(line.contains("key rbd.7 (class 0, shard 0) has been running for "), "{line}");
            assert!(line.contains(" on thread osd-0-0"), "{line}");
        }
    }
}
