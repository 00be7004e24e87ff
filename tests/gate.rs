//! A gate under real threads: what arrives and what is published race, and everything leaves, once and in order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use keylane::{Epoch, EpochGate, Gatekeeper, PublishError, Turn};

const SESSIONS: usize = 4;
const EPOCHS: u64 = 200;
const MESSAGES: u64 = 2_000;

/// Who looks for group 1 finds it from epoch `EPOCHS / 2` on.
struct Clerk {
    left: [Mutex<Vec<(u64, u64)>>; SESSIONS],
    group: Mutex<bool>,
    asked: AtomicU64,
}

struct Letter {
    number: u64,
    needs: u64,
    group: u8,
}

impl Gatekeeper for Clerk {
    type Message = Letter;
    type Map = u64;
    type Group = u8;

    fn epoch_of(&self, letter: &Letter) -> Epoch {
        Epoch(letter.needs)
    }

    fn group_of(&self, letter: &Letter) -> u8 {
        letter.group
    }

    fn pass(&self, turn: Turn<'_, Self>, letter: Letter) {
        assert!(turn.epoch().0 == **turn.map() && turn.epoch().0 >= letter.needs);
        if letter.group == 1 && !*self.group.lock().unwrap() {
            turn.wait_for_group(letter).unwrap();
            return;
        }
        let session = turn.session().get() as usize - 1;
        let mut left = self.left[session].try_lock().expect("one callback of a session at a time");
        left.push((letter.number, turn.epoch().0));
    }

    fn wanted(&self, epoch: Epoch) {
        self.asked.fetch_max(epoch.0, Ordering::Relaxed);
    }
}

fn clerk() -> Clerk {
    Clerk { left: Default::default(), group: Mutex::new(false), asked: AtomicU64::new(0) }
}

fn letter(number: u64, needs: u64) -> Letter {
    Letter { number, needs, group: 0 }
}

#[test]
fn what_arrives_while_epochs_are_published_leaves_in_order() {
    let gate = EpochGate::new(clerk());
    let sessions: Vec<_> = (0..SESSIONS).map(|_| gate.session()).collect();
    thread::scope(|scope| {
        for session in &sessions {
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    session.arrive(letter(number, number * EPOCHS / MESSAGES + 1)).unwrap();
                }
            });
        }
        for parity in 0..2 {
            let gate = &gate;
            scope.spawn(move || {
                for epoch in (1..=EPOCHS).filter(|epoch| epoch % 2 == parity) {
                    match gate.publish(Epoch(epoch), Arc::new(epoch)) {
                        Ok(()) => {}
                        Err(PublishError::Stale { published, .. }) => assert!(published >= Epoch(epoch)),
                        Err(refused) => panic!("{refused}"),
                    }
                }
            });
        }
    });
    assert_eq!(gate.published().map(|(epoch, _)| epoch), Some(Epoch(EPOCHS)));
    assert_eq!(gate.wanted(), None);
    for left in &gate.keeper().left {
        let left = left.lock().unwrap();
        assert!(left.iter().map(|(number, _)| *number).eq(0..MESSAGES), "E1, E4");
        assert!(left.iter().map(|(_, epoch)| *epoch).is_sorted(), "E3");
    }
    assert!(gate.keeper().asked.load(Ordering::Relaxed) <= EPOCHS);
    assert!(gate.stop().is_empty());
}

#[test]
fn a_group_that_appears_meanwhile_is_not_missed() {
    let gate = EpochGate::new(clerk());
    gate.publish(Epoch(1), Arc::new(1)).unwrap();
    let sessions: Vec<_> = (0..SESSIONS).map(|_| gate.session()).collect();
    thread::scope(|scope| {
        for session in &sessions {
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    session.arrive(Letter { number, needs: 1, group: 1 }).unwrap();
                }
            });
        }
        *gate.keeper().group.lock().unwrap() = true;
        gate.group_appeared(&1);
    });
    for left in &gate.keeper().left {
        assert!(left.lock().unwrap().iter().map(|(number, _)| *number).eq(0..MESSAGES), "E1, E4");
    }
}

#[test]
fn refusals_hand_back_and_say_why() {
    let gate = EpochGate::new(clerk());
    let session = gate.session();
    session.arrive(letter(1, 3)).unwrap();
    gate.publish(Epoch(2), Arc::new(2)).unwrap();
    let refused = gate.publish(Epoch(2), Arc::new(7)).unwrap_err();
    assert_eq!(refused.to_string(), "epoch 2 is not later than 2, which has been published");
    assert_eq!(format!("{refused:?}"), "Stale { epoch: Epoch(2), published: Epoch(2), .. }");
    assert_eq!(*refused.into_map(), 7);
    let left = gate.stop();
    assert_eq!((left[0].0, left[0].1.number), (session.id(), 1));
    let refused = gate.publish(Epoch(3), Arc::new(3)).unwrap_err();
    assert_eq!(
        (refused.to_string(), format!("{refused:?}")),
        ("the gate has been stopped".into(), "Stopped { .. }".into())
    );
    let refused = session.arrive(letter(2, 1)).unwrap_err();
    assert_eq!(
        (refused.to_string(), format!("{refused:?}")),
        ("the gate has been stopped".into(), "ArriveError { .. }".into())
    );
    assert_eq!(refused.into_message().number, 2);
}

/// A callback of a publication finds the map before gone, and its own epoch wanted by nobody, though others that waited
/// for it have not left yet.
#[test]
fn callbacks_of_a_publication_find_it_done() {
    struct Looks {
        gate: Mutex<Option<EpochGate<Self>>>,
        old: Arc<u64>,
        looked: AtomicU64,
    }
    impl Gatekeeper for Looks {
        type Message = ();
        type Map = u64;
        type Group = ();
        fn epoch_of(&self, (): &()) -> Epoch {
            Epoch(2)
        }
        fn group_of(&self, (): &()) {}
        fn pass(&self, _: Turn<'_, Self>, (): ()) {
            let gate = self.gate.lock().unwrap();
            assert_eq!(gate.as_ref().unwrap().wanted(), None);
            assert_eq!(Arc::strong_count(&self.old), 1);
            self.looked.fetch_add(1, Ordering::Relaxed);
        }
    }
    let old = Arc::new(1);
    let looks = Looks { gate: Mutex::new(None), old: Arc::clone(&old), looked: AtomicU64::new(0) };
    let gate = EpochGate::new(looks);
    gate.publish(Epoch(1), old).unwrap();
    *gate.keeper().gate.lock().unwrap() = Some(gate.clone());
    let sessions = [gate.session(), gate.session()];
    sessions.iter().for_each(|session| session.arrive(()).unwrap());
    assert_eq!(gate.wanted(), Some(Epoch(2)));
    gate.publish(Epoch(2), Arc::new(2)).unwrap();
    assert_eq!(gate.keeper().looked.load(Ordering::Relaxed), 2);
    gate.keeper().gate.lock().unwrap().take();
}
