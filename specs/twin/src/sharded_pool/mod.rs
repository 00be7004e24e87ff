//! `ShardedPool.tla`: the pool and its controls, with an inbox and a baton for each shard.

pub mod judge;
mod laws;
mod rest;
mod shard;
mod view;

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::shard::{Arrival, Core, Key, Kind};
use crate::constants::Constants;
use crate::ids::Ids;
use crate::protocol::{Law, Protocol};
use crate::{Id, when};

/// A pool. Shards, keys and items are numbered from 1 on, as there; controls from 0 on: who pauses, then who drains, then
/// who stops it.
#[derive(Clone, Debug)]
pub struct ShardedPool {
    shards: u8,
    keys: u8,
    items: u8,
    fronts: u8,
    later: u8,
    children: u8,
    commits: u8,
    pausers: u8,
    drainers: u8,
    how: How,
    removals: u8,
}

/// How it is stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Never,
    Run,
    Back,
}

/// Its variables.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    arrived: Vec<Vec<Arrival>>,
    /// Shards whose `door` is closed.
    closed: Ids,
    core: Vec<Core>,
    /// By item, and behind them by commit: 0 until it has been taken in.
    generation: Vec<u8>,
    control: Option<Id>,
    /// `where`
    place: Vec<Place>,
    at: Vec<Id>,
    number: Vec<u8>,
    next: u8,
    rung: Ids,
    unripe: Ids,
    /// By shard: items whose time has come and that are not queued yet, the first that was due first.
    ripe: Vec<Vec<Id>>,
    root: Vec<Id>,
    accepted: u8,
    committed: u8,
    before: Vec<Before>,
    spent: Spent,
}

/// How many had been accepted when a drain began.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
struct Before {
    items: u8,
    commits: u8,
}

/// What a control does next, or has done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Place {
    /// Nothing yet.
    Idle,
    /// It has the pause count in one shard after the other.
    Pauses,
    /// It waits until no handler runs.
    Quiets,
    /// It has a guard.
    Paused,
    /// It drops the guard.
    Resumes,
    /// A generation ends in one shard after the other.
    Drains,
    /// It waits until nothing is left of that generation.
    Empties,
    /// It looks at all shards at once.
    Looks,
    /// The drain has returned, well;
    Drained,
    /// or with an error: something will never run.
    Refused,
    /// It closes one inbox after the other.
    Closes,
    /// It stops one shard after the other.
    Stops,
    /// Nothing any more.
    Done,
    /// It waits for its bell.
    Sleeps,
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Spent {
    front: u8,
    later: u8,
    child: u8,
    removal: u8,
}

