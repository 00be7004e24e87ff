//! `DispatchQueue` against `QueueModel`, and its throttle against `ThrottleModel`. The specification leaves open which connection
//! has its turn (D4), and in which order leftovers come back.
//!
//! A delivery is several steps, as the reference model has them for those who look at threads: that a message comes for room,
//! that it begins to be dispatched fast, or is queued, and that its callback has ended.

mod states;

use std::collections::{BTreeMap, VecDeque};

use keylane_proptests::{
    Dispatching, Event, Limits, Posted, Priority, QueueModel, RequestId, Standing, Stop, Taken, ThrottleModel,
};
use keylane_twin::Id;
use keylane_twin::dispatch_queue::{Action, At, DispatchQueue, Message, Place, Post, State};
use keylane_twin::protocol::Protocol;

use self::states::agree;
use crate::pair::{
    Disagreement, Objection, Together, counts, explore_pair, forgets_nothing_of_use, model,
    none_is_forgotten, same,
};

/// The reference models.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Reference {
    queue: QueueModel<Message>,
    /// What the local loop has in hand.
    in_hand: Option<Posted<Message>>,
    /// What the dispatch loop has found discarded and not dropped yet, in order,
    dropping: VecDeque<(u64, Posted<Message>)>,
    /// and whether the first of it is over.
    first_is_over: bool,
    /// What has run and keeps its permit.
    kept: Vec<Message>,
    throttle: ThrottleModel,
    /// The requests of messages that wait for room, or are under way.
    requests: BTreeMap<Message, RequestId>,
}

fn reference(twin: &DispatchQueue) -> Reference {
    let mut queue = QueueModel::new();
    for connection in twin.connections() {
        assert_eq!(queue.connect(twin.is_ordered()), source(twin, connection));
    }
    let limits = Limits { count: twin.limit().map(u64::from), ..Limits::default() };
    let throttle = ThrottleModel::new(limits);
    let (dropping, requests) = (VecDeque::new(), BTreeMap::new());
    Reference { queue, in_hand: None, dropping, first_is_over: false, kept: Vec::new(), throttle, requests }
}

/// The number of a sender in the reference model: oneself is 0 there.
fn source(twin: &DispatchQueue, from: Id) -> u64 {
    if from == twin.me() { 0 } else { u64::from(from) + 1 }
}

fn posted(message: Message) -> Posted<Message> {
    Posted { priority: Priority(message.priority), qualifies: message.fast, message }
}

fn sorted(messages: impl IntoIterator<Item = Message>) -> Vec<Message> {
    let mut messages = Vec::from_iter(messages);
    messages.sort_unstable();
    messages
}

fn messages(posted: impl IntoIterator<Item = (u64, Posted<Message>)>) -> Vec<Message> {
    posted.into_iter().map(|(_, posted)| posted.message).collect()
}

fn stop(twin: &DispatchQueue) -> Stop {
    if twin.hands_back() { Stop::HandBack } else { Stop::RunRemaining }
}

impl Reference {
    /// The permit of a message comes back. (Those to oneself have none.)
    fn give_back(&mut self, message: Message) {
        if let Some(request) = self.requests.remove(&message) {
            self.throttle.leave(request);
        }
    }

    /// So do those that were kept.
    fn give_back_kept(&mut self) {
        std::mem::take(&mut self.kept).into_iter().for_each(|message| self.give_back(message));
    }

    /// The dispatch loop looks: it is going to drop what was discarded.
    fn drops(&mut self, state: &State) -> Result<(), String> {
        self.dropping = self.queue.take_discarded().into();
        same("D7: what was discarded", sorted(state.discarded()), sorted(messages(self.dropping.clone())))
    }

    /// Also while something of it that was discarded is not over.
    fn must_wait(&self, twin: &DispatchQueue, connection: Id) -> bool {
        let from = source(twin, connection);
        let mut dropping = self.dropping.iter().skip(self.first_is_over.into());
        self.queue.must_wait(from) || (twin.is_ordered() && dropping.any(|&(other, _)| other == from))
    }

    fn standing(&self, message: Option<Message>) -> Option<Standing> {
        Some(self.throttle.standing(*self.requests.get(&message?)?))
    }
}

