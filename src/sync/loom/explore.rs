//! One search by loom, with everything that could end it early and silently switched off.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use super::model::{self, Hints};
use super::steps::{self, Step};

/// loom counts the main thread, and allows five in all.
pub const MAX_THREADS: usize = 5;

/// More branches than a model needs in one execution; more is an endless loop.
const MAX_BRANCHES: usize = 10_000;

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct Exploration {
    /// At most so many preemptions in an execution; any number if `None`.
    pub preemption_bound: Option<usize>,
    /// What hints answer.
    pub hints: Hints,
    /// Each of the first so many sleeps of an execution is also tried with a wake-up for no reason, in all
    /// combinations.
    pub spurious_wakes: u32,
    /// Whether waits with a deadline give up, at every moment; else they never do.
    pub deadlines_pass: bool,
}

/// What a search has found.
#[derive(Debug)]
pub struct Explored {
    /// How many interleavings there were.
    pub interleavings: u64,
    /// How often each marked branch was taken, in all of them together.
    pub marks: BTreeMap<&'static str, usize>,
    /// How long it took.
    pub elapsed: Duration,
}

/// One interleaving of a search. A search goes the same way each time, so a number is enough to find it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Counts from 1, for each plan anew.
    pub interleaving: u64,
    /// The plan of wake-ups for no reason: bit n is the n-th sleep.
    pub plan: u32,
}

/// Searches every interleaving of `scenario`. On the first panic of one `failed` is told which it was and, if it was
/// to be replayed, its steps; then the panic goes on.
///
/// `KEYLANE_REPLAY=N` (or `N.PLAN`) replays one interleaving instead; `KEYLANE_CHECKPOINT=FILE` makes that quick: the
/// search starts at FILE if it exists, and else leaves it there when it comes to that interleaving.
///
/// # Panics
/// If one of loom's own budgets is set in the environment: it would end the search early and report success.
pub fn explore(
    how: Exploration,
    failed: impl Fn(Position, Option<Vec<Step>>) + 'static,
    scenario: impl Fn() + Send + Sync + 'static,
) -> Explored {
    for budget in ["LOOM_MAX_PERMUTATIONS", "LOOM_MAX_DURATION"] {
        assert!(
            std::env::var_os(budget).is_none(),
            "{budget} is set: loom would stop early and report success. Unset it."
        );
    }
    let replay = replay();
    let checkpoint = std::env::var_os("KEYLANE_CHECKPOINT").map(PathBuf::from);
    model::take_marks();
    model::set_hints(how.hints);
    model::set_deadlines(how.deadlines_pass);
    tell_on_panic(Box::new(failed));
    let scenario = Arc::new(scenario);
    let started = Instant::now();
    let mut interleavings = 0;
    for plan in 0..1_u32 << how.spurious_wakes {
        let target = replay.filter(|replay| replay.plan == plan);
        if replay.is_some() && target.is_none() {
            continue;
        }
        let mut builder = loom::model::Builder::new();
        // Everything that the environment could have set is set here.
        builder.max_threads = MAX_THREADS;
        builder.max_branches = MAX_BRANCHES;
        builder.max_permutations = None;
        builder.max_duration = None;
        builder.preemption_bound = how.preemption_bound;
        builder.checkpoint_file = None;
        let mut before = 0;
        if let (Some(target), Some(file)) = (target, &checkpoint) {
            if file.exists() {
                before = target.interleaving - 1;
                builder.checkpoint_interval = usize::MAX;
            } else {
                builder.checkpoint_interval = usize::try_from(target.interleaving).expect("a count");
            }
            builder.checkpoint_file = Some(file.clone());
        }
        let counter = Arc::new(AtomicU64::new(before));
        let (count, scenario) = (Arc::clone(&counter), Arc::clone(&scenario));
        builder.check(move || {
            // ORDERING: Relaxed. A count that only this OS thread changes; loom does not see it.
            let interleaving = count.fetch_add(1, Ordering::Relaxed) + 1;
            begin(Position { interleaving, plan }, target);
            scenario();
        });
        interleavings += counter.load(Ordering::Relaxed);
    }
    forget_panics();
    Explored { interleavings, marks: model::take_marks(), elapsed: started.elapsed() }
}

/// What the environment asks to see again.
fn replay() -> Option<Position> {
    let text = std::env::var("KEYLANE_REPLAY").ok()?;
    let (interleaving, plan) = text.split_once('.').unwrap_or((&text, "0"));
    match (interleaving.parse(), plan.parse()) {
        (Ok(interleaving), Ok(plan)) => Some(Position { interleaving, plan }),
        _ => panic!(
            "KEYLANE_REPLAY is {text:?}, and should be the number of an interleaving, as in 17 or 17.1"
        ),
    }
}

/// An execution begins.
fn begin(here: Position, target: Option<Position>) {
    model::plan_wakes(here.plan);
    NOW.with(|now| {
        if let Some(now) = now.borrow_mut().as_mut() {
            now.position = here;
        }
    });
    if let Some(target) = target {
        assert!(here.interleaving <= target.interleaving, "interleaving {} passes", target.interleaving);
        if here == target {
            steps::start();
        }
    }
}

/// Who is told when the search on this thread panics.
struct Now {
    position: Position,
    failed: Box<dyn Fn(Position, Option<Vec<Step>>)>,
}

std::thread_local! {
    static NOW: RefCell<Option<Now>> = const { RefCell::new(None) };
}

/// A failing execution may well abort while it unwinds (loom issue 291), so what there is to say is said by the
/// panic hook.
fn tell_on_panic(failed: Box<dyn Fn(Position, Option<Vec<Step>>)>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            hook(panic);
            // Only the first panic: those that follow are its consequences.
            if let Some(now) = NOW.with(|now| now.borrow_mut().take()) {
                (now.failed)(now.position, steps::finish());
            }
        }));
    });
    let position = Position { interleaving: 0, plan: 0 };
    NOW.with(|now| *now.borrow_mut() = Some(Now { position, failed }));
}

fn forget_panics() {
    NOW.with(|now| now.borrow_mut().take());
}
