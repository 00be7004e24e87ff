//! The schedulers of the programs' pools, one of which tells what it was asked.

use core::time::Duration;
use std::cell::RefCell;
use std::collections::BTreeMap;

use keylane::{Candidate, Class, Scheduler};
use keylane_proptests::Lines;

use crate::ops::{CLASSES, second};

/// Which scheduler a pool has.
#[derive(Clone, Copy, Debug)]
pub enum Chooser {
    /// keylane's own.
    Fifo,
    /// Higher classes first. Those from `merged` on are one line; of class c, one in c seconds if it rations.
    Ranked { merged: u8, rations: bool },
}

impl Chooser {
    /// In which line each class waits.
    pub fn lines(self) -> Lines {
        let line = |class| match self {
            Self::Fifo => 0,
            Self::Ranked { merged, .. } => merged.min(class),
        };
        (0..CLASSES).map(|class| (Class(class), Class(line(class)))).collect()
    }
}

/// See [`Chooser::Ranked`].
#[derive(Clone, Debug)]
pub struct Ranked {
    merged: u8,
    rations: bool,
    /// From when on the next of each class may start.
    next: BTreeMap<Class, Duration>,
}

impl Ranked {
    pub fn new(merged: u8, rations: bool) -> Self {
        Self { merged, rations, next: BTreeMap::new() }
    }
}

/// What schedulers were asked by this thread, up to the item that one had charged.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub may: Vec<Candidate>,
    pub may_not: Vec<Candidate>,
    pub chosen: Option<Class>,
    pub charged: Option<Candidate>,
    /// What they were told that the time is, at each candidate. Empty if they do not ask.
    pub times: Vec<(Candidate, Duration)>,
}

thread_local! {
    static ACCOUNT: RefCell<Account> = RefCell::default();
}

impl Account {
    /// Takes what has been told, and begins anew.
    pub fn take() -> Self {
        ACCOUNT.take()
    }

    fn tell(tell: impl FnOnce(&mut Self)) {
        ACCOUNT.with_borrow_mut(|account| {
            if account.charged.is_none() {
                tell(account);
            }
        });
    }
}

impl Scheduler for Ranked {
    fn line(&self, class: Class) -> Class {
        class.min(Class(self.merged))
    }

    fn asks_the_time(&self) -> bool {
        self.rations
    }

    fn may_start(&self, candidate: &Candidate, now: Duration) -> Result<(), Duration> {
        let next = self.next.get(&candidate.class).copied().filter(|next| self.rations && *next > now);
        Account::tell(|account| {
            if self.rations {
                account.times.push((*candidate, now));
            }
            let told = if next.is_some() { &mut account.may_not } else { &mut account.may };
            told.push(*candidate);
        });
        next.map_or(Ok(()), Err)
    }

    fn choose(&mut self, candidates: &[Candidate], _: Duration) -> Class {
        let class = candidates.last().expect("there is one").class;
        Account::tell(|account| {
            assert_eq!(account.may, candidates, "all that may start are to be chosen from");
            account.chosen = Some(class);
        });
        class
    }

    fn charge(&mut self, taken: &Candidate, candidates: &[Candidate], now: Duration) {
        Account::tell(|account| {
            assert_eq!(account.may, candidates, "it was taken from all that may start");
            account.charged = Some(*taken);
        });
        self.next.insert(taken.class, now + second() * u32::from(taken.class.0));
    }
}
