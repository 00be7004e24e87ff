//! Messages to oneself: never on the sender's stack, in order within their kind, and delivered or handed back
//! when the queue ends.

use crate::harness::{Log, Model};
use keylane::internals::mark;
use keylane::{ConnectionId, DispatchQueue, Dispatcher, Handled, Message, Step, Stop};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        local_send_against_local_sleep(),
        local_sends_ordered_from_outside(),
        local_delivery_against_run_remaining(),
        local_delivery_against_hand_back(),
        leftovers_keep_their_order(),
    ]
}

struct Tick {
    number: u32,
    fast: bool,
}

impl Message for Tick {}

/// Writes down which tick ran, and on which thread.
struct Ticks(Log<(u32, thread::ThreadId)>);

impl Dispatcher for Ticks {
    type Message = Tick;

    fn can_fast_dispatch(&self, tick: &Tick) -> bool {
        tick.fast
    }

    fn dispatch(&self, from: ConnectionId, tick: Tick) -> Handled<Tick> {
        assert_eq!(from, ConnectionId::LOCAL);
        self.0.add((tick.number, thread::current().id()));
        Ok(())
    }
}

fn tick(number: u32, fast: bool) -> Tick {
    Tick { number, fast }
}

/// A sender on one thread, the local loop on another, sleeping when there is nothing: both messages run, in
/// order, and not on the sender's thread.
fn local_send_against_local_sleep() -> Model {
    Model::new("local_send_against_local_sleep", "D6 D11", 2)
        .iterations(941)
        .reaches(&["slept", "rung before sleep", "local fast", "local thread woke"])
        .scenario(|| {
            let ran = Log::new();
            let (queue, _dispatch, mut local) = DispatchQueue::builder(Ticks(ran.clone())).stepped();
            let runner = thread::spawn(move || local.run());
            let send = queue.local();
            send.send(tick(1, true)).unwrap();
            send.send(tick(2, true)).unwrap();
            queue.shutdown(Stop::RunRemaining);
            runner.join().unwrap();
            let ran = ran.take();
            assert_eq!(ran.iter().map(|tick| tick.0).collect::<Vec<_>>(), [1, 2]);
            assert!(ran.iter().all(|tick| tick.1 != thread::current().id()), "never on the sender's stack");
        })
}

/// Two senders ordered from outside: one order for all local messages.
fn local_sends_ordered_from_outside() -> Model {
    Model::new("local_sends_ordered_from_outside", "D6", 2).iterations(4).reaches(&["local fast"]).scenario(
        || {
            let ran = Log::new();
            let (queue, _dispatch, mut local) = DispatchQueue::builder(Ticks(ran.clone())).stepped();
            let first = queue.local();
            let sender = thread::spawn(move || first.send(tick(1, true)).unwrap());
            let early = local.step();
            sender.join().unwrap();
            queue.local().send(tick(2, true)).unwrap();
            while local.step() == Step::Ran {}
            mark(if early == Step::Ran { "early" } else { "late" });
            assert_eq!(ran.take().iter().map(|tick| tick.0).collect::<Vec<_>>(), [1, 2]);
        },
    )
}

/// Local delivery against a graceful end: what was accepted is dispatched, through both loops, although the
/// queue refuses everybody else meanwhile.
fn local_delivery_against_run_remaining() -> Model {
    Model::new("local_delivery_against_run_remaining", "D1 D6 D10", 3)
        .iterations(46_243)
        .reaches(&["local queued", "accepted", "refused"])
        .scenario(|| {
            let ran = Log::new();
            let (queue, mut dispatch, mut local) = DispatchQueue::builder(Ticks(ran.clone())).stepped();
            let send = queue.local();
            let sender = thread::spawn(move || send.send(tick(1, false)).is_ok());
            let runner = thread::spawn(move || {
                local.run();
                local
            });
            queue.shutdown(Stop::RunRemaining);
            assert!(queue.local().send(tick(2, false)).is_err(), "refused from the moment shutdown returned");
            let local = runner.join().unwrap();
            let accepted = sender.join().unwrap();
            mark(if accepted { "accepted" } else { "refused" });
            while dispatch.step() == Step::Ran {}
            assert_eq!(dispatch.step(), Step::Stopped);
            assert_eq!(ran.take().len(), usize::from(accepted), "accepted is dispatched");
            assert!(queue.reclaim(dispatch, local).leftovers.is_empty());
        })
}

/// Local delivery against an abrupt end: a message is dispatched, handed back, or refused; exactly one.
fn local_delivery_against_hand_back() -> Model {
    Model::new("local_delivery_against_hand_back", "D1 D6 D10", 3)
        .iterations(253)
        .reaches(&["accepted", "refused", "handed back", "passed on and handed back"])
        .scenario(|| {
            let (queue, dispatch, mut local) = DispatchQueue::builder(Ticks(Log::new())).stepped();
            let send = queue.local();
            let sender = thread::spawn(move || send.send(tick(1, false)).is_ok());
            let runner = thread::spawn(move || {
                let step = local.step();
                (local, step)
            });
            queue.shutdown(Stop::HandBack);
            let (local, step) = runner.join().unwrap();
            let accepted = sender.join().unwrap();
            mark(if accepted { "accepted" } else { "refused" });
            let left = queue.reclaim(dispatch, local).leftovers;
            if !left.is_empty() {
                mark(if step == Step::Ran { "passed on and handed back" } else { "handed back" });
            }
            assert_eq!(left.len(), usize::from(accepted), "the dispatch loop never ran, so it comes back");
        })
}

/// Two messages taken in, and an abrupt end while they are passed on: what comes back is in order, first what
/// has not been passed on, then what has.
fn leftovers_keep_their_order() -> Model {
    Model::new("leftovers_keep_their_order", "D1 D6 D10", 2)
        .iterations(41)
        .reaches(&["none passed on", "one passed on", "both passed on"])
        .scenario(|| {
            let (queue, dispatch, mut local) = DispatchQueue::builder(Ticks(Log::new())).stepped();
            queue.local().send(tick(1, false)).unwrap();
            queue.local().send(tick(2, false)).unwrap();
            let runner = thread::spawn(move || {
                let steps = [local.step(), local.step()];
                (local, steps)
            });
            queue.shutdown(Stop::HandBack);
            let (local, steps) = runner.join().unwrap();
            let passed_on = steps.iter().filter(|&&step| step == Step::Ran).count();
            mark(["none passed on", "one passed on", "both passed on"][passed_on]);
            let left = queue.reclaim(dispatch, local).leftovers;
            let numbers: Vec<_> = left.iter().map(|(_, tick)| tick.number).collect();
            assert_eq!(numbers, if passed_on == 1 { [2, 1] } else { [1, 2] });
        })
}
