//! Random programs: [`Keyed`] against the same rules over plain vectors, searched anew at each pick.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::policy::scheduler::Fifo;

type Key = u8;

#[derive(Clone, Debug)]
enum Operation {
    Push {
        key: Key,
        class: u8,
        end: End,
    },
    Pick,
    /// One of the keys that run.
    Finish(usize),
    /// One of the keys that run and are not held.
    Hold(usize),
    /// One of the keys that are held.
    Release(usize),
    Remove(Key),
    /// One of those that wait in a line.
    TakeOne {
        key: Key,
        class: u8,
        which: usize,
    },
    TakeAll,
    SetScheduler(Rationed),
    Wait,
}

/// Higher classes first; of class c, one in c seconds. Classes from `merged` on are one.
#[derive(Clone, Debug)]
struct Rationed {
    merged: u8,
    is_rationed: bool,
    next: BTreeMap<Class, Duration>,
}

impl Scheduler for Rationed {
    fn line(&self, class: Class) -> Class {
        class.min(Class(self.merged))
    }

    fn asks_the_time(&self) -> bool {
        self.is_rationed
    }

    fn may_start(&self, candidate: &Candidate, now: Duration) -> Result<(), Duration> {
        match self.next.get(&candidate.class) {
            Some(&next) if self.is_rationed && next > now => Err(next),
            _ => Ok(()),
        }
    }

    fn choose(&mut self, candidates: &[Candidate], _: Duration) -> Class {
        candidates.last().expect("there is one").class
    }

    fn charge(&mut self, taken: &Candidate, candidates: &[Candidate], now: Duration) {
        assert!(candidates.contains(taken) && candidates.is_sorted_by_key(|candidate| candidate.class));
        self.next.insert(taken.class, now + Duration::from_secs(u64::from(taken.class.0)));
    }
}

/// The rules of [`Keyed`], one by one.
struct Naive {
    scheduler: Rationed,
    passes: Overtakes,
    lines: Vec<NaiveLine>,
    /// Whether it runs, and whether it is held.
    busy: BTreeMap<Key, (bool, bool)>,
    next_turn: u64,
    passed: BTreeMap<Class, u64>,
}

#[derive(Clone, Debug)]
struct NaiveLine {
    key: Key,
    class: Class,
    /// With the classes that they were submitted in.
    items: Vec<(u32, Class)>,
    turn: Option<u64>,
}

impl Naive {
    fn push(&mut self, key: Key, item: u32, class: Class, end: End) {
        let line_of = self.scheduler.line(class);
        let place = self.lines.iter().position(|line| line.key == key && line.class == line_of);
        let place = place.unwrap_or_else(|| {
            self.lines.push(NaiveLine { key, class: line_of, items: Vec::new(), turn: None });
            self.lines.len() - 1
        });
        match end {
            End::Front => self.lines[place].items.insert(0, (item, class)),
            End::Back => self.lines[place].items.push((item, class)),
        }
        self.give_turns(key);
    }

    /// Lines of a ready key that have none get turns, lower classes first.
    fn give_turns(&mut self, key: Key) {
        if self.busy.contains_key(&key) {
            return;
        }
        self.lines.sort_by_key(|line| line.class);
        for line in self.lines.iter_mut().filter(|line| line.key == key && line.turn.is_none()) {
            line.turn = Some(self.next_turn);
            self.next_turn += 1;
        }
    }

    fn ready(&self) -> Vec<&NaiveLine> {
        self.lines.iter().filter(|line| !self.busy.contains_key(&line.key)).collect()
    }

    /// The first of each class.
    fn candidates(&self) -> Vec<Candidate> {
        let mut first: BTreeMap<Class, &NaiveLine> = BTreeMap::new();
        for line in self.ready() {
            let best = first.entry(line.class).or_insert(line);
            if line.turn < best.turn {
                *best = line;
            }
        }
        first.keys().map(|&class| Candidate { class, cost: 0, arrived: Duration::ZERO }).collect()
    }

    fn outlook(&self, now: Duration) -> (Vec<Candidate>, Option<Duration>) {
        let all = self.candidates();
        let due = all.iter().filter_map(|candidate| self.scheduler.may_start(candidate, now).err()).min();
        let may = all.into_iter().filter(|candidate| self.scheduler.may_start(candidate, now).is_ok());
        (may.collect(), due)
    }

