//! What is seen of a queue, as steps of it.

use super::state::{At, Boss, Door, Place, State};
use super::{Action, DispatchQueue, Post};
use crate::Id;
use crate::judge::{Judged, Known, Next, done};
use crate::protocol::Protocol;

/// What a queue is judged by: all that a run has of it. How many messages there are is not limited.
#[derive(Clone, Debug)]
pub struct Scope {
    /// All that ever come.
    pub connections: u8,
    /// Whether they are.
    pub ordered: bool,
    /// How many messages may be under way; 0: any number.
    pub limit: u8,
    /// Of messages.
    pub priorities: Vec<u8>,
    /// Whether the first shutdown hands back what waits.
    pub hands_back: bool,
}

/// What is seen of a call. Messages have the names that the code has for them.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Part {
    /// A message is delivered: until its callback begins, or the call returns.
    Deliver {
        /// The connection.
        thread: Id,
        /// Of the message.
        name: u64,
        /// Of the message.
        priority: u8,
        /// Whether it qualifies for fast dispatch.
        fast: bool,
        /// What becomes of it.
        seen: Delivered,
    },
    /// It has come for room.
    Admitted {
        /// The connection.
        thread: Id,
        /// What becomes of its message.
        seen: Delivered,
    },
    /// A fast callback has ended.
    Leave {
        /// The connection.
        thread: Id,
    },
    /// Whoever has found a consumer asleep rings.
    Ring {
        /// Who does.
        thread: Id,
    },
    /// A message to oneself.
    Send {
        /// Of the message.
        name: u64,
        /// Of the message.
        priority: u8,
        /// Whether it qualifies for fast dispatch.
        fast: bool,
        /// Whether it is taken.
        accepted: bool,
    },
    /// What a connection has queued is discarded.
    Empty {
        /// The connection.
        thread: Id,
        /// Whether of that is told, and the connection is gone.
        event: bool,
        /// Whether the queue takes note of it.
        accepted: bool,
    },
    /// The dispatch loop looks: until a callback begins, or the call returns.
    Dispatch {
        /// What it finds.
        seen: Found,
        /// What it drops first, if that is seen.
        dropped: Option<Vec<u64>>,
    },
    /// It drops what it has found discarded, one after the other.
    Drop,
    /// It tells of a reset.
    Tell,
    /// The dispatch loop's callback has ended.
    Dispatched,
    /// The local loop looks: until a callback begins, or the call returns.
    Local {
        /// What it finds.
        seen: Passed,
    },
    /// It passes on what it has in hand.
    PassOn {
        /// Whether the queue takes it.
        accepted: bool,
    },
    /// It ends the queue.
    EndQueue,
    /// The local loop's callback has ended.
    LocalEnded,
    /// Each door that is open is closed.
    Shutdown,
    /// Both loops are over, and no callback runs.
    Join,
    /// What is left comes back.
    Reclaim {
        /// Messages, in order.
        left: Vec<u64>,
        /// Connections of whose resets nobody was told.
        untold: Vec<Id>,
    },
    /// Whether a connection is told that it cannot dispatch fast any more. It may be told late.
    LooksClosed {
        /// The connection.
        thread: Id,
        /// Whether it is.
        closed: bool,
    },
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Delivered {
    /// Its callback begins.
    Fast,
    /// It is queued.
    Queued,
    /// It comes back.
    Refused,
    /// It comes back, since there is no room.
    Full,
}

/// What a dispatch loop finds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Found {
    /// The callback of this message begins.
    Runs(u64),
    /// It tells of the reset of this connection.
    Tells(Id),
    /// Nothing, for now.
    Idle,
    /// Nothing, ever again.
    Stopped,
}

/// What a local loop finds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Passed {
    /// The callback of this message begins.
    Runs(u64),
    /// One goes to the dispatch loop: this one, if that is seen.
    PassesOn(Option<u64>, bool),
    /// Nothing, for now.
    Idle,
    /// Nothing, ever again.
    Stopped,
}

type Nexts = Vec<Next<DispatchQueue>>;

