//! The same histories in the words of the twin, which says what each atomic step may do.

use keylane::Stop;
use keylane_twin::Id;
use keylane_twin::judge::Call;
use keylane_twin::sharded_pool::ShardedPool as Twin;
use keylane_twin::sharded_pool::judge::{Found, Part, Scope, Submitted};

use super::{Action, Op, State};
use crate::history::{Recorded, Retold};

/// The twin knows no keys that are held, no drain of one key, and one way in which it is shut down.
pub fn knows(ops: &[Op], state: State) -> bool {
    let has = |one| ops.contains(&one);
    let hands_back = has(Op::ShutdownHandBack) || has(Op::Reclaim);
    state != State::Held && !has(Op::DrainKey) && !(has(Op::ShutdownRun) && hands_back)
}

/// A history, and a twin with so many items, pauses and drains.
pub fn retell(calls: &[Recorded<Action>]) -> Retold<Twin> {
    let all = || calls.iter().flat_map(|call| &call.alternatives[0]);
    let count = |is: fn(&Action) -> bool| all().filter(|action| is(action)).count() as u8;
    let first_stop = all().find_map(|action| match action {
        Action::ShutDown(stop) => Some(*stop),
        _ => None,
    });
    let hands_back = first_stop != Some(Stop::RunRemaining);
    let pausers = count(|action| matches!(action, Action::Pause(_)));
    let twin = Twin::judging(&Scope {
        shards: 1,
        keys: 2,
        items: count(|action| matches!(action, Action::Submit(..) | Action::SubmitFront(..))),
        commits: 0,
        pausers,
        drainers: count(|action| matches!(action, Action::DrainBegins(_))),
        hands_back,
    });
    let mut teller = Teller { hands_back, pauses: 0, drains: Vec::new(), pausers };
    let calls = calls.iter().map(|call| Call {
        invoked: call.invoked,
        returned: call.returned,
        alternatives: vec![call.alternatives[0].iter().filter_map(|action| teller.part(action)).collect()],
    });
    (twin, calls.collect())
}

struct Teller {
    hands_back: bool,
    pausers: Id,
    /// How many there have been.
    pauses: Id,
    /// Their numbers, in the order of the twin's.
    drains: Vec<usize>,
}

fn key(item: u32) -> Id {
    (item / 10) as Id + 1
}

impl Teller {
    fn part(&mut self, action: &Action) -> Option<Part> {
        let submit =
            |item: u32, how, accepted| Part::Submit { name: item.into(), key: key(item), how, accepted };
        let step = |seen| Part::Step { shard: 1, seen };
        Some(match action {
            &Action::Submit(item, accepted) => submit(item, Submitted::Back, accepted),
            &Action::SubmitFront(item, accepted) => submit(item, Submitted::Front, accepted),
            Action::Remove(removed) => {
                Part::Remove { key: 1, removed: removed.iter().map(|&item| item.into()).collect() }
            }
            &Action::Begins(item) => step(Found::Runs(item.into())),
            &Action::Ends(item) => Part::Finish { name: item.into() },
            Action::Idle => step(Found::Idle),
            Action::Stopped => step(Found::Stopped),
            &Action::Pause(accepted) => {
                self.pauses += 1;
                Part::Pause { thread: self.pauses - 1, accepted }
            }
            Action::Resume => Part::Resume { thread: None },
            &Action::DrainBegins(number) => {
                self.drains.push(number);
                Part::Drain { thread: self.drainer(number) }
            }
            &Action::DrainEnds(number, well) => Part::Drained { thread: self.drainer(number), well },
            Action::ShutDown(Stop::HandBack) if !self.hands_back => Part::ShutdownBack,
            Action::ShutDown(_) => Part::Shutdown,
            Action::Leftovers(left) => {
                Part::Leftovers { left: left.values().flatten().map(|&item| item.into()).collect() }
            }
            // A pause has waited for that, and a shutdown begins with this.
            Action::Quiet | Action::Close => return None,
            Action::PutBack(..) | Action::Holds(_) | Action::Release(_) | Action::KeyDrainBegins(_) => {
                unreachable!("not in these models")
            }
        })
    }

    fn drainer(&self, number: usize) -> Id {
        let at = self.drains.iter().position(|&other| other == number);
        self.pausers + at.expect("it has begun") as Id
    }
}
