//! A session's messages wait for an epoch: does one ever wait for what is there, leave too early, or out of order?

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::{Arc, Weak};

use crate::harness::{Log, Model, Plain};
use keylane::internals::{Mutex, mark};
use keylane::{Epoch, EpochGate, GateSession, Gatekeeper, PublishError, Turn};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        arrival_against_publish(),
        two_sessions_against_publish(),
        two_bringers_of_one_session(),
        publish_against_publish(),
        publish_against_reset(),
        publish_against_drop(),
        publish_against_stop(),
        missing_group_against_its_appearance(),
        set_aside_against_its_appearance(),
        set_aside_against_reset(),
        a_callback_arrives_against_one_that_publishes(),
        a_callback_stops_the_gate(),
        a_panic_lets_the_rest_leave(),
        somebody_asks_for_the_epoch(),
        no_map_is_held_by_who_is_idle(),
    ]
}

/// What a message's callback does, beside writing itself down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Nothing,
    /// Looks for its group, and waits if there is none.
    Looks,
    Publishes(u64),
    Arrives(u32, u64),
    Stops,
    Panics,
}

#[derive(Clone, Copy)]
struct Letter {
    number: u32,
    needs: u64,
    does: Does,
}

fn letter(number: u32, needs: u64) -> Letter {
    Letter { number, needs, does: Does::Nothing }
}

/// A session's callbacks write its plain cell: two at once, or without a happens-before edge between them, fail the model.
/// No clock: the gate alone must synchronise.
struct Keeper {
    cells: [Plain<u64>; 2],
    /// Session, number, epoch.
    passed: Log<(u64, u32, u64)>,
    refused: Log<u32>,
    wanted: Log<u64>,
    present: Mutex<bool>,
    gate: Log<EpochGate<Keeper>>,
    session: Log<Weak<GateSession<Keeper>>>,
}

impl Gatekeeper for Keeper {
    type Message = Letter;
    type Map = Plain<u64>;
    type Group = bool;

    fn epoch_of(&self, letter: &Letter) -> Epoch {
        Epoch(letter.needs)
    }

    fn group_of(&self, letter: &Letter) -> bool {
        letter.does == Does::Looks
    }

    fn pass(&self, turn: Turn<'_, Self>, letter: Letter) {
        let (session, epoch) = (turn.session().get(), turn.epoch().0);
        assert_eq!(turn.map().get(), epoch, "the map of that epoch, as its publisher wrote it");
        assert!(epoch >= letter.needs, "not before its epoch");
        let cell = &self.cells[session as usize - 1];
        assert!(epoch >= cell.get(), "a session's epochs do not go back");
        cell.set(epoch);
        if letter.does == Does::Looks && !*self.present.lock() {
            mark("found its group missing");
            if let Err(refused) = turn.wait_for_group(letter) {
                self.refused.add(refused.into_message().number);
            }
            return;
        }
        self.passed.add((session, letter.number, epoch));
        match letter.does {
            Does::Nothing | Does::Looks => {}
            Does::Publishes(epoch) => {
                let gate = self.gate.take().pop().expect("it has been put there");
                publish(&gate, epoch);
            }
            Does::Arrives(number, needs) => {
                let session = self.session.take().pop().and_then(|session| session.upgrade());
                session.expect("it is there").arrive(self::letter(number, needs)).unwrap();
            }
            Does::Stops => {
                let gate = self.gate.take().pop().expect("it has been put there");
                gate.stop().into_iter().for_each(|(_, letter)| self.refused.add(letter.number));
            }
            Does::Panics => panic_any("planned"),
        }
    }

    fn wanted(&self, epoch: Epoch) {
        self.wanted.add(epoch.0);
    }
}

fn publish(gate: &EpochGate<Keeper>, epoch: u64) {
    let map = Arc::new(Plain::new(0));
    map.set(epoch);
    gate.publish(Epoch(epoch), map).unwrap();
}