impl DispatchQueue {
    /// One that may do all that is in the scope.
    pub fn judging(scope: &Scope) -> Self {
        Self {
            connections: scope.connections,
            messages: u8::MAX,
            locals: u8::MAX,
            priorities: scope.priorities.clone(),
            fast_too: true,
            ordered: scope.ordered,
            limit: scope.limit,
            // The code keeps less than a sixteenth of the limit.
            few: (scope.limit / 16).max(1),
            may_reset: true,
            may_discard: true,
            how: Some(if scope.hands_back { Door::Back } else { Door::Run }),
        }
    }

    fn must_ring(state: &State, thread: Id) -> Option<Action> {
        let posts = [Post::Dispatch, Post::Local].into_iter();
        let post = posts.into_iter().find(|&post| state.at(post).ringing.has(thread))?;
        Some(Action::Ring { thread, post })
    }

    fn comes(&self, known: &Known<State>, part: &Part) -> Nexts {
        let &Part::Deliver { thread, name, priority, fast, seen } = part else { unreachable!("it is one") };
        let before = &known.state;
        if before.place(thread) == Place::Gone {
            return done(known, seen == Delivered::Refused);
        }
        let Some(after) = self.step(before, &Action::Deliver { thread, priority, fast }) else {
            return Vec::new();
        };
        match (after.place(thread), seen) {
            // Who does not wait for room has not come.
            (Place::WaitsForRoom, Delivered::Full) => done(known, true),
            (_, Delivered::Full) => Vec::new(),
            _ => {
                let number = after.connections[usize::from(thread)].delivered;
                vec![(known.named(after, name, (thread, number)), vec![Part::Admitted { thread, seen }])]
            }
        }
    }

    fn admitted(&self, known: &Known<State>, thread: Id, seen: Delivered) -> Nexts {
        let state = &known.state;
        let fast = state.delivers(thread).is_some_and(|message| message.fast);
        let goes_on = |_: &State| Some(vec![Part::Admitted { thread, seen }]);
        match state.place(thread) {
            Place::Has if fast => {
                self.goes(known, &Action::Enter { thread }, |after| match after.place(thread) {
                    Place::Visits => (seen == Delivered::Fast).then(Vec::new),
                    _ => (seen != Delivered::Fast).then(|| vec![Part::Admitted { thread, seen }]),
                })
            }
            Place::Has | Place::Queues => {
                self.goes(known, &Action::Push { thread }, |after| match after.place(thread) {
                    Place::Idle => (seen == Delivered::Queued).then(|| vec![Part::Ring { thread }]),
                    _ => (seen == Delivered::Refused).then(|| vec![Part::Admitted { thread, seen }]),
                })
            }
            Place::TurnedAway => self.goes(known, &Action::VisitDrop { thread }, goes_on),
            Place::DepartsToQueue => self.goes(known, &Action::Depart { thread }, goes_on),
            Place::DropsPending => self.goes(known, &Action::DropPending { thread }, goes_on),
            Place::Refused => self.goes(known, &Action::Return { thread }, goes_on),
            Place::Gone => done(known, seen == Delivered::Refused),
            Place::Idle | Place::WaitsForRoom | Place::Visits | Place::Departs | Place::Returns => Vec::new(),
        }
    }

    fn leave(&self, known: &Known<State>, thread: Id) -> Nexts {
        let goes_on = |_: &State| Some(vec![Part::Leave { thread }]);
        match known.state.place(thread) {
            Place::Visits => self.goes(known, &Action::VisitDrop { thread }, goes_on),
            Place::Departs => self.goes(known, &Action::Depart { thread }, goes_on),
            Place::Returns => self.goes(known, &Action::Return { thread }, |_| Some(Vec::new())),
            _ => Vec::new(),
        }
    }

    fn empty_out(&self, known: &Known<State>, thread: Id, event: bool, accepted: bool) -> Nexts {
        let state = &known.state;
        let action = if event { Action::Reset { thread } } else { Action::Discard { thread } };
        if !accepted {
            return done(known, state.has_ended() && self.step(state, &action).is_none());
        }
        let connection = &state.connections[usize::from(thread)];
        if !event && connection.emptied == connection.delivered {
            // Twice, with nothing in between: nothing comes of it.
            return done(known, !state.has_ended());
        }
        self.goes(known, &action, |_| Some(vec![Part::Ring { thread }]))
    }

