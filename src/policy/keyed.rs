//! One item of a key at a time, each line of a key in order; keys take turns, and classes as a scheduler says.

mod items;
mod keys;
mod lines;
mod turns;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::hash::Hash;

use crate::policy::order::Overtakes;
use crate::policy::scheduler::{Candidate, Class, Scheduler};
use keys::Keys;
pub use keys::Place;
use lines::{Line, Lines};
use turns::{Standing, Ticket, Turns};

/// Items by key, and within a key by line: the line that the scheduler has for their class.
///
/// A key is *idle* (not here at all), *ready* (its lines have turns), or *busy*, for one [reason](Why) or more, whatever waits
/// behind it.
///
/// ```text
///             push                pick              no reason left, more waiting
///   idle ───────────────▶ ready ────────▶ busy ─────────────────────────────────▶ ready
///    ▲ ▲                    │               │  no reason left, nothing waiting
///    │ └────────────────────┘               │
///    │         remove                       │
///    └──────────────────────────────────────┘
/// ```
///
/// Which class is next the scheduler chooses, but for one that it has passed over too often: that goes by force. Within a
/// class the line goes whose turn came first. A line that was picked from gets its next turn behind all others, when its key
/// is ready again.
#[derive(Debug)]
pub struct Keyed<K, T> {
    keys: Keys<K, Known<T>>,
    turns: Turns,
    len: usize,
    scheduler: Box<dyn Scheduler>,
    /// How often a class that could go may be passed over.
    passes: Overtakes,
    /// Only for the length of a call.
    candidates: Vec<Candidate>,
}

/// An item whose turn has come.
#[derive(Debug)]
pub struct Turn<K, T> {
    pub key: K,
    /// Where the key is, for now.
    pub place: Place,
    pub queued: Queued<T>,
}

/// An item that waits.
#[derive(Debug)]
pub struct Queued<T> {
    pub item: T,
    pub class: Class,
    pub cost: u64,
    /// When it was submitted, if the scheduler asks.
    pub arrived: Duration,
}

/// A key that is not idle.
#[derive(Debug)]
struct Known<T> {
    state: State,
    lines: Lines<T>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    Busy(Reasons),
}

/// A reason for a key to be busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// An item of it runs.
    Runs = 1,
    /// It is held, although the item may be over.
    Held = 2,
    /// It is poisoned: nobody knows whether its next item may run.
    Poisoned = 4,
}

/// Some reasons, each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons(u8);

impl Reasons {
    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is one.
    pub fn has(self, why: Why) -> bool {
        self.0 & why as u8 != 0
    }

    fn add(&mut self, why: Why) {
        debug_assert!(!self.has(why), "a reason counts once");
        self.0 |= why as u8;
    }

    fn take(&mut self, why: Why) {
        debug_assert!(self.has(why), "only what is a reason is one less");
        self.0 &= !(why as u8);
    }
}

/// Where among the items of the key's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Front,
    Back,
}

/// Whether a collection holds so little of what it has room for that giving it back is worth a copy: an eighth, so that growing
/// and giving back by turns costs a constant for each item; and nothing small is worth it.
fn is_roomy(len: usize, capacity: usize) -> bool {
    capacity > 1024 && len < capacity / 8
}

impl<T> Known<T> {
    /// Whether the line of `class` has this ticket.
    fn has(&mut self, class: Class, ticket: Ticket) -> bool {
        self.lines.find(class).is_some_and(|line| line.ticket == Some(ticket))
    }

    /// How the line of `class` stands that got this ticket. If its key is busy, it is off the list from here on.
    #[inline]
    fn met(&mut self, class: Class, ticket: Ticket) -> Standing {
        let line = match self.lines.find(class) {
            Some(line) if line.ticket == Some(ticket) => line,
            _ => return Standing::Gone,
        };
        match self.state {
            State::Ready => {
                Standing::Ready(line.items.front().expect("a line with a turn has an item").candidate(class))
            }
            State::Busy(_) => {
                line.listed = false;
                Standing::Busy
            }
        }
    }
}

impl<K: Clone + Eq + Hash, T> Keyed<K, T> {
    /// Every key is idle.
    pub fn new(scheduler: Box<dyn Scheduler>, passes: Overtakes) -> Self {
        let (keys, turns, candidates) = (Keys::new(), Turns::new(), Vec::new());
        Self { keys, turns, len: 0, scheduler, passes, candidates }
    }

    /// Puts an item before or behind the others of its key and line. (The line's turn among the others stays what it is.)
    #[inline]
    pub fn push(&mut self, key: K, queued: Queued<T>, end: End) {
        let class = self.scheduler.line(queued.class);
        self.len += 1;
        self.turns.class(class).waiting += 1;
        let place = self.keys.open(key, || Known { state: State::Ready, lines: Lines::default() });
        let known = self.keys.at(place);
        let (state, line) = (known.state, known.lines.open(class));
        let is_new = line.items.is_empty();
        match end {
            End::Front => line.items.push_front(queued),
            End::Back => line.items.push_back(queued),
        }
        if is_new && state == State::Ready {
            (line.ticket, line.listed) = (Some(self.turns.join(class, place)), true);
        }
    }

