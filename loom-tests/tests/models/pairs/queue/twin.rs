//! The same histories in the words of the twin, which says what each atomic step may do.

use keylane::{Event, Priority, Stop};
use keylane_twin::Id;
use keylane_twin::dispatch_queue::DispatchQueue as Twin;
use keylane_twin::dispatch_queue::judge::{Delivered, Found, Part, Passed, Scope};
use keylane_twin::judge::Call;

use super::{Action, Op, State, priority};
use crate::history::{Recorded, Retold};

/// The twin's connections are all ordered or none is, and it is shut down in one way. Of events it knows resets.
pub fn knows(ops: &[Op], state: State) -> bool {
    let has = |one| ops.contains(&one);
    let runs = state == State::Ending || has(Op::ShutdownRun);
    let hands_back = has(Op::ShutdownHandBack) || has(Op::Reclaim);
    // Whose connection it is discards, and not while it delivers.
    let discards_while_it_runs = has(Op::DiscardOther) && (has(Op::DeliverFast) || has(Op::DeliverOrdered));
    !(has(Op::Connected)
        || (has(Op::DeliverOrdered) && has(Op::DeliverFast))
        || (runs && hands_back)
        || discards_while_it_runs)
}

/// A history, and a twin with so many connections.
pub fn retell(calls: &[Recorded<Action>]) -> Retold<Twin> {
    let all = || calls.iter().flat_map(|call| call.alternatives.iter().flatten());
    let connected = all().filter(|action| matches!(action, Action::Connect { .. }));
    let first_stop = all().find_map(|action| match action {
        Action::CloseLocal(stop) => Some(*stop),
        _ => None,
    });
    let twin = Twin::judging(&Scope {
        connections: connected.count() as u8,
        ordered: all().any(|action| matches!(action, Action::Connect { ordered: true, .. })),
        limit: 0,
        priorities: vec![Priority::DEFAULT.0, Priority::HIGH.0],
        hands_back: first_stop != Some(Stop::RunRemaining),
    });
    let calls = calls.iter().map(|call| Call {
        invoked: call.invoked,
        returned: call.returned,
        alternatives: call.alternatives.iter().map(|actions| parts(actions)).collect(),
    });
    (twin, calls.collect())
}

fn thread(connection: u64) -> Id {
    (connection - 1) as Id
}

fn deliver(from: u64, number: Option<u32>, fast: bool, seen: Delivered) -> Part {
    let of_message = priority(number.unwrap_or(0)).0;
    // Nobody asks for one again that runs fast or comes back.
    let name = number.map_or(1000 + from, u64::from);
    Part::Deliver { thread: thread(from), name, priority: of_message, fast, seen }
}

fn parts(actions: &[Action]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut left = actions.iter().peekable();
    while let Some(action) = left.next() {
        match *action {
            Action::FastBegins(from) => parts.push(deliver(from, None, true, Delivered::Fast)),
            Action::FastEnds(from) => parts.push(Part::Leave { thread: thread(from) }),
            Action::FastRefused(from) => parts.push(deliver(from, None, true, Delivered::Refused)),
            Action::Behind(_) => {
                let Some(&Action::Enqueue(from, number, Ok(()))) = left.next() else {
                    panic!("what must wait is queued: {actions:?}")
                };
                parts.push(deliver(from, Some(number), true, Delivered::Queued));
            }
            Action::Enqueue(from, number, outcome) => {
                let seen = if outcome.is_ok() { Delivered::Queued } else { Delivered::Refused };
                parts.push(deliver(from, Some(number), false, seen));
            }
            Action::Send { number, fast, accepted } => {
                let priority = priority(number).0;
                parts.push(Part::Send { name: number.into(), priority, fast, accepted });
            }
            Action::DispatchBegins { number, .. } => parts.push(dispatch(Found::Runs(number.into()))),
            Action::DispatchEnds => parts.push(Part::Dispatched),
            Action::TellBegins(from, Event::Reset) => parts.push(dispatch(Found::Tells(thread(from)))),
            Action::DispatchIdle => parts.push(dispatch(Found::Idle)),
            Action::DispatchStopped => parts.push(dispatch(Found::Stopped)),
            Action::LocalTakes(number) => {
                let seen = match left.next_if(|next| matches!(next, Action::LocalPassesOn(..))) {
                    Some(Action::LocalPassesOn(_, outcome)) => {
                        Passed::PassesOn(Some(number.into()), outcome.is_ok())
                    }
                    _ => Passed::Runs(number.into()),
                };
                parts.push(Part::Local { seen });
            }
            Action::LocalIdle => parts.push(Part::Local { seen: Passed::Idle }),
            Action::LocalStopped | Action::LocalEnds(_) => parts.push(Part::Local { seen: Passed::Stopped }),
            // Door by door.
            Action::CloseFast => parts.push(Part::Shutdown),
            Action::Quiet => {
                parts.extend([Part::Local { seen: Passed::Stopped }, dispatch(Found::Stopped), Part::Join])
            }
            Action::Leftovers(ref left, ref untold) => parts.push(Part::Reclaim {
                left: left.iter().map(|&(_, number)| number.into()).collect(),
                untold: untold.iter().map(|&(from, _)| thread(from)).collect(),
            }),
            Action::Happen { from, event, accepted, .. } => {
                parts.push(Part::Empty { thread: thread(from), event: event.is_some(), accepted });
            }
            Action::LooksClosed(from, closed) => {
                parts.push(Part::LooksClosed { thread: thread(from), closed });
            }
            Action::TellBegins(..) => unreachable!("not in these models"),
            Action::LocalPassesOn(..) => unreachable!("it was taken before"),
            // Parts of a shutdown; and what nobody sees, or the twin does not count.
            Action::CloseLane(_)
            | Action::Seal
            | Action::CloseLocal(_)
            | Action::CloseQueue(_)
            | Action::Connect { .. }
            | Action::TellEnds
            | Action::CountFast(_)
            | Action::CountLocal { .. }
            | Action::CountQueued { .. } => {}
        }
    }
    parts
}

fn dispatch(seen: Found) -> Part {
    Part::Dispatch { seen, dropped: None }
}