/// A gate that has published epoch 1.
fn gate() -> EpochGate<Keeper> {
    let gate = EpochGate::new(Keeper {
        cells: [Plain::new(0), Plain::new(0)],
        passed: Log::new(),
        refused: Log::new(),
        wanted: Log::new(),
        present: Mutex::new(false),
        gate: Log::new(),
        session: Log::new(),
    });
    publish(&gate, 1);
    gate
}

fn spawn<T: Send + 'static>(
    gate: &EpochGate<Keeper>,
    does: impl FnOnce(&EpochGate<Keeper>) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let gate = gate.clone();
    thread::spawn(move || does(&gate))
}

/// *Is it published?* and *I wait* are one step (A9): whichever comes first, the message leaves, and the one behind it.
fn arrival_against_publish() -> Model {
    Model::new("arrival_against_publish", "E1 E2 E4", 2)
        .iterations(34)
        .reaches(&["waits for an epoch", "released", "left to who delivers"])
        .scenario(|| {
            let gate = gate();
            let session = gate.session();
            let publisher = spawn(&gate, |gate| publish(gate, 2));
            session.arrive(letter(1, 2)).unwrap();
            session.arrive(letter(2, 1)).unwrap();
            publisher.join().unwrap();
            assert_eq!(gate.keeper().passed.take(), [(1, 1, 2), (1, 2, 2)], "all left, in order");
            assert_eq!(gate.wanted(), None);
        })
}

/// Two sessions wait or arrive while an epoch is published: each of them leaves, once.
fn two_sessions_against_publish() -> Model {
    Model::new("two_sessions_against_publish", "E2 E4", 3)
        .iterations(774)
        .reaches(&["waits for an epoch", "released"])
        .scenario(|| {
            let gate = gate();
            let (one, other) = (gate.session(), gate.session());
            let one = thread::spawn(move || {
                one.arrive(letter(1, 2)).unwrap();
                one
            });
            let publisher = spawn(&gate, |gate| publish(gate, 2));
            other.arrive(letter(2, 2)).unwrap();
            let _one = one.join().unwrap();
            publisher.join().unwrap();
            assert_eq!(gate.keeper().passed.sorted(), [(1, 1, 2), (2, 2, 2)], "all left");
        })
}

/// Two threads bring messages to one session: one callback at a time, each message once, and nobody waits for the other's
/// callback.
fn two_bringers_of_one_session() -> Model {
    Model::new("two_bringers_of_one_session", "E1 E4", 3)
        .iterations(658)
        .reaches(&["left to who delivers", "released"])
        .scenario(|| {
            let gate = gate();
            let session = Arc::new(gate.session());
            let other = {
                let session = Arc::clone(&session);
                thread::spawn(move || session.arrive(letter(1, 1)).unwrap())
            };
            let publisher = spawn(&gate, |gate| publish(gate, 2));
            session.arrive(letter(2, 2)).unwrap();
            other.join().unwrap();
            publisher.join().unwrap();
            let left = gate.keeper().passed.sorted().into_iter().map(|(_, number, _)| number);
            assert_eq!(left.collect::<Vec<_>>(), [1, 2], "all left");
        })
}

/// Two publishers: the later epoch stays, the earlier one is refused if it comes second, and its map comes back. Nothing
/// leaves under an epoch below one that the session has seen.
fn publish_against_publish() -> Model {
    Model::new("publish_against_publish", "E2 E3 E4", 2)
        .iterations(76)
        .reaches(&["released", "came too late"])
        .scenario(|| {
            let gate = gate();
            let session = gate.session();
            session.arrive(letter(1, 2)).unwrap();
            session.arrive(letter(2, 3)).unwrap();
            let publisher = spawn(&gate, |gate| publish(gate, 3));
            match gate.publish(Epoch(2), Arc::new(Plain::new(2))) {
                Ok(()) => {}
                Err(PublishError::Stale { published, map, .. }) => {
                    assert_eq!((published, map.get()), (Epoch(3), 2), "the refused map comes back");
                    mark("came too late");
                }
                Err(refused) => panic!("{refused}"),
            }
            publisher.join().unwrap();
            assert_eq!(gate.published().expect("something is").0, Epoch(3), "epochs do not go back");
            let left = gate.keeper().passed.take().into_iter().map(|(_, number, _)| number);
            assert_eq!(left.collect::<Vec<_>>(), [1, 2], "all left, in order");
        })
}

