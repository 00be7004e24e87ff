//! Fast callbacks against closing, and the hand-over between an ordered lane's queue and its fast path.

use crate::harness::{Log, Model, Plain};
use keylane::internals::{Arc, Entry, Lane, Roster, mark};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        visit_against_close(),
        two_visits_against_close(),
        two_lanes_against_close(),
        close_against_close_against_visit(),
        admit_against_close(),
        dismiss_against_close(),
        visits_against_count(),
        idle_hand_over(),
        idle_hand_over_of_two(),
        queued_behind_against_close(),
        look_against_close_newest(),
        look_against_close_oldest(),
    ]
}

/// Visits if it may: the callback writes the cell. True if it did.
fn visit(lane: &mut Lane, cell: &Plain<u32>) -> bool {
    match lane.enter() {
        Entry::Visit(visit) => {
            cell.set(cell.get() + 1);
            drop(visit);
            true
        }
        Entry::Closed => false,
        Entry::Behind => panic!("only an ordered lane queues behind"),
    }
}

/// Once the closed roster is quiet, a visit has either been refused or is over, and what it wrote is visible.
fn visit_against_close() -> Model {
    Model::new("visit_against_close", "D5 D10", 2)
        .iterations(83)
        .reaches(&[
            "visited",
            "visit refused",
            "visited past closing",
            "waited for a visitor",
            "last visitor rang",
        ])
        .scenario(|| {
            let roster = Arc::new(Roster::new());
            let mut lane = roster.admit(false);
            let cell = Arc::new(Plain::new(0));
            let visitor = {
                let cell = Arc::clone(&cell);
                thread::spawn(move || visit(&mut lane, &cell))
            };
            roster.close();
            roster.wait_quiet();
            let seen = cell.get();
            let visited = visitor.join().unwrap();
            assert_eq!(seen, u32::from(visited), "no visit after the roster fell quiet");
            assert_eq!(roster.count(), (0, u64::from(seen)), "each visit counts once");
        })
}

/// A lane that visits twice: the second visit is refused if the roster closed during the first.
fn two_visits_against_close() -> Model {
    Model::new("two_visits_against_close", "D10", 2)
        .iterations(200)
        .reaches(&["visited", "visit refused", "visited past closing", "waited for a visitor"])
        .scenario(|| {
            let roster = Arc::new(Roster::new());
            let mut lane = roster.admit(false);
            let cell = Arc::new(Plain::new(0));
            let visitor = {
                let cell = Arc::clone(&cell);
                thread::spawn(move || {
                    let (first, second) = (visit(&mut lane, &cell), visit(&mut lane, &cell));
                    assert!(first || !second, "closed is for good");
                    u32::from(first) + u32::from(second)
                })
            };
            roster.close();
            roster.wait_quiet();
            let seen = cell.get();
            assert_eq!(seen, visitor.join().unwrap(), "no visit after the roster fell quiet");
            assert_eq!(roster.count(), (0, u64::from(seen)), "each visit counts once");
        })
}

/// Two lanes visit at the same time: the closer waits for both, and the last one rings.
fn two_lanes_against_close() -> Model {
    Model::new("two_lanes_against_close", "D5 D10", 3)
        .iterations(162_497)
        .reaches(&[
            "visited",
            "visit refused",
            "visited past closing",
            "waited for a visitor",
            "last visitor rang",
        ])
        .scenario(|| {
            let roster = Arc::new(Roster::new());
            let visitors: Vec<_> = (0..2)
                .map(|_| {
                    let mut lane = roster.admit(false);
                    let cell = Arc::new(Plain::new(0));
                    let theirs = Arc::clone(&cell);
                    (cell, thread::spawn(move || visit(&mut lane, &theirs)))
                })
                .collect();
            roster.close();
            roster.wait_quiet();
            let seen: Vec<_> = visitors.iter().map(|(cell, _)| cell.get()).collect();
            for ((_, visitor), seen) in visitors.into_iter().zip(seen) {
                assert_eq!(seen, u32::from(visitor.join().unwrap()));
            }
        })
}

/// Two threads close while a lane visits: whichever counted the visit, waiting for quiet waits for it.
fn close_against_close_against_visit() -> Model {
    Model::new("close_against_close_against_visit", "D10", 3)
        .iterations(2_363)
        .reaches(&["visited", "visit refused", "visited past closing", "waited for a visitor"])
        .scenario(|| {
            let roster = Arc::new(Roster::new());
            let mut lane = roster.admit(false);
            let cell = Arc::new(Plain::new(0));
            let visitor = {
                let cell = Arc::clone(&cell);
                thread::spawn(move || visit(&mut lane, &cell))
            };
            {
                let roster = Arc::clone(&roster);
                thread::spawn(move || roster.close());
            }
            roster.close();
            roster.wait_quiet();
            let seen = cell.get();
            assert_eq!(seen, u32::from(visitor.join().unwrap()));
        })
}

/// A lane admitted while the roster closes is closed, by whichever of the two comes second.
fn admit_against_close() -> Model {
    Model::new("admit_against_close", "D10", 2)
        .iterations(62)
        .reaches(&["visited", "visit refused"])
        .scenario(|| {
            let roster = Arc::new(Roster::new());
            let cell = Arc::new(Plain::new(0));
            let visitor = {
                let (roster, cell) = (Arc::clone(&roster), Arc::clone(&cell));
                thread::spawn(move || visit(&mut roster.admit(false), &cell))
            };
            roster.close();
            roster.wait_quiet();
            let seen = cell.get();
            assert_eq!(seen, u32::from(visitor.join().unwrap()));
            assert!(!visit(&mut roster.admit(false), &cell), "born closed");
        })
}

