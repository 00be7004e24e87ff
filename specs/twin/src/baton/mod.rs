//! `Baton.tla`: how the workers of one shard sleep.

use serde::{Deserialize, Serialize};

use crate::constants::Constants;
use crate::ids::Ids;
use crate::protocol::{Law, Protocol};
use crate::{Id, when};

mod charge;
mod laws;
mod rest;

use charge::{Arrival, Core};

/// `Never`: behind all times that a clock gets to.
const NEVER: u8 = u8::MAX;

/// Workers are the first threads, submitters those after them, and the boss, who pauses, resumes and stops, is the last.
#[derive(Clone, Debug)]
pub struct Baton {
    workers: u8,
    submitters: u8,
    keys: u8,
    items: u8,
    later: u8,
    times: u8,
    pauses: u8,
    may_stop: bool,
}

/// Its variables.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    arrived: Vec<Arrival>,
    asleep: bool,
    closed: bool,
    holder: Option<Id>,
    core: Core,
    rung: Ids,
    threads: Vec<Thread>,
    now: u8,
    accepted: u8,
    for_later: u8,
    pauses: u8,
}

/// What there is of each thread.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Thread {
    /// `where`.
    place: Place,
    then: Place,
    to_ring: Ids,
    /// Of a worker: the key whose item it runs.
    has: Option<Id>,
    /// Of a worker: when its sleep ends by itself.
    deadline: u8,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Place {
    Idle,
    Wants,
    Runs,
    Rests,
    Woken,
    Has,
    Settles,
    Paused,
    Closed,
    Home,
}

/// Its steps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action")]
pub enum Action {
    /// An item goes into the inbox.
    Submit {
        /// Whose it is.
        thread: Id,
        /// Its key.
        key: Id,
        /// When it is due, or 0 if that is now.
        due: u8,
    },
    /// A submitter that has found the inbox asleep takes the baton up.
    Nudge {
        /// Which one.
        thread: Id,
    },
    /// A worker lets go of the key whose item has run.
    Finish {
        /// Which one.
        thread: Id,
    },
    /// A worker comes for the first time, or has slept.
    GetUp {
        /// Which one.
        thread: Id,
    },
    /// It takes an item,
    #[serde(rename = "Serve_Pick")]
    ServePick {
        /// Which worker.
        thread: Id,
        /// Of this key.
        key: Id,
    },
    /// or goes home,
    #[serde(rename = "Serve_Over")]
    ServeOver {
        /// Which worker.
        thread: Id,
    },
    /// or sits down.
    #[serde(rename = "Serve_SitDown")]
    ServeSitDown {
        /// Which worker.
        thread: Id,
    },
    /// Its bell has been rung, or it is time.
    Rest {
        /// Which worker's.
        thread: Id,
    },
    /// The baton is laid down, and all are up.
    #[serde(rename = "Settle_NobodySleeps")]
    SettleNobodySleeps {
        /// By whom.
        thread: Id,
    },
    /// Something has arrived meanwhile, or has come due.
    #[serde(rename = "Settle_Again")]
    SettleAgain {
        /// Who finds it.
        thread: Id,
    },
    /// Nothing has: the baton is laid down.
    #[serde(rename = "Settle_LieDown")]
    SettleLieDown {
        /// By whom.
        thread: Id,
    },
    /// Whoever took a worker off the bench rings, after the baton is free.
    Ring {
        /// Who does.
        thread: Id,
        /// Whose bell.
        worker: Id,
    },
    /// The boss lets nothing start.
    Pause,
    /// It does again.
    Resume,
    /// No more go in.
    Close,
    /// What is left runs; if the shard is paused it comes back.
    ShutDown,
    /// The clock goes on.
    Tick,
}

impl State {
    fn is(&self, thread: Id, place: Place) -> bool {
        self.threads.get(usize::from(thread)).is_some_and(|thread| thread.place == place)
    }

    /// It is there, and free to go on.
    fn at(&self, thread: Id, place: Place) -> bool {
        self.is(thread, place)
            && (self.holder == Some(thread) || self.threads[usize::from(thread)].to_ring.is_empty())
    }

    /// It is there, and the baton is free too.
    fn may_take(&self, thread: Id, place: Place) -> bool {
        self.holder.is_none() && self.at(thread, place)
    }

    fn thread(&mut self, thread: Id) -> &mut Thread {
        &mut self.threads[usize::from(thread)]
    }

