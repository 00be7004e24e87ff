//! The same histories in the words of the twin, which says what each atomic step may do.

use keylane_proptests::{Arrival, Publishing};
use keylane_twin::Id;
use keylane_twin::epoch_gate::EpochGate as Twin;
use keylane_twin::epoch_gate::judge::{Arrived, Part, Published, Scope};
use keylane_twin::judge::Call;

use super::{Action, MISSING, Op};
use crate::history::{Recorded, Retold};

/// In the twin one thread brings a session's messages and resets it, and runs the callbacks in between; and another makes
/// groups.
pub fn knows(ops: &[Op]) -> bool {
    let arrives = |op: &&Op| matches!(op, Op::ArriveReady | Op::ArriveNext | Op::ArriveMissing);
    let arrivals = ops.iter().filter(arrives).count();
    let groups = ops.iter().filter(|&&op| op == Op::Appear).count();
    arrivals + usize::from(arrivals > 0 && ops.contains(&Op::Reset)) <= 1 && groups <= 1
}

/// A history, and a twin with so many sessions and maps.
pub fn retell(calls: &[Recorded<Action>]) -> Retold<Twin> {
    let all = || calls.iter().flat_map(|call| &call.alternatives[0]);
    let count = |is: fn(&Action) -> bool| all().filter(|action| is(action)).count() as u8;
    let twin = Twin::judging(&Scope {
        sessions: count(|action| matches!(action, Action::Open(_))),
        groups: 1,
        publishers: count(|action| matches!(action, Action::Publish(..))),
    });
    let retold = calls.iter().map(|call| {
        let parts = match call.alternatives[0].is_empty() {
            // A callback that has found its group, between its two stamps.
            true => vec![Part::Looks { session: began(calls, call).1, found: true }],
            false => parts(thread_of(&twin, calls, call), call),
        };
        Call { invoked: call.invoked, returned: call.returned, alternatives: vec![parts] }
    });
    let retold = retold.collect();
    (twin, retold)
}

/// The part of a call that ends where the callback begins that runs in this one; and in which session.
fn began<'a>(calls: &'a [Recorded<Action>], inside: &Recorded<Action>) -> (&'a Recorded<Action>, Id) {
    let begins = calls.iter().filter(|call| call.returned == inside.invoked).find_map(|call| {
        match call.alternatives[0].last() {
            Some(&Action::Begins(session, ..)) => Some((call, session as Id)),
            _ => None,
        }
    });
    begins.expect("a callback began")
}

/// Who makes a call. After a callback the same who made it before.
fn thread_of(twin: &Twin, calls: &[Recorded<Action>], call: &Recorded<Action>) -> Id {
    let is_publish =
        |call: &&Recorded<Action>| matches!(call.alternatives[0].first(), Some(Action::Publish(..)));
    match call.alternatives[0].first() {
        Some(&Action::Arrive(session, ..)) => session as Id - 1,
        Some(Action::Publish(..)) => {
            let before = calls.iter().take_while(|&other| !std::ptr::eq(other, call));
            twin.publishers().nth(before.filter(is_publish).count()).expect("they were counted")
        }
        Some(Action::Ends(_)) => {
            let inside = calls.iter().find(|other| other.returned == call.invoked);
            thread_of(twin, calls, began(calls, inside.expect("a callback ended")).0)
        }
        // Only groups are made by others that run callbacks.
        _ => twin.maker(),
    }
}

fn parts(thread: Id, call: &Recorded<Action>) -> Vec<Part> {
    let actions = &call.alternatives[0];
    let mut parts = Vec::new();
    for (at, action) in actions.iter().enumerate() {
        let next = actions.get(at + 1);
        let is_last = !matches!(next, Some(Action::Begins(..)));
        let rests = is_last.then_some(Part::Rests { thread });
        match *action {
            Action::Arrive(session, number, needs, group, outcome) => {
                let seen = match outcome {
                    Arrival::Taken => Arrived::Taken,
                    Arrival::TakenAndWanted => Arrived::Wanted,
                    Arrival::Refused => Arrived::Refused,
                };
                let (session, needs) = (session as Id, needs as Id);
                parts.push(Part::Arrive { session, name: number.into(), needs, group, seen });
                parts.extend(rests);
            }
            Action::Publish(epoch, outcome) => {
                let seen = match outcome {
                    Publishing::Done => Published::Done,
                    Publishing::Stale(newest) => Published::Stale(newest as Id),
                    Publishing::Stopped => Published::Stopped,
                };
                parts.push(Part::Publish { thread, epoch: epoch as Id, seen });
                parts.extend(rests);
            }
            Action::Appeared => {
                parts.extend([Part::Show { group: MISSING }, Part::Appeared]);
                parts.extend(rests);
            }
            Action::Begins(session, number, epoch) => {
                let session = session as Id;
                parts.push(Part::Begins { thread, session, name: number.into(), epoch: epoch as Id });
                // Where callbacks are stamped, that is a call of its own.
                if let Some(Action::Ends(_)) = next {
                    parts.push(Part::Looks { session, found: true });
                }
            }
            Action::SetAside(session, accepted) => {
                let session = session as Id;
                parts.extend([Part::Looks { session, found: false }, Part::Parks { session, accepted }]);
            }
            Action::Ends(session) => parts.push(Part::Ends { session: session as Id, last: is_last }),
            Action::Reset(session, ref left) => {
                let left = Some(left.iter().map(|&number| number.into()).collect());
                parts.push(Part::Reset { session: session as Id, left });
            }
            // What is dropped with it nobody sees.
            Action::Close(session) => parts.push(Part::Reset { session: session as Id, left: None }),
            Action::Stop(ref left) => {
                parts.push(Part::Stop { left: left.iter().map(|&(_, number)| number.into()).collect() });
            }
            Action::Wanted(epoch) => parts.push(Part::Wanted { epoch: epoch.map(|epoch| epoch as Id) }),
            Action::Published(epoch) => parts.push(Part::Newest { epoch: epoch.map(|epoch| epoch as Id) }),
            Action::Settled => parts.push(Part::Settled),
            Action::Open(_) => {}
        }
    }
    parts
}
