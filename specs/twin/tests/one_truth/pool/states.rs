//! What both say of a state.

use std::collections::BTreeSet;

use keylane_proptests::{Drained, ItemId, Stepped};
use keylane_twin::Id;
use keylane_twin::protocol::Protocol;
use keylane_twin::sharded_pool::{Action, Place, ShardedPool, State};

use super::{Reference, all_waiting, drain, id, ids};
use crate::pair::same;

/// What may start in a shard.
fn picks(twin: &ShardedPool, state: &State, shard: Id) -> BTreeSet<ItemId> {
    let picks = twin.actions(state).into_iter().filter_map(|action| match action {
        Action::Pick { key, item } if twin.shard_of(key) == shard => {
            twin.step(state, &action).is_some().then_some(id(item))
        }
        _ => None,
    });
    picks.collect()
}

/// Whether a control has marked some shards and not the others: then for a moment the twin does less than it may.
fn is_halfway(twin: &ShardedPool, state: &State) -> bool {
    let controls = twin.pausers().chain([twin.stopper()]);
    controls.map(|thread| state.control(thread)).any(|(place, at)| match place {
        Place::Pauses | Place::Stops => at > 1,
        Place::Resumes => true,
        _ => false,
    })
}

/// That they say the same.
pub fn agree(twin: &ShardedPool, dues: &[u64], state: &State, reference: &Reference) -> Result<(), String> {
    let model = &reference.pool;
    let halfway = is_halfway(twin, state);
    for shard in twin.shards() {
        let could_start = match model.clone().step(shard.into()) {
            Stepped::OneOf(items) => BTreeSet::from_iter(items),
            Stepped::Idle | Stepped::Stopped => BTreeSet::new(),
        };
        let picks = picks(twin, state, shard);
        if halfway {
            if !picks.is_subset(&could_start) {
                return Err(format!("the twin may start {picks:?}, the reference model {could_start:?}"));
            }
            continue;
        }
        same("P2, P3, P6, P8, P10: what may start", picks, could_start.clone())?;
        if !could_start.is_empty() && !could_start.iter().any(|&item| model.clone().start(item).is_ok()) {
            return Err(format!("keys take turns: none of {could_start:?} has one"));
        }
        let nothing_waits = twin
            .keys()
            .filter(|&key| twin.shard_of(key) == shard)
            .all(|key| all_waiting(twin, dues, state, key).is_empty());
        let is_over = state.is_stopped(shard) && nothing_waits;
        same("P8: whether it is over", is_over, model.clone().step(shard.into()) == Stepped::Stopped)?;
    }
    for key in twin.keys() {
        let running = twin.running(state, key).map(id);
        let runs = |&item: &ItemId| model.runs(item);
        let is_closed = state.is_closed(twin.shard_of(key));
        let closes = matches!(state.control(twin.stopper()), (Place::Closes, 2..));
        if !halfway {
            let waits = model.clone().remove(&key);
            same("what waits", all_waiting(twin, dues, state, key), waits)?;
        }
        if !closes {
            same("P8: whether it takes more", !is_closed, model.clone().submit(key, None).is_some())?;
        }
        if !running.iter().all(runs) {
            return Err(format!("of key {key} item {running:?} runs, in the twin"));
        }
    }
    let running = twin.keys().filter_map(|key| twin.running(state, key)).count();
    same(
        "how many run",
        running,
        (0..usize::from(state.accepted())).filter(|&item| model.runs(item)).count(),
    )?;
    if !halfway {
        same("P8: what is handed back", ids(twin.stranded(state)), model.handed_back().collect())?;
    }
    if !state.is_controlled() {
        for thread in twin.pausers().filter(|&thread| state.control(thread).0 == Place::Idle) {
            let is_accepted = twin.step(state, &Action::Pause { thread }).is_some();
            same("P6: a pause", is_accepted, model.clone().pause())?;
        }
    }
    if twin.pausers().any(|thread| state.control(thread).0 == Place::Paused) {
        same("P6: quiet", true, model.is_quiet())?;
    }
    if is_at_rest(twin, state) {
        who_waits_must(twin, state, reference)?;
    }
    Ok(())
}

/// Whether nothing happens any more, unless users do something, or time goes on.
fn is_at_rest(twin: &ShardedPool, state: &State) -> bool {
    let by_itself = |action: &Action| {
        !matches!(
            action,
            Action::Submit { .. }
                | Action::SubmitFront { .. }
                | Action::SubmitAfter { .. }
                | Action::Commit { .. }
                | Action::Remove { .. }
                | Action::Ripen { .. }
                | Action::Pause { .. }
                | Action::Resume { .. }
                | Action::Drain { .. }
                | Action::Shutdown
        )
    };
    let mut actions = twin.actions(state).into_iter().filter(by_itself);
    actions.all(|action| twin.step(state, &action).is_none())
}

/// Then a drain that has not returned has something to wait for, and a pause has returned.
fn who_waits_must(twin: &ShardedPool, state: &State, reference: &Reference) -> Result<(), String> {
    // The model has no commits, for which a drain waits as well.
    for thread in twin.drainers().filter(|_| !twin.has_commits(state)) {
        let drained = reference.drained(reference.late[drain(twin, thread)]);
        if !matches!(state.control(thread).0, Place::Idle | Place::Drained | Place::Refused) {
            same("P7: a drain that waits", Some(Drained::Waits), drained)?;
        }
    }
    let waits = |thread: Id| matches!(state.control(thread).0, Place::Pauses | Place::Quiets | Place::Sleeps);
    same("P6: a pause that waits", false, twin.pausers().any(waits))
}