    fn take_in(&mut self) {
        self.core.take_in(&self.arrived, self.now);
        self.arrived.clear();
    }

    /// Takes so many off the bench. Whoever does has to ring for them.
    fn take_off(&mut self, thread: Id, count: usize) {
        let to_ring = &mut self.threads[usize::from(thread)].to_ring;
        self.core.take_off(count, |worker| to_ring.insert(worker));
    }

    fn wake_for_items(&mut self, thread: Id) {
        self.take_off(thread, self.core.uncovered());
    }

    fn wake_all(&mut self, thread: Id) {
        self.take_off(thread, self.core.bench.len());
    }

    /// What remains to be done in hand is to settle, and then it goes there.
    fn settle(&mut self, thread: Id, then: Place) {
        let thread = self.thread(thread);
        (thread.place, thread.then) = (Place::Settles, then);
    }

    fn begin_to_settle(&mut self, thread: Id, then: Place) {
        self.wake_for_items(thread);
        self.settle(thread, then);
    }

    /// Whoever lies down in this very step looks out; else one who sleeps is woken to.
    fn post_lookout(&mut self, thread: Id) {
        let lies_down = self.thread(thread).then == Place::Rests && self.core.bench.contains(&thread);
        match (self.core.needs_lookout(), lies_down) {
            (false, _) => {}
            (true, true) => self.core.look_out(thread),
            (true, false) => self.take_off(thread, 1),
        }
    }

    fn lay_down(&mut self, thread: Id) {
        self.holder = None;
        let (lookout, until) = (self.core.lookout, self.core.until);
        let me = self.thread(thread);
        me.place = me.then;
        if lookout == Some(thread) {
            me.deadline = until;
        }
    }
}

impl Baton {
    fn submitters(&self) -> std::ops::Range<Id> {
        self.workers..self.boss()
    }

    fn workers(&self) -> std::ops::Range<Id> {
        0..self.workers
    }

    fn boss(&self) -> Id {
        self.workers + self.submitters
    }

    /// When an item can be due that is submitted now.
    fn dues(&self, state: &State) -> impl Iterator<Item = u8> + use<> {
        let last = if state.for_later < self.later { self.times } else { 0 };
        std::iter::once(0).chain(state.now + 1..=last)
    }

    fn submit(&self, state: &State, thread: Id, key: Id, due: u8) -> Option<State> {
        when(self.submitters().contains(&thread) && state.at(thread, Place::Idle))?;
        when(!state.closed && state.accepted < self.items)?;
        when(key < self.keys && self.dues(state).any(|other| other == due))?;
        let mut next = state.clone();
        next.accepted += 1;
        next.arrived.push(Arrival { due, item: next.accepted, key, at: state.now });
        next.for_later += u8::from(due > 0);
        if std::mem::take(&mut next.asleep) {
            next.thread(thread).place = Place::Wants;
        }
        Some(next)
    }

    fn nudge(&self, state: &State, thread: Id) -> Option<State> {
        when(self.submitters().contains(&thread) && state.may_take(thread, Place::Wants))?;
        let mut next = state.clone();
        next.holder = Some(thread);
        next.begin_to_settle(thread, Place::Idle);
        Some(next)
    }

    fn finish(&self, state: &State, thread: Id) -> Option<State> {
        when(state.may_take(thread, Place::Runs))?;
        let mut next = state.clone();
        next.holder = Some(thread);
        let key = next.thread(thread).has.take()?;
        next.core.busy[usize::from(key)] = 0;
        next.thread(thread).place = Place::Has;
        Some(next)
    }

    /// If it was not taken off the bench, it leaves it by itself.
    fn get_up(&self, state: &State, thread: Id) -> Option<State> {
        let was_woken = state.is(thread, Place::Woken);
        when(self.workers().contains(&thread) && (was_woken || state.is(thread, Place::Wants)))?;
        when(state.may_take(thread, if was_woken { Place::Woken } else { Place::Wants }))?;
        let mut next = state.clone();
        next.holder = Some(thread);
        if !next.core.leave(thread) && was_woken {
            next.core.waking -= 1;
        }
        next.thread(thread).place = Place::Has;
        Some(next)
    }

