//! Histograms of waits and runs, by class.

use core::time::Duration;
use std::collections::BTreeMap;
use std::hash::Hash;

use hdrhistogram::Histogram;

use crate::clock::MonotonicClock;
use crate::policy::Class;
use crate::pool::builder::ShardedThreadPoolBuilder;
use crate::pool::handle::PoolHandle;
use crate::pool::handler::Handler;
use crate::pool::shard::Shard;
use crate::sync::{Arc, Mutex};

/// How exact a pool's [histograms](ShardedThreadPoolBuilder::histograms) are. Needs the feature `histograms`.
///
/// Each one takes 128 bytes for each doubling of `max` with one digit, 1 KiB with two, and 8 KiB with three: unless set
/// otherwise 36 KiB. There are two for each class in each shard, and for each class of the pool twice two more as soon as
/// somebody has [asked](PoolHandle::histograms).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Histograms {
    /// Significant decimal digits of a time, from 1 to 3; less counts as 1, and more as 3. 2 unless set: a time is known to
    /// one in a hundred.
    pub digits: u8,
    /// The longest time that is told from longer ones, which count as this one; an hour unless set. Less than a
    /// microsecond counts as one.
    pub max: Duration,
}

impl Default for Histograms {
    fn default() -> Self {
        Self { digits: 2, max: Duration::from_secs(60 * 60) }
    }
}

impl Histograms {
    /// An empty one.
    fn empty(self) -> Histogram<u64> {
        // As far as signed numbers go: some of what a histogram computes of its last bucket would overflow beyond.
        let max = nanoseconds(self.max).clamp(1_000, i64::MAX as u64);
        Histogram::new_with_bounds(1, max, self.digits.clamp(1, 3)).expect("within what a histogram may have")
    }

    fn pair(self) -> Pair {
        Pair { wait: self.empty(), run: self.empty() }
    }
}

/// How the times of one class's items are spread, in all shards together. Of [`PoolHandle::histograms`].
///
/// Times are in nanoseconds. They are those of [`ClassSnapshot::wait`](crate::ClassSnapshot::wait) and
/// [`run`](crate::ClassSnapshot::run), each recorded in the same step: while nothing starts or ends, `wait.len()` and
/// `run.len()` are the counts there.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClassHistograms {
    /// The class that [`Handler::class`] says.
    pub class: Class,
    /// How long items waited until they started.
    pub wait: Histogram<u64>,
    /// How long their handlers ran.
    pub run: Histogram<u64>,
}

impl<H: Handler> ShardedThreadPoolBuilder<H> {
    /// Keeps histograms of how long the items of each class waited and ran, for [`PoolHandle::histograms`]. Needs the
    /// feature `histograms`.
    ///
    /// Each item costs two more additions under a lock that is taken anyway: they allocate nothing, and cannot fail. (The
    /// first item of a class in a shard allocates the class's histograms, under that lock.) Times are needed for it: a pool
    /// that is given no [clock](Self::clock) gets the system's, as if that had been set.
    ///
    /// ```
    /// # use keylane::{Handler, Lease, ShardedThreadPool};
    /// # struct Store; impl Handler for Store {
    /// #     type Key = u8; type Item = u32;
    /// #     fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, _: u32) {}
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use keylane::Histograms;
    ///
    /// let pool = ShardedThreadPool::builder(Store).histograms(Histograms::default()).start()?;
    /// pool.submit(7, 1)?;
    /// pool.drain()?;
    /// for class in pool.histograms() {
    ///     let [median, worst] = [0.5, 0.999].map(|quantile| class.wait.value_at_quantile(quantile));
    ///     println!("class {}: waits {median} ns, one in a thousand {worst} ns", class.class.0);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn histograms(mut self, histograms: Histograms) -> Self {
        self.clock.get_or_insert_with(|| Arc::new(MonotonicClock::new()));
        self.histograms = Wanted(Some(Arc::new(Archive { histograms, state: Mutex::default() })));
        self
    }
}

