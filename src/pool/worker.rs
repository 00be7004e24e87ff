//! What a worker thread runs.

use std::any::Any;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::inside::Inside;
use crate::lane::{Charge, Seat};
use crate::pool::handler::Handler;
use crate::pool::lease::Lease;
use crate::pool::lives::Tag;
use crate::pool::shard::{Job, Outcome, Running, ShardHold};
use crate::pool::shared::Shared;
use crate::pool::task::{Place, Task};
use crate::pool::together::Together;
use crate::pool::work::Load;
use crate::stop::{OnItemPanic, Step, Stop};
use crate::sync::{Arc, Deadline, mark};

/// One worker of a [`ShardedThreadPool`](crate::ShardedThreadPool).
pub struct Worker<H: Handler> {
    handler: Arc<H>,
    shared: Arc<Shared<H::Key, H::Item>>,
    shard: usize,
    /// Its number within the shard.
    number: usize,
    seat: Seat,
    /// It was one too many, and has nothing to do with its shard any more.
    retired: bool,
    place: Place<H::Key>,
}

impl<H: Handler> Worker<H> {
    pub(super) fn new(
        handler: Arc<H>,
        shared: Arc<Shared<H::Key, H::Item>>,
        shard: usize,
        number: usize,
    ) -> Self {
        let (place, seat) = (shared.place(), Seat::new(shared.polls));
        Self { handler, shared, shard, number, seat, retired: false, place }
    }

    /// The shard it serves.
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// Names it among the workers of its pool.
    pub(super) fn label(&self) -> String {
        format!("{}-{}", self.shard, self.number)
    }

    /// Runs the commit that is next in this worker's shard, if there is one and none runs, or else the item whose turn it
    /// is, if one may start, to the end of the callback or handler. Never sleeps.
    ///
    /// # Panics
    /// If the handler does. The item counts as run, its key goes on unless the pool is to do [otherwise](OnItemPanic), and the
    /// worker can be stepped on.
    pub fn step(&mut self) -> Step {
        let mut core = self.take_up(self.shard);
        core.take_in(false);
        let mut over = core.is_over();
        let mut job = core.pick().map(|job| (self.shard, job));
        drop(core);
        for shard in self.helped() {
            if job.is_none() {
                let mut core = self.take_up(shard);
                core.take_in(false);
                over &= core.is_over();
                job = core.pick().map(|job| (shard, job));
            }
        }
        match job {
            Some((shard, job)) => {
                drop(self.execute_and_take_up(shard, job));
                Step::Ran
            }
            None if over => Step::Stopped,
            None => Step::Idle,
        }
    }

    /// Runs items until stopped, or until its shard is to have fewer workers; sleeps while there are none. What a worker
    /// thread does.
    ///
    /// # Panics
    /// As [`step`](Self::step); it can be called again.
    pub fn run(&mut self) {
        self.retired = self.serve();
    }

    /// Serves until stopped. Whether this worker was one too many instead.
    fn serve(&self) -> bool {
        let mut core = self.take_up(self.shard);
        loop {
            if core.retires() {
                mark("worker retired");
                return true;
            }
            core.take_in(false);
            core = match core.pick() {
                Some(job) => {
                    drop(core);
                    self.execute_and_take_up(self.shard, job)
                }
                None if self.shared.helped > 0 => {
                    match self.help_or_sleep(core) {
                        Helped::Over => return false,
                        Helped::Nothing => {}
                        Helped::Job(shard, job) => {
                            mark(if shard == self.shard { "worker woke" } else { "worker helps" });
                            drop(self.execute_and_take_up(shard, job));
                        }
                    }
                    self.take_up(self.shard)
                }
                None if wake_if_over(&mut core) => return false,
                None => {
                    let core = self.shared.shards[self.shard].baton.sleep(core, &self.seat);
                    mark("worker woke");
                    core
                }
            };
        }
    }

    /// Sits down at home, and in each of the shards that it helps, unless there is something to do or nothing ever will be;
    /// then sleeps, and gets up everywhere before it does anything.
    fn help_or_sleep(&self, mut home: ShardHold<'_, H::Key, H::Item>) -> Helped<H::Key, H::Item> {
        let (mut sat_at, mut deadline, mut job) = (Vec::new(), Deadline::NEVER, None);
        if wake_if_over(&mut home) {
            drop(home);
        } else {
            deadline = home.sit_down(&self.seat, false);
            sat_at.push(self.shard);
        }
        for shard in self.helped() {
            let mut core = self.take_up(shard);
            core.take_in(false);
            job = core.pick().map(|job| (shard, job));
            if job.is_some() {
                break;
            }
            if !wake_if_over(&mut core) {
                deadline = deadline.sooner(core.sit_down(&self.seat, true));
                sat_at.push(shard);
            }
        }
        if job.is_none() && sat_at.is_empty() {
            return Helped::Over;
        }
        if job.is_none() {
            self.seat.rest(deadline);
        }
        for shard in sat_at {
            let mut core = self.shared.shards[shard].baton.get_up(&self.seat);
            if job.is_none() {
                core.take_in(false);
                job = core.pick().map(|job| (shard, job));
            }
        }
        job.map_or(Helped::Nothing, |(shard, job)| Helped::Job(shard, job))
    }