    fn serve_pick(&self, state: &State, thread: Id, key: Id) -> Option<State> {
        when(state.at(thread, Place::Has) && state.core.may_start() && key < self.keys)?;
        let mut next = state.clone();
        next.take_in();
        next.core.start(key)?;
        next.thread(thread).has = Some(key);
        next.begin_to_settle(thread, Place::Runs);
        Some(next)
    }

    /// A worker takes in what has arrived, and finds nothing to run; is it over?
    fn serve(&self, state: &State, thread: Id, is_over: bool) -> Option<State> {
        when(state.at(thread, Place::Has))?;
        let mut next = state.clone();
        next.take_in();
        when(next.core.runnable() == 0 && next.core.is_over() == is_over)?;
        Some(next)
    }

    fn serve_over(&self, state: &State, thread: Id) -> Option<State> {
        let mut next = self.serve(state, thread, true)?;
        next.wake_all(thread);
        next.settle(thread, Place::Home);
        Some(next)
    }

    fn serve_sit_down(&self, state: &State, thread: Id) -> Option<State> {
        let mut next = self.serve(state, thread, false)?;
        next.core.bench.push(thread);
        next.thread(thread).deadline = NEVER;
        next.begin_to_settle(thread, Place::Rests);
        Some(next)
    }

    fn rest(&self, state: &State, thread: Id) -> Option<State> {
        when(state.at(thread, Place::Rests))?;
        when(state.rung.has(thread) || state.threads[usize::from(thread)].deadline <= state.now)?;
        let mut next = state.clone();
        next.rung.remove(thread);
        next.thread(thread).place = Place::Woken;
        Some(next)
    }

    fn settle_nobody_sleeps(&self, state: &State, thread: Id) -> Option<State> {
        when(state.is(thread, Place::Settles) && state.core.bench.is_empty())?;
        let mut next = state.clone();
        next.lay_down(thread);
        Some(next)
    }

    /// A section of the inbox, with the wish to lie down: if nothing has arrived, the next arrival will say so. Is there
    /// something to do again?
    fn settle_take_in(&self, state: &State, thread: Id, again: bool) -> Option<State> {
        let has_arrived = !state.arrived.is_empty();
        when(state.is(thread, Place::Settles) && !state.core.bench.is_empty() && (again || !has_arrived))?;
        let mut next = state.clone();
        next.asleep |= !has_arrived && !state.closed && state.core.may_start();
        next.take_in();
        when(again == (has_arrived || next.core.runnable() > next.core.waking))?;
        Some(next)
    }

    fn settle_again(&self, state: &State, thread: Id) -> Option<State> {
        let mut next = self.settle_take_in(state, thread, true)?;
        next.wake_for_items(thread);
        Some(next)
    }

    fn settle_lie_down(&self, state: &State, thread: Id) -> Option<State> {
        let mut next = self.settle_take_in(state, thread, false)?;
        next.post_lookout(thread);
        next.lay_down(thread);
        Some(next)
    }

    fn ring(&self, state: &State, thread: Id, worker: Id) -> Option<State> {
        when(state.holder != Some(thread) && self.workers().contains(&worker))?;
        when(state.threads.get(usize::from(thread))?.to_ring.has(worker))?;
        let mut next = state.clone();
        next.thread(thread).to_ring.remove(worker);
        next.rung.insert(worker);
        Some(next)
    }

    fn pause(&self, state: &State) -> Option<State> {
        when(state.may_take(self.boss(), Place::Idle) && state.pauses < self.pauses && !state.core.stop)?;
        let mut next = state.clone();
        next.pauses += 1;
        next.holder = Some(self.boss());
        next.core.is_paused = true;
        next.begin_to_settle(self.boss(), Place::Paused);
        Some(next)
    }

    fn resume(&self, state: &State) -> Option<State> {
        when(state.may_take(self.boss(), Place::Paused))?;
        let mut next = state.clone();
        next.holder = Some(self.boss());
        next.core.is_paused = false;
        next.begin_to_settle(self.boss(), Place::Idle);
        Some(next)
    }

    /// Whom that would wake is woken by [`shut_down`](Self::shut_down), with everybody else.
    fn close(&self, state: &State) -> Option<State> {
        let boss = self.boss();
        when(self.may_stop && (state.at(boss, Place::Idle) || state.at(boss, Place::Paused)))?;
        let mut next = state.clone();
        (next.closed, next.asleep) = (true, false);
        next.thread(boss).place = Place::Closed;
        Some(next)
    }