/// Its steps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action")]
pub enum Action {
    /// The next item arrives, behind the others of its key.
    Submit {
        /// Its key.
        key: Id,
    },
    /// The next item arrives, in front of them.
    SubmitFront {
        /// Its key.
        key: Id,
    },
    /// The next item arrives, for later.
    SubmitAfter {
        /// Its key.
        key: Id,
    },
    /// A handler submits the next item.
    #[serde(rename = "Handle_Submit")]
    HandleSubmit {
        /// The key whose handler it is.
        from: Id,
        /// The new item's key.
        key: Id,
    },
    /// The next commit arrives.
    Commit {
        /// Where.
        shard: Id,
    },
    /// What waits or is to come is taken back.
    Remove {
        /// Of this key.
        key: Id,
    },
    /// Time goes on.
    Ripen {
        /// The item whose time has come.
        item: Id,
    },
    /// A worker takes in what has arrived, and starts the first of a key.
    Pick {
        /// Whose.
        key: Id,
        /// The item.
        item: Id,
    },
    /// It has ended.
    Finish {
        /// Its key.
        key: Id,
    },
    /// A worker takes in what has arrived, and starts the first commit.
    PickCommit {
        /// Where.
        shard: Id,
        /// Its number.
        item: Id,
    },
    /// It has ended.
    FinishCommit {
        /// Where.
        shard: Id,
        /// Its number.
        item: Id,
    },
    /// Whoever lays the baton down takes in what has arrived.
    Settle {
        /// Where.
        shard: Id,
    },
    /// A pause begins, with the lock of the controls.
    Pause {
        /// Whose it is.
        thread: Id,
    },
    /// It counts in one shard more.
    #[serde(rename = "Pause_Mark")]
    PauseMark {
        /// Whose it is.
        thread: Id,
    },
    /// It goes on if nothing runs in this shard; if not, it sleeps.
    #[serde(rename = "Pause_Wait")]
    PauseWait {
        /// Whose it is.
        thread: Id,
    },
    /// A pause or a drain hears its bell, and goes on.
    #[serde(rename = "Wait_Hear")]
    WaitHear {
        /// Whose it is.
        thread: Id,
    },
    /// A pause begins to end, with the lock of the controls.
    Resume {
        /// Whose it is.
        thread: Id,
    },
    /// It counts in one shard less.
    #[serde(rename = "Resume_Mark")]
    ResumeMark {
        /// Whose it is.
        thread: Id,
    },
    /// A drain begins, with the lock of the controls and a generation.
    Drain {
        /// Whose it is.
        thread: Id,
    },
    /// One shard more takes in what has arrived, and that generation ends there.
    #[serde(rename = "Drain_Mark")]
    DrainMark {
        /// Whose it is.
        thread: Id,
    },
    /// It goes on if nothing of its generation is left in this shard, or some will never run; if not, it sleeps.
    #[serde(rename = "Drain_Wait")]
    DrainWait {
        /// Whose it is.
        thread: Id,
    },
    /// It looks at all shards at once: the end, or once more.
    #[serde(rename = "Drain_Look")]
    DrainLook {
        /// Whose it is.
        thread: Id,
    },
    /// A shutdown begins, with the lock of the controls.
    Shutdown,
    /// It closes one inbox more.
    #[serde(rename = "Shutdown_Close")]
    ShutdownClose,
    /// It stops one shard more, and takes back what will never run.
    #[serde(rename = "ShutDown_Mark")]
    ShutDownMark,
}

/// Where that is which is numbered from 1 on.
fn index(id: Id) -> usize {
    usize::from(id) - 1
}

impl State {
    fn is_at(&self, thread: Id, place: Place) -> bool {
        self.place[usize::from(thread)] == place
    }

    fn go(&mut self, thread: Id, place: Place, shard: Id) {
        self.place[usize::from(thread)] = place;
        self.at[usize::from(thread)] = shard;
    }

    /// Whether there is something that the shard has not taken in.
    fn is_behind(&self, shard: Id) -> bool {
        !self.arrived[index(shard)].is_empty() || self.core[index(shard)].has_due(self.unripe)
    }

    /// Where an item for later has not come yet, whether it has been taken in or not.
    fn is_to_come(&self, item: Id) -> Option<usize> {
        let arrives = |arrival: &Arrival| arrival.kind == Kind::Later && arrival.item == item;
        let is_here = |(core, arrived): (&Core, &Vec<Arrival>)| {
            core.keys.iter().any(|key| key.later.has(item)) || arrived.iter().any(arrives)
        };
        self.core.iter().zip(&self.arrived).position(is_here)
    }

