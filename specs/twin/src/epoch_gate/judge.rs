//! What is seen of a gate, as steps of it.

use super::{Action, Callback, EpochGate, Place, State};
use crate::Id;
use crate::judge::{Judged, Known, Next, done};
use crate::protocol::Protocol;

/// What a gate is judged by: all that a run has of it. How many messages there are is not limited.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// All that are ever opened, in their order.
    pub sessions: u8,
    /// Those that are not there from the start. Group 0 is.
    pub groups: u8,
    /// How many maps are offered.
    pub publishers: u8,
}

/// What is seen of a call. Messages have the names that the code has for them; sessions count from 1.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Part {
    /// A message arrives.
    Arrive {
        /// In which session.
        session: Id,
        /// The message.
        name: u64,
        /// Which epoch it needs.
        needs: Id,
        /// Which group.
        group: Id,
        /// What becomes of it.
        seen: Arrived,
    },
    /// A map is offered.
    Publish {
        /// By whom.
        thread: Id,
        /// Of which epoch.
        epoch: Id,
        /// What becomes of it.
        seen: Published,
    },
    /// A group can be found from here on.
    Show {
        /// Which one.
        group: Id,
    },
    /// The gate is told of it.
    Appeared,
    /// A callback begins.
    Begins {
        /// Who runs it.
        thread: Id,
        /// In which session.
        session: Id,
        /// Of which message.
        name: u64,
        /// Under which epoch.
        epoch: Id,
    },
    /// It looks for its message's group.
    Looks {
        /// In which session it runs.
        session: Id,
        /// Whether it is there.
        found: bool,
    },
    /// It asks that its message be set aside.
    Parks {
        /// In which session it runs.
        session: Id,
        /// Whether it is: if not, it comes back.
        accepted: bool,
    },
    /// It ends.
    Ends {
        /// In which session it ran.
        session: Id,
        /// Whether it is the last one that its call runs.
        last: bool,
    },
    /// A call has nothing more to run.
    Rests {
        /// Who makes it.
        thread: Id,
    },
    /// What waits in a session comes back.
    Reset {
        /// Which one.
        session: Id,
        /// What comes back, in order, if that is seen.
        left: Option<Vec<u64>>,
    },
    /// The gate ends.
    Stop {
        /// What comes back, session by session.
        left: Vec<u64>,
    },
    /// The highest epoch that is waited for.
    Wanted {
        /// If there is one.
        epoch: Option<Id>,
    },
    /// The epoch that is there.
    Newest {
        /// If there is one.
        epoch: Option<Id>,
    },
    /// Nobody is under way, and nothing may leave.
    Settled,
}

/// What becomes of a message that arrives.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Arrived {
    /// It is taken.
    Taken,
    /// So it is, and its epoch is to be asked for.
    Wanted,
    /// It comes back.
    Refused,
}

/// What becomes of a map that is offered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Published {
    /// It is the newest one.
    Done,
    /// This one has been published.
    Stale(Id),
    /// The gate has ended.
    Stopped,
}

type Nexts = Vec<Next<EpochGate>>;

/// Who runs the callbacks of a session.
fn runner(state: &State, session: Id) -> Option<Id> {
    (0..).zip(&state.threads).find(|(_, thread)| thread.session == session).map(|(id, _)| id)
}

/// Whether the names are those of these messages.
fn are(known: &Known<State>, names: &[u64], messages: impl IntoIterator<Item = (Id, u8)>) -> bool {
    let names = names.iter().map(|name| known.names.get(name).copied());
    names.eq(messages.into_iter().map(Some))
}

fn waiting(state: &State, session: Id) -> impl Iterator<Item = (Id, u8)> {
    state.waiting(session).into_iter().map(move |number| (session, number))
}

