//! What must hold of a gate.

use super::{Action, EpochGate, Line, Place, State};
use crate::Id;
use crate::protocol::Law;

pub(super) const LAWS: &[(&str, Law<EpochGate>)] = &[
    ("Law", Law::Always(law)),
    ("AsideWaits", Law::Always(aside_waits)),
    ("EpochIsThere", Law::Always(epoch_is_there)),
    ("OneAtATime", Law::Always(one_at_a_time)),
    ("SomebodyAsks", Law::Always(somebody_asks)),
    ("StoppedIsEmpty", Law::Always(stopped_is_empty)),
    ("InOrder", Law::Always(in_order)),
    ("OrderOfGroup", Law::Always(order_of_group)),
    ("ResetStaysOut", Law::Always(reset_stays_out)),
    ("NeverBack", Law::Step(never_back)),
];

/// An idle line whose head may leave is still ahead of somebody who walks.
fn law(_: &EpochGate, state: &State) -> bool {
    let is_ahead =
        |session: Id| state.threads.iter().any(|thread| thread.walk != 0 && thread.walk <= session);
    (1..).zip(&state.lines).all(|(session, line)| !line.starts(state.epoch()) || is_ahead(session))
}

/// A message that is set aside waits for a group that nobody has told of.
fn aside_waits(gate: &EpochGate, state: &State) -> bool {
    let waits = |line: &Line| state.shown.iter().any(|group| !line.aside[usize::from(group)].is_empty());
    !state.lines.iter().any(waits) || state.is_at(gate.maker(), Place::Tells)
}

/// E2.
fn epoch_is_there(_: &EpochGate, state: &State) -> bool {
    state.lines.iter().filter_map(|line| line.running).all(|running| running.message.needs <= running.epoch)
}

/// One callback of a session at a time, by one thread.
fn one_at_a_time(_: &EpochGate, state: &State) -> bool {
    (1..).zip(&state.lines).all(|(session, line)| {
        let at_it = state.threads.iter().filter(|thread| thread.session == session).count();
        at_it == usize::from(line.running.is_some())
    })
}

/// E4: for what is waited for, somebody has been told to ask.
fn somebody_asks(_: &EpochGate, state: &State) -> bool {
    let mut waiting = state.lines.iter().flat_map(|line| &line.waiting);
    waiting.all(|message| message.needs <= state.published || state.asked >= message.needs)
}

/// E5.
fn stopped_is_empty(_: &EpochGate, state: &State) -> bool {
    let is_empty = |line: &Line| line.waiting.is_empty() && line.aside.iter().all(Vec::is_empty);
    !state.stopped || (!state.map && state.lines.iter().all(is_empty))
}

/// E1: in the order of their arrival, save those whose group is missing.
fn in_order(_: &EpochGate, state: &State) -> bool {
    state.lines.iter().all(|line| {
        let Some(running) = line.running else { return true };
        let mut waiting = line.waiting.iter().filter(|message| message.needs <= state.published);
        waiting.all(|message| message.number >= running.message.number || message.group != 0)
    })
}

/// These wait for their own.
fn order_of_group(gate: &EpochGate, state: &State) -> bool {
    state.lines.iter().all(|line| {
        let Some(running) = line.running else { return true };
        let group = running.message.group;
        let mut others = line.aside[usize::from(group)].iter().chain(&line.waiting);
        group == 0
            || group > gate.groups
            || others.all(|other| other.group != group || other.number >= running.message.number)
    })
}

/// E5: what a reset has taken out does not come back.
fn reset_stays_out(_: &EpochGate, state: &State) -> bool {
    state.lines.iter().all(|line| {
        let mut all = line.waiting.iter().chain(line.aside.iter().skip(1).flatten());
        all.all(|message| message.number > line.emptied)
    })
}

/// E3.
fn never_back(_: &EpochGate, before: &State, _: &Action, after: &State) -> bool {
    let lines = || before.lines.iter().zip(&after.lines);
    after.published >= before.published && lines().all(|(before, after)| after.under >= before.under)
}