    /// What is dropped when the dispatch loop takes in what has arrived; nothing, if something else was seen.
    fn drops(known: &Known<State>, seen: &Option<Vec<u64>>) -> Option<Option<Vec<u64>>> {
        let Some(seen) = seen else { return Some(None) };
        let mut left = seen.clone();
        for message in known.state.discarded() {
            let of_it = |name: &u64| known.names.get(name) == Some(&(message.from, message.number));
            left.remove(left.iter().position(of_it)?);
        }
        Some(Some(left))
    }

    fn dispatch(&self, known: &Known<State>, seen: Found, dropped: &Option<Vec<u64>>) -> Nexts {
        let state = &known.state;
        let nothing_else = dropped.as_ref().is_none_or(Vec::is_empty);
        let again = |dropped| Some(vec![Part::Dispatch { seen, dropped }]);
        let Some(at) = state.dispatch_at() else { return self.drop_next(known, again(dropped.clone())) };
        match at {
            At::LiesDown => {
                let Some(left) = Self::drops(known, dropped) else { return Vec::new() };
                self.goes(known, &Action::DispatchLieDown, |_| again(left))
            }
            At::Sleeps if state.dispatch.rung => {
                self.goes(known, &Action::Sleep { post: Post::Dispatch }, |_| again(dropped.clone()))
            }
            At::Sleeps => done(known, seen == Found::Idle && nothing_else),
            At::Stopped => done(known, seen == Found::Stopped && nothing_else),
            At::Steps => [self.looks(known, seen, dropped), self.goes_on(known, seen, nothing_else)].concat(),
            _ => Vec::new(),
        }
    }

    /// What a callback is begun for, as the twin names it; none if it is none of a message.
    fn picked(known: &Known<State>, seen: Found) -> Option<(Option<Id>, Option<u8>)> {
        match seen {
            Found::Runs(name) => known.names.get(&name).map(|&(from, number)| (Some(from), Some(number))),
            _ => Some((None, None)),
        }
    }

    fn is_as_seen(state: &State, seen: Found) -> bool {
        match (state.dispatch.at, seen) {
            (At::Runs, Found::Runs(_)) | (At::LiesDown, Found::Idle) | (At::Stopped, Found::Stopped) => true,
            (At::Tells, Found::Tells(from)) => state.events.first() == Some(&from),
            _ => false,
        }
    }

    fn looks(&self, known: &Known<State>, seen: Found, dropped: &Option<Vec<u64>>) -> Nexts {
        let Some(left) = Self::drops(known, dropped) else { return Vec::new() };
        if left.is_some_and(|left| !left.is_empty()) {
            return Vec::new();
        }
        let Some((from, number)) = Self::picked(known, seen) else { return Vec::new() };
        self.goes(known, &Action::DispatchStep { from, number }, |after| {
            let tells = matches!(seen, Found::Tells(_)).then_some(Part::Tell);
            Self::is_as_seen(after, seen).then(|| [Part::Drop].into_iter().chain(tells).collect())
        })
    }

    /// Without a look; then nothing is dropped.
    fn goes_on(&self, known: &Known<State>, seen: Found, drops_nothing: bool) -> Nexts {
        let Some((from, number)) = Self::picked(known, seen) else { return Vec::new() };
        if !drops_nothing {
            return Vec::new();
        }
        self.goes(known, &Action::DispatchGoOn { from, number }, |after| {
            let tells = matches!(seen, Found::Tells(_)).then_some(Part::Tell);
            Self::is_as_seen(after, seen).then(|| tells.into_iter().collect())
        })
    }

    /// Drops one message of those that were discarded.
    fn drop_next(&self, known: &Known<State>, left: Option<Vec<Part>>) -> Nexts {
        let action = match known.state.first_is_over {
            false => Action::DispatchDropDiscarded,
            true => Action::DispatchReturnDiscarded,
        };
        self.goes(known, &action, |_| left)
    }