fn follow(
    twin: &DispatchQueue,
    before: &State,
    action: &Action,
    after: &State,
    reference: &mut Reference,
) -> Result<(), Objection> {
    match *action {
        Action::Deliver { thread, .. } => {
            let message = after.delivers(thread).expect("it has just come");
            let request = reference.throttle.arrive(1);
            reference.requests.insert(message, request);
            let standing = match after.place(thread) {
                Place::Has => Standing::Out,
                Place::WaitsForRoom => Standing::Waits,
                _ => Standing::Refused,
            };
            same("D8: room", Some(standing), reference.standing(Some(message)))?;
            if standing == Standing::Refused {
                reference.requests.remove(&message);
            }
        }
        Action::Enter { thread } => {
            let must_wait = reference.must_wait(twin, thread);
            let (model, from) = (&mut reference.queue, source(twin, thread));
            let place = match (model.is_fast_closed(from), must_wait) {
                (true, _) => Place::Refused,
                (false, true) => Place::TurnedAway,
                (false, false) => Place::Visits,
            };
            same("D5: a message that qualifies", after.place(thread), place)?;
            same("D12: one at a time", place == Place::Visits, !must_wait && model.visit(from))?;
        }
        Action::VisitDrop { thread } => {
            if before.place(thread) == Place::Visits {
                reference.queue.leave(source(twin, thread));
            }
        }
        Action::Push { thread } => {
            let message = before.delivers(thread).expect("it delivers one");
            let queued = reference.queue.enqueue(source(twin, thread), posted(message));
            same("D10: whether it is queued", after.place(thread) == Place::Idle, queued.is_ok())?;
        }
        Action::Return { thread } => {
            reference.give_back(before.delivers(thread).expect("it delivers one"));
        }
        Action::Reset { thread } => {
            let happens = reference.queue.happen(source(twin, thread), true, Some(Event::Reset));
            same("D9: a reset", true, happens)?;
        }
        Action::Discard { thread } => {
            same("D7: a discard", true, reference.queue.happen(source(twin, thread), true, None))?;
        }
        Action::Send { .. } => {
            let message = *after.to_oneself().last().expect("it has just come");
            same("D6: to oneself", Ok(()), reference.queue.send(posted(message)))?;
        }
        Action::LocalStep => local_step(twin, after, reference)?,
        Action::LocalPassOn => {
            let message = reference.in_hand.take().ok_or("D6: it has nothing to pass on".to_owned())?;
            let queued = reference.queue.pass_on(message);
            same("D6: what it passes on", after.does(Post::Local) == At::Steps, queued.is_ok())?;
        }
        Action::LocalEndQueue => match reference.queue.take_local() {
            Taken::Ended(stop) => reference.queue.close_queue(stop),
            other => return Err(format!("D10: the local loop ends the queue, but there is {other:?}").into()),
        },
        Action::LocalLieDown => {
            if after.does(Post::Local) == At::Sleeps {
                same("D11: it sleeps", Taken::Idle, reference.queue.clone().take_local())?;
            }
        }
        Action::DispatchStep { .. } => {
            reference.drops(before)?;
            dispatch_step(twin, after, reference)?;
        }
        // Without a look, it does what the reference model does, who always looks: and finds nothing that was discarded.
        Action::DispatchGoOn { .. } => {
            same("D7: nothing was discarded", Vec::new(), before.discarded())?;
            dispatch_step(twin, after, reference)?;
        }
        Action::DispatchDropDiscarded => {
            same("D12: it drops", false, reference.dropping.is_empty() || reference.first_is_over)?;
            reference.first_is_over = true;
        }
        Action::DispatchReturnDiscarded => {
            let (_, dropped) = reference.dropping.pop_front().ok_or("D8: whose permit?".to_owned())?;
            reference.first_is_over = false;
            reference.give_back(dropped.message);
        }
        Action::DispatchDropPending => reference.queue.dispatched(),
        Action::DispatchReturn => {
            reference.give_back_kept();
            reference.give_back(before.in_hand(Post::Dispatch).expect("it has run one"));
        }
        Action::DispatchKeep => {
            reference.kept.push(before.in_hand(Post::Dispatch).expect("it has run one"));
        }
        Action::DispatchReturnKept => reference.give_back_kept(),
        Action::DispatchLieDown => {
            reference.drops(before)?;
            if after.does(Post::Dispatch) == At::Sleeps {
                same("D11: it sleeps", Dispatching::Idle, reference.queue.clone().step_dispatch())?;
            }
        }
        Action::ShutdownCloseThrottle => {
            reference.throttle.close();
            for &waits in before.permits().1 {
                let message = before.delivers(waits);
                same("D8: who waits is refused", Some(Standing::Refused), reference.standing(message))?;
                reference.requests.remove(&message.expect("it waits with one"));
            }
        }
        Action::ShutdownCloseLane { connection } => reference.queue.close_lane(source(twin, connection)),
        Action::ShutdownCloseRoster => reference.queue.close_fast(),
        Action::ShutdownSeal => reference.queue.seal(),
        Action::ShutdownCloseLocal => reference.queue.close_local(stop(twin)),
        Action::ShutdownCloseQueue => reference.queue.close_queue(stop(twin)),
        Action::JoinThreads | Action::JoinHear => {
            if after.may_reclaim() {
                same("D10: no callback runs", true, reference.queue.is_quiet())?;
            }
        }
        Action::Reclaim => {
            reference.drops(before)?;
            let dropped = messages(std::mem::take(&mut reference.dropping));
            dropped.into_iter().for_each(|message| reference.give_back(message));
            let left = messages(reference.queue.reclaim());
            same(
                "D10: what comes back",
                sorted([before.queued(), before.to_oneself()].concat()),
                sorted(left.clone()),
            )?;
            left.into_iter().for_each(|message| reference.give_back(message));
            let untold = before.untold().into_iter().map(|from| (source(twin, from), Event::Reset));
            same("D9: what nobody was told of", untold.collect(), reference.queue.untold())?;
        }
        // Who rings and who sleeps, and what only the next step sees.
        Action::Ring { .. }
        | Action::Sleep { .. }
        | Action::Depart { .. }
        | Action::DropPending { .. }
        | Action::LocalReturn
        | Action::Tell => {}
    }
    Ok(())
}

