//! `EpochGate` against `GateModel`. Nothing is left open: each state of the twin is reached.

use keylane_proptests::{Arrival, GateModel, Publishing};
use keylane_twin::Id;
use keylane_twin::epoch_gate::{Action, EpochGate, State};
use keylane_twin::protocol::Protocol;

use crate::pair::{
    Disagreement, Objection, Together, counts, explore_pair, forgets_nothing_of_use, model,
    none_is_forgotten, same,
};

/// The number that a message of a session has in the reference model.
fn number(session: Id, message: u8) -> u32 {
    u32::from(session) * 100 + u32::from(message)
}

/// All sessions are open from the start.
fn opened(gate: &EpochGate) -> GateModel {
    let mut model = GateModel::new();
    gate.sessions().for_each(|session| assert_eq!(model.open(), u64::from(session)));
    model
}

/// What has begun in a session, if something has. (A callback that goes on is another one only if its number is.)
fn begins(session: Id, after: &State, model: &mut GateModel) -> Result<(), String> {
    let Some((message, epoch)) = after.running(session) else { return Ok(()) };
    match model.begin(session.into(), number(session, message), epoch.into()) {
        true => Ok(()),
        false => Err(format!("E1-E3: {message} of session {session} begins under {epoch}")),
    }
}

fn numbers(session: Id, messages: Vec<u8>) -> Vec<u32> {
    messages.into_iter().map(|message| number(session, message)).collect()
}

fn follow(
    gate: &EpochGate,
    before: &State,
    action: &Action,
    after: &State,
    model: &mut GateModel,
) -> Result<(), Objection> {
    match *action {
        Action::Arrive { session, needs, group } => {
            let message = number(session, after.arrived(session));
            let is_wanted = after.asked() != before.asked();
            let taken = if is_wanted { Arrival::TakenAndWanted } else { Arrival::Taken };
            same("E4: an arrival", taken, model.arrive(session.into(), message, needs.into(), group))?;
            if before.running(session).is_none() {
                begins(session, after, model)?;
            }
        }
        Action::Reset { session } => {
            let left = numbers(session, before.waiting(session));
            same("E5: what a reset brings back", left, model.reset(session.into()))?;
        }
        // It looks for its group, and nobody sees that.
        Action::Call { .. } | Action::Show { .. } => {}
        Action::Park { thread } => {
            let session = before.session_of(thread).expect("it runs a callback");
            let accepted = Some(!before.is_reset(session));
            same("E5: whether it may wait for its group", accepted, model.park(session.into()))?;
        }
        Action::GoOn { thread } => {
            let session = before.session_of(thread).expect("it runs a callback");
            model.end(session.into());
            begins(session, after, model)?;
        }
        Action::Publish { epoch, .. } => {
            same("E3: a map", Publishing::Done, model.publish(epoch.into()))?;
        }
        Action::Appeared => after.shown().for_each(|group| model.appeared(group)),
        Action::BeginFrom { thread } => {
            if let Some(session) = after.session_of(thread) {
                begins(session, after, model)?;
            }
        }
        Action::Stop => {
            let sessions = gate.sessions();
            let left = sessions.flat_map(|session| {
                let left = numbers(session, before.waiting(session)).into_iter();
                left.map(move |message| (u64::from(session), message))
            });
            same("E5: what a stop brings back", left.collect(), model.stop())?;
        }
    }
    Ok(())
}

/// The same, and forgets what makes no difference.
fn step(
    gate: &EpochGate,
    before: &State,
    action: &Action,
    after: &State,
    model: &mut GateModel,
) -> Result<(), Objection> {
    follow(gate, before, action, after, model)?;
    *model = std::mem::take(model).essence();
    Ok(())
}