    fn look_local(&self, known: &Known<State>, seen: Passed) -> Nexts {
        let state = &known.state;
        let again = |_: &State| Some(vec![Part::Local { seen }]);
        match state.local.at {
            // Its end was not seen.
            At::Runs => self.goes(known, &Action::LocalReturn, again),
            At::LiesDown => self.goes(known, &Action::LocalLieDown, again),
            At::Sleeps if state.local.rung => self.goes(known, &Action::Sleep { post: Post::Local }, again),
            At::Sleeps => done(known, seen == Passed::Idle),
            At::Stopped => done(known, seen == Passed::Stopped),
            At::Steps => self.goes(known, &Action::LocalStep, |after| {
                let hand = after.local.hand.map(|message| (message.from, message.number));
                let is = |name: &u64| known.names.get(name) == hand.as_ref();
                match (after.local.at, seen) {
                    (At::Runs, Passed::Runs(name)) => is(&name).then(Vec::new),
                    (At::PassesOn, Passed::PassesOn(name, accepted)) => {
                        name.iter().all(is).then(|| vec![Part::PassOn { accepted }])
                    }
                    (At::PassesOn, Passed::Stopped) => Some(vec![Part::PassOn { accepted: false }]),
                    (At::EndsTheQueue, Passed::Stopped) => Some(vec![Part::EndQueue]),
                    (At::LiesDown, Passed::Idle) | (At::Stopped, Passed::Stopped) => Some(Vec::new()),
                    _ => None,
                }
            }),
            _ => Vec::new(),
        }
    }

    fn shutdown(&self, known: &Known<State>) -> Nexts {
        let state = &known.state;
        let boss = self.boss();
        let action = match state.boss {
            _ if Self::must_ring(state, boss).is_some() => Self::must_ring(state, boss).expect("just seen"),
            Boss::Idle => Action::ShutdownCloseThrottle,
            Boss::ClosesLanes => match state.roster.left.iter().next() {
                // The code begins with the oldest.
                Some(connection) => Action::ShutdownCloseLane { connection },
                None => Action::ShutdownCloseRoster,
            },
            Boss::Seals => Action::ShutdownSeal,
            Boss::ClosesLocal => Action::ShutdownCloseLocal,
            Boss::ClosesQueue => Action::ShutdownCloseQueue,
            _ => return done(known, true),
        };
        self.goes(known, &action, |_| Some(vec![Part::Shutdown]))
    }

    fn join(&self, known: &Known<State>) -> Nexts {
        match known.state.boss {
            Boss::Joins => self.goes(known, &Action::JoinThreads, |_| Some(vec![Part::Join])),
            Boss::WaitsForQuiet => self.goes(known, &Action::JoinHear, |_| Some(vec![Part::Join])),
            Boss::Reclaims => done(known, true),
            _ => Vec::new(),
        }
    }

    /// To oneself first. Of those that were queued, whose turn it would have been is open, but not the order of a lane.
    fn comes_back(known: &Known<State>, left: &[u64], untold: &[Id]) -> bool {
        let state = &known.state;
        let mut expected = [state.to_oneself(), state.queued()].concat();
        let find = |name: &u64| {
            let &(from, number) = known.names.get(name)?;
            expected.iter().find(|message| (message.from, message.number) == (from, number)).copied()
        };
        let Some(mut left) = left.iter().map(find).collect::<Option<Vec<_>>>() else { return false };
        let to_oneself = state.to_oneself().len();
        let first = left.get(..to_oneself) == expected.get(..to_oneself);
        expected.sort_by_key(|message| (message.from, message.priority));
        left.sort_by_key(|message| (message.from, message.priority));
        first && left == expected && state.untold() == untold
    }
}

impl Judged for DispatchQueue {
    type Part = Part;

