//! What both say of a state.

use keylane_proptests::{Dispatching, QueueModel, Standing, Taken};
use keylane_twin::Id;
use keylane_twin::dispatch_queue::{Action, At, DispatchQueue, Message, Place, Post, State};
use keylane_twin::protocol::Protocol;

use super::{Reference, messages, posted, sorted, source};
use crate::pair::same;

/// That they say the same.
pub fn agree(twin: &DispatchQueue, state: &State, reference: &Reference) -> Result<(), String> {
    let model = &reference.queue;
    let left = messages(model.clone().reclaim());
    let to_oneself = state.to_oneself();
    same("D6: what was sent to oneself", &*to_oneself, left.get(..to_oneself.len()).unwrap_or(&left))?;
    same("what waits", sorted([state.queued(), to_oneself].concat()), sorted(left))?;
    same("what was discarded", sorted(state.discarded()), sorted(messages(model.clone().take_discarded())))?;
    let dropping: Vec<_> = reference.dropping.iter().map(|&(from, _)| from).collect();
    let of_twin: Vec<_> = state.dropping().0.iter().map(|&from| source(twin, from)).collect();
    same("D7: what is being dropped", of_twin, dropping)?;
    same("D5: whether the first of it is over", state.dropping().1, reference.first_is_over)?;
    for connection in twin.connections() {
        let from = source(twin, connection);
        let place = state.place(connection);
        same("D5: whether it visits", place == Place::Visits, model.visits(from))?;
        if matches!(place, Place::Idle | Place::Has) {
            let must_wait = twin.is_ordered() && state.has_pending(connection);
            same("D5: whether it must wait", must_wait, reference.must_wait(twin, connection))?;
        }
        // No connection comes later: that new ones are refused, nobody sees.
        same("D10: whether its lane is closed", state.is_closed_to(connection), model.is_fast_closed(from))?;
        let queued = model.clone().enqueue(from, posted(SOME)).is_ok();
        same("D10: whether it can queue", !state.is_sealed(), queued)?;
        let happens = model.clone().happen(from, true, None);
        same("D10: whether something can happen to it", !state.has_ended(), happens)?;
        let waits = place == Place::WaitsForRoom;
        same(
            "D8: who waits",
            waits,
            reference.standing(state.delivers(connection)) == Some(Standing::Waits),
        )?;
    }
    let sends = model.clone().send(posted(SOME)).is_ok();
    same("D10: whether one can send to oneself", !state.is_closed_to_oneself(), sends)?;
    let running = state.in_hand(Post::Dispatch).filter(|_| state.does(Post::Dispatch) == At::Runs);
    same("D12: what runs", running.map(|message| source(twin, message.from)), model.running())?;
    let (permits, line) = state.permits();
    let (out, _, waiting) = reference.throttle.sums();
    same("D8: permits, and who waits for one", (permits.into(), line.len()), (out, waiting))?;
    under_way(twin, state, reference)?;
    picks(twin, state, model)?;
    if is_at_rest(twin, state) {
        who_sleeps_may(state, model)?;
    }
    Ok(())
}

/// D11: at rest a loop that sleeps has nothing to do, and one that has stopped never will; no callback runs.
fn who_sleeps_may(state: &State, model: &QueueModel<Message>) -> Result<(), String> {
    let dispatching = match state.does(Post::Dispatch) {
        At::Stopped => Dispatching::Stopped,
        _ => Dispatching::Idle,
    };
    same("D11: at rest, the dispatch loop", dispatching, model.clone().step_dispatch())?;
    if state.does(Post::Local) != At::Stopped {
        same("D11: at rest, the local loop", Taken::Idle, model.clone().take_local())?;
    }
    same("D10: at rest, no callback runs", true, model.is_quiet())
}

/// To ask whether it would be accepted.
const SOME: Message = Message { from: 0, number: 99, priority: 1, fast: false };

/// D8: permits are out for what the reference model says is under way, for whoever is on the way in or out, and for what
/// is being dropped.
fn under_way(twin: &DispatchQueue, state: &State, reference: &Reference) -> Result<(), String> {
    let on_the_way = |connection: &Id| {
        !matches!(state.place(*connection), Place::Idle | Place::WaitsForRoom | Place::Gone | Place::Visits)
    };
    let mut permits = usize::from(state.permits().0) - twin.connections().filter(on_the_way).count();
    let returns = state.in_hand(Post::Dispatch).filter(|message| message.from != twin.me());
    permits -= usize::from(returns.is_some() && state.does(Post::Dispatch) == At::Returns);
    let under_way = reference.queue.under_way() + reference.dropping.len() + reference.kept.len();
    same("D8: how many are under way", permits, under_way)
}

/// What the reference model picks is one of those that the twin may pick: and these differ in their connections only.
fn picks(twin: &DispatchQueue, state: &State, model: &QueueModel<Message>) -> Result<(), String> {
    let Dispatching::Run(_, picked) = model_steps(state, model) else { return Ok(()) };
    // Before it looks it gives back what it keeps.
    let given_back = twin.step(state, &Action::DispatchReturnKept);
    let state = given_back.as_ref().unwrap_or(state);
    let steps = twin.actions(state).into_iter().filter(|action| twin.step(state, action).is_some());
    let picks: Vec<_> = steps
        .filter_map(|action| match action {
            Action::DispatchStep { from: Some(from), number: Some(number) } => Some((from, number)),
            _ => None,
        })
        .collect();
    match picks.contains(&(picked.message.from, picked.message.number)) {
        true => Ok(()),
        false => Err(format!("D2, D3: the twin may pick {picks:?}, the reference model {picked:?}")),
    }
}

/// What the reference model does if the dispatch thread of the twin is to do something.
fn model_steps(state: &State, model: &QueueModel<Message>) -> Dispatching<Message> {
    match state.does(Post::Dispatch) {
        At::Steps if state.dropping().0.is_empty() => model.clone().step_dispatch(),
        _ => Dispatching::Idle,
    }
}

/// Whether nothing happens any more, unless users do something.
fn is_at_rest(twin: &DispatchQueue, state: &State) -> bool {
    let by_itself = |action: &Action| {
        !matches!(
            action,
            Action::Deliver { .. }
                | Action::Reset { .. }
                | Action::Discard { .. }
                | Action::Send { .. }
                | Action::ShutdownCloseThrottle
        )
    };
    let mut actions = twin.actions(state).into_iter().filter(by_itself);
    actions.all(|action| twin.step(state, &action).is_none())
}