/// A lane that goes away while the roster closes is neither waited for nor missed.
fn dismiss_against_close() -> Model {
    Model::new("dismiss_against_close", "D10", 2).iterations(9).reaches(&[]).scenario(|| {
        let roster = Arc::new(Roster::new());
        let mut lane = roster.admit(false);
        assert!(visit(&mut lane, &Plain::new(0)));
        let mut stays = roster.admit(false);
        let leaver = thread::spawn(move || drop(lane));
        roster.close();
        roster.wait_quiet();
        assert!(matches!(stays.enter(), Entry::Closed));
        leaver.join().unwrap();
        assert_eq!(roster.count(), (0, 1), "whoever forgets it has counted it");
    })
}

/// Somebody counts while a lane visits twice and goes away: what is counted is over, and seen to be.
fn visits_against_count() -> Model {
    Model::new("visits_against_count", "D1", 2)
        .iterations(170)
        .reaches(&["counted none", "counted one", "counted two"])
        .scenario(|| {
            let roster = Arc::new(Roster::new());
            let mut lane = roster.admit(false);
            let cells: Vec<_> = (0..2).map(|_| Arc::new(Plain::new(0))).collect();
            let visitor = {
                let cells = cells.clone();
                thread::spawn(move || cells.iter().all(|cell| visit(&mut lane, cell)))
            };
            let (_, first) = roster.count();
            let (_, second) = roster.count();
            assert!(first <= second, "nothing is uncounted");
            mark(["counted none", "counted one", "counted two"][second as usize]);
            for cell in &cells[..second as usize] {
                assert_eq!(cell.get(), 1, "what a visit that counts has written is visible");
            }
            assert!(visitor.join().unwrap());
            assert_eq!(roster.count(), (0, 2));
        })
}

/// The hand-over of an ordered lane: its producer queued a message and asks for the fast path; the consumer
/// runs the message. If the fast path is granted, all that the message's callback wrote is visible.
fn idle_hand_over() -> Model {
    Model::new("idle_hand_over", "D5", 2).iterations(9).reaches(&["visited", "queued behind"]).scenario(
        || {
            let roster = Arc::new(Roster::new());
            let mut lane = roster.admit(true);
            let cell = Arc::new(Plain::new(0));
            let pending = lane.expect().expect("an ordered lane counts");
            let consumer = {
                let cell = Arc::clone(&cell);
                thread::spawn(move || {
                    cell.set(1); // the queued message's callback
                    drop(pending);
                })
            };
            if let Entry::Visit(visit) = lane.enter() {
                assert_eq!(cell.get(), 1, "the earlier message has run");
                cell.set(2);
                drop(visit);
            }
            consumer.join().unwrap();
        },
    )
}

/// The same with two messages on their way: the fast path is granted only when both have run.
fn idle_hand_over_of_two() -> Model {
    Model::new("idle_hand_over_of_two", "D5", 2)
        .iterations(35)
        .reaches(&["visited", "queued behind"])
        .scenario(|| {
            let roster = Arc::new(Roster::new());
            let mut lane = roster.admit(true);
            let cell = Arc::new(Plain::new(0));
            let pending = [lane.expect().unwrap(), lane.expect().unwrap()];
            {
                let cell = Arc::clone(&cell);
                thread::spawn(move || {
                    for one in pending {
                        cell.set(cell.get() + 1);
                        drop(one);
                    }
                });
            }
            for _ in 0..2 {
                if let Entry::Visit(visit) = lane.enter() {
                    assert_eq!(cell.get(), 2, "both earlier messages have run");
                    drop(visit);
                }
            }
        })
}

/// An ordered lane that is turned away (`Behind`) while the roster closes leaves no visit behind.
fn queued_behind_against_close() -> Model {
    Model::new("queued_behind_against_close", "D5 D10", 2)
        .iterations(102)
        .reaches(&["queued behind", "visit refused", "visited past closing", "waited for a visitor"])
        .scenario(|| {
            let roster = Arc::new(Roster::new());
            let mut lane = roster.admit(true);
            let outcome = Log::new();
            let theirs = outcome.clone();
            let producer = thread::spawn(move || {
                let pending = lane.expect();
                theirs.add(match lane.enter() {
                    Entry::Visit(_) => "visited",
                    Entry::Behind => "behind",
                    Entry::Closed => "closed",
                });
                drop(pending);
            });
            roster.close();
            roster.wait_quiet();
            producer.join().unwrap();
            assert_ne!(outcome.take(), ["visited"]);
        })
}

/// `looks_closed` is a hint: what it says may be old, but `true` has been the truth, and so is still.
fn look() {
    let roster = Arc::new(Roster::new());
    let mut lane = roster.admit(false);
    {
        let roster = Arc::clone(&roster);
        thread::spawn(move || roster.close());
    }
    if lane.looks_closed() {
        mark("looked closed");
        assert!(matches!(lane.enter(), Entry::Closed), "closed is for good");
    } else {
        mark("looked open");
    }
}

fn look_against_close_newest() -> Model {
    Model::new("look_against_close_newest", "D10", 2)
        .newest_hints()
        .iterations(7)
        .reaches(&["looked closed", "looked open"])
        .scenario(look)
}

fn look_against_close_oldest() -> Model {
    Model::new("look_against_close_oldest", "D10", 2).iterations(3).reaches(&["looked open"]).scenario(look)
}
