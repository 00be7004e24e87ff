//! What the workers of a pool, its handles, its guards and its controls have in common: all but the handler. So whoever
//! keeps a handle or a guard does not keep the handler, and a handler that does is no cycle.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use core::time::Duration;

use crate::clock::{Clock, Moment};
use crate::context::Context;
use crate::inside::{Generation, Owner};
use crate::policy::Class;
use crate::pool::shard::{Plan, Shard};
use crate::pool::task::{Place, Task};
use crate::pool::work::{Labelled, Load};
use crate::stop::OnItemPanic;
use crate::sync::{Arc, Mutex};
use crate::watch::{Alarms, Watchman};

/// See the module's documentation.
pub(super) struct Shared<K: Clone + Eq + Hash, I> {
    pub(super) shards: Box<[Shard<K, I>]>,
    on_panic: OnItemPanic,
    /// How many other shards each worker helps.
    pub(super) helped: usize,
    /// How often each worker looks whether it has been woken, before it sleeps.
    pub(super) polls: u32,
    clock: Arc<dyn Clock>,
    /// Whether each submit looks at the clock.
    stamps: bool,
    /// What the handler's type says of an item.
    label: fn(&I) -> (Class, u64),
    /// And of all items that need several keys.
    class_of_several: Class,
    /// Who looks at what runs, if anybody does.
    pub(super) watchman: Option<Arc<Watchman<Task<K>>>>,
    /// Held while a pause, its end, a drain or a shutdown marks the shards.
    pub(super) control: Mutex<Control>,
}

/// What a pool is built with, for all its shards.
pub(super) struct Settings<K, I> {
    pub(super) on_panic: OnItemPanic,
    pub(super) helped: usize,
    pub(super) polls: u32,
    pub(super) label: fn(&I) -> (Class, u64),
    pub(super) class_of_several: Class,
    pub(super) alarms: Alarms<Task<K>>,
}

/// What controls agree on.
pub(super) struct Control {
    /// The generation that the next drain ends.
    pub(super) next_generation: Generation,
}

impl Default for Control {
    /// Nobody has drained.
    fn default() -> Self {
        Self { next_generation: Generation::MIN }
    }
}

/// Fixed keys: a program's key has the same shard in every run, which is what makes runs comparable.
type Placement = BuildHasherDefault<DefaultHasher>;

impl<K: Clone + Eq + Hash, I> Shared<K, I> {
    /// As many shards as there are plans, which differ in their schedulers only.
    pub(super) fn new(plans: Vec<Plan>, settings: Settings<K, I>) -> Self {
        let Settings { on_panic, helped, polls, label, class_of_several, alarms } = settings;
        let first = plans.first().expect("the builder has seen to it that there are shards");
        let (clock, stamps) = (Arc::clone(&first.clock), first.stamps);
        let helped = helped.min(plans.len() - 1);
        let shards = plans.into_iter().map(Shard::new).collect();
        let watchman = (!alarms.is_empty()).then(|| Arc::new(Watchman::new(Arc::clone(&clock), alarms)));
        Self {
            shards,
            on_panic,
            helped,
            polls,
            clock,
            stamps,
            label,
            class_of_several,
            watchman,
            control: Mutex::default(),
        }
    }

    /// One more place where items run.
    pub(super) fn place(&self) -> Place<K> {
        self.watchman.as_ref().map(Watchman::open)
    }

    /// Lets the watch thread end.
    pub(super) fn watch_no_more(&self) {
        if let Some(watchman) = &self.watchman {
            watchman.close();
        }
    }

    /// What to do when a handler panics.
    pub(super) fn on_panic(&self) -> OnItemPanic {
        self.on_panic
    }

    /// An item on its way, from the span that this thread is in.
    pub(super) fn label(&self, item: I) -> Labelled<I> {
        let (class, cost) = (self.label)(&item);
        Labelled { load: Load { item, context: Context::current() }, class, cost }
    }

    /// The same of one that needs several keys.
    pub(super) fn label_several(&self, item: I) -> Labelled<I> {
        Labelled { class: self.class_of_several, ..self.label(item) }
    }

    /// Whether submits look at the clock.
    pub(super) fn stamps(&self) -> bool {
        self.stamps
    }

    /// What the clock says, if submits are to know.
    pub(super) fn stamp(&self) -> Option<Moment> {
        self.stamps.then(|| Moment::at(self.clock.now()))
    }

    /// What the clock will say then.
    pub(super) fn after(&self, delay: Duration) -> Duration {
        self.clock.now().saturating_add(delay)
    }

    /// How many workers there are, in all shards together.
    pub(super) fn workers(&self) -> usize {
        self.shards.iter().map(|shard| shard.baton.take_up().workers()).sum()
    }

    /// Tells this pool from others.
    pub(super) fn id(&self) -> Owner {
        std::ptr::from_ref(self).addr()
    }

    /// Which shard the items of `key` go to.
    pub(super) fn shard_of(&self, key: &K) -> usize {
        let shards = self.shards.len() as u64;
        usize::try_from(Placement::default().hash_one(key) % shards).expect("less than the number of shards")
    }
}