/// What a reset hands back never leaves; what does not come back leaves.
fn publish_against_reset() -> Model {
    Model::new("publish_against_reset", "E4 E5", 2)
        .iterations(37)
        .reaches(&["released", "reset while a callback runs", "reset first"])
        .scenario(|| {
            let gate = gate();
            let session = gate.session();
            session.arrive(letter(1, 2)).unwrap();
            session.arrive(letter(2, 2)).unwrap();
            let publisher = spawn(&gate, |gate| publish(gate, 2));
            let mut fates: Vec<u32> = session.reset().iter().map(|letter| letter.number).collect();
            if fates.len() == 2 {
                mark("reset first");
            }
            session.arrive(letter(3, 2)).unwrap();
            publisher.join().unwrap();
            let left: Vec<_> = gate.keeper().passed.take().iter().map(|(_, number, _)| *number).collect();
            assert!(left.is_sorted(), "in order");
            fates.extend(left);
            fates.sort_unstable();
            assert_eq!(fates, [1, 2, 3], "each has left or come back");
        })
}

/// A session that is dropped takes its messages with it, whoever is at it.
fn publish_against_drop() -> Model {
    Model::new("publish_against_drop", "E5", 2).iterations(9).reaches(&["released"]).scenario(|| {
        let gate = gate();
        let session = gate.session();
        session.arrive(letter(1, 2)).unwrap();
        session.arrive(Letter { number: 2, needs: 2, does: Does::Looks }).unwrap();
        let publisher = spawn(&gate, |gate| publish(gate, 2));
        drop(session);
        publisher.join().unwrap();
        let left = gate.keeper().passed.take();
        assert!(left.is_empty() || left == [(1, 1, 2)]);
        assert!(gate.stop().is_empty(), "nothing of it is left");
    })
}

/// What a stop hands back never leaves, and the gate lets go of its map.
fn publish_against_stop() -> Model {
    Model::new("publish_against_stop", "E4 E5", 2)
        .iterations(9)
        .reaches(&["released", "stopped first"])
        .scenario(|| {
            let gate = gate();
            let (session, other) = (gate.session(), gate.session());
            session.arrive(letter(1, 2)).unwrap();
            other.arrive(letter(2, 2)).unwrap();
            let map = Arc::new(Plain::new(2));
            let publisher = {
                let map = Arc::clone(&map);
                spawn(&gate, move |gate| gate.publish(Epoch(2), map).is_ok())
            };
            let mut fates: Vec<u32> = gate.stop().iter().map(|(_, letter)| letter.number).collect();
            if !publisher.join().unwrap() {
                mark("stopped first");
            }
            fates.extend(gate.keeper().passed.take().iter().map(|(_, number, _)| *number));
            fates.sort_unstable();
            assert_eq!(fates, [1, 2], "each has left or come back");
            assert!(gate.published().is_none(), "nobody holds the map");
            assert_eq!(Arc::strong_count(&map), 1, "nobody holds the map");
            assert_eq!(session.arrive(letter(3, 1)).unwrap_err().into_message().number, 3);
            assert!(gate.stop().is_empty(), "what has come back does not come again");
        })
}

/// A message finds its group missing while somebody makes it: it is not too late, as its appearance is told after it can
/// be found (A9's other half). And it keeps its place before the next one of its group.
fn missing_group_against_its_appearance() -> Model {
    Model::new("missing_group_against_its_appearance", "E1 E4", 2)
        .iterations(273)
        .reaches(&["found its group missing", "appeared meanwhile", "rejoined"])
        .scenario(|| {
            let gate = gate();
            let session = gate.session();
            let maker = spawn(&gate, |gate| {
                *gate.keeper().present.lock() = true;
                gate.group_appeared(&true);
            });
            session.arrive(Letter { number: 1, needs: 1, does: Does::Looks }).unwrap();
            session.arrive(Letter { number: 2, needs: 1, does: Does::Looks }).unwrap();
            maker.join().unwrap();
            assert_eq!(gate.keeper().passed.take(), [(1, 1, 1), (1, 2, 1)], "all left, in order");
        })
}

