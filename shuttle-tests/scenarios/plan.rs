//! When and how an execution is stopped.

use std::sync::atomic::{AtomicUsize, Ordering};

use keylane::Stop;

use crate::threads::{self, Receiver, Sender};

/// Stops to be asked for, each when so many pieces of work have been handed in.
pub struct Plan {
    stops: Vec<(usize, Stop)>,
    handed_in: AtomicUsize,
}

/// Tells the stopper that the time has come.
#[derive(Clone)]
pub struct Trigger(Sender<Stop>);

impl Plan {
    /// In half of the executions nobody stops before all `work` is done; in the others one or two do.
    pub fn draw(work: usize) -> Self {
        let stops = [0, 0, 1, 2][threads::below(4)];
        let stops = (0..stops).map(|_| {
            let stop = [Stop::RunRemaining, Stop::HandBack][threads::below(2)];
            (threads::below(work), stop)
        });
        Self { stops: stops.collect(), handed_in: AtomicUsize::new(0) }
    }

    /// Whether nobody stops before the end.
    pub fn is_calm(&self) -> bool {
        self.stops.is_empty()
    }

    /// Whether something may be handed back.
    pub fn hands_back(&self) -> bool {
        self.stops.iter().any(|&(_, stop)| stop == Stop::HandBack)
    }

    /// Before each piece of work.
    pub fn tick(&self, trigger: &Trigger) {
        let now = self.handed_in.fetch_add(1, Ordering::Relaxed);
        for &(_, stop) in self.stops.iter().filter(|&&(when, _)| when == now) {
            trigger.0.send(stop).expect("the stopper listens until all triggers are gone");
        }
    }
}

/// A trigger, and what the stopper listens to.
pub fn trigger() -> (Trigger, Receiver<Stop>) {
    let (sender, receiver) = threads::channel();
    (Trigger(sender), receiver)
}