fn agree(gate: &EpochGate, state: &State, model: &GateModel) -> Result<(), String> {
    same("the epoch", state.published().map(u64::from), model.published())?;
    same("E4: what is wanted", state.wanted().map(u64::from), model.wanted())?;
    // Not only that who begins may: who may would begin if somebody looked. E4: at rest nobody has to look.
    let mut may_begin = Vec::new();
    for session in gate.sessions() {
        may_begin.extend(state.next(session).map(|message| number(session, message)));
        let runs = state.running(session).map(|(message, _)| number(session, message));
        same("the callback that runs", runs, model.running(session.into()))?;
        let waits = numbers(session, state.waiting(session));
        same("what waits", waits, model.clone().reset(session.into()))?;
        let is_accepted = model.clone().arrive(session.into(), 1, 1, 0) != Arrival::Refused;
        same("E5: whether it takes more", !state.is_stopped(), is_accepted)?;
    }
    let mut model_begins = model.may_begin();
    model_begins.sort_unstable();
    same("E1, E2: what may begin", may_begin.clone(), model_begins)?;
    if state.is_at_rest() {
        same("E4: what might leave, and nobody is under way", Vec::new(), may_begin)?;
    }
    // In the twin a map that is refused is one that is not published.
    for thread in gate.publishers() {
        for epoch in 1..=3 {
            let accepts = gate.step(state, &Action::Publish { thread, epoch }).is_some();
            let outcome = match (state.published(), state.is_stopped()) {
                _ if accepts => Publishing::Done,
                (_, true) => Publishing::Stopped,
                (Some(published), false) if epoch <= published => Publishing::Stale(published.into()),
                // This publisher is under way.
                _ => continue,
            };
            same("E3: a map", outcome, model.clone().publish(epoch.into()))?;
        }
    }
    Ok(())
}

fn together(gate: &EpochGate) -> Result<Together, Disagreement<Action>> {
    explore_pair(
        gate,
        opened(gate),
        |before, action, after, model| step(gate, before, action, after, model),
        |state, model| agree(gate, state, model),
    )
}

#[test]
fn a_gate_does_what_its_reference_model_says_and_all_of_it() {
    let counts = counts(EpochGate::MODULE);
    for (name, &states) in &counts {
        let found = together(&model(name, &[])).unwrap_or_else(|broken| panic!("{name}: {broken:?}"));
        println!("{name}: {found:?}");
        // All of the twin's; and the model has one for each, so it knows no more than the twin does.
        assert_eq!((found.states, found.of_twin, found.left_open), (states, states, 0), "{name}");
    }
}

/// What no model of `specs/models/` has: of several groups and sessions some that are missing.
#[test]
fn so_does_one_whose_sessions_wait_for_several_groups() {
    let several: &[&[(&str, &str)]] = &[
        &[("Messages", "3"), ("Groups", "{g, h}"), ("MayReset", "FALSE"), ("MayStop", "FALSE")],
        &[("Messages", "3"), ("Epochs", "2")],
        &[("Sessions", "{1, 2}"), ("MayStop", "FALSE")],
    ];
    for otherwise in several {
        let gate = model("EpochGate_groups", otherwise);
        let found = together(&gate).unwrap_or_else(|broken| panic!("{otherwise:?}: {broken:?}"));
        println!("{otherwise:?}: {found:?}");
        assert_eq!((found.states, found.left_open), (found.of_twin, 0));
    }
}

#[test]
fn a_model_that_forgets_a_step_is_found_out() {
    let gate = model("EpochGate_groups", &[]);
    let steps = ["Arrive", "Reset", "Park", "GoOn", "Publish", "Appeared", "BeginFrom", "Stop"];
    none_is_forgotten(
        &gate,
        opened(&gate),
        &steps,
        |before, action, after, model| step(&gate, before, action, after, model),
        |state, model| agree(&gate, state, model),
    );
}

#[test]
fn what_the_model_forgets_makes_no_difference() {
    for otherwise in [&[][..], &[("Sessions", "{1, 2}"), ("Messages", "1")]] {
        let gate = model("EpochGate_groups", otherwise);
        forgets_nothing_of_use(
            &gate,
            opened(&gate),
            GateModel::essence,
            |before, action, after, model| follow(&gate, before, action, after, model),
            |state, model| agree(&gate, state, model),
        );
    }
}