    fn pick(&mut self, now: Duration) -> Option<(Key, u32)> {
        let (candidates, _) = self.outlook(now);
        let passed = |class: &Class| self.passed.get(class).copied().unwrap_or(0);
        let most =
            candidates.iter().map(|candidate| candidate.class).max_by_key(|class| (passed(class), *class))?;
        let class = match self.passes {
            Overtakes::AtMost(times) if passed(&most) >= times => most,
            _ => self.scheduler.choose(&candidates, now),
        };
        let taken = candidates.iter().find(|candidate| candidate.class == class).expect("one of them");
        self.scheduler.charge(taken, &candidates, now);
        for candidate in &candidates {
            *self.passed.entry(candidate.class).or_default() += 1;
        }
        self.passed.insert(class, 0);
        let ready = self.ready();
        let key = ready.iter().filter(|line| line.class == class).min_by_key(|line| line.turn)?.key;
        let place = self.lines.iter().position(|line| line.key == key && line.class == class)?;
        let (item, _) = self.lines[place].items.remove(0);
        self.lines[place].turn = None;
        self.drop_empty_lines();
        self.busy.insert(key, (true, false));
        Some((key, item))
    }

    fn drop_empty_lines(&mut self) {
        self.lines.retain(|line| !line.items.is_empty());
        let Self { lines, passed, .. } = self;
        passed.retain(|class, _| lines.iter().any(|line| line.class == *class));
    }

    fn settle(&mut self, key: Key, runs: bool, held: bool) -> bool {
        if runs || held {
            self.busy.insert(key, (runs, held));
            return false;
        }
        self.busy.remove(&key);
        self.give_turns(key);
        true
    }

    fn remove(&mut self, key: Key) -> Vec<u32> {
        self.lines.sort_by_key(|line| line.class);
        let of_key = self.lines.iter().filter(|line| line.key == key);
        let removed = of_key.flat_map(|line| line.items.iter().map(|&(item, _)| item)).collect();
        self.lines.retain(|line| line.key != key);
        self.drop_empty_lines();
        removed
    }

    fn take_one(&mut self, key: Key, class: Class, which: usize) -> Option<u32> {
        let line_of = self.scheduler.line(class);
        let line = self.lines.iter_mut().find(|line| line.key == key && line.class == line_of)?;
        let (item, _) = line.items.remove(which % line.items.len());
        self.drop_empty_lines();
        Some(item)
    }

    fn set_scheduler(&mut self, scheduler: Rationed) {
        self.scheduler = scheduler;
        self.passed.clear();
        let mut before = std::mem::take(&mut self.lines);
        // Keys by their oldest turn, none at all first; and each key's lines by rising class.
        let oldest = |key: Key, lines: &[NaiveLine]| {
            lines.iter().filter(|line| line.key == key).filter_map(|line| line.turn).min()
        };
        let all = before.clone();
        before.sort_by_key(|line| (oldest(line.key, &all), line.key, line.class));
        for line in before {
            line.items.into_iter().for_each(|(item, class)| self.push(line.key, item, class, End::Back));
        }
    }

    fn those(&self, which: impl Fn(bool, bool) -> bool) -> Vec<(Key, bool, bool)> {
        let busy = self.busy.iter().map(|(&key, &(runs, held))| (key, runs, held));
        busy.filter(|&(_, runs, held)| which(runs, held)).collect()
    }
}