    /// Takes the item that is next, if one may start; its key runs from here on.
    #[inline]
    pub fn pick(&mut self, now: Duration) -> Option<Turn<K, T>> {
        self.look(now);
        let taken = self.choose(now)?;
        let place = self.turns.go(taken.class);
        let key = self.keys.key(place).clone();
        let known = self.keys.at(place);
        known.state = State::Busy(Reasons(Why::Runs as u8));
        let queued = known.lines.find(taken.class).expect("found").pop();
        for line in known.lines.waiting().filter(|line| line.ticket.is_some()) {
            self.turns.block(line.class);
        }
        self.len -= 1;
        self.turns.class(taken.class).waiting -= 1;
        self.clear_nobodys(taken.class);
        Some(Turn { key, place, queued })
    }

    /// Finds the candidates that may start. When the first of the others may, if there are any.
    #[inline]
    fn look(&mut self, now: Duration) -> Option<Duration> {
        let Self { keys, turns, scheduler, candidates, .. } = self;
        candidates.clear();
        let mut due: Option<Duration> = None;
        for turns in turns.classes() {
            let class = turns.class;
            let standing =
                |key, ticket| keys.get(key).map_or(Standing::Gone, |known| known.met(class, ticket));
            let Some(candidate) = turns.first(standing) else { continue };
            // Where it stays, if it may start: it is not moved.
            candidates.push(candidate);
            if let Err(at) = scheduler.may_start(&candidates[candidates.len() - 1], now) {
                candidates.pop();
                due = Some(due.map_or(at, |due| due.min(at)));
            }
        }
        due
    }

    /// Chooses among the candidates, and has that charged.
    #[inline]
    fn choose(&mut self, now: Duration) -> Option<Candidate> {
        let Self { turns, scheduler, candidates, passes, .. } = self;
        let taken = match candidates[..] {
            [] => return None,
            [only] => only,
            [..] => {
                let class =
                    overdue(turns, candidates, *passes).unwrap_or_else(|| scheduler.choose(candidates, now));
                *candidates.iter().find(|candidate| candidate.class == class).expect("one of them is chosen")
            }
        };
        scheduler.charge(&taken, candidates, now);
        for candidate in candidates.iter() {
            turns.class(candidate.class).passed += 1;
        }
        turns.class(taken.class).passed = 0;
        Some(taken)
    }

    /// One reason more for `key`, which is busy, to be so.
    pub fn hold(&mut self, key: &K, why: Why) {
        let place = self.keys.find(key).expect("a busy key is known");
        let State::Busy(reasons) = &mut self.keys.at(place).state else {
            unreachable!("only a busy key is held")
        };
        reasons.add(why);
    }

    /// One reason less for `key`, which was `near`, to be busy; the others that are left. If there are none it goes on.
    #[inline]
    pub fn let_go(&mut self, key: &K, near: Place, why: Why) -> Reasons {
        let place = self.keys.find_near(near, key).expect("a busy key is known");
        let known = self.keys.at(place);
        let State::Busy(reasons) = &mut known.state else { unreachable!("only a busy key is let go of") };
        reasons.take(why);
        let left = *reasons;
        if !left.is_empty() {
            return left;
        }
        if known.lines.len() == 0 {
            self.keys.forget(place);
            self.give_back();
            return left;
        }
        known.state = State::Ready;
        for line in known.lines.waiting() {
            match line.ticket {
                Some(ticket) => self.turns.unblock(line.class, ticket, place, line.listed),
                None => line.ticket = Some(self.turns.join(line.class, place)),
            }
            line.listed = true;
        }
        left
    }

    /// Takes what waits of `key`: each line in its order, lines by rising class. If the key runs or is held it goes on being
    /// so.
    pub fn remove(&mut self, key: &K) -> Vec<Queued<T>> {
        let Some(place) = self.keys.find(key) else { return Vec::new() };
        let known = self.keys.at(place);
        let state = known.state;
        let mut removed: Vec<_> = known.lines.waiting().map(Line::take).collect();
        removed.sort_unstable_by_key(|removed| removed.class);
        if state == State::Ready {
            self.keys.forget(place);
        }
        for removed in &removed {
            self.forget(state, removed, removed.items.len());
        }
        self.give_back();
        removed.into_iter().flat_map(|removed| removed.items).collect()
    }