impl EpochGate {
    /// One that may do all that is in the scope. Who publishes as number `n` is `publishers().nth(n)`.
    pub fn judging(scope: &Scope) -> Self {
        Self {
            sessions: scope.sessions,
            messages: u8::MAX,
            epochs: u8::MAX,
            groups: scope.groups,
            publishers: scope.publishers,
            may_reset: true,
            may_stop: true,
        }
    }

    fn comes(&self, known: &Known<State>, part: &Part) -> Nexts {
        let &Part::Arrive { session, name, needs, group, seen } = part else { unreachable!("it is one") };
        let before = &known.state;
        let Some(after) = self.step(before, &Action::Arrive { session, needs, group }) else {
            return done(known, seen == Arrived::Refused && before.is_stopped());
        };
        if seen == Arrived::Refused {
            return Vec::new();
        }
        let is_wanted = after.asked() != before.asked();
        if is_wanted != (seen == Arrived::Wanted) {
            return Vec::new();
        }
        let message = (session, after.arrived(session));
        vec![(known.named(after, name, message), Vec::new())]
    }

    fn publishes(&self, known: &Known<State>, thread: Id, epoch: Id, seen: Published) -> Nexts {
        let state = &known.state;
        let publish = Action::Publish { thread, epoch };
        let refused = || self.step(state, &publish).is_none();
        match seen {
            Published::Done => self.goes(known, &publish, |_| Some(Vec::new())),
            Published::Stopped => done(known, refused() && state.is_stopped()),
            Published::Stale(newest) => done(known, refused() && state.published() == Some(newest)),
        }
    }

    /// It has begun already, as the next one of its session or with its arrival; or it is found by walking over the sessions.
    fn begins(&self, known: &Known<State>, part: &Part) -> Nexts {
        let &Part::Begins { thread, session, name, epoch } = part else { unreachable!("it is one") };
        let state = &known.state;
        let Some(&(of_session, number)) = known.names.get(&name) else { return Vec::new() };
        let is_it = |state: &State| {
            let calls = runner(state, session) == Some(thread) && state.is_at(thread, Place::Calls);
            calls && session == of_session && state.running(session) == Some((number, epoch))
        };
        match state.threads[usize::from(thread)].place {
            Place::Walks => {
                self.goes(known, &Action::BeginFrom { thread }, |after| is_it(after).then(Vec::new))
            }
            _ => done(known, is_it(state)),
        }
    }

    fn looks(&self, known: &Known<State>, session: Id, found: bool) -> Nexts {
        let state = &known.state;
        let (Some(thread), Some((number, _))) = (runner(state, session), state.running(session)) else {
            return Vec::new();
        };
        self.goes(known, &Action::Call { thread, number }, |after| {
            let expected = if found { Place::GoesOn } else { Place::Parks };
            after.is_at(thread, expected).then(Vec::new)
        })
    }

    fn parks(&self, known: &Known<State>, session: Id, accepted: bool) -> Nexts {
        let state = &known.state;
        let running = state.lines[usize::from(session) - 1].running;
        let (Some(thread), Some(Callback { message, .. })) = (runner(state, session), running) else {
            return Vec::new();
        };
        self.goes(known, &Action::Park { thread }, |after| {
            let is_kept = after.waiting(session).contains(&message.number);
            (is_kept == accepted).then(Vec::new)
        })
    }

    fn rests(&self, known: &Known<State>, thread: Id) -> Nexts {
        let again = |_: &State| Some(vec![Part::Rests { thread }]);
        match known.state.threads[usize::from(thread)].place {
            Place::Idle => done(known, true),
            Place::Walks => self.goes(known, &Action::BeginFrom { thread }, again),
            _ => Vec::new(),
        }
    }

    fn resets(&self, known: &Known<State>, session: Id, left: Option<&[u64]>) -> Nexts {
        let state = &known.state;
        if !left.is_none_or(|left| are(known, left, waiting(state, session))) {
            return Vec::new();
        }
        let line = &state.lines[usize::from(session) - 1];
        if line.emptied == line.arrived {
            // Twice, with nothing in between: nothing comes of it.
            return done(known, true);
        }
        self.goes(known, &Action::Reset { session }, |_| Some(Vec::new()))
    }
}