/// The same, and forgets what makes no difference.
fn step(
    twin: &DispatchQueue,
    before: &State,
    action: &Action,
    after: &State,
    reference: &mut Reference,
) -> Result<(), Objection> {
    follow(twin, before, action, after, reference)?;
    *reference = essence(reference.clone());
    Ok(())
}

fn essence(mut reference: Reference) -> Reference {
    reference.queue = reference.queue.essence();
    // The line is in the order of arrival, and who is out is not in it.
    let mut requests: Vec<_> = reference.requests.values_mut().collect();
    requests.sort();
    reference.throttle.keep(&requests.iter().map(|id| **id).collect::<Vec<_>>());
    (0..).zip(requests).for_each(|(count, request)| *request = count);
    reference
}

fn local_step(twin: &DispatchQueue, after: &State, reference: &mut Reference) -> Result<(), String> {
    let taken = match (after.does(Post::Local), after.in_hand(Post::Local)) {
        (At::Runs | At::PassesOn, Some(message)) => Taken::Message(posted(message)),
        (At::LiesDown, _) => Taken::Idle,
        (At::EndsTheQueue, _) => Taken::Ended(stop(twin)),
        _ => Taken::Stopped,
    };
    same("D6: what the local loop finds", taken.clone(), reference.queue.take_local())?;
    if let Taken::Message(message) = taken {
        reference.in_hand = Some(message).filter(|message| !message.qualifies);
    }
    Ok(())
}

fn dispatch_step(twin: &DispatchQueue, after: &State, reference: &mut Reference) -> Result<(), Objection> {
    let picked = after.in_hand(Post::Dispatch);
    let step = match (after.does(Post::Dispatch), picked) {
        (At::Runs, Some(message)) => Dispatching::Run(source(twin, message.from), posted(message)),
        (At::Tells, _) => Dispatching::Tell(source(twin, after.untold()[0]), Event::Reset),
        (At::LiesDown, _) => Dispatching::Idle,
        _ => Dispatching::Stopped,
    };
    let expected = reference.queue.step_dispatch();
    if let (Dispatching::Run(from, run), Dispatching::Run(other, expected)) = (&step, &expected) {
        // D4: another connection's turn. That it is of the same priority is not open.
        if from != other && run.priority == expected.priority {
            return Err(Objection::LeftOpen);
        }
    }
    Ok(same("D2, D3, D9, D10: what the dispatch loop does", step, expected)?)
}

fn together(queue: &DispatchQueue) -> Result<Together, Disagreement<Action>> {
    explore_pair(
        queue,
        reference(queue),
        |before, action, after, model| step(queue, before, action, after, model),
        |state, model| agree(queue, state, model),
    )
}

fn check(name: &str, otherwise: &[(&str, &str)]) -> Together {
    let found = together(&model(name, otherwise));
    let found = found.unwrap_or_else(|broken| panic!("{name} {otherwise:?}: {broken:?}"));
    println!("{name} {otherwise:?}: {found:?}");
    found
}

