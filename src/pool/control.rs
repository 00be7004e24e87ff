//! Pause, drain and shutdown: the same sequential code for every state of the pool, under the batons.
//!
//! Marking all shards is one critical section of `Shared::control`, so that two controls never cross; waiting
//! is done without it. Lock order: control, batons by shard number, inboxes.

use std::hash::Hash;

use crate::error::ControlError;
use crate::inside;
use crate::lane::{Bell, Charge};
use crate::pool::builder::Schedulers;
use crate::pool::shard::{ShardHold, Until};
use crate::pool::shared::Shared;
use crate::stop::Stop;
use crate::sync::{Arc, mark, took};

/// While it lives, no item of the pool runs. Pauses nest: items run again when the last guard is dropped.
#[must_use = "the pool is paused until this is dropped"]
pub struct PauseGuard<K: Clone + Eq + Hash, I> {
    shared: Arc<Shared<K, I>>,
}

impl<K: Clone + Eq + Hash, I> Drop for PauseGuard<K, I> {
    fn drop(&mut self) {
        // Like every control, so that a shutdown finds all shards paused or none.
        let _control = self.shared.control.lock();
        took(&*self.shared, "resume_all", 0);
        for shard in &self.shared.shards {
            shard.baton.take_up().resume();
        }
    }
}

impl<K: Clone + Eq + Hash, I> std::fmt::Debug for PauseGuard<K, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PauseGuard").finish_non_exhaustive()
    }
}

impl<K: Clone + Eq + Hash, I> Shared<K, I> {
    /// See [`PoolHandle::pause`](crate::PoolHandle::pause).
    pub(super) fn pause(self: &Arc<Self>) -> Result<PauseGuard<K, I>, ControlError> {
        self.refuse_callbacks()?;
        let guard = self.pause_new()?;
        let bell = Arc::new(Bell::new());
        for shard in &self.shards {
            // What runs can only end: a shard that has once been quiet stays so until the guard is dropped.
            shard.wait(Until::Quiet, &bell);
        }
        Ok(guard)
    }

    /// See [`PoolHandle::pause_new`](crate::PoolHandle::pause_new).
    pub(super) fn pause_new(self: &Arc<Self>) -> Result<PauseGuard<K, I>, ControlError> {
        let _control = self.control.lock();
        took(&**self, "pause_all", 0);
        for shard in &self.shards {
            // Shutdown marks all shards under `control`, so either none refuses or the first does.
            if !shard.baton.take_up().pause() {
                mark("pause refused");
                return Err(ControlError::Stopped);
            }
        }
        Ok(PauseGuard { shared: Arc::clone(self) })
    }

    /// See [`PoolHandle::drain`](crate::PoolHandle::drain).
    pub(super) fn drain(&self) -> Result<(), ControlError> {
        self.refuse_callbacks()?;
        let generation = {
            let mut control = self.control.lock();
            let generation = control.next_generation;
            control.next_generation = generation.saturating_add(1);
            took(self, "drain", generation.get());
            for shard in &self.shards {
                shard.baton.take_up().end_generation(generation);
            }
            mark("drain began");
            generation
        };
        let bell = Arc::new(Bell::new());
        loop {
            for shard in &self.shards {
                shard.wait(Until::Drained(generation), &bell);
            }
            // Each was drained at some moment, but an item of one may have submitted to another that had been
            // looked at before. With every baton in hand no handler of the generation can begin or end, so if
            // all are drained now, they are so at one moment.
            let mut cores: Vec<ShardHold<'_, _, _>> =
                self.shards.iter().map(|shard| shard.baton.take_up()).collect();
            took(self, "look", generation.get());
            for core in &mut cores {
                core.take_in(false);
            }
            if cores.iter().any(|core| core.is_stranded(generation)) {
                mark("drain stranded");
                return Err(ControlError::Stopped);
            }
            if cores.iter().all(|core| core.is_drained(generation)) {
                return Ok(());
            }
            mark("drained, but not at once");
        }
    }

    /// See [`PoolHandle::drain_key`](crate::PoolHandle::drain_key).
    pub(super) fn drain_key(&self, key: &K) -> Result<(), ControlError> {
        self.refuse_callbacks()?;
        let shard = &self.shards[self.shard_of(key)];
        let number = shard.baton.take_up().begin_key_drain(key);
        mark("key drain began");
        shard.wait(Until::KeyDrained(number), &Arc::new(Bell::new()));
        if shard.baton.take_up().end_key_drain(number) { Ok(()) } else { Err(ControlError::Stopped) }
    }

    /// See [`PoolHandle::set_scheduler`](crate::PoolHandle::set_scheduler).
    pub(super) fn set_scheduler(&self, schedulers: &dyn Schedulers) {
        let _control = self.control.lock();
        for shard in &self.shards {
            shard.baton.take_up().set_scheduler(schedulers.make());
        }
    }

    /// See [`PoolHandle::shutdown`](crate::PoolHandle::shutdown).
    pub(super) fn shutdown(&self, stop: Stop) {
        let _control = self.control.lock();
        took(self, "shutdown", 0);
        for shard in &self.shards {
            // Whom that would wake is woken below, with everybody else.
            let _ = shard.inbox.close(stop);
        }
        for shard in &self.shards {
            let mut core = shard.baton.take_up();
            core.shut_down(stop);
            core.wake_all();
            let called_off = core.take_called_off();
            drop(core);
            self.give_up(&called_off);
        }
    }

    /// Refuses to wait for handlers from inside one.
    pub(super) fn refuse_callbacks(&self) -> Result<(), ControlError> {
        inside::refuse(self.id())
    }
}
