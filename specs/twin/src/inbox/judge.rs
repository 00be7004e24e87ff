//! What is seen of an inbox, as steps of it.

use super::{Action, Consumer, Inbox, State};
use crate::Id;
use crate::judge::{Judged, Known, Next, done};
use crate::protocol::Protocol;

/// What is seen of a call. Each producer pushes one message.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Part {
    /// A push.
    Push {
        /// The producer, and its message.
        thread: Id,
        /// Whether it has found the consumer asleep, if the message goes in.
        seen: Option<bool>,
    },
    /// No more go in.
    Close {
        /// Whether it has found the consumer asleep.
        woke: bool,
    },
    /// Whoever has found it asleep rings.
    Ring {
        /// Who does.
        thread: Id,
    },
    /// The consumer takes what there is.
    Take {
        /// With the wish to lie down.
        lie_down: bool,
        /// Whose messages it gets.
        got: Vec<Id>,
        /// What it is told.
        told: Told,
    },
    /// It handles what it has in hand.
    Handle,
}

/// What a consumer is told.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Told {
    /// To go on.
    Awake,
    /// To sleep.
    Asleep,
    /// That no more will come.
    Closed,
}

type Nexts = Vec<Next<Inbox>>;

impl Inbox {
    /// One for so many producers.
    pub fn judging(producers: u8) -> Self {
        Self { producers, messages: 1 }
    }

    fn takes(&self, known: &Known<State>, lie_down: bool, got: &[Id], told: Told) -> Nexts {
        let state = &known.state;
        let arrived: Vec<_> = state.arrived.iter().map(|message| message.from).collect();
        if state.consumer == Consumer::Waits && state.rung {
            return self.goes(known, &Action::Wait, |_| {
                Some(vec![Part::Take { lie_down, got: got.to_vec(), told }])
            });
        }
        let as_told = match (state.closed, lie_down && arrived.is_empty()) {
            (true, _) => Told::Closed,
            (false, true) => Told::Asleep,
            (false, false) => Told::Awake,
        };
        if (got, told) != (&arrived[..], as_told) {
            return Vec::new();
        }
        // It looks without the wish to lie down, or in its sleep, or after the end: if that finds nothing, nothing comes of it.
        let sleeps_on = state.consumer == Consumer::Waits && state.asleep;
        if arrived.is_empty() && (!lie_down || sleeps_on || state.consumer == Consumer::Stopped) {
            return done(known, true);
        }
        self.goes(known, &Action::TakeLieDown, |after| {
            let sleeps = after.consumer == Consumer::Waits;
            (sleeps == (told == Told::Asleep)).then(|| vec![Part::Handle])
        })
    }
}

impl Judged for Inbox {
    type Part = Part;

    fn take(&self, known: &Known<State>, part: &Part) -> Nexts {
        let state = &known.state;
        let rings = |thread: Id, woke: bool| {
            move |after: &State| (after.ringing.has(thread) == woke).then(|| vec![Part::Ring { thread }])
        };
        match *part {
            Part::Push { thread, seen: Some(woke) } => {
                self.goes(known, &Action::Push { thread }, rings(thread, woke))
            }
            Part::Push { thread, seen: None } => {
                done(known, state.closed && self.step(state, &Action::Push { thread }).is_none())
            }
            Part::Close { woke } if state.closed => done(known, !woke && !state.asleep),
            Part::Close { woke } => self.goes(known, &Action::Close, rings(self.closer(), woke)),
            Part::Ring { thread } if state.ringing.has(thread) => {
                self.goes(known, &Action::Ring { thread }, |_| Some(vec![Part::Ring { thread }]))
            }
            Part::Ring { .. } => done(known, true),
            Part::Take { lie_down, ref got, told } => self.takes(known, lie_down, got, told),
            Part::Handle if state.hand.is_empty() => done(known, true),
            Part::Handle => self.goes(known, &Action::Handle, |_| Some(vec![Part::Handle])),
        }
    }

    fn otherwise(part: &Part) -> Vec<Part> {
        match part.clone() {
            Part::Push { thread, seen } => [None, Some(false), Some(true)]
                .into_iter()
                .filter(|&other| other != seen)
                .map(|seen| Part::Push { thread, seen })
                .collect(),
            Part::Close { woke } => vec![Part::Close { woke: !woke }],
            Part::Take { lie_down, mut got, told } => {
                let all = [Told::Awake, Told::Asleep, Told::Closed].into_iter();
                let all = all.filter(|&other| other != told);
                let mut others: Vec<_> =
                    all.map(|told| Part::Take { lie_down, got: got.clone(), told }).collect();
                if got.pop().is_none() {
                    got.push(Id::MAX);
                }
                others.push(Part::Take { lie_down, got, told });
                others
            }
            Part::Ring { .. } | Part::Handle => Vec::new(),
        }
    }
}
