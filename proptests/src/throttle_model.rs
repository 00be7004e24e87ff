//! `Throttle` by definition: every request ever made, in the order in which they came, and what has become of each.
//!
//! Deterministic: who is served next, and when, is no choice. Sums are made anew each time, from the list.

use keylane::Limits;

/// Number of a request, in the order in which they came.
pub type RequestId = usize;

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Others are before it, or there is no room.
    Waits,
    /// It has its permit.
    Out,
    /// The throttle was closed while it waited, or before it came.
    Refused,
    /// It has given back its permit, or given up.
    Gone,
}

/// The sequential specification of a throttle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThrottleModel {
    limits: Limits,
    requests: Vec<(u64, Standing)>,
    closed: bool,
}

impl ThrottleModel {
    /// One that nothing has happened to.
    pub fn new(limits: Limits) -> Self {
        Self { limits, requests: Vec::new(), closed: false }
    }

    /// Somebody comes who would wait. It is out at once if it need not.
    pub fn arrive(&mut self, bytes: u64) -> RequestId {
        self.requests.push((bytes, if self.closed { Standing::Refused } else { Standing::Waits }));
        self.serve();
        self.requests.len() - 1
    }

    /// Somebody comes who would not wait. `None`: it must be refused.
    pub fn try_acquire(&mut self, bytes: u64) -> Option<RequestId> {
        let id = self.arrive(bytes);
        if self.standing(id) == Standing::Out {
            return Some(id);
        }
        self.requests[id].1 = Standing::Gone;
        None
    }

    /// What has become of a request.
    pub fn standing(&self, id: RequestId) -> Standing {
        self.requests[id].1
    }

    /// A permit is given back, or a place in the line given up.
    ///
    /// # Panics
    /// If it was before.
    pub fn leave(&mut self, id: RequestId) {
        assert_ne!(self.standing(id), Standing::Gone, "nobody leaves twice");
        self.requests[id].1 = Standing::Gone;
        self.serve();
    }

    /// Other limits.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.serve();
    }

    /// Who waits is refused, and who comes.
    pub fn close(&mut self) {
        self.closed = true;
        for (_, standing) in &mut self.requests {
            if *standing == Standing::Waits {
                *standing = Standing::Refused;
            }
        }
    }

    /// Whether it has been closed.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Permits out, the sum of their bytes, and how many wait.
    pub fn sums(&self) -> (u64, u128, usize) {
        let out = self.requests.iter().filter(|(_, standing)| *standing == Standing::Out);
        let waiting = self.requests.iter().filter(|(_, standing)| *standing == Standing::Waits).count();
        (out.clone().count() as u64, out.map(|(bytes, _)| u128::from(*bytes)).sum(), waiting)
    }

    /// Forgets requests that are over, and gives the others, whose numbers these are, new ones: their places among these. For
    /// whoever explores all that the model can say.
    ///
    /// # Panics
    /// If another waits, or is out.
    pub fn keep(&mut self, requests: &[RequestId]) {
        let is_over = |standing| matches!(standing, Standing::Gone | Standing::Refused);
        let are_all = (0..self.requests.len()).all(|id| is_over(self.standing(id)) || requests.contains(&id));
        assert!(are_all, "all that are not over");
        self.requests = requests.iter().map(|&id| self.requests[id]).collect();
    }

    /// While whoever has waited longest has room, it goes.
    fn serve(&mut self) {
        while let Some(first) = self.requests.iter().position(|(_, standing)| *standing == Standing::Waits) {
            if !self.has_room(self.requests[first].0) {
                return;
            }
            self.requests[first].1 = Standing::Out;
        }
    }

    /// In each unit: none of it is out, or together it is within the limit. Nothing is ever counted beyond `u64`.
    fn has_room(&self, bytes: u64) -> bool {
        let (count, out, _) = self.sums();
        let most = |limit: Option<u64>| u128::from(limit.unwrap_or(u64::MAX));
        let one_more = count == 0 || u128::from(count) < most(self.limits.count);
        let so_large = out == 0 || out + u128::from(bytes) <= most(self.limits.bytes);
        one_more && so_large
    }
}