    /// The shards that it serves as well, when there is nothing to do in its own: the next ones.
    fn helped(&self) -> impl Iterator<Item = usize> {
        let shards = self.shared.shards.len();
        (1..=self.shared.helped).map(move |next| (self.shard + next) % shards)
    }

    /// Does the job, takes the baton up again, and lets go of what the job had.
    #[inline]
    fn execute_and_take_up(&self, shard: usize, job: Job<H::Key, H::Item>) -> ShardHold<'_, H::Key, H::Item> {
        match job {
            Job::Item(load, running) => {
                let outcome = self.inside(running.tag, || self.handle(shard, load, &running, None));
                self.settle(outcome, |outcome| {
                    let mut core = self.take_up(shard);
                    core.finish(&running, outcome);
                    core
                })
            }
            Job::Together(load, running, together) => {
                let outcome =
                    self.inside(running.tag, || self.handle(shard, load, &running, Some(&together)));
                self.settle(outcome, |outcome| {
                    self.shared.finish_elsewhere(&together, shard, outcome);
                    let mut core = self.take_up(shard);
                    core.finish_here(&running, &together, shard, outcome);
                    core
                })
            }
            Job::Commit(callback, tag) => {
                let outcome = self.inside(tag, callback);
                self.settle(outcome, |_| {
                    let mut core = self.take_up(shard);
                    core.finish_commit(tag);
                    core
                })
            }
        }
    }

    #[inline]
    fn inside(&self, tag: Tag, callback: impl FnOnce()) -> Result<(), Box<dyn Any + Send>> {
        let _inside = Inside::pool(self.shared.id(), tag.generation);
        catch_unwind(AssertUnwindSafe(callback))
    }

    /// Has what was done `finish`ed, and the panic, if there was one, go on afterwards.
    #[inline]
    fn settle<'a>(
        &'a self,
        outcome: Result<(), Box<dyn Any + Send>>,
        finish: impl FnOnce(Outcome) -> ShardHold<'a, H::Key, H::Item>,
    ) -> ShardHold<'a, H::Key, H::Item> {
        let Err(panic) = outcome else { return finish(Outcome::Returned) };
        let then = self.shared.on_panic();
        if then == OnItemPanic::Stop {
            // Before the key goes on.
            self.shared.shutdown(Stop::HandBack);
        }
        let mut core = finish(Outcome::Panicked(then));
        let called_off = core.take_called_off();
        drop(core);
        self.shared.give_up(&called_off);
        resume_unwind(panic);
    }

    /// Runs the handler, watched or not. When this returns or unwinds the item is not watched any more: nobody who is told
    /// that it is over sees it run.
    #[inline]
    fn handle(
        &self,
        shard: usize,
        load: Load<H::Item>,
        running: &Running<H::Key>,
        together: Option<&Arc<Together<H::Key, H::Item>>>,
    ) {
        // The span ends in here, if this is the last to have it: no lock is held.
        let Load { item, context } = load;
        let _entered = context.enter();
        let lease = Lease::new(&self.shared, shard, running, together, &self.place);
        let _begun = self.place.as_ref().map(|station| {
            let task = Task { key: lease.clone(), class: running.class, shard };
            station.begin_with(task, H::patience(&item))
        });
        self.handler.handle(lease, item);
    }

    #[inline]
    fn take_up(&self, shard: usize) -> ShardHold<'_, H::Key, H::Item> {
        self.shared.shards[shard].baton.take_up()
    }

    pub(super) fn belongs_to(&self, shared: &Arc<Shared<H::Key, H::Item>>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// Whether it was one too many.
    pub(super) fn is_retired(&self) -> bool {
        self.retired
    }
}

/// What a worker finds that serves several shards.
enum Helped<K, I> {
    /// Something to do there.
    Job(usize, Job<K, I>),
    /// Nothing, this time.
    Nothing,
    /// Nothing ever any more.
    Over,
}

/// Whether nothing will ever start there again. Then nobody need sleep there: others may have sat down while items still
/// waited behind a key that ran. Whoever ran the last of them comes by once more before it sleeps or ends, and asks; one
/// that retires instead leaves behind who was woken when it was told to, and has yet to look.
fn wake_if_over<K: Clone + Eq + Hash, I>(core: &mut ShardHold<'_, K, I>) -> bool {
    let over = core.is_over();
    if over {
        core.wake_all();
    }
    over
}

impl<H: Handler> std::fmt::Debug for Worker<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("shard", &self.shard)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
