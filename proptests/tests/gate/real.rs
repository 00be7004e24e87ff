//! The real gate, each of its doings put before the model.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, Weak};

use keylane::{Epoch, EpochGate, GateSession, Gatekeeper, PublishError, Turn};
use keylane_proptests::{Arrival, GateModel, Publishing};

use crate::ops::{GROUPS, Letter, Op, SLOTS};

/// A gate, its sessions, and the model that judges it.
pub struct Real {
    gate: EpochGate<Clerk>,
    slots: [Mutex<Option<Arc<GateSession<Clerk>>>>; SLOTS],
    model: Mutex<GateModel>,
    present: Mutex<[bool; GROUPS as usize]>,
    arrived: Mutex<u32>,
    /// Those whose hook is to be called.
    wanted: Mutex<Vec<u64>>,
    dropped: Arc<Mutex<Vec<u32>>>,
    maps: Mutex<Vec<Weak<u64>>>,
}

/// Carries out the scripts of messages.
pub struct Clerk(Weak<Real>);

/// A letter with its number; tells when it is dropped.
pub struct Parcel {
    number: u32,
    needs: u64,
    group: u8,
    looks_first: bool,
    script: Vec<Op>,
    dropped: Arc<Mutex<Vec<u32>>>,
}

/// The payload of a panic that a script asked for.
struct Planned;

/// A callback on the stack.
struct Running<'a>(&'a Real, u64);

impl Drop for Parcel {
    fn drop(&mut self) {
        self.dropped.lock().unwrap().push(self.number);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.model.lock().unwrap().end(self.1);
    }
}

impl Gatekeeper for Clerk {
    type Message = Parcel;
    type Map = u64;
    type Group = u8;

    fn epoch_of(&self, parcel: &Parcel) -> Epoch {
        Epoch(parcel.needs)
    }

    fn group_of(&self, parcel: &Parcel) -> u8 {
        parcel.group
    }

    fn pass(&self, turn: Turn<'_, Self>, mut parcel: Parcel) {
        let real = self.0.upgrade().expect("the test outlives its gate's callbacks");
        let session = turn.session().get();
        assert_eq!(turn.epoch().0, **turn.map(), "E2: the map of that epoch");
        let may = real.model.lock().unwrap().begin(session, parcel.number, turn.epoch().0);
        assert!(may, "E1-E3: {} begins, in session {session} under {}", parcel.number, turn.epoch());
        let _running = Running(&real, session);
        let is_there = || real.present.lock().unwrap()[usize::from(parcel.group)];
        let before = is_there();
        let script = std::mem::take(&mut parcel.script);
        script.iter().for_each(|op| real.act(op));
        let is_there = || real.present.lock().unwrap()[usize::from(parcel.group)];
        if !(if parcel.looks_first { before } else { is_there() }) {
            let number = parcel.number;
            let expected = real.model.lock().unwrap().park(session).expect("it runs");
            let parked = turn.wait_for_group(parcel).map_err(|refused| refused.into_message().number);
            assert_eq!(parked, if expected { Ok(()) } else { Err(number) }, "E5");
        }
    }

    fn wanted(&self, epoch: Epoch) {
        let real = self.0.upgrade().expect("the test outlives its gate's callbacks");
        assert_eq!(real.wanted.lock().unwrap().pop(), Some(epoch.0), "what to ask for");
    }
}

impl Real {
    pub fn new() -> Arc<Self> {
        Arc::new_cyclic(|real| Self {
            gate: EpochGate::new(Clerk(Weak::clone(real))),
            slots: Default::default(),
            model: Mutex::new(GateModel::new()),
            present: Mutex::new([true; GROUPS as usize]),
            arrived: Mutex::default(),
            wanted: Mutex::default(),
            dropped: Arc::default(),
            maps: Mutex::default(),
        })
    }

    /// With no callback on the stack: afterwards nothing is left that may leave (E4), and nobody holds an older map (E5).
    pub fn do_alone(&self, op: &Op) {
        match catch_unwind(AssertUnwindSafe(|| self.act(op))) {
            Ok(()) => {}
            Err(payload) if payload.is::<Planned>() => {}
            Err(payload) => resume_unwind(payload),
        }
        let model = self.model.lock().unwrap();
        assert_eq!(model.may_begin(), [0; 0], "E4: these might leave");
        assert_eq!(self.gate.wanted().map(|epoch| epoch.0), model.wanted());
        assert_eq!(
            self.gate.published().map(|(epoch, map)| (epoch.0, *map)),
            model.published().map(|e| (e, e))
        );
        let alive =
            self.maps.lock().unwrap().iter().filter_map(Weak::upgrade).map(|map| *map).collect::<Vec<_>>();
        assert_eq!(alive, Vec::from_iter(model.published()), "E5: no older map");
        assert!(self.wanted.lock().unwrap().is_empty(), "what to ask for");
    }