/// What was set aside rejoins in front of what waits, and before a later one of its group, although the group could be
/// found before anybody said so.
fn set_aside_against_its_appearance() -> Model {
    Model::new("set_aside_against_its_appearance", "E1 E4", 3)
        .iterations(7_452)
        .reaches(&["rejoined", "behind those set aside", "released"])
        .scenario(|| {
            let gate = gate();
            let session = gate.session();
            session.arrive(Letter { number: 1, needs: 1, does: Does::Looks }).unwrap();
            session.arrive(letter(2, 2)).unwrap();
            let maker = spawn(&gate, |gate| {
                *gate.keeper().present.lock() = true;
                gate.group_appeared(&true);
            });
            let publisher = spawn(&gate, |gate| publish(gate, 2));
            session.arrive(Letter { number: 3, needs: 1, does: Does::Looks }).unwrap();
            maker.join().unwrap();
            publisher.join().unwrap();
            let left: Vec<_> = gate.keeper().passed.take().iter().map(|(_, number, _)| *number).collect();
            assert!([[1, 2, 3], [2, 1, 3]].contains(&[left[0], left[1], left[2]]), "{left:?}");
            assert_eq!(left.len(), 3, "each once");
        })
}

/// A callback that finds its session reset cannot set its message aside there: it has it back.
fn set_aside_against_reset() -> Model {
    Model::new("set_aside_against_reset", "E5", 2)
        .iterations(8)
        .reaches(&["set aside after a reset", "reset while a callback runs"])
        .scenario(|| {
            let gate = gate();
            let session = gate.session();
            session.arrive(Letter { number: 1, needs: 2, does: Does::Looks }).unwrap();
            let publisher = spawn(&gate, |gate| publish(gate, 2));
            let mut fates: Vec<u32> = session.reset().iter().map(|letter| letter.number).collect();
            publisher.join().unwrap();
            fates.extend(gate.keeper().refused.take());
            assert_eq!(fates, [1], "it comes back once");
            assert!(gate.stop().is_empty(), "nothing of it is left");
        })
}

/// Callbacks use their own gate: one brings another message, which waits for what a callback of another session publishes,
/// on another thread. No lock is held (B18), and nobody is forgotten.
fn a_callback_arrives_against_one_that_publishes() -> Model {
    Model::new("a_callback_arrives_against_one_that_publishes", "E1 E4", 2)
        .iterations(512)
        .reaches(&["left to who delivers", "released"])
        .scenario(|| {
            let gate = gate();
            let (session, other) = (Arc::new(gate.session()), gate.session());
            gate.keeper().gate.add(gate.clone());
            gate.keeper().session.add(Arc::downgrade(&session));
            let publisher = thread::spawn(move || {
                other.arrive(Letter { number: 9, needs: 1, does: Does::Publishes(2) }).unwrap();
                other
            });
            session.arrive(Letter { number: 1, needs: 1, does: Does::Arrives(2, 2) }).unwrap();
            session.arrive(letter(3, 1)).unwrap();
            let _other = publisher.join().unwrap();
            let left: Vec<_> = gate.keeper().passed.take().into_iter().map(|(_, number, _)| number).collect();
            let ours: Vec<_> = left.into_iter().filter(|number| *number != 9).collect();
            assert_eq!(ours, [1, 2, 3], "all left, in order");
        })
}

