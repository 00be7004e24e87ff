//! One item of a key at a time, each line of a key in order; keys take turns, and classes as a scheduler says.

mod lines;
mod turns;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::policy::order::Overtakes;
use crate::policy::scheduler::{Candidate, Class, Scheduler};
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
    keys: HashMap<K, Known<T>>,
    turns: Turns<K>,
    len: usize,
    scheduler: Box<dyn Scheduler>,
    /// How often a class that could go may be passed over.
    passes: Overtakes,
    /// Only for the length of a call.
    candidates: Vec<Candidate>,
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

    /// How the line of `class` stands that got this ticket, and what is in front of it if it could go. If its key is busy, it
    /// is off the list from here on.
    fn met(&mut self, class: Class, ticket: Ticket) -> (Standing, Option<Candidate>) {
        let line = match self.lines.find(class) {
            Some(line) if line.ticket == Some(ticket) => line,
            _ => return (Standing::Gone, None),
        };
        match self.state {
            State::Ready => (Standing::Ready, line.items.front().map(|front| front.candidate(class))),
            State::Busy(_) => {
                line.listed = false;
                (Standing::Busy, None)
            }
        }
    }
}

impl<K: Clone + Eq + Hash, T> Keyed<K, T> {
    /// Every key is idle.
    pub fn new(scheduler: Box<dyn Scheduler>, passes: Overtakes) -> Self {
        let (keys, turns, candidates) = (HashMap::new(), Turns::new(), Vec::new());
        Self { keys, turns, len: 0, scheduler, passes, candidates }
    }