#[test]
fn a_queue_does_what_its_reference_model_says() {
    for (name, states) in counts(DispatchQueue::MODULE).into_iter().filter(|(_, states)| *states < MANY) {
        // What is left open leads nowhere else.
        assert_eq!(check(&name, &[]).of_twin, states, "{name}");
    }
}

const LARGE: &str = "DispatchQueue_large";
/// What has more states is left to others.
const MANY: usize = 400_000;

/// It has most states.
#[test]
#[ignore = "a minute"]
fn so_does_one_with_more_messages() {
    assert_eq!(check(LARGE, &[]).of_twin, counts(DispatchQueue::MODULE)[LARGE]);
}

/// What no model of `specs/models/` has.
#[test]
fn so_do_some_in_which_more_comes_together() {
    const NEVER: (&str, &str) = ("How", "\"never\"");
    const BACK: (&str, &str) = ("How", "\"back\"");
    let several: &[(&str, &[(&str, &str)])] = &[
        ("DispatchQueue_priorities", &[("Conns", "{c1, c2}"), ("Messages", "2")]),
        ("DispatchQueue_priorities", &[("Conns", "{c1}"), ("Messages", "2"), ("Locals", "1")]),
        ("DispatchQueue_priorities", &[("MayDiscard", "TRUE"), ("MayReset", "TRUE")]),
        ("DispatchQueue_local", &[("Locals", "2"), ("Messages", "0"), ("Priorities", "{1, 2}")]),
        ("DispatchQueue_local_back", &[("Locals", "2"), ("Messages", "0")]),
        ("DispatchQueue_throttle_live", &[("Conns", "{c1, c2, c3}"), ("FastToo", "TRUE"), NEVER]),
        ("DispatchQueue_discard", &[("Limit", "1"), ("FastToo", "TRUE")]),
        ("DispatchQueue_reset", &[("Conns", "{c1}"), ("Messages", "2"), ("MayDiscard", "TRUE"), BACK]),
        ("DispatchQueue_ordered", &[("MayDiscard", "TRUE"), ("Priorities", "{1, 2}"), NEVER]),
    ];
    for (name, otherwise) in several {
        check(name, otherwise);
    }
}

#[test]
fn a_model_that_forgets_a_step_is_found_out() {
    let of_connections = ["Deliver", "Enter", "VisitDrop", "Push", "Return"];
    let of_loops = [
        "Local_Step",
        "Local_PassOn",
        "Dispatch_Step",
        "Dispatch_GoOn",
        "Dispatch_DropPending",
        "Dispatch_Return",
    ];
    // Not that the roster is closed: all that comes of it is that nobody connects any more, which no twin does.
    let of_the_end = [
        "Shutdown_CloseThrottle",
        "Shutdown_CloseLane",
        "Shutdown_Seal",
        "Shutdown_CloseLocal",
        "Shutdown_CloseQueue",
    ];
    let forgotten: &[(&str, &[&str])] = &[
        (
            "DispatchQueue_local_back",
            &[&of_connections[..], &of_loops, &of_the_end, &["Send", "Reclaim"]].concat(),
        ),
        ("DispatchQueue_local", &["Local_EndQueue"]),
        (
            "DispatchQueue_ordered_discard",
            &["Discard", "Dispatch_LieDown", "Dispatch_DropDiscarded", "Dispatch_ReturnDiscarded"],
        ),
        ("DispatchQueue_reset", &["Reset"]),
    ];
    for (name, steps) in forgotten {
        let queue = model(name, &[]);
        none_is_forgotten(
            &queue,
            reference(&queue),
            steps,
            |before, action, after, model| step(&queue, before, action, after, model),
            |state, model| agree(&queue, state, model),
        );
    }
}

#[test]
fn what_the_models_forget_makes_no_difference() {
    let several: &[(&str, &[(&str, &str)])] = &[
        ("DispatchQueue_discard", &[("Messages", "1")]),
        ("DispatchQueue_priorities", &[("Conns", "{c1, c2}"), ("Priorities", "{1}"), ("Messages", "2")]),
        ("DispatchQueue_throttle_live", &[("How", "\"never\"")]),
    ];
    for (name, otherwise) in several {
        let queue = model(name, otherwise);
        forgets_nothing_of_use(
            &queue,
            reference(&queue),
            essence,
            |before, action, after, model| follow(&queue, before, action, after, model),
            |state, model| agree(&queue, state, model),
        );
    }
}