    /// Stops it, twice.
    pub fn end(&self) {
        self.do_alone(&Op::Stop);
        self.do_alone(&Op::Stop);
        self.do_alone(&Op::Publish(1));
        (0..SLOTS).for_each(|slot| self.do_alone(&Op::Close(slot)));
        let mut dropped = std::mem::take(&mut *self.dropped.lock().unwrap());
        dropped.sort_unstable();
        assert_eq!(dropped, Vec::from_iter(1..=*self.arrived.lock().unwrap()), "each has had its end");
    }

    fn act(&self, op: &Op) {
        match op {
            &Op::Open(slot) => {
                self.close(slot);
                let session = self.gate.session();
                assert_eq!(session.id().get(), self.model.lock().unwrap().open());
                *self.slots[slot].lock().unwrap() = Some(Arc::new(session));
            }
            &Op::Close(slot) => self.close(slot),
            Op::Arrive(slot, letter) => self.arrive(*slot, letter),
            &Op::Reset(slot) => {
                let Some(session) = self.slots[slot].lock().unwrap().clone() else { return };
                let expected = self.model.lock().unwrap().reset(session.id().get());
                let left: Vec<_> = session.reset().iter().map(|parcel| parcel.number).collect();
                assert_eq!(left, expected, "E5: what came back, and should have");
                self.let_go(session);
            }
            &Op::Publish(by) => self.publish(by),
            &Op::Appear(group) => {
                self.present.lock().unwrap()[usize::from(group)] = true;
                self.model.lock().unwrap().appeared(group);
                self.gate.group_appeared(&group);
            }
            &Op::Vanish(group) => self.present.lock().unwrap()[usize::from(group)] = false,
            Op::Stop => {
                let expected = self.model.lock().unwrap().stop();
                let left = self.gate.stop();
                let left: Vec<_> =
                    left.iter().map(|(session, parcel)| (session.get(), parcel.number)).collect();
                assert_eq!(left, expected, "E5: what came back, and should have");
            }
            Op::Panic => resume_unwind(Box::new(Planned)),
        }
    }

    fn close(&self, slot: usize) {
        let session = self.slots[slot].lock().unwrap().take();
        session.into_iter().for_each(|session| self.let_go(session));
    }

    /// Drops the session, unless somebody further up the stack uses it, who drops it later.
    fn let_go(&self, session: Arc<GateSession<Clerk>>) {
        if let Some(session) = Arc::into_inner(session) {
            let mut expected = self.model.lock().unwrap().close(session.id().get());
            let before = self.dropped.lock().unwrap().len();
            drop(session);
            let mut dropped = self.dropped.lock().unwrap()[before..].to_vec();
            dropped.sort_unstable();
            expected.sort_unstable();
            assert_eq!(dropped, expected, "E5: what went with the session, and should have");
        }
    }

    fn arrive(&self, slot: usize, letter: &Letter) {
        let Some(session) = self.slots[slot].lock().unwrap().clone() else { return };
        let number = {
            let mut arrived = self.arrived.lock().unwrap();
            *arrived += 1;
            *arrived
        };
        let needs = self.epoch_by(letter.needs);
        let expected = self.model.lock().unwrap().arrive(session.id().get(), number, needs, letter.group);
        if expected == Arrival::TakenAndWanted {
            self.wanted.lock().unwrap().push(needs);
        }
        let Letter { group, looks_first, ref script, .. } = *letter;
        let dropped = Arc::clone(&self.dropped);
        let parcel = Parcel { number, needs, group, looks_first, script: script.clone(), dropped };
        // It drops the session even if a callback panics.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let accepted = session.arrive(parcel);
            let accepted =
                accepted.map_err(|refused| assert_eq!(refused.into_message().number, number)).is_ok();
            assert_eq!(accepted, expected != Arrival::Refused);
        }));
        self.let_go(session);
        outcome.unwrap_or_else(|payload| resume_unwind(payload));
    }

    fn publish(&self, by: i64) {
        let epoch = self.epoch_by(by);
        let expected = self.model.lock().unwrap().publish(epoch);
        let map = Arc::new(epoch);
        if expected == Publishing::Done {
            self.maps.lock().unwrap().push(Arc::downgrade(&map));
        }
        let outcome = match self.gate.publish(Epoch(epoch), map) {
            Ok(()) => Publishing::Done,
            Err(PublishError::Stale { published, map, .. }) => {
                assert_eq!(*map, epoch, "E3: the refused map comes back");
                Publishing::Stale(published.0)
            }
            Err(refused) => {
                assert_eq!(*refused.into_map(), epoch, "E5: the refused map comes back");
                Publishing::Stopped
            }
        };
        assert_eq!(outcome, expected, "E3");
    }

    fn epoch_by(&self, by: i64) -> u64 {
        self.model.lock().unwrap().published().unwrap_or(1).saturating_add_signed(by)
    }
}
