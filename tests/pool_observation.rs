//! What others see of a pool: histograms, figures of `metrics`, spans of `tracing`; and what its threads do first.

mod common;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use keylane::testing::ManualClock;
use keylane::{
    Bands, Class, ClassHistograms, ControlError, Handler, Histograms, KeyGuard, Lease, MonotonicClock,
    OnItemPanic, PoolHandle, ShardSnapshot, ShardedThreadPool, ShardedThreadPoolBuilder, Step, Stop,
    WorkerInfo,
};
use metrics_util::debugging::DebuggingRecorder;
use tracing::{Span, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use common::figures::recorded;
use common::runner::{Runner, hold, nothing};
use common::{bounded, hear, together};

const SECOND: Duration = Duration::from_secs(1);

/// An item of a class that takes so many seconds of a clock, and may panic then.
struct Op {
    class: u8,
    seconds: u64,
    panics: bool,
}

fn op(class: u8, seconds: u64) -> Op {
    Op { class, seconds, panics: false }
}

struct Slow(ManualClock);

impl Handler for Slow {
    type Key = u64;
    type Item = Op;

    fn class(op: &Op) -> Class {
        Class(op.class)
    }

    fn handle(&self, _: Lease<'_, u64, Op>, op: Op) {
        self.0.advance(Duration::from_secs(op.seconds));
        assert!(!op.panics, "as asked");
    }
}

/// A pool of one worker, by a clock of its own.
fn slow() -> (ManualClock, ShardedThreadPoolBuilder<Slow>) {
    let clock = ManualClock::new();
    let builder = ShardedThreadPool::builder(Slow(clock.clone())).clock(clock.clone());
    (clock, builder.shards(1).threads_per_shard(1))
}

/// Class, how many waits, the shortest and the longest in seconds; and the same of runs.
type Spread = (u8, (u64, u64, u64), (u64, u64, u64));

/// Rounded: they are known to one in a hundred.
fn spread(class: &ClassHistograms) -> Spread {
    let seconds = |nanoseconds: u64| (nanoseconds as f64 / 1e9).round() as u64;
    let of = |times: &hdrhistogram::Histogram<u64>| (times.len(), seconds(times.min()), seconds(times.max()));
    (class.class.0, of(&class.wait), of(&class.run))
}

#[test]
fn histograms_tell_waits_from_runs_and_classes_from_each_other() {
    let (clock, builder) = slow();
    let (pool, mut workers) = builder.histograms(Histograms::default()).stepped().unwrap();
    assert_eq!(pool.histograms(), []);
    pool.submit(1, op(3, 5)).unwrap();
    pool.submit(2, op(7, 11)).unwrap();
    clock.advance(2 * SECOND);
    assert_eq!(pool.snapshot().total().classes.len(), 2);
    assert_eq!(
        pool.histograms().iter().map(spread).collect::<Vec<_>>(),
        [(3, (0, 0, 0), (0, 0, 0)), (7, (0, 0, 0), (0, 0, 0))]
    );
    assert_eq!((workers[0].step(), workers[0].step()), (Step::Ran, Step::Ran));
    let expected = [(3, (1, 2, 2), (1, 5, 5)), (7, (1, 7, 7), (1, 11, 11))];
    for _ in 0..2 {
        let seen: Vec<_> = pool.histograms().iter().map(spread).collect();
        assert_eq!(seen, expected, "whoever asks, asks for all of it");
    }
    // What comes later is added; a new class comes in its place.
    pool.submit(1, op(3, 100)).unwrap();
    pool.submit(1, op(5, 30)).unwrap();
    assert_eq!((workers[0].step(), workers[0].step()), (Step::Ran, Step::Ran));
    let seen: Vec<_> = pool.histograms().iter().map(spread).collect();
    assert_eq!(seen, [(3, (2, 0, 2), (2, 5, 100)), (5, (1, 100, 100), (1, 30, 30)), expected[1]]);
}

#[test]
fn only_what_starts_has_waited_and_what_panics_has_run() {
    let (clock, builder) = slow();
    let (pool, mut workers) = builder.histograms(Histograms::default()).stepped().unwrap();
    pool.submit(1, Op { class: 0, seconds: 3, panics: true }).unwrap();
    catch_unwind(AssertUnwindSafe(|| workers[0].step())).unwrap_err();
    pool.submit_batch(1, vec![op(0, 1), op(0, 1)]).unwrap();
    clock.advance(SECOND);
    assert_eq!(pool.remove(&1).len(), 2);
    pool.submit(1, op(0, 1)).unwrap();
    pool.submit_after(SECOND, 1, op(0, 1)).unwrap();
    pool.shutdown(Stop::HandBack);
    assert_eq!(workers[0].step(), Step::Stopped);
    let handle = pool.clone();
    assert_eq!(pool.reclaim(workers).leftovers.len(), 2);
    assert_eq!(handle.histograms().iter().map(spread).collect::<Vec<_>>(), [(0, (1, 0, 0), (1, 3, 3))]);
}

#[test]
fn what_is_out_of_bounds_counts_at_the_bound() {
    assert_eq!(Histograms::default(), Histograms { digits: 2, max: 3600 * SECOND });
    let minute = 60 * SECOND;
    for (digits, max, error) in [
        (2, minute, 0.01),
        (1, minute, 0.1),
        (3, minute, 0.001),
        // As 1 and as 3.
        (0, minute, 0.1),
        (u8::MAX, minute, 0.001),
        // As a microsecond, and as much as there is.
        (2, Duration::ZERO, 0.01),
        (3, Duration::MAX, 0.001),
    ] {
        let (_, builder) = slow();
        let (pool, mut workers) = builder.histograms(Histograms { digits, max }).stepped().unwrap();
        // The last one waits for the others; the clock itself ends soon after.
        let centuries = 500 * 365 * 24 * 3600;
        for seconds in [0, 1, 1234, centuries] {
            pool.submit(1, op(0, seconds)).unwrap();
        }
        while workers[0].step() == Step::Ran {}
        let class = &pool.histograms()[0];
        let max =
            max.clamp(Duration::from_micros(1), Duration::from_nanos(i64::MAX as u64)).as_nanos() as u64;
        let bounds = (class.run.low(), class.run.high(), class.run.sigfig());
        assert_eq!(bounds, (1, max, digits.clamp(1, 3)));
        let max = max as f64;
        let close = |is: u64, is_to_be: f64| {
            let off = (is as f64 - is_to_be).abs() / is_to_be;
            assert!(off <= error, "{is} and not {is_to_be}, digits {digits}");
        };
        assert_eq!((class.wait.len(), class.run.len(), class.run.min()), (4, 4, 0));
        close(class.run.max(), max);
        close(class.run.value_at_quantile(0.75), max.min(1234e9));
        close(class.run.value_at_quantile(0.5), max.min(1e9));
        let times = pool.snapshot().total().classes[0].run;
        assert_eq!(times.max.as_secs(), centuries, "the snapshot has no bound");
    }
}

#[test]
fn nobody_has_histograms_who_did_not_ask_and_who_asked_needs_no_clock() {
    let run = |builder: ShardedThreadPoolBuilder<Runner>| {
        let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
        pool.submit(1, nothing()).unwrap();
        assert_eq!(workers[0].step(), Step::Ran);
        (pool.snapshot(), pool.histograms())
    };
    let (snapshot, histograms) = run(ShardedThreadPool::builder(Runner).clock(MonotonicClock::new()));
    assert_eq!((snapshot.has_clock, histograms), (true, Vec::new()));
    let (snapshot, histograms) = run(ShardedThreadPool::builder(Runner));
    assert_eq!((snapshot.has_clock, histograms), (false, Vec::new()));
    let (snapshot, histograms) = run(ShardedThreadPool::builder(Runner).histograms(Histograms::default()));
    let class = &histograms[0];
    assert_eq!((snapshot.has_clock, class.wait.len(), class.run.len()), (true, 1, 1));
    assert_eq!(snapshot.shards[0].classes[0].run.count, 1);
    // One that is set later is the pool's all the same.
    let clock = ManualClock::new();
    let builder =
        ShardedThreadPool::builder(Slow(clock.clone())).histograms(Histograms::default()).clock(clock);
    let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
    pool.submit(1, op(0, 60)).unwrap();
    assert_eq!(workers[0].step(), Step::Ran);
    assert_eq!(pool.histograms().iter().map(spread).collect::<Vec<_>>(), [(0, (1, 0, 0), (1, 60, 60))]);
}

/// Its items' classes are their remainders by four; a few seconds of `ManualClock` would be too slow, so they do nothing.
struct Quick;

impl Handler for Quick {
    type Key = u64;
    type Item = u64;

    fn class(item: &u64) -> Class {
        Class((item % 4) as u8)
    }

    fn handle(&self, _: Lease<'_, u64, u64>, _: u64) {}
}

/// Class by class: how many waits, and how many runs.
fn counts(shard: &ShardSnapshot) -> Vec<(Class, u64, u64)> {
    shard.classes.iter().map(|class| (class.class, class.wait.count, class.run.count)).collect()
}

fn lengths(histograms: &[ClassHistograms]) -> Vec<(Class, u64, u64)> {
    histograms.iter().map(|class| (class.class, class.wait.len(), class.run.len())).collect()
}

#[track_caller]
fn no_less(later: &[(Class, u64, u64)], earlier: &[(Class, u64, u64)]) {
    for &(class, waits, runs) in earlier {
        let same = later.iter().find(|(other, ..)| *other == class).expect("a class stays");
        assert!(same.1 >= waits && same.2 >= runs, "{earlier:?}, and then {later:?}");
    }
}

#[test]
fn histograms_add_up_with_the_figures_while_everything_happens() {
    const ITEMS: u64 = 20_000;
    let builder = ShardedThreadPool::builder(Quick).scheduler(Bands::default());
    let builder = builder.histograms(Histograms::default()).clock(MonotonicClock::new());
    let pool = builder.shards(3).threads_per_shard(2).start().unwrap();
    let over = AtomicBool::new(false);
    together(4, |thread| match thread {
        // Two who ask.
        0 | 1 => {
            while !over.load(Ordering::Relaxed) {
                let before = counts(&pool.snapshot().total());
                let between = lengths(&pool.histograms());
                let after = counts(&pool.snapshot().total());
                no_less(&between, &before);
                no_less(&after, &between);
            }
        }
        2 => {
            // Some shards get some classes later than others.
            (0..ITEMS).for_each(|item| pool.submit(item % 61, item / 1_000 + item % 2).unwrap());
            pool.drain().unwrap();
            over.store(true, Ordering::Relaxed);
        }
        _ => {
            while !over.load(Ordering::Relaxed) {
                (0..61).for_each(|key| drop(pool.remove(&key)));
                thread::yield_now();
            }
        }
    });
    let (total, histograms) = (pool.snapshot().total(), pool.histograms());
    assert_eq!(lengths(&histograms), counts(&total));
    assert_eq!(histograms.iter().map(|class| class.run.len()).sum::<u64>(), total.ran);
    for (class, histogram) in total.classes.iter().zip(&histograms) {
        for (times, histogram) in [(class.wait, &histogram.wait), (class.run, &histogram.run)] {
            let (exact, rounded) = (times.mean().as_nanos() as f64, histogram.mean());
            assert!((exact - rounded).abs() <= exact * 0.01 + 1.0, "{exact} and {rounded}");
            let max = times.max.as_nanos() as f64;
            assert!((max - histogram.max() as f64).abs() <= max * 0.01, "{times:?} and {}", histogram.max());
        }
    }
    assert_eq!(pool.join().unwrap().panics, 0);
}

#[test]
fn a_pools_snapshot_is_recorded_with_fixed_labels() {
    let (clock, builder) = slow();
    let (pool, mut workers) = builder.shards(2).threads_per_shard(2).stepped().unwrap();
    let key = (0..).find(|key| pool.shard_of(key) == 1).unwrap();
    pool.submit(key, op(0, 4)).unwrap();
    pool.submit(key, Op { class: 2, seconds: 1, panics: true }).unwrap();
    pool.submit(key, op(2, 1)).unwrap();
    pool.submit_after(60 * SECOND, key, op(2, 1)).unwrap();
    pool.commit(&key, || {}).unwrap();
    clock.advance(SECOND / 2);
    let recorder = DebuggingRecorder::new();
    let figures = || recorded(&recorder, || pool.snapshot().record("osd"));
    // Nothing has been there of shard 0: it has no classes.
    let of_shard_0 = [
        "keylane_pool_commits_accepted_total{pool=osd,shard=0} 0",
        "keylane_pool_commits_depth{pool=osd,shard=0} 0",
        "keylane_pool_commits_total{pool=osd,shard=0,fate=handed_back} 0",
        "keylane_pool_commits_total{pool=osd,shard=0,fate=ran} 0",
        "keylane_pool_oldest_seconds{pool=osd,shard=0} 0",
        "keylane_pool_panics_total{pool=osd,shard=0} 0",
        "keylane_pool_poisoned_keys{pool=osd,shard=0} 0",
        "keylane_pool_to_come{pool=osd,shard=0} 0",
        "keylane_pool_wakes_total{pool=osd,shard=0} 0",
        "keylane_pool_workers_asleep{pool=osd,shard=0} 0",
        "keylane_pool_workers_busy{pool=osd,shard=0} 0",
        "keylane_pool_workers{pool=osd,shard=0} 2",
    ];
    let of_shard_1 = [
        "keylane_pool_accepted_total{pool=osd,shard=1,class=0} 1",
        "keylane_pool_accepted_total{pool=osd,shard=1,class=2} 3",
        "keylane_pool_commits_accepted_total{pool=osd,shard=1} 1",
        "keylane_pool_commits_depth{pool=osd,shard=1} 1",
        "keylane_pool_commits_total{pool=osd,shard=1,fate=handed_back} 0",
        "keylane_pool_commits_total{pool=osd,shard=1,fate=ran} 0",
        "keylane_pool_depth{pool=osd,shard=1,class=0} 1",
        "keylane_pool_depth{pool=osd,shard=1,class=2} 3",
        "keylane_pool_items_total{pool=osd,shard=1,class=0,fate=handed_back} 0",
        "keylane_pool_items_total{pool=osd,shard=1,class=0,fate=ran} 0",
        "keylane_pool_items_total{pool=osd,shard=1,class=0,fate=removed} 0",
        "keylane_pool_items_total{pool=osd,shard=1,class=2,fate=handed_back} 0",
        "keylane_pool_items_total{pool=osd,shard=1,class=2,fate=ran} 0",
        "keylane_pool_items_total{pool=osd,shard=1,class=2,fate=removed} 0",
        "keylane_pool_oldest_seconds{pool=osd,shard=1} 0.5",
        "keylane_pool_panics_total{pool=osd,shard=1} 0",
        "keylane_pool_poisoned_keys{pool=osd,shard=1} 0",
        "keylane_pool_run_max_seconds{pool=osd,shard=1,class=0} 0",
        "keylane_pool_run_max_seconds{pool=osd,shard=1,class=2} 0",
        "keylane_pool_run_nanoseconds_total{pool=osd,shard=1,class=0} 0",
        "keylane_pool_run_nanoseconds_total{pool=osd,shard=1,class=2} 0",
        "keylane_pool_running{pool=osd,shard=1,class=0} 0",
        "keylane_pool_running{pool=osd,shard=1,class=2} 0",
        "keylane_pool_to_come{pool=osd,shard=1} 1",
        "keylane_pool_wait_max_seconds{pool=osd,shard=1,class=0} 0",
        "keylane_pool_wait_max_seconds{pool=osd,shard=1,class=2} 0",
        "keylane_pool_wait_nanoseconds_total{pool=osd,shard=1,class=0} 0",
        "keylane_pool_wait_nanoseconds_total{pool=osd,shard=1,class=2} 0",
        "keylane_pool_wakes_total{pool=osd,shard=1} 0",
        "keylane_pool_workers_asleep{pool=osd,shard=1} 0",
        "keylane_pool_workers_busy{pool=osd,shard=1} 0",
        "keylane_pool_workers{pool=osd,shard=1} 2",
    ];
    let mut expected: Vec<_> = of_shard_0.into_iter().chain(of_shard_1).collect();
    expected.sort_unstable();
    assert_eq!(figures(), expected);

    // The commit, the one that takes four seconds, and the one that panics after one.
    assert_eq!((workers[2].step(), workers[3].step()), (Step::Ran, Step::Ran));
    catch_unwind(AssertUnwindSafe(|| workers[2].step())).unwrap_err();
    assert_eq!(pool.remove(&key).len(), 2);
    pool.submit(key, op(2, 0)).unwrap();
    pool.shutdown(Stop::HandBack);
    let changed = [
        ("commits_depth{pool=osd,shard=1}", "0"),
        ("commits_total{pool=osd,shard=1,fate=ran}", "1"),
        ("accepted_total{pool=osd,shard=1,class=2}", "4"),
        ("depth{pool=osd,shard=1,class=0}", "0"),
        ("depth{pool=osd,shard=1,class=2}", "0"),
        ("items_total{pool=osd,shard=1,class=0,fate=ran}", "1"),
        ("items_total{pool=osd,shard=1,class=2,fate=ran}", "1"),
        ("items_total{pool=osd,shard=1,class=2,fate=removed}", "2"),
        ("items_total{pool=osd,shard=1,class=2,fate=handed_back}", "1"),
        ("panics_total{pool=osd,shard=1}", "1"),
        ("oldest_seconds{pool=osd,shard=1}", "0"),
        ("to_come{pool=osd,shard=1}", "0"),
        ("wait_max_seconds{pool=osd,shard=1,class=0}", "0.5"),
        ("wait_max_seconds{pool=osd,shard=1,class=2}", "4.5"),
        ("wait_nanoseconds_total{pool=osd,shard=1,class=0}", "500000000"),
        ("wait_nanoseconds_total{pool=osd,shard=1,class=2}", "4500000000"),
        ("run_max_seconds{pool=osd,shard=1,class=0}", "4"),
        ("run_max_seconds{pool=osd,shard=1,class=2}", "1"),
        ("run_nanoseconds_total{pool=osd,shard=1,class=0}", "4000000000"),
        ("run_nanoseconds_total{pool=osd,shard=1,class=2}", "1000000000"),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|figure| {
            let (name, value) = figure.split_once(' ').unwrap();
            let now = changed.iter().find(|(changed, _)| name.strip_prefix("keylane_pool_") == Some(changed));
            format!("{name} {}", now.map_or(value, |(_, now)| now))
        })
        .collect();
    assert_eq!(figures(), expected);

    // Without a clock there is less to tell.
    let recorder = DebuggingRecorder::new();
    let (plain, mut workers) =
        ShardedThreadPool::builder(Quick).shards(1).threads_per_shard(1).stepped().unwrap();
    plain.submit(1, 1).unwrap();
    assert_eq!(workers[0].step(), Step::Ran);
    let less = recorded(&recorder, || plain.snapshot().record("plain"));
    assert_eq!(less.len(), of_shard_1.len() - 10 - 4 - 1, "a class less, no times of the other, no age");
    assert!(less.iter().all(|figure| !figure.contains("seconds")), "{less:?}");
}

#[test]
fn a_snapshot_that_is_recorded_says_what_runs_and_sleeps() {
    bounded(|| {
        let pool = common::runner::pool(1, 3);
        let release = hold(&pool, 1, nothing());
        let ((started, has_started), (end, ended)) = (channel::<()>(), channel::<()>());
        let commit = move || {
            started.send(()).unwrap();
            hear(&ended);
        };
        pool.commit(&1, commit).unwrap();
        hear(&has_started);
        while pool.snapshot().total().asleep != 1 {
            thread::yield_now();
        }
        let figures = recorded(&DebuggingRecorder::new(), || pool.snapshot().record("p"));
        for figure in [
            "keylane_pool_running{pool=p,shard=0,class=0} 1",
            "keylane_pool_depth{pool=p,shard=0,class=0} 0",
            "keylane_pool_commits_depth{pool=p,shard=0} 1",
            "keylane_pool_workers_busy{pool=p,shard=0} 2",
            "keylane_pool_workers_asleep{pool=p,shard=0} 1",
            "keylane_pool_workers{pool=p,shard=0} 3",
        ] {
            assert!(figures.iter().any(|line| line == figure), "{figure}: {figures:?}");
        }
        release.send(()).unwrap();
        end.send(()).unwrap();
        pool.join().unwrap();
    });
}

/// Notes the span in which each item runs, does what it is to do, and may panic.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Noted>>>);

/// An item or a commit, and the span it ran in.
type Noted = (&'static str, Option<&'static str>);

impl Spans {
    fn note(&self, what: &'static str) {
        let span = Span::current().metadata().map(|span| span.name());
        self.0.lock().unwrap().push((what, span));
    }

    fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Handler for Spans {
    type Key = u8;
    type Item = &'static str;

    fn handle(&self, key: Lease<'_, u8, &'static str>, item: &'static str) {
        self.note(item);
        match item {
            "parent" => key.pool::<Self>().submit(*key, "child").unwrap(),
            "put back" => key.hold().put_back("again").unwrap(),
            "panics" => panic!("as asked"),
            _ => {}
        }
    }
}

#[test]
fn an_item_runs_in_the_span_in_which_it_was_submitted() {
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
    let (spans, clock) = (Spans::default(), ManualClock::new());
    let builder =
        ShardedThreadPool::builder(spans.clone()).clock(clock.clone()).shards(1).threads_per_shard(1);
    let (pool, mut workers) = builder.stepped().unwrap();
    let commit = || {
        let spans = spans.clone();
        pool.commit(&1, move || spans.note("commit")).unwrap();
    };
    info_span!("timer").in_scope(|| pool.submit_after(SECOND, 1, "later").unwrap());
    info_span!("reader").in_scope(|| pool.submit(1, "item").unwrap());
    info_span!("batch").in_scope(|| pool.submit_batch(1, vec!["first", "second"]).unwrap());
    info_span!("front").in_scope(|| pool.submit_front(1, "in front").unwrap());
    info_span!("front batch").in_scope(|| pool.submit_front_batch(1, vec!["third", "fourth"]).unwrap());
    info_span!("committer").in_scope(commit);
    pool.submit(1, "nobody's").unwrap();
    info_span!("children").in_scope(|| pool.submit(1, "parent").unwrap());
    info_span!("waits").in_scope(|| pool.submit(1, "put back").unwrap());
    info_span!("bad").in_scope(|| pool.submit(1, "panics").unwrap());
    commit();
    clock.advance(SECOND);

    let _here = info_span!("worker").entered();
    let here = Some("worker");
    let mut run = || match catch_unwind(AssertUnwindSafe(|| workers[0].step())) {
        Ok(step) => step,
        Err(_) => Step::Ran,
    };
    while run() == Step::Ran {
        assert_eq!(Span::current().metadata().map(|span| span.name()), here, "and it is left again");
    }
    let expected = [
        ("commit", Some("committer")),
        ("commit", here),
        ("third", Some("front batch")),
        ("fourth", Some("front batch")),
        ("in front", Some("front")),
        ("item", Some("reader")),
        ("first", Some("batch")),
        ("second", Some("batch")),
        ("nobody's", here),
        ("parent", Some("children")),
        ("put back", Some("waits")),
        ("again", Some("waits")),
        ("panics", Some("bad")),
        ("later", Some("timer")),
        ("child", Some("children")),
    ];
    let mut ran = spans.take();
    // It was due before the child was submitted; which of the two comes first is not the question here.
    let at = ran.iter().position(|(item, _)| *item == "later").unwrap();
    let later = ran.remove(at);
    let at = expected.iter().position(|(item, _)| *item == "later").unwrap();
    ran.insert(at, later);
    assert_eq!(ran, expected);

    // What a guard puts back from elsewhere, it puts back from there; a commit that comes back keeps its span.
    struct Keeps(Sender<KeyGuard<u8, &'static str>>, Spans);
    impl Handler for Keeps {
        type Key = u8;
        type Item = &'static str;
        fn handle(&self, key: Lease<'_, u8, &'static str>, item: &'static str) {
            self.1.note(item);
            if item == "kept" {
                self.0.send(key.hold()).unwrap();
            }
        }
    }
    let (keep, kept) = channel();
    let builder = ShardedThreadPool::builder(Keeps(keep, spans.clone()));
    let (pool, mut workers) = builder.shards(1).threads_per_shard(1).stepped().unwrap();
    info_span!("reader").in_scope(|| pool.submit(1, "kept").unwrap());
    assert_eq!(workers[0].step(), Step::Ran);
    let guard = kept.recv().unwrap();
    info_span!("disk").in_scope(|| guard.put_back("again").unwrap());
    drop(guard);
    assert_eq!(workers[0].step(), Step::Ran);
    let noted = spans.clone();
    info_span!("committer").in_scope(|| pool.commit(&1, move || noted.note("commit")).unwrap());
    pool.reclaim(workers).commits.into_iter().for_each(keylane::Commit::run);
    assert_eq!(
        spans.take(),
        [("kept", Some("reader")), ("again", Some("disk")), ("commit", Some("committer"))]
    );
}

/// Looks at a pool whenever a span ends, which takes each shard's lock.
#[derive(Clone, Default)]
struct Looks {
    pool: Arc<OnceLock<PoolHandle<Spans>>>,
    ended: Arc<AtomicUsize>,
}

impl<S: tracing::Subscriber> Layer<S> for Looks {
    fn on_close(&self, _: tracing::span::Id, _: Context<'_, S>) {
        self.pool.get().unwrap().snapshot();
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn spans_end_while_no_lock_is_held() {
    bounded(|| {
        let looks = Looks::default();
        let subscriber = tracing_subscriber::registry().with(looks.clone());
        let _subscriber = tracing::subscriber::set_default(subscriber);
        let builder = ShardedThreadPool::builder(Spans::default()).shards(1).threads_per_shard(1);
        let (pool, mut workers) = builder.on_panic(OnItemPanic::PoisonKey).stepped().unwrap();
        assert!(looks.pool.set(pool.clone()).is_ok());
        // The pool alone keeps the span.
        let submit = |key, item| info_span!("item").in_scope(|| pool.submit(key, item).unwrap());
        let commit = || info_span!("commit").in_scope(|| pool.commit(&1, || {}).unwrap());
        let ended = || looks.ended.swap(0, Ordering::Relaxed);
        submit(1, "runs");
        commit();
        assert_eq!((workers[0].step(), workers[0].step(), ended()), (Step::Ran, Step::Ran, 2));
        submit(1, "panics");
        catch_unwind(AssertUnwindSafe(|| workers[0].step())).unwrap_err();
        assert_eq!(ended(), 1);
        submit(1, "behind it");
        submit(2, "removed");
        info_span!("later").in_scope(|| pool.submit_after(SECOND, 2, "removed too").unwrap());
        assert_eq!((pool.remove(&2).len(), ended()), (2, 2));
        submit(2, "comes back");
        info_span!("later").in_scope(|| pool.submit_after(SECOND, 2, "to come").unwrap());
        commit();
        pool.shutdown(Stop::HandBack);
        assert_eq!(ended(), 0);
        submit_refused(&pool);
        assert_eq!(ended(), 3);
        let report = pool.reclaim(workers);
        assert_eq!((report.leftovers.len(), ended()), (3, 3), "not with what comes back");
        report.commits.into_iter().for_each(keylane::Commit::run);
        assert_eq!(ended(), 1);
    });
}

fn submit_refused(pool: &PoolHandle<Spans>) {
    info_span!("item").in_scope(|| assert!(pool.submit(1, "refused").is_err()));
    info_span!("batch").in_scope(|| assert!(pool.submit_batch(1, vec!["refused"; 2]).is_err()));
    info_span!("commit").in_scope(|| assert!(pool.commit(&1, || {}).is_err()));
}

/// A worker as its hook saw it, and the thread that it was on.
type Begun = (usize, usize, Option<String>, thread::ThreadId);

/// Tells of each thread that begins.
fn tells(tell: Sender<Begun>) -> impl Fn(&WorkerInfo) + Send + Sync + 'static {
    move |worker: &WorkerInfo| {
        let thread = thread::current();
        let _ = tell.send((worker.shard, worker.number, thread.name().map(str::to_owned), thread.id()));
    }
}

#[test]
fn each_thread_calls_its_hook_once_and_first() {
    thread_local! {
        static BEGUN: Cell<u32> = const { Cell::new(0) };
    }
    bounded(|| {
        let (tell, told) = channel();
        let tells = tells(tell);
        let builder = ShardedThreadPool::builder(Runner).name("osd").shards(2).threads_per_shard(3);
        let pool = builder
            .on_thread_start(move |worker| {
                BEGUN.set(BEGUN.get() + 1);
                tells(worker);
            })
            .start()
            .unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let run = |items: usize| {
            for key in 0..items {
                let ran = Arc::clone(&ran);
                let body = move || {
                    assert_eq!(BEGUN.get(), 1);
                    ran.fetch_add(1, Ordering::Relaxed);
                };
                pool.submit(key, Box::new(body)).unwrap();
            }
            pool.drain().unwrap();
        };
        run(500);
        pool.set_threads_per_shard(1).unwrap();
        run(500);
        // Those that are too many may not have ended yet: only in the end it is known how many were added.
        pool.set_threads_per_shard(4).unwrap();
        run(500);
        let report = pool.join().unwrap();
        assert_eq!((report.panics, ran.load(Ordering::Relaxed)), (0, 1_500));
        let begun: Vec<_> = told.try_iter().collect();
        let threads: BTreeSet<_> = begun.iter().map(|(shard, number, ..)| (*shard, *number)).collect();
        assert_eq!(threads.len(), begun.len(), "each once");
        for shard in 0..2 {
            let numbers = threads.iter().filter(|(other, _)| *other == shard).map(|(_, number)| *number);
            assert!(numbers.clone().eq(0..numbers.clone().count()), "counted on");
            assert!((4..=6).contains(&numbers.count()));
        }
        assert!(begun.iter().all(|(shard, number, name, _)| *name == Some(format!("osd-{shard}-{number}"))));
    });
}

#[test]
fn a_thread_that_takes_anothers_place_calls_the_hook_again() {
    thread_local! {
        static BEGUN: Cell<u32> = const { Cell::new(0) };
    }
    bounded(|| {
        let (tell, told) = channel();
        let tells = tells(tell);
        let builder = ShardedThreadPool::builder(Runner).shards(1).threads_per_shard(1);
        let pool = builder
            .on_panic(OnItemPanic::RestartThread)
            .on_thread_start(move |worker| {
                BEGUN.set(BEGUN.get() + 1);
                tells(worker);
            })
            .start()
            .unwrap();
        for _ in 0..3 {
            pool.submit(1, Box::new(|| assert_eq!(BEGUN.get(), 1))).unwrap();
            pool.submit(1, Box::new(|| panic!("as asked"))).unwrap();
        }
        pool.submit(1, Box::new(|| assert_eq!(BEGUN.get(), 1))).unwrap();
        assert_eq!(pool.join().unwrap().panics, 3);
        let begun: Vec<_> = told.try_iter().collect();
        assert!(begun.iter().all(|(shard, number, ..)| (*shard, *number) == (0, 0)));
        let threads: Vec<_> = begun.iter().map(|(.., thread)| *thread).collect();
        assert_eq!(threads.len(), 4);
        assert!((1..4).all(|later| !threads[..later].contains(&threads[later])), "on the new thread itself");
    });
}

#[test]
fn a_hook_that_panics_is_counted_and_costs_nothing_else() {
    for on_panic in
        [OnItemPanic::Isolate, OnItemPanic::PoisonKey, OnItemPanic::RestartThread, OnItemPanic::Stop]
    {
        bounded(move || {
            let (begins, ran) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let begun = Arc::clone(&begins);
            let builder =
                ShardedThreadPool::builder(Runner).shards(2).threads_per_shard(2).on_panic(on_panic);
            let pool = builder
                .on_thread_start(move |_| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    panic!("as asked");
                })
                .start()
                .unwrap();
            (0..100).for_each(|key| pool.submit(key, common::runner::count(&ran)).unwrap());
            pool.drain().unwrap();
            assert_eq!(ran.load(Ordering::Relaxed), 100);
            pool.set_threads_per_shard(3).unwrap();
            if on_panic == OnItemPanic::RestartThread {
                pool.submit(1, Box::new(|| panic!("an item"))).unwrap();
                pool.submit(1, common::runner::count(&ran)).unwrap();
                pool.drain().unwrap();
            }
            let report = pool.join().unwrap();
            // Six threads; or a seventh, and the item for which it came.
            let extra = usize::from(on_panic == OnItemPanic::RestartThread);
            assert_eq!(begins.load(Ordering::Relaxed), 6 + extra, "{on_panic:?}");
            assert_eq!(report.panics, 6 + 2 * extra, "{on_panic:?}");
            assert_eq!((ran.load(Ordering::Relaxed), report.leftovers.len()), (100 + extra, 0));
        });
    }
}

#[test]
fn a_hook_may_use_the_pool_and_not_wait_for_it() {
    bounded(|| {
        let late: Arc<OnceLock<PoolHandle<Runner>>> = Arc::default();
        let (pool_of_hook, (tell, told)) = (Arc::clone(&late), channel());
        let builder = ShardedThreadPool::builder(Runner).shards(1).threads_per_shard(1);
        let pool = builder
            .on_thread_start(move |_| {
                let Some(pool) = pool_of_hook.get() else { return };
                pool.submit(1, nothing()).unwrap();
                tell.send((pool.drain(), pool.pause().map(drop), pool.snapshot().total().accepted)).unwrap();
            })
            .start()
            .unwrap();
        pool.submit(1, nothing()).unwrap();
        pool.drain().unwrap();
        assert!(late.set(pool.handle()).is_ok());
        pool.set_threads_per_shard(2).unwrap();
        let refused = Err(ControlError::FromCallback);
        assert_eq!(hear(&told), (refused, refused, 2));
        pool.drain().unwrap();
        let handle = pool.handle();
        assert_eq!((pool.join().unwrap().panics, handle.snapshot().total().ran), (0, 2));
        // A handle does not keep the hook, and so a hook that has one is no cycle.
        drop(handle);
        assert_eq!(Arc::strong_count(&late), 1);
    });
}

/// What the operating system says of the cores that this thread may use.
fn cores_of_this_thread() -> Option<String> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(line.trim().to_owned())
}

#[test]
fn threads_are_pinned_by_their_hook() {
    bounded(|| {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        if cores.len() < 2 || cores_of_this_thread().is_none() {
            eprintln!("not asked: there is one core, or nobody says which a thread may use");
            return;
        }
        let threads = cores.len();
        let (tell, told) = channel();
        let pins = cores.clone();
        let builder = ShardedThreadPool::builder(Runner).shards(1).threads_per_shard(threads);
        let pool = builder
            .on_thread_start(move |worker| {
                tell.send(core_affinity::set_for_current(pins[worker.number])).unwrap();
            })
            .start()
            .unwrap();
        if (0..threads).any(|_| !hear(&told)) {
            eprintln!("not asked: the operating system refuses to pin threads");
            return;
        }
        // Each runs one of them: they wait for each other.
        let (meeting, (tell, told)) = (Arc::new(std::sync::Barrier::new(threads)), channel());
        for key in 0..threads {
            let (meeting, tell) = (Arc::clone(&meeting), tell.clone());
            let body = move || {
                meeting.wait();
                let name = thread::current().name().map(str::to_owned);
                tell.send((name.unwrap(), cores_of_this_thread().unwrap())).unwrap();
            };
            pool.submit(key, Box::new(body)).unwrap();
        }
        let seen: BTreeSet<_> = (0..threads).map(|_| hear(&told)).collect();
        let expected = cores.iter().enumerate();
        let expected = expected.map(|(number, core)| (format!("keylane-0-{number}"), core.id.to_string()));
        assert_eq!(seen, expected.collect());
        assert_ne!(cores_of_this_thread(), Some(cores[0].id.to_string()), "nobody else is");
        pool.join().unwrap();
    });
}

#[test]
fn workers_are_busy_or_asleep_or_about_to_be() {
    bounded(|| {
        let pool = common::runner::pool(2, 3);
        let on_shard_1 = |after: usize| (after..).find(|key| pool.shard_of(key) == 1).unwrap();
        let (one, other) = (on_shard_1(0), on_shard_1(on_shard_1(0) + 1));
        let figures = || {
            let shard = pool.snapshot().shards.swap_remove(1);
            (shard.workers, shard.busy(), shard.asleep)
        };
        let becomes = |expected| {
            while figures() != expected {
                thread::yield_now();
            }
        };
        becomes((3, 0, 3));
        let first = hold(&pool, one, nothing());
        becomes((3, 1, 2));
        let second = hold(&pool, other, nothing());
        becomes((3, 2, 1));
        let (started, has_started) = channel();
        let (release, released) = channel::<()>();
        let commit = move || {
            started.send(()).unwrap();
            hear(&released);
        };
        pool.commit(&one, commit).unwrap();
        hear(&has_started);
        assert_eq!(figures(), (3, 3, 0));
        let total = pool.snapshot().total();
        assert_eq!((total.workers, total.busy()), (6, 3));
        pool.set_threads_per_shard(4).unwrap();
        becomes((4, 3, 1));
        pool.set_threads_per_shard(2).unwrap();
        // The one that slept has gone; of those that run one is too many, and goes when it is done.
        becomes((3, 3, 0));
        release.send(()).unwrap();
        becomes((2, 2, 0));
        first.send(()).unwrap();
        second.send(()).unwrap();
        becomes((2, 0, 2));
        pool.join().unwrap();
    });
}

/// What all threads but this one have used so far: time on a core, and how often one went to sleep by itself. Of Linux.
fn used() -> Option<(Duration, u64)> {
    let (mut time, mut sleeps) = (0, 0);
    let this = std::fs::read_link("/proc/thread-self").ok()?;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let task = task.ok()?.path();
        if task.file_name() == this.file_name() {
            continue;
        }
        let scheduled = std::fs::read_to_string(task.join("schedstat")).ok()?;
        time += scheduled.split_whitespace().next()?.parse::<u64>().ok()?;
        let status = std::fs::read_to_string(task.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        sleeps += line.trim().parse::<u64>().ok()?;
    }
    Some((Duration::from_nanos(time), sleeps))
}

/// Prints what a pool costs that has nothing to do: `cargo test --test pool_observation -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn what_an_idle_pool_costs() {
    const QUIET: Duration = Duration::from_secs(5);
    type Builds = fn(ShardedThreadPoolBuilder<Quick>) -> ShardedThreadPoolBuilder<Quick>;
    let watched: Builds = |builder| builder.watch(15 * SECOND, |_| {});
    let closely: Builds = |builder| builder.watch(Duration::from_millis(100), |_| {});
    let cases: [(&str, Builds, bool); 7] = [
        ("a thread that sleeps", |builder| builder.shards(1).threads_per_shard(1), false),
        ("5 x 2 threads", |builder| builder, false),
        ("5 x 2 threads that poll before they sleep", |builder| builder.spin(1_000), false),
        ("an item in an hour", |builder| builder, true),
        ("watched, grace 15 s", watched, false),
        ("watched, grace 100 ms", closely, false),
        ("watched, grace 15 s, an item in an hour", watched, true),
    ];
    for (name, builds, later) in cases {
        let pool = builds(ShardedThreadPool::builder(Quick)).start().unwrap();
        (0..100_000).for_each(|item| pool.submit(item % 97, item).unwrap());
        pool.drain().unwrap();
        if later {
            pool.submit_after(3600 * SECOND, 1, 1).unwrap();
        }
        thread::sleep(SECOND);
        let Some((time, sleeps)) = used() else { return eprintln!("nobody says") };
        let wakes = pool.snapshot().total().wakes;
        let begun = Instant::now();
        thread::sleep(QUIET);
        let quiet = begun.elapsed();
        let (time_then, sleeps_then) = used().unwrap();
        let total = pool.snapshot().total();
        println!(
            "{name}: {:?} of a core in {quiet:.1?}, woken {} times, {} of these for work, {} of {} workers asleep",
            time_then - time,
            sleeps_then - sleeps,
            total.wakes - wakes,
            total.asleep,
            total.workers
        );
        pool.shutdown(Stop::HandBack);
        pool.join().unwrap();
    }
}