    fn otherwise(part: &Part) -> Vec<Part> {
        let mut others = Vec::new();
        match part.clone() {
            Part::Deliver { thread, name, priority, fast, seen } => {
                let all = [Delivered::Fast, Delivered::Queued, Delivered::Refused, Delivered::Full];
                let all = all.into_iter().filter(|&other| other != seen);
                others.extend(all.map(|seen| Part::Deliver { thread, name, priority, fast, seen }));
            }
            Part::Send { name, priority, fast, accepted } => {
                others.push(Part::Send { name, priority, fast, accepted: !accepted });
            }
            Part::Empty { thread, event, accepted } => {
                others.push(Part::Empty { thread, event, accepted: !accepted });
            }
            Part::Dispatch { seen, dropped } => {
                let all = [Found::Idle, Found::Stopped, Found::Tells(0), Found::Runs(u64::MAX)];
                let all = all.into_iter().filter(|&other| other != seen);
                others.extend(all.map(|seen| Part::Dispatch { seen, dropped: dropped.clone() }));
                if let Some(mut all) = dropped {
                    if all.pop().is_none() {
                        all.push(u64::MAX);
                    }
                    others.push(Part::Dispatch { seen, dropped: Some(all) });
                }
            }
            Part::Local { seen } => {
                let passes = matches!(seen, Passed::PassesOn(..));
                let all =
                    [Passed::Idle, Passed::Stopped, Passed::Runs(u64::MAX), Passed::PassesOn(None, true)];
                let all = all
                    .into_iter()
                    .filter(|&other| other != seen && !(passes && matches!(other, Passed::PassesOn(..))));
                others.extend(all.map(|seen| Part::Local { seen }));
            }
            Part::Reclaim { mut left, mut untold } => {
                others.push(Part::Reclaim {
                    left: left.clone(),
                    untold: untold.iter().copied().chain([0]).collect(),
                });
                if left.pop().is_none() && untold.pop().is_none() {
                    left.push(u64::MAX);
                }
                others.push(Part::Reclaim { left, untold });
            }
            _ => {}
        }
        others
    }

    fn take(&self, known: &Known<State>, part: &Part) -> Nexts {
        let state = &known.state;
        match *part {
            Part::Deliver { .. } => self.comes(known, part),
            Part::Admitted { thread, seen } => self.admitted(known, thread, seen),
            Part::Leave { thread } => self.leave(known, thread),
            Part::Ring { thread } => match Self::must_ring(state, thread) {
                Some(ring) => self.goes(known, &ring, |_| Some(vec![Part::Ring { thread }])),
                None => done(known, true),
            },
            Part::Send { name, priority, fast, accepted } => {
                match self.step(state, &Action::Send { priority, fast }) {
                    Some(after) if accepted => {
                        let message = (self.me(), after.to_oneself);
                        vec![(known.named(after, name, message), vec![Part::Ring { thread: self.sender() }])]
                    }
                    None if !accepted => done(known, state.local.door != Door::Open),
                    _ => Vec::new(),
                }
            }
            Part::Empty { thread, event, accepted } => self.empty_out(known, thread, event, accepted),
            Part::Dispatch { seen, ref dropped } => self.dispatch(known, seen, dropped),
            Part::Drop if state.dropping.is_empty() => done(known, true),
            Part::Drop => self.drop_next(known, Some(vec![Part::Drop])),
            Part::Tell => self.goes(known, &Action::Tell, |_| Some(Vec::new())),
            Part::Dispatched => match state.dispatch_at() {
                Some(At::Runs) => {
                    self.goes(known, &Action::DispatchDropPending, |_| Some(vec![Part::Dispatched]))
                }
                Some(At::Returns) => self.goes(known, &Action::DispatchReturn, |_| Some(Vec::new())),
                _ => Vec::new(),
            },
            Part::Local { seen } => self.look_local(known, seen),
            Part::PassOn { accepted } => self.goes(known, &Action::LocalPassOn, |after| {
                let ring = Part::Ring { thread: self.local() };
                ((after.local.at == At::Steps) == accepted).then(|| vec![ring])
            }),
            Part::EndQueue => {
                let ring = Part::Ring { thread: self.local() };
                self.goes(known, &Action::LocalEndQueue, |_| Some(vec![ring]))
            }
            Part::LocalEnded => self.goes(known, &Action::LocalReturn, |_| Some(Vec::new())),
            Part::Shutdown => self.shutdown(known),
            Part::Join => self.join(known),
            Part::Reclaim { ref left, ref untold } if Self::comes_back(known, left, untold) => {
                self.goes(known, &Action::Reclaim, |_| Some(Vec::new()))
            }
            Part::Reclaim { .. } => Vec::new(),
            Part::LooksClosed { thread, closed } => done(known, !closed || state.is_closed_to(thread)),
        }
    }
}