impl<H: Handler> PoolHandle<H> {
    /// The [histograms](ShardedThreadPoolBuilder::histograms) of each class of which there have been items, by rising class,
    /// since the pool was built. None, if it was not asked to keep any. Needs the feature `histograms`.
    ///
    /// For each shard it takes the baton once, to put empty histograms in the place of those that were recorded into (and
    /// again if a class is new there); what takes long, to add them up and to empty them, is done when the baton is free. Calls wait for
    /// each other. From anywhere, handlers included, and after the end.
    ///
    /// # Ordering
    /// What started, or was over, before this call is in it. Each shard's times are of one moment.
    pub fn histograms(&self) -> Vec<ClassHistograms> {
        let shards = &self.shared.shards;
        let wanted = shards[0].baton.take_up().tally.wanted.clone();
        wanted.0.map_or_else(Vec::new, |archive| archive.collect(shards))
    }
}

/// Whether histograms are wanted, and where those of all shards come together.
#[derive(Clone, Debug)]
pub struct Wanted(Option<Arc<Archive>>);

impl Wanted {
    /// None.
    pub fn none() -> Self {
        Self(None)
    }

    /// Those of a class of which there has been nothing.
    pub fn begin(&self) -> Kept {
        Kept(self.0.as_ref().map(|archive| archive.histograms.pair()))
    }
}

/// Those of one class, of what has been recorded since somebody last asked.
#[derive(Debug)]
pub struct Kept(Option<Pair>);

impl Kept {
    /// An item has waited.
    pub fn wait(&mut self, time: Duration) {
        if let Some(pair) = &mut self.0 {
            pair.wait.saturating_record(nanoseconds(time));
        }
    }

    /// A handler has run.
    pub fn run(&mut self, time: Duration) {
        if let Some(pair) = &mut self.0 {
            pair.run.saturating_record(nanoseconds(time));
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Debug)]
struct Pair {
    wait: Histogram<u64>,
    run: Histogram<u64>,
}

impl Pair {
    /// Adds what `recent` has to this, and empties that. Both have the same bounds.
    fn absorb(&mut self, recent: &mut Self) {
        for (all, recent) in [(&mut self.wait, &mut recent.wait), (&mut self.run, &mut recent.run)] {
            all.add(&*recent).expect("what fits into the one fits into the other");
            recent.reset();
        }
    }
}

/// Where those of all shards come together. Its lock is taken before batons, and by nobody who has one.
#[derive(Debug)]
pub struct Archive {
    histograms: Histograms,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What has been taken from the shards.
    all: BTreeMap<Class, Pair>,
    /// Empty ones, to be put where others are taken.
    spare: Vec<Pair>,
}

impl Archive {
    fn collect<K: Clone + Eq + Hash, I>(&self, shards: &[Shard<K, I>]) -> Vec<ClassHistograms> {
        let mut state = self.state.lock();
        let State { all, spare } = &mut *state;
        for shard in shards {
            for (class, mut recent) in self.take(shard, spare) {
                all.entry(class).or_insert_with(|| self.histograms.pair()).absorb(&mut recent);
                spare.push(recent);
            }
        }
        let copy = |(&class, pair): (&Class, &Pair)| ClassHistograms {
            class,
            wait: pair.wait.clone(),
            run: pair.run.clone(),
        };
        all.iter().map(copy).collect()
    }

    /// Takes those of all classes of a shard, and leaves empty ones.
    fn take<K: Clone + Eq + Hash, I>(
        &self,
        shard: &Shard<K, I>,
        spare: &mut Vec<Pair>,
    ) -> Vec<(Class, Pair)> {
        loop {
            let mut taken = Vec::with_capacity(spare.len());
            let missing = {
                let mut core = shard.baton.take_up();
                let classes = &mut core.tally.classes;
                let (there, missing) = (classes.len(), classes.len().saturating_sub(spare.len()));
                if missing == 0 {
                    taken.extend(classes.iter_mut().zip(spare.drain(..there)).filter_map(
                        |(counted, empty)| {
                            counted.kept.0.replace(empty).map(|recent| (counted.figures.class, recent))
                        },
                    ));
                }
                missing
            };
            if missing == 0 {
                return taken;
            }
            // Once for each new class, and not while the baton is held: that takes its time.
            spare.extend(std::iter::repeat_with(|| self.histograms.pair()).take(missing));
        }
    }
}