fn rationed() -> impl Strategy<Value = Rationed> {
    (0..4_u8, any::<bool>()).prop_map(|(merged, is_rationed)| Rationed {
        merged,
        is_rationed,
        next: BTreeMap::new(),
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let end = prop_oneof![4 => Just(End::Back), 1 => Just(End::Front)];
    prop_oneof![
        12 => (0..5_u8, 0..4_u8, end).prop_map(|(key, class, end)| Operation::Push { key, class, end }),
        10 => Just(Operation::Pick),
        9 => any::<usize>().prop_map(Operation::Finish),
        2 => any::<usize>().prop_map(Operation::Hold),
        2 => any::<usize>().prop_map(Operation::Release),
        2 => (0..5_u8).prop_map(Operation::Remove),
        2 => (0..5_u8, 0..4_u8, any::<usize>())
            .prop_map(|(key, class, which)| Operation::TakeOne { key, class, which }),
        1 => Just(Operation::TakeAll),
        1 => rationed().prop_map(Operation::SetScheduler),
        4 => Just(Operation::Wait),
    ]
}

fn passes() -> impl Strategy<Value = Overtakes> {
    prop_oneof![(0..5_u64).prop_map(Overtakes::AtMost), Just(Overtakes::Unbounded)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        // Nobody reads the program that breaks a mutant.
        max_shrink_iters: if std::env::var_os("KEYLANE_MUTANT").is_some() { 0 } else { 20_000 },
        ..ProptestConfig::default()
    })]

    #[test]
    fn keyed_does_what_its_rules_say(
        scheduler in rationed(),
        passes in passes(),
        operations in proptest::collection::vec(operation(), 1..120),
    ) {
        let mut keyed = Keyed::new(Box::new(scheduler.clone()), passes);
        let mut naive = Naive {
            scheduler,
            passes,
            lines: Vec::new(),
            busy: BTreeMap::new(),
            next_turn: 0,
            passed: BTreeMap::new(),
        };
        let mut now = Duration::ZERO;
        for (number, operation) in (0..).zip(operations) {
            match operation {
                Operation::Push { key, class, end } => {
                    let queued = Queued { item: number, class: Class(class), cost: 0, arrived: now };
                    keyed.push(key, queued, end);
                    naive.push(key, number, Class(class), end);
                }
                Operation::Pick => {
                    let picked = keyed.pick(now).map(|turn| (turn.key, turn.queued.item));
                    prop_assert_eq!(picked, naive.pick(now));
                }
                Operation::Finish(which) => {
                    let running = naive.those(|runs, _| runs);
                    if let Some(&(key, _, held)) = running.get(which % running.len().max(1)) {
                        prop_assert_eq!(keyed.let_go(&key, Place::ANYWHERE, Why::Runs).is_empty(), naive.settle(key, false, held));
                    }
                }
                Operation::Hold(which) => {
                    let free = naive.those(|runs, held| runs && !held);
                    if let Some(&(key, ..)) = free.get(which % free.len().max(1)) {
                        keyed.hold(&key, Why::Held);
                        naive.settle(key, true, true);
                    }
                }
                Operation::Release(which) => {
                    let held = naive.those(|_, held| held);
                    if let Some(&(key, runs, _)) = held.get(which % held.len().max(1)) {
                        prop_assert_eq!(keyed.let_go(&key, Place::ANYWHERE, Why::Held).is_empty(), naive.settle(key, runs, false));
                    }
                }
                Operation::Remove(key) => {
                    let removed: Vec<_> = keyed.remove(&key).into_iter().map(|queued| queued.item).collect();
                    prop_assert_eq!(removed, naive.remove(key));
                }
                Operation::TakeOne { key, class, which } => {
                    let expected = naive.take_one(key, Class(class), which);
                    let taken = keyed.take_one(&key, Class(class), |&item| Some(item) == expected);
                    prop_assert_eq!(taken.map(|queued| queued.item), expected);
                }
                Operation::TakeAll => {
                    let mut all: Vec<_> =
                        keyed.take_all().into_iter().map(|(key, queued)| (key, queued.item)).collect();
                    all.sort_by_key(|&(key, _)| key);
                    let mut lines = std::mem::take(&mut naive.lines);
                    lines.sort_by_key(|line| (line.key, line.class));
                    let expected = lines.into_iter().flat_map(|line| {
                        line.items.into_iter().map(move |(item, _)| (line.key, item))
                    });
                    prop_assert!(all.into_iter().eq(expected));
                    naive.passed.clear();
                }
                Operation::SetScheduler(scheduler) => {
                    keyed.set_scheduler(Box::new(scheduler.clone()));
                    naive.set_scheduler(scheduler);
                }
                Operation::Wait => now += Duration::from_millis(700),
            }
            let (may, due) = naive.outlook(now);
            if naive.scheduler.asks_the_time() {
                prop_assert_eq!((keyed.ready(now), keyed.due(now)), (may.len(), due));
            } else {
                prop_assert_eq!((keyed.ready(now), keyed.due(now)), (naive.ready().len(), None));
            }
            for key in 0..5 {
                let waiting: usize =
                    naive.lines.iter().filter(|line| line.key == key).map(|line| line.items.len()).sum();
                prop_assert_eq!(keyed.waiting(&key), waiting);
                prop_assert_eq!(!keyed.reasons(&key).is_empty(), naive.busy.contains_key(&key));
            }
            let waits = |key: &Key| naive.lines.iter().any(|line| line.key == *key);
            let known = (0..5).filter(|key| naive.busy.contains_key(key) || waits(key)).count();
            prop_assert_eq!(keyed.keys.len(), known, "an idle key is not here");
            prop_assert_eq!(keyed.is_empty(), naive.lines.is_empty());
            let classes = 4;
            prop_assert!(keyed.turns.listed() <= 2 * keyed.keys.len() * classes, "turns of nobody are few");
        }
    }
}

/// Fifo never looks at classes.
#[test]
fn fifo_has_one_line() {
    assert_eq!(Fifo.line(Class(7)), Fifo.line(Class(0)));
}
