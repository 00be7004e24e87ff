//! An item that needs several keys, until it has them all.
//!
//! It stands in line at each of its keys, as a *claim*. A claim whose turn has come keeps its key, though nothing runs there
//! yet; the worker that meets the last one runs the item. Two items that need the same two keys never wait for each other:
//! claims are queued with all the batons of their shards in hand, and stand in one line at each key, so whichever item is
//! first at one key is first at all that they share.

use core::time::Duration;
use std::hash::Hash;

use crate::clock::Moment;
use crate::inside::Generation;
use crate::lane::Charge;
use crate::policy::{Class, End, Queued};
use crate::pool::shard::{Outcome, ShardHold};
use crate::pool::shared::Shared;
use crate::pool::work::{Labelled, Load};
use crate::sync::{Arc, Mutex};

/// An item, its keys, and how many of them it has. Its lock is the innermost: taken under batons, and for no longer than a
/// look.
#[derive(Debug)]
pub(super) struct Together<K, I> {
    /// No key twice, in the order in which they were given.
    pub(super) places: Vec<Place<K>>,
    pub(super) class: Class,
    state: Mutex<State<I>>,
}

/// One of its keys.
#[derive(Clone, Debug)]
pub(super) struct Place<K> {
    pub(super) shard: usize,
    pub(super) key: K,
}

#[derive(Debug)]
struct State<I> {
    /// Until it starts, or somebody calls it off.
    load: Option<Load<I>>,
    /// For how many keys it waits.
    missing: usize,
    /// When it started, if it has and somebody looked at the clock.
    started: Option<Duration>,
    /// Why it never will.
    fate: Option<Fate>,
}

/// Why an item never starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Removed,
    HandedBack,
}

/// What a claim finds whose turn has come.
#[derive(Debug)]
pub(super) enum Claimed<I> {
    /// It was the last: the item starts.
    All(Load<I>),
    /// It waits for others.
    NotYet,
    /// There is nothing to be claimed any more.
    Over(Fate),
}

impl<K, I> Together<K, I> {
    pub(super) fn new(places: Vec<Place<K>>, class: Class, load: Load<I>) -> Self {
        let state = State { load: Some(load), missing: places.len(), started: None, fate: None };
        Self { places, class, state: Mutex::new(state) }
    }

    /// One of its keys is its own from here on.
    pub(super) fn claim(&self, now: Option<Duration>) -> Claimed<I> {
        let mut state = self.state.lock();
        if let Some(fate) = state.fate {
            return Claimed::Over(fate);
        }
        state.missing -= 1;
        if state.missing > 0 {
            return Claimed::NotYet;
        }
        state.started = now;
        Claimed::All(state.load.take().expect("it starts once, and not before it has its last key"))
    }

    /// Takes the item, if it has not started and nobody else has.
    pub(super) fn call_off(&self, fate: Fate) -> Option<Load<I>> {
        let mut state = self.state.lock();
        let load = state.load.take()?;
        state.fate = Some(fate);
        Some(load)
    }

    /// Why it never starts, if it does not.
    pub(super) fn fate(&self) -> Option<Fate> {
        self.state.lock().fate
    }

    /// When it started, if it has and somebody looked at the clock.
    pub(super) fn started(&self) -> Option<Duration> {
        self.state.lock().started
    }
}

impl<K: Clone + Eq + Hash, I> Shared<K, I> {
    /// Queues an item at all its keys at once; it comes back if the pool has been shut down.
    pub(super) fn submit_together(
        &self,
        places: Vec<Place<K>>,
        labelled: Labelled<I>,
        end: End,
        parent: Option<Generation>,
    ) -> Result<(), (Vec<Place<K>>, I)> {
        let Labelled { load, class, cost } = labelled;
        let stamp = self.stamp().map(Moment::time);
        let mut shards: Vec<usize> = places.iter().map(|place| place.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        let mut cores: Vec<ShardHold<'_, K, I>> =
            shards.iter().map(|&shard| self.shards[shard].baton.take_up()).collect();
        if cores.iter().any(|core| core.is_stopped()) {
            return Err((places, load.item));
        }
        for core in &mut cores {
            // Before that, what has arrived before.
            core.take_in(false);
        }
        // The same for all, though a drain may just have begun at some.
        let oldest = cores.iter().map(|core| core.generation()).min().expect("there are keys");
        let generation = parent.unwrap_or(oldest);
        let together = Arc::new(Together::new(places, class, load));
        for place in &together.places {
            let core = &mut cores[shards.binary_search(&place.shard).expect("taken up")];
            let arrived = stamp.unwrap_or(core.now());
            let claim = Queued { item: Arc::clone(&together), class, cost, arrived };
            core.admit_claim(place.key.clone(), claim, end, generation);
        }
        Ok(())
    }

    /// The item has come to its end on a worker of that shard. Its keys in others go on.
    pub(super) fn finish_elsewhere(&self, together: &Together<K, I>, shard: usize, outcome: Outcome) {
        for place in together.places.iter().filter(|place| place.shard != shard) {
            let mut core = self.shards[place.shard].baton.take_up();
            core.finish_elsewhere(&place.key, outcome);
            let called_off = core.take_called_off();
            drop(core);
            self.give_up(&called_off);
        }
    }

    /// What was called off needs its keys no more.
    pub(super) fn give_up(&self, called_off: &[Arc<Together<K, I>>]) {
        for together in called_off {
            for place in &together.places {
                self.shards[place.shard].baton.take_up().give_up(&place.key, together);
            }
        }
    }
}