impl Judged for EpochGate {
    type Part = Part;

    fn take(&self, known: &Known<State>, part: &Part) -> Nexts {
        let state = &known.state;
        match *part {
            Part::Arrive { .. } => self.comes(known, part),
            Part::Publish { thread, epoch, seen } => self.publishes(known, thread, epoch, seen),
            Part::Show { group } => self.goes(known, &Action::Show { group }, |_| Some(Vec::new())),
            Part::Appeared => self.goes(known, &Action::Appeared, |_| Some(Vec::new())),
            Part::Begins { .. } => self.begins(known, part),
            Part::Looks { session, found } => self.looks(known, session, found),
            Part::Parks { session, accepted } => self.parks(known, session, accepted),
            Part::Ends { session, last } => {
                let Some(thread) = runner(state, session) else { return Vec::new() };
                let rests = last.then_some(Part::Rests { thread });
                self.goes(known, &Action::GoOn { thread }, |_| Some(Vec::from_iter(rests)))
            }
            Part::Rests { thread } => self.rests(known, thread),
            Part::Reset { session, ref left } => self.resets(known, session, left.as_deref()),
            Part::Stop { ref left } => {
                let all = self.sessions().flat_map(|session| waiting(state, session));
                match (are(known, left, all), state.is_stopped()) {
                    (false, _) => Vec::new(),
                    (true, true) => done(known, true),
                    (true, false) => self.goes(known, &Action::Stop, |_| Some(Vec::new())),
                }
            }
            Part::Wanted { epoch } => done(known, state.wanted() == epoch),
            Part::Newest { epoch } => done(known, state.published() == epoch),
            Part::Settled => {
                let none = self.sessions().all(|session| state.next(session).is_none());
                done(known, none && state.is_at_rest())
            }
        }
    }

    fn otherwise(part: &Part) -> Vec<Part> {
        let or_one_more = |mut left: Vec<u64>| {
            if left.pop().is_none() {
                left.push(u64::MAX);
            }
            left
        };
        match part.clone() {
            Part::Arrive { session, name, needs, group, seen } => {
                let all = [Arrived::Taken, Arrived::Wanted, Arrived::Refused].into_iter();
                let all = all.filter(|&other| other != seen);
                all.map(|seen| Part::Arrive { session, name, needs, group, seen }).collect()
            }
            Part::Publish { thread, epoch, seen } => {
                let all = [Published::Done, Published::Stale(Id::MAX), Published::Stopped].into_iter();
                let all = all.filter(|&other| other != seen);
                all.map(|seen| Part::Publish { thread, epoch, seen }).collect()
            }
            Part::Begins { thread, session, name, epoch } => vec![
                Part::Begins { thread, session, name: u64::MAX, epoch },
                Part::Begins { thread, session, name, epoch: epoch + 1 },
                Part::Begins { thread, session, name, epoch: epoch - 1 },
            ],
            Part::Looks { session, found } => vec![Part::Looks { session, found: !found }],
            Part::Parks { session, accepted } => vec![Part::Parks { session, accepted: !accepted }],
            // That it was not the last one, only the next part says.
            Part::Ends { session, last: false } => vec![Part::Ends { session, last: true }],
            Part::Reset { session, left: Some(left) } => {
                vec![Part::Reset { session, left: Some(or_one_more(left)) }]
            }
            Part::Stop { left } => vec![Part::Stop { left: or_one_more(left) }],
            Part::Wanted { epoch } => vec![Part::Wanted { epoch: Some(epoch.map_or(1, |epoch| epoch + 1)) }],
            Part::Newest { epoch } => vec![Part::Newest { epoch: Some(epoch.map_or(1, |epoch| epoch + 1)) }],
            _ => Vec::new(),
        }
    }
}