    fn shut_down(&self, state: &State) -> Option<State> {
        when(state.may_take(self.boss(), Place::Closed))?;
        let mut next = state.clone();
        next.holder = Some(self.boss());
        next.take_in();
        next.core.shut_down();
        next.wake_all(self.boss());
        next.settle(self.boss(), Place::Home);
        Some(next)
    }

    fn tick(&self, state: &State) -> Option<State> {
        when(state.now < self.times)?;
        Some(State { now: state.now + 1, ..state.clone() })
    }
}

impl Protocol for Baton {
    const MODULE: &'static str = "Baton";
    const LAWS: &'static [(&'static str, Law<Self>)] = laws::LAWS;
    const IN_THE_END: &'static [&'static str] = &["AllRun", "ReadyRun", "Ends"];
    type State = State;
    type Action = Action;

    fn new(constants: &Constants) -> Self {
        Self {
            workers: constants.size("Workers"),
            submitters: constants.size("Submitters"),
            keys: constants.size("Keys"),
            items: constants.number("Items"),
            later: constants.number("Later"),
            times: constants.number("Times"),
            pauses: constants.number("Pauses"),
            may_stop: constants.flag("MayStop"),
        }
    }

    fn initial(&self) -> State {
        let thread =
            |place| Thread { place, then: Place::Idle, to_ring: Ids::NONE, has: None, deadline: NEVER };
        let workers = self.workers().map(|_| thread(Place::Wants));
        let others = (self.workers..=self.boss()).map(|_| thread(Place::Idle));
        State {
            arrived: Vec::new(),
            asleep: false,
            closed: false,
            holder: None,
            core: Core::new(self.keys),
            rung: Ids::NONE,
            threads: workers.chain(others).collect(),
            now: 0,
            accepted: 0,
            for_later: 0,
            pauses: 0,
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = vec![Action::Tick];
        for (thread, Thread { place, to_ring, .. }) in (0..).zip(&state.threads) {
            actions.extend(to_ring.iter().map(|worker| Action::Ring { thread, worker }));
            match place {
                Place::Idle if thread == self.boss() => actions.extend([Action::Pause, Action::Close]),
                Place::Idle => {
                    let dues = |key| self.dues(state).map(move |due| Action::Submit { thread, key, due });
                    actions.extend((0..self.keys).flat_map(dues));
                }
                Place::Wants if thread < self.workers => actions.push(Action::GetUp { thread }),
                Place::Wants => actions.push(Action::Nudge { thread }),
                Place::Runs => actions.push(Action::Finish { thread }),
                Place::Rests => actions.push(Action::Rest { thread }),
                Place::Woken => actions.push(Action::GetUp { thread }),
                Place::Has => {
                    actions.extend((0..self.keys).map(|key| Action::ServePick { thread, key }));
                    actions.extend([Action::ServeOver { thread }, Action::ServeSitDown { thread }]);
                }
                Place::Settles => actions.extend([
                    Action::SettleNobodySleeps { thread },
                    Action::SettleAgain { thread },
                    Action::SettleLieDown { thread },
                ]),
                Place::Paused => actions.extend([Action::Resume, Action::Close]),
                Place::Closed => actions.push(Action::ShutDown),
                Place::Home => {}
            }
        }
        actions
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        match *action {
            Action::Submit { thread, key, due } => self.submit(state, thread, key, due),
            Action::Nudge { thread } => self.nudge(state, thread),
            Action::Finish { thread } => self.finish(state, thread),
            Action::GetUp { thread } => self.get_up(state, thread),
            Action::ServePick { thread, key } => self.serve_pick(state, thread, key),
            Action::ServeOver { thread } => self.serve_over(state, thread),
            Action::ServeSitDown { thread } => self.serve_sit_down(state, thread),
            Action::Rest { thread } => self.rest(state, thread),
            Action::SettleNobodySleeps { thread } => self.settle_nobody_sleeps(state, thread),
            Action::SettleAgain { thread } => self.settle_again(state, thread),
            Action::SettleLieDown { thread } => self.settle_lie_down(state, thread),
            Action::Ring { thread, worker } => self.ring(state, thread, worker),
            Action::Pause => self.pause(state),
            Action::Resume => self.resume(state),
            Action::Close => self.close(state),
            Action::ShutDown => self.shut_down(state),
            Action::Tick => self.tick(state),
        }
    }
}