    /// Takes one item of `key` and class that waits, the first for which `is_it` says so. Looks at those before it.
    pub fn take_one(&mut self, key: &K, class: Class, is_it: impl Fn(&T) -> bool) -> Option<Queued<T>> {
        let place = self.keys.find(key)?;
        let known = self.keys.at(place);
        let line = known.lines.find(self.scheduler.line(class))?;
        let one = line.items.take_one(|queued| is_it(&queued.item))?;
        if !line.items.is_empty() {
            self.len -= 1;
            self.turns.class(line.class).waiting -= 1;
            return Some(one);
        }
        let line = line.take();
        let state = known.state;
        if state == State::Ready && known.lines.len() == 0 {
            self.keys.forget(place);
        }
        self.forget(state, &line, 1);
        self.give_back();
        Some(one)
    }

    /// A line was taken from a key in this state, with so many items.
    fn forget(&mut self, state: State, removed: &Line<T>, items: usize) {
        self.len -= items;
        let class = removed.class;
        let turns = self.turns.class(class);
        turns.waiting -= items;
        if turns.waiting == 0 {
            turns.passed = 0;
        }
        let Some(ticket) = removed.ticket else { return };
        if state == State::Ready {
            self.turns.block(class);
        }
        self.turns.class(class).give_up(ticket, removed.listed);
        self.clear_nobodys(class);
    }

    /// A line of `class` is gone, or its turn is over: if most turns on the list are nobody's now, they go. So they are never
    /// more than the lines of the class, and the last of these takes them along.
    #[inline]
    fn clear_nobodys(&mut self, class: Class) {
        let Self { keys, turns, .. } = self;
        let turns = turns.class(class);
        if turns.is_crowded() {
            turns.clear_nobodys(|key, ticket| keys.get(key).is_some_and(|known| known.has(class, ticket)));
        }
    }

    /// Gives back what a burst of keys has made large.
    #[inline]
    fn give_back(&mut self) {
        if let Some(moved) = self.keys.give_back() {
            self.turns.follow(&moved);
        }
        self.turns.give_back();
    }

    /// Lets another scheduler choose from here on. What waits is lined up anew by it: items of one line that stay in one
    /// line keep their order, and keys go in the order of their oldest turn. Takes a step for each item that waits.
    pub fn set_scheduler(&mut self, scheduler: Box<dyn Scheduler>) {
        let mut before: Vec<_> = self.keys.take_all().collect();
        before.sort_by_key(|(_, known)| known.lines.oldest_turn());
        self.turns = Turns::new();
        self.len = 0;
        self.scheduler = scheduler;
        for (key, Known { state, lines }) in before {
            self.keys.open(key.clone(), || Known { state, lines: Lines::default() });
            lines.into_items().for_each(|queued| self.push(key.clone(), queued, End::Back));
        }
    }

    /// Whether times matter.
    pub fn asks_the_time(&self) -> bool {
        self.scheduler.asks_the_time()
    }

    /// How many items could start this moment, each on a worker of its own. If the time matters: whether none could, and no
    /// more than could. (Whether one more of a class may start is not known before the first has.)
    pub fn ready(&mut self, now: Duration) -> usize {
        if self.asks_the_time() {
            self.look(now);
            self.candidates.len()
        } else {
            self.turns.ready()
        }
    }

    /// When an item that may not start yet may, if nothing else happens.
    pub fn due(&mut self, now: Duration) -> Option<Duration> {
        if self.asks_the_time() { self.look(now) } else { None }
    }

    /// How many items of `key` wait.
    pub fn waiting(&self, key: &K) -> usize {
        self.keys.of(key).map_or(0, |known| known.lines.len())
    }

    /// Why `key` is busy, if it is.
    pub fn reasons(&self, key: &K) -> Reasons {
        match self.keys.of(key).map(|known| known.state) {
            Some(State::Busy(reasons)) => reasons,
            Some(State::Ready) | None => Reasons::default(),
        }
    }

    /// Whether nothing waits, behind busy keys either.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes all that waits, each line in its order. Keys that are busy go on being so.
    pub fn take_all(&mut self) -> Vec<(K, Queued<T>)> {
        let mut all = Vec::with_capacity(self.len);
        self.turns = Turns::new();
        self.len = 0;
        let mut idle = Vec::new();
        for (place, key, known) in self.keys.iter_mut() {
            let lines = std::mem::take(&mut known.lines);
            all.extend(lines.into_items().map(|queued| (key.clone(), queued)));
            if known.state == State::Ready {
                idle.push(place);
            }
        }
        idle.into_iter().for_each(|place| self.keys.forget(place));
        self.give_back();
        all
    }
}

/// The class that has been passed over too often, the most often if several have.
fn overdue(turns: &mut Turns, candidates: &[Candidate], passes: Overtakes) -> Option<Class> {
    let Overtakes::AtMost(most) = passes else { return None };
    let passed = |candidate: &Candidate| (turns.class(candidate.class).passed, candidate.class);
    let (passed, class) = candidates.iter().map(passed).max()?;
    (passed >= most).then_some(class)
}

impl<T> Queued<T> {
    /// As one of the line of `class`.
    #[inline]
    fn candidate(&self, class: Class) -> Candidate {
        Candidate { class, cost: self.cost, arrived: self.arrived }
    }
}
