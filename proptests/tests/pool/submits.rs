//! Items on their way into the pool, and into the model.

use core::time::Duration;

use keylane::Class;
use keylane_proptests::ItemId;

use crate::ops::{Job, Key, Order};
use crate::real::{Real, Task};

/// Offers are numbered from 0.
pub fn offer_index(offer: u64) -> usize {
    usize::try_from(offer).expect("offers are few")
}

impl Real {
    /// Whether it was accepted.
    pub fn submit(&self, order: &Order) -> bool {
        let Order { key, job } = order;
        let id = self.model.lock().unwrap().submit_of(job.class, *key, self.parent());
        let task = self.task(id, job);
        let offer = task.offer;
        let refused = self.pool.submit(*key, task).err();
        self.offered(*key, &[(offer, id)], refused.map(|refused| one(refused.into_parts())));
        id.is_some()
    }

    /// Whether it was accepted.
    pub fn submit_after(&self, delay: Duration, order: &Order) -> bool {
        let Order { key, job } = order;
        let id = self.model.lock().unwrap().submit_after(delay, job.class, *key, self.parent());
        let task = self.task(id, job);
        let offer = task.offer;
        let refused = self.pool.submit_after(delay, *key, task).err();
        self.offered(*key, &[(offer, id)], refused.map(|refused| one(refused.into_parts())));
        id.is_some()
    }

    pub fn submit_front(&self, order: &Order) {
        let Order { key, job } = order;
        let id = self.model.lock().unwrap().submit_front_of(job.class, *key, self.parent());
        let task = self.task(id, job);
        let offer = task.offer;
        let refused = self.pool.submit_front(*key, task).err();
        self.offered(*key, &[(offer, id)], refused.map(|refused| one(refused.into_parts())));
    }

    pub fn submit_batch(&self, key: Key, front: bool, jobs: &[Job]) {
        let parent = self.parent();
        let mut jobs: Vec<_> = jobs.iter().collect();
        if front {
            // Of a batch the last is in front of nothing but what was there.
            jobs.reverse();
        }
        let ids: Vec<_> = {
            let mut model = self.model.lock().unwrap();
            let ids = jobs.iter().map(|job| match front {
                true => model.submit_front_of(job.class, key, parent),
                false => model.submit_of(job.class, key, parent),
            });
            ids.collect()
        };
        let mut tasks: Vec<_> = ids.iter().zip(jobs).map(|(id, job)| self.task(*id, job)).collect();
        if front {
            tasks.reverse();
        }
        let offers: Vec<_> = tasks.iter().map(|task| (task.offer, task.id)).collect();
        let outcome = match front {
            true => self.pool.submit_front_batch(key, tasks),
            false => self.pool.submit_batch(key, tasks),
        };
        self.offered(key, &offers, outcome.err().map(|refused| refused.into_parts()));
    }

    pub fn put_back(&self, number: usize, class: Class) {
        let held = self.held.lock().unwrap();
        let Some((holder, guard)) = held.get(number % held.len().max(1)) else { return };
        let key = *guard.key();
        let id = self.model.lock().unwrap().submit_front_of(class, key, Some(*holder));
        let task = self.task(id, &Job { class, script: Vec::new() });
        let offer = task.offer;
        let refused = guard.put_back(task).err();
        self.offered(key, &[(offer, id)], refused.map(|refused| one(refused.into_parts())));
    }

    /// The item whose handler this is.
    fn parent(&self) -> Option<ItemId> {
        self.inside.lock().unwrap().last().copied()
    }

    fn task(&self, id: Option<ItemId>, job: &Job) -> Task {
        let mut offers = self.offers.lock().unwrap();
        offers.push(id);
        let offer = u64::try_from(offers.len() - 1).expect("offers are few");
        Task { offer, id, job: job.clone() }
    }

    /// What was offered has been refused as a whole and come back, or has been accepted as a whole.
    fn offered(&self, key: Key, offers: &[(u64, Option<ItemId>)], refused: Option<(Key, Vec<Task>)>) {
        if let Some((refused_key, tasks)) = &refused {
            let back: Vec<_> = tasks.iter().map(|task| (task.offer, task.id)).collect();
            assert_eq!((*refused_key, &*back), (key, offers), "what is refused comes back");
        }
        for &(offer, id) in offers {
            assert_eq!(refused.is_none(), id.is_some(), "accepted, and to be accepted");
            self.books.offered(offer, refused.is_none());
        }
    }
}

fn one((key, task): (Key, Task)) -> (Key, Vec<Task>) {
    (key, vec![task])
}