    /// Puts an item before or behind the others of its key and line. (The line's turn among the others stays what it is.)
    pub fn push(&mut self, key: K, queued: Queued<T>, end: End) {
        let class = self.scheduler.line(queued.class);
        self.len += 1;
        self.turns.class(class).waiting += 1;
        let mut entry = match self.keys.entry(key) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) => {
                entry.insert_entry(Known { state: State::Ready, lines: Lines::default() })
            }
        };
        let known = entry.get_mut();
        let (state, line) = (known.state, known.lines.open(class));
        let is_new = line.items.is_empty();
        match end {
            End::Front => line.items.push_front(queued),
            End::Back => line.items.push_back(queued),
        }
        if is_new && state == State::Ready {
            let ticket = self.turns.join(class, entry.key());
            let line = entry.get_mut().lines.find(class).expect("something waits in it now");
            (line.ticket, line.listed) = (Some(ticket), true);
        }
    }

    /// Takes the item that is next, if one may start; its key runs from here on.
    pub fn pick(&mut self, now: Duration) -> Option<(K, Queued<T>)> {
        self.look(now);
        let taken = self.choose(now)?;
        let key = self.turns.go(taken.class);
        let known = self.keys.get_mut(&key).expect("a key with a turn is known");
        known.state = State::Busy(Reasons(Why::Runs as u8));
        let queued = known.lines.find(taken.class).expect("found").pop();
        for line in known.lines.waiting().filter(|line| line.ticket.is_some()) {
            self.turns.block(line.class);
        }
        self.len -= 1;
        self.turns.class(taken.class).waiting -= 1;
        self.clear_nobodys(taken.class);
        Some((key, queued))
    }

    /// Finds the candidates that may start. When the first of the others may, if there are any.
    fn look(&mut self, now: Duration) -> Option<Duration> {
        let Self { keys, turns, scheduler, candidates, .. } = self;
        candidates.clear();
        let mut due: Option<Duration> = None;
        for turns in turns.classes() {
            let class = turns.class;
            let mut first = None;
            let found = turns.has_first(|key, ticket| {
                let Some(known) = keys.get_mut(key) else { return Standing::Gone };
                let (standing, front) = known.met(class, ticket);
                first = front;
                standing
            });
            if !found {
                continue;
            }
            let candidate = first.expect("a line with a turn has an item");
            match scheduler.may_start(&candidate, now) {
                Ok(()) => candidates.push(candidate),
                Err(at) => due = Some(due.map_or(at, |due| due.min(at))),
            }
        }
        due
    }

    /// Chooses among the candidates, and has that charged.
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
        let known = self.keys.get_mut(key).expect("a busy key is known");
        let State::Busy(reasons) = &mut known.state else { unreachable!("only a busy key is held") };
        reasons.add(why);
    }

    /// One reason less for `key` to be busy; the others that are left. If there are none it goes on.
    pub fn let_go(&mut self, key: K, why: Why) -> Reasons {
        let Entry::Occupied(mut entry) = self.keys.entry(key) else {
            unreachable!("a busy key is known");
        };
        let State::Busy(reasons) = &mut entry.get_mut().state else {
            unreachable!("only a busy key is let go of")
        };
        reasons.take(why);
        let left = *reasons;
        if !left.is_empty() {
            return left;
        }
        if entry.get().lines.len() == 0 {
            entry.remove();
            self.give_back();
        } else {
            let key = entry.key().clone();
            let known = entry.get_mut();
            known.state = State::Ready;
            for line in known.lines.waiting() {
                match line.ticket {
                    Some(ticket) => self.turns.unblock(line.class, ticket, &key, line.listed),
                    None => line.ticket = Some(self.turns.join(line.class, &key)),
                }
                line.listed = true;
            }
        }
        left
    }

    /// Takes what waits of `key`: each line in its order, lines by rising class. If the key runs or is held it goes on being
    /// so.
    pub fn remove(&mut self, key: &K) -> Vec<Queued<T>> {
        let Some(known) = self.keys.get_mut(key) else { return Vec::new() };
        let state = known.state;
        let mut removed: Vec<_> = known.lines.waiting().map(Line::take).collect();
        removed.sort_unstable_by_key(|removed| removed.class);
        if state == State::Ready {
            self.keys.remove(key);
        }
        for removed in &removed {
            self.forget(state, removed);
        }
        self.give_back();
        removed.into_iter().flat_map(|removed| removed.items).collect()
    }

    /// Takes one item of `key` and class that waits, the first for which `is_it` says so. Looks at those before it.
    pub fn take_one(&mut self, key: &K, class: Class, is_it: impl Fn(&T) -> bool) -> Option<Queued<T>> {
        let known = self.keys.get_mut(key)?;
        let line = known.lines.find(self.scheduler.line(class))?;
        let place = line.items.iter().position(|queued| is_it(&queued.item))?;
        if line.items.len() > 1 {
            self.len -= 1;
            self.turns.class(line.class).waiting -= 1;
            return line.items.remove(place);
        }
        let mut line = line.take();
        let state = known.state;
        if state == State::Ready && known.lines.len() == 0 {
            self.keys.remove(key);
        }
        self.forget(state, &line);
        self.give_back();
        line.items.pop_back()
    }

    /// A line was taken from a key in this state.
    fn forget(&mut self, state: State, removed: &Line<T>) {
        self.len -= removed.items.len();
        let class = removed.class;
        let turns = self.turns.class(class);
        turns.waiting -= removed.items.len();
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
    fn clear_nobodys(&mut self, class: Class) {
        let Self { keys, turns, .. } = self;
        let turns = turns.class(class);
        if turns.is_crowded() {
            turns
                .clear_nobodys(|key, ticket| keys.get_mut(key).is_some_and(|known| known.has(class, ticket)));
        }
    }

    /// Gives back what a burst of keys has made large.
    fn give_back(&mut self) {
        if is_roomy(self.keys.len(), self.keys.capacity()) {
            self.keys.shrink_to_fit();
        }
        self.turns.give_back();
    }

    /// Lets another scheduler choose from here on. What waits is lined up anew by it: items of one line that stay in one
    /// line keep their order, and keys go in the order of their oldest turn. Takes a step for each item that waits.
    pub fn set_scheduler(&mut self, scheduler: Box<dyn Scheduler>) {
        let mut before: Vec<_> = self.keys.drain().collect();
        before.sort_by_key(|(_, known)| known.lines.oldest_turn());
        self.turns = Turns::new();
        self.len = 0;
        self.scheduler = scheduler;
        for (key, Known { state, lines }) in before {
            self.keys.insert(key.clone(), Known { state, lines: Lines::default() });
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
        self.keys.get(key).map_or(0, |known| known.lines.len())
    }

    /// Why `key` is busy, if it is.
    pub fn reasons(&self, key: &K) -> Reasons {
        match self.keys.get(key).map(|known| known.state) {
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
        self.keys.retain(|key, known| {
            let lines = std::mem::take(&mut known.lines);
            all.extend(lines.into_items().map(|queued| (key.clone(), queued)));
            matches!(known.state, State::Busy(_))
        });
        all
    }
}

/// The class that has been passed over too often, the most often if several have.
fn overdue<K: Clone>(turns: &mut Turns<K>, candidates: &[Candidate], passes: Overtakes) -> Option<Class> {
    let Overtakes::AtMost(most) = passes else { return None };
    let passed = |candidate: &Candidate| (turns.class(candidate.class).passed, candidate.class);
    let (passed, class) = candidates.iter().map(passed).max()?;
    (passed >= most).then_some(class)
}

impl<T> Queued<T> {
    /// As one of the line of `class`.
    fn candidate(&self, class: Class) -> Candidate {
        Candidate { class, cost: self.cost, arrived: self.arrived }
    }
}