    /// The shard as it is when everything has been taken in.
    fn taken_in(&self, shard: Id) -> Cow<'_, Core> {
        let mut core = Cow::Borrowed(&self.core[index(shard)]);
        if self.is_behind(shard) {
            core.to_mut().take_in(&self.arrived[index(shard)], self.unripe, &self.ripe[index(shard)]);
        }
        core
    }

    /// The shard takes in what has arrived and what is due. What comes from outside belongs to the generation that the
    /// shard is in, what a handler submits to its own.
    fn take_in(&mut self, shard: Id) -> &mut Core {
        let core = &mut self.core[index(shard)];
        let arrived = std::mem::take(&mut self.arrived[index(shard)]);
        let due = std::mem::take(&mut self.ripe[index(shard)]);
        for arrival in &arrived {
            self.generation[index(arrival.item)] = match arrival.parent {
                0 => core.now,
                parent => self.generation[index(parent)],
            };
        }
        core.take_in(&arrived, self.unripe, &due);
        core
    }

    fn is_drained(&self, shard: Id, number: u8) -> bool {
        self.core[index(shard)].alive().all(|item| self.generation[index(item)] > number)
    }

    fn is_stranded(&self, shard: Id, number: u8) -> bool {
        self.core[index(shard)].stranded.iter().any(|item| self.generation[index(item)] <= number)
    }
}

impl ShardedPool {
    /// Who pauses.
    pub fn pausers(&self) -> Range<Id> {
        0..self.pausers
    }

    /// Who drains.
    pub fn drainers(&self) -> Range<Id> {
        self.pausers..self.stopper()
    }

    /// Who stops it.
    pub fn stopper(&self) -> Id {
        self.pausers + self.drainers
    }

    fn controls(&self) -> impl Iterator<Item = Id> + use<> {
        0..=self.stopper()
    }

    /// Which of the drainers.
    fn drainer(&self, thread: Id) -> usize {
        usize::from(thread - self.pausers)
    }

    /// All shards.
    pub fn shards(&self) -> impl Iterator<Item = Id> + use<> {
        1..=self.shards
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = Id> + use<> {
        1..=self.keys
    }

    /// Where a key's items go.
    pub fn shard_of(&self, key: Id) -> Id {
        (key - 1) % self.shards + 1
    }

    fn key<'a>(&self, state: &'a State, key: Id) -> &'a Key {
        &state.core[index(self.shard_of(key))].keys[index(key)]
    }

    /// Whether it is so in the shard what a control waits for.
    fn holds(&self, state: &State, shard: Id, thread: Id) -> bool {
        if self.pausers().contains(&thread) {
            return state.core[index(shard)].is_quiet();
        }
        let number = state.number[self.drainer(thread)];
        state.is_drained(shard, number) || state.is_stranded(shard, number)
    }

    /// Rings for those who wait for what is so now.
    fn tell(&self, next: &mut State, shard: Id) {
        let waiters = next.core[index(shard)].waiters;
        for thread in waiters.iter() {
            if self.holds(next, shard, thread) {
                next.core[index(shard)].waiters.remove(thread);
                next.rung.insert(thread);
            }
        }
    }

    fn push(&self, state: &State, kind: Kind, key: Id, parent: Id) -> Option<State> {
        let shard = self.shard_of(key);
        when(!state.closed.has(shard) && state.accepted < self.items)?;
        let mut next = state.clone();
        next.accepted += 1;
        let item = next.accepted;
        next.root[index(item)] = if parent == 0 { item } else { state.root[index(parent)] };
        next.arrived[index(shard)].push(Arrival { kind, key, item, parent, early: state.unripe });
        if kind == Kind::Later {
            next.unripe.insert(item);
        }
        Some(next)
    }

    /// A control has the lock, and goes from the first shard on.
    fn begin(&self, state: &State, thread: Id, from: Place, place: Place) -> Option<State> {
        when(state.is_at(thread, from) && state.control.is_none())?;
        let mut next = state.clone();
        next.control = Some(thread);
        next.go(thread, place, 1);
        Some(next)
    }

    /// On to the next shard, or behind the last one elsewhere. Whether it was the last.
    fn pass(&self, next: &mut State, thread: Id, place: Place, beyond: Place) -> bool {
        let shard = next.at[usize::from(thread)];
        let is_last = shard == self.shards;
        if is_last {
            next.go(thread, beyond, 1);
        } else {
            next.go(thread, place, shard + 1);
        }
        is_last
    }

    /// A control goes on from this shard, which it has to mark yet; behind the last one it has let go of the lock.
    fn mark(&self, state: &State, thread: Id, place: Place, beyond: Place) -> Option<(State, Id)> {
        when(state.is_at(thread, place))?;
        let mut next = state.clone();
        if self.pass(&mut next, thread, place, beyond) {
            next.control = None;
        }
        Some((next, state.at[usize::from(thread)]))
    }

    /// Waits until it is so in this shard: if it is, goes on; if not, somebody will ring.
    fn look(&self, state: &State, thread: Id, place: Place, beyond: Place) -> Option<State> {
        when(state.is_at(thread, place))?;
        let shard = state.at[usize::from(thread)];
        let mut next = state.clone();
        if self.holds(state, shard, thread) {
            self.pass(&mut next, thread, place, beyond);
        } else {
            next.core[index(shard)].waiters.insert(thread);
            next.go(thread, Place::Sleeps, shard);
        }
        Some(next)
    }

    /// The shard hands back what will never run: what is to come; or all, if it is paused or told to.
    fn shut_down(&self, next: &mut State, shard: Id) {
        let core = next.take_in(shard);
        core.stop = true;
        let all = self.how == How::Back || !core.may_start();
        for key in &mut core.keys {
            key.later.iter().for_each(|item| core.stranded.insert(item));
            key.later = Ids::NONE;
            if all {
                key.line.drain(..).for_each(|item| core.stranded.insert(item));
            }
        }
        if all {
            core.commits.drain(..).for_each(|commit| core.stranded.insert(commit));
        }
        self.tell(next, shard);
    }

    /// What this control might do.
    fn of_control(&self, state: &State, thread: Id) -> Option<Action> {
        Some(match state.place[usize::from(thread)] {
            Place::Idle if self.pausers().contains(&thread) => Action::Pause { thread },
            Place::Idle if self.drainers().contains(&thread) => Action::Drain { thread },
            Place::Idle => Action::Shutdown,
            Place::Pauses => Action::PauseMark { thread },
            Place::Quiets => Action::PauseWait { thread },
            Place::Paused => Action::Resume { thread },
            Place::Resumes => Action::ResumeMark { thread },
            Place::Drains => Action::DrainMark { thread },
            Place::Empties => Action::DrainWait { thread },
            Place::Looks => Action::DrainLook { thread },
            Place::Closes => Action::ShutdownClose,
            Place::Stops => Action::ShutDownMark,
            Place::Sleeps => Action::WaitHear { thread },
            Place::Drained | Place::Refused | Place::Done => return None,
        })
    }
}