/// A callback stops its own gate while somebody else publishes: nothing is lost, nothing begins any more.
fn a_callback_stops_the_gate() -> Model {
    Model::new("a_callback_stops_the_gate", "E5", 2).iterations(12).reaches(&["released"]).scenario(|| {
        let gate = gate();
        let session = gate.session();
        gate.keeper().gate.add(gate.clone());
        session.arrive(Letter { number: 1, needs: 2, does: Does::Stops }).unwrap();
        session.arrive(letter(2, 2)).unwrap();
        let publisher = spawn(&gate, |gate| publish(gate, 2));
        let late = session.arrive(letter(3, 2)).err().map(|refused| refused.into_message().number);
        publisher.join().unwrap();
        let _ = gate.keeper().gate.take();
        let back = gate.keeper().refused.take();
        assert_eq!(back, if late.is_some() { vec![2] } else { vec![2, 3] }, "all else comes back");
        assert_eq!(gate.keeper().passed.take(), [(1, 1, 2)]);
    })
}

/// A callback panics: what is behind it leaves all the same, and what waits in another session, and the panic comes out of
/// the call that delivered.
fn a_panic_lets_the_rest_leave() -> Model {
    Model::new("a_panic_lets_the_rest_leave", "E4", 2)
        .iterations(118)
        .reaches(&["a callback panicked", "released", "the publisher heard it"])
        .scenario(|| {
            let gate = gate();
            let (session, other) = (gate.session(), gate.session());
            session.arrive(Letter { number: 1, needs: 2, does: Does::Panics }).unwrap();
            other.arrive(letter(2, 2)).unwrap();
            let bringer = thread::spawn(move || {
                let heard = catch_unwind(AssertUnwindSafe(|| session.arrive(letter(3, 1)).unwrap())).is_err();
                (session, heard)
            });
            let heard = catch_unwind(AssertUnwindSafe(|| publish(&gate, 2))).is_err();
            if heard {
                mark("the publisher heard it");
            }
            let (_session, bringer_heard) = bringer.join().unwrap();
            assert!(heard ^ bringer_heard, "one of them heard it");
            let left: Vec<_> = gate.keeper().passed.sorted().iter().map(|(_, number, _)| *number).collect();
            assert_eq!(left, [1, 3, 2], "all left"); // sorted by session
        })
}

/// Whoever comes first with a need for an epoch is told to ask for it, once (B17); and `wanted` says it until it is there.
fn somebody_asks_for_the_epoch() -> Model {
    Model::new("somebody_asks_for_the_epoch", "E4", 2)
        .iterations(4)
        .reaches(&["asked for both", "asked for the later one"])
        .scenario(|| {
            let gate = gate();
            let (session, other) = (gate.session(), gate.session());
            let bringer = thread::spawn(move || {
                other.arrive(letter(1, 2)).unwrap();
                other
            });
            session.arrive(letter(2, 3)).unwrap();
            let _other = bringer.join().unwrap();
            match &*gate.keeper().wanted.sorted() {
                [2, 3] => mark("asked for both"),
                [3] => mark("asked for the later one"),
                asked => panic!("asked for {asked:?}"),
            }
            assert_eq!(gate.wanted(), Some(Epoch(3)));
            assert!(session.reset().len() == 1 && gate.wanted() == Some(Epoch(2)));
            publish(&gate, 2);
            assert_eq!(gate.wanted(), None);
        })
}

/// Once a newer one is published and its callbacks are over, nobody holds an older map: no session (15879), no list.
fn no_map_is_held_by_who_is_idle() -> Model {
    Model::new("no_map_is_held_by_who_is_idle", "E5", 2)
        .iterations(13)
        .reaches(&["released", "found its group missing"])
        .scenario(|| {
            let gate = gate();
            let session = gate.session();
            let old = Arc::new(Plain::new(2));
            gate.publish(Epoch(2), Arc::clone(&old)).unwrap();
            session.arrive(Letter { number: 1, needs: 2, does: Does::Looks }).unwrap();
            session.arrive(letter(2, 3)).unwrap();
            let publisher = spawn(&gate, |gate| publish(gate, 3));
            session.arrive(letter(3, 2)).unwrap();
            publisher.join().unwrap();
            assert_eq!(Arc::strong_count(&old), 1, "nobody holds the old map");
        })
}