impl Protocol for ShardedPool {
    const MODULE: &'static str = "ShardedPool";
    const LAWS: &'static [(&'static str, Law<Self>)] = laws::LAWS;
    const IN_THE_END: &'static [&'static str] = &["AllRun", "PausesEnd", "DrainsEnd", "StopEnds"];
    type State = State;
    type Action = Action;

    fn new(constants: &Constants) -> Self {
        Self {
            shards: constants.number("ShardCount"),
            keys: constants.size("Keys"),
            items: constants.number("Items"),
            fronts: constants.number("Fronts"),
            later: constants.number("Later"),
            children: constants.number("Children"),
            commits: constants.number("Commits"),
            pausers: constants.size("Pausers"),
            drainers: constants.size("Drainers"),
            how: match constants.word("How") {
                "never" => How::Never,
                "run" => How::Run,
                "back" => How::Back,
                other => panic!("How is {other}"),
            },
            removals: constants.number("Removals"),
        }
    }

    fn initial(&self) -> State {
        let shards = usize::from(self.shards);
        let items = usize::from(self.items);
        let controls = self.controls().count();
        State {
            arrived: vec![Vec::new(); shards],
            closed: Ids::NONE,
            core: vec![Core::new(self.keys); shards],
            generation: vec![0; items + usize::from(self.commits)],
            control: None,
            place: vec![Place::Idle; controls],
            at: vec![1; controls],
            number: vec![0; self.drainers.into()],
            next: 1,
            rung: Ids::NONE,
            unripe: Ids::NONE,
            ripe: vec![Vec::new(); shards],
            root: vec![0; items],
            accepted: 0,
            committed: 0,
            before: vec![Before::default(); self.drainers.into()],
            spent: Spent::default(),
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        for key in self.keys() {
            actions.extend([
                Action::Submit { key },
                Action::SubmitFront { key },
                Action::SubmitAfter { key },
                Action::Remove { key },
            ]);
            if self.key(state, key).busy == 0 {
                let core = state.taken_in(self.shard_of(key));
                let first = core.keys[index(key)].line.front();
                actions.extend(first.map(|&item| Action::Pick { key, item }));
            } else {
                actions.push(Action::Finish { key });
                actions.extend(self.keys().map(|other| Action::HandleSubmit { from: key, key: other }));
            }
        }
        for shard in self.shards() {
            actions.extend([Action::Commit { shard }, Action::Settle { shard }]);
            let first = state.taken_in(shard).commits.front().copied();
            actions.extend(first.map(|item| Action::PickCommit { shard, item }));
            let committing = state.core[index(shard)].committing;
            actions.extend(committing.iter().map(|item| Action::FinishCommit { shard, item }));
        }
        actions.extend(state.unripe.iter().map(|item| Action::Ripen { item }));
        actions.extend(self.controls().filter_map(|thread| self.of_control(state, thread)));
        actions
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        match *action {
            Action::Submit { key } => self.push(state, Kind::Back, key, 0),
            Action::SubmitFront { key } => {
                when(state.spent.front < self.fronts)?;
                let mut next = self.push(state, Kind::Front, key, 0)?;
                next.spent.front += 1;
                Some(next)
            }
            Action::SubmitAfter { key } => {
                when(state.spent.later < self.later)?;
                let mut next = self.push(state, Kind::Later, key, 0)?;
                next.spent.later += 1;
                Some(next)
            }
            Action::HandleSubmit { from, key } => {
                let parent = self.key(state, from).busy;
                when(parent != 0 && state.spent.child < self.children)?;
                let mut next = self.push(state, Kind::Back, key, parent)?;
                next.spent.child += 1;
                Some(next)
            }
            Action::Commit { shard } => {
                when(!state.closed.has(shard) && state.committed < self.commits)?;
                let mut next = state.clone();
                next.committed += 1;
                let (item, early) = (self.items + next.committed, state.unripe);
                let commit = Arrival { kind: Kind::Commit, key: 0, item, parent: 0, early };
                next.arrived[index(shard)].push(commit);
                Some(next)
            }
            Action::Remove { key } => {
                when(state.spent.removal < self.removals)?;
                let shard = self.shard_of(key);
                let mut next = state.clone();
                next.spent.removal += 1;
                let key = &mut next.take_in(shard).keys[index(key)];
                key.line.clear();
                key.later = Ids::NONE;
                self.tell(&mut next, shard);
                Some(next)
            }
            Action::Ripen { item } => {
                when(state.unripe.has(item))?;
                let mut next = state.clone();
                next.unripe.remove(item);
                if let Some(shard) = state.is_to_come(item) {
                    next.ripe[shard].push(item);
                }
                Some(next)
            }
            Action::Pick { key, item } => {
                let shard = self.shard_of(key);
                when(state.core[index(shard)].may_start() && self.key(state, key).busy == 0)?;
                let mut next = state.clone();
                let key = &mut next.take_in(shard).keys[index(key)];
                key.busy = key.line.pop_front()?;
                when(key.busy == item)?;
                Some(next)
            }
            Action::Finish { key } => {
                when(self.key(state, key).busy != 0)?;
                let shard = self.shard_of(key);
                let mut next = state.clone();
                next.core[index(shard)].keys[index(key)].busy = 0;
                self.tell(&mut next, shard);
                Some(next)
            }
            Action::PickCommit { shard, item } => {
                let core = &state.core[index(shard)];
                when(core.may_start() && core.committing.is_empty())?;
                let mut next = state.clone();
                let core = next.take_in(shard);
                when(core.commits.pop_front()? == item)?;
                core.committing.insert(item);
                Some(next)
            }
            Action::FinishCommit { shard, item } => {
                when(state.core[index(shard)].committing.has(item))?;
                let mut next = state.clone();
                next.core[index(shard)].committing.remove(item);
                self.tell(&mut next, shard);
                Some(next)
            }
            Action::Settle { shard } => {
                when(state.is_behind(shard))?;
                let mut next = state.clone();
                next.take_in(shard);
                Some(next)
            }
            Action::Pause { thread } => {
                when(self.pausers().contains(&thread) && !state.core[0].stop)?;
                self.begin(state, thread, Place::Idle, Place::Pauses)
            }
            Action::PauseMark { thread } => {
                let (mut next, shard) = self.mark(state, thread, Place::Pauses, Place::Quiets)?;
                next.core[index(shard)].pauses += 1;
                Some(next)
            }
            Action::PauseWait { thread } => self.look(state, thread, Place::Quiets, Place::Paused),
            Action::WaitHear { thread } => {
                when(state.is_at(thread, Place::Sleeps) && state.rung.has(thread))?;
                let mut next = state.clone();
                next.rung.remove(thread);
                let is_pause = self.pausers().contains(&thread);
                let (place, beyond) =
                    if is_pause { (Place::Quiets, Place::Paused) } else { (Place::Empties, Place::Looks) };
                self.pass(&mut next, thread, place, beyond);
                Some(next)
            }
            Action::Resume { thread } => self.begin(state, thread, Place::Paused, Place::Resumes),
            Action::ResumeMark { thread } => {
                let (mut next, shard) = self.mark(state, thread, Place::Resumes, Place::Done)?;
                next.core[index(shard)].pauses -= 1;
                Some(next)
            }
            Action::Drain { thread } => {
                when(self.drainers().contains(&thread))?;
                let mut next = self.begin(state, thread, Place::Idle, Place::Drains)?;
                next.number[self.drainer(thread)] = state.next;
                next.next += 1;
                next.before[self.drainer(thread)] =
                    Before { items: state.accepted, commits: state.committed };
                Some(next)
            }
            Action::DrainMark { thread } => {
                let (mut next, shard) = self.mark(state, thread, Place::Drains, Place::Empties)?;
                next.take_in(shard).now = state.number[self.drainer(thread)] + 1;
                Some(next)
            }
            Action::DrainWait { thread } => self.look(state, thread, Place::Empties, Place::Looks),
            Action::DrainLook { thread } => {
                when(state.is_at(thread, Place::Looks))?;
                let number = state.number[self.drainer(thread)];
                let mut next = state.clone();
                for shard in self.shards() {
                    next.take_in(shard);
                }
                let place = if self.shards().any(|shard| next.is_stranded(shard, number)) {
                    Place::Refused
                } else if self.shards().all(|shard| next.is_drained(shard, number)) {
                    Place::Drained
                } else {
                    Place::Empties
                };
                next.go(thread, place, 1);
                Some(next)
            }
            Action::Shutdown => {
                when(self.how != How::Never)?;
                self.begin(state, self.stopper(), Place::Idle, Place::Closes)
            }
            Action::ShutdownClose => {
                let stopper = self.stopper();
                when(state.is_at(stopper, Place::Closes))?;
                let mut next = state.clone();
                next.closed.insert(state.at[usize::from(stopper)]);
                self.pass(&mut next, stopper, Place::Closes, Place::Stops);
                Some(next)
            }
            Action::ShutDownMark => {
                let (mut next, shard) = self.mark(state, self.stopper(), Place::Stops, Place::Done)?;
                self.shut_down(&mut next, shard);
                Some(next)
            }
        }
    }
}
