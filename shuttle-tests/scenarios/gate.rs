//! A gate under sessions, publishers and stops: E1-E5.
//!
//! Callbacks of a session come one after the other, so what one of them has seen *returned* at its end, the next one may
//! rely on: that is how most promises are asked without a clock.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use keylane::{Epoch, EpochGate, GateSession, Gatekeeper, PublishError, SessionId, Turn};

use super::ledger::Ledger;
use super::plan::{Plan, Trigger, trigger};
use crate::threads::{self, Plain};

/// How big an execution is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Each on a thread of its own, which may drop it and open another.
    pub sessions: usize,
    /// How many messages each of these threads brings.
    pub messages: usize,
    /// The highest that a message needs; not always published.
    pub epochs: u64,
    /// That are missing at first, and some for good.
    pub groups: u64,
}

const PUBLISHERS: usize = 2;

/// The group that is always there.
const PRESENT: u64 = 0;

/// Of messages whose bringer does not know how often the session has been reset.
const ANY_GENERATION: usize = usize::MAX - 1;

/// So many resets that nothing leaves any more.
const CLOSED: usize = usize::MAX;

impl Size {
    pub const SMALL: Self = Self { sessions: 4, messages: 3, epochs: 3, groups: 2 };
    pub const WIDE: Self = Self { sessions: 8, messages: 40, epochs: 24, groups: 6 };

    /// The main one and the stopper too.
    pub const fn threads(&self) -> usize {
        self.sessions + PUBLISHERS + 2
    }

    /// Without those that callbacks bring.
    pub const fn messages(&self) -> usize {
        self.sessions * self.messages
    }
}

type Session = Arc<GateSession<Clerk>>;

/// What a session's callbacks own.
#[derive(Default)]
struct Desk {
    occupied: AtomicBool,
    book: Plain<Book>,
    /// Resets that have begun.
    resetting: AtomicUsize,
    /// Resets that have returned.
    resets: AtomicUsize,
    /// Its owner is about to drop it, or has.
    closing: AtomicBool,
}

#[derive(Default)]
struct Book {
    /// Of the last callback.
    epoch: u64,
    /// The latest beginning of an arrival whose message has had a turn.
    latest: usize,
    /// What has been set aside, as far as callbacks know.
    aside: Vec<usize>,
    seen: Seen,
}

/// What had returned when the last callback ended.
#[derive(Default)]
struct Seen {
    newest: u64,
    appeared: u64,
    resets: usize,
    stopped: bool,
}

struct World {
    size: Size,
    plan: Plan,
    ledger: Ledger,
    /// By session, those that are opened later too.
    desks: Box<[Desk]>,
    /// By message, without those that callbacks bring.
    groups: Box<[u64]>,
    /// No later epoch is published.
    last: u64,
    /// No later group appears.
    made: u64,
    /// The latest epoch whose publication has returned.
    newest: AtomicU64,
    /// The groups that a callback finds, a bit each. Relaxed is enough: the gate must order it.
    present: AtomicU64,
    /// Those whose appearance has been told, and that has returned.
    appeared: AtomicU64,
    /// By epoch: how often somebody was told to ask for it.
    asked: Box<[AtomicUsize]>,
    /// Maps that somebody holds.
    maps: AtomicUsize,
    /// Panics of callbacks, and those that came out of calls.
    raised: AtomicUsize,
    heard: AtomicUsize,
}

struct Map {
    epoch: u64,
    world: Arc<World>,
}

impl Drop for Map {
    fn drop(&mut self) {
        self.world.maps.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a message's callback does beside writing itself down. Few count the owners of a session: that synchronises.
enum Does {
    Nothing,
    Brings(Weak<GateSession<Clerk>>),
    Publishes(EpochGate<Clerk>, u64),
}

/// Message number `id`: those of the first thread, then of the second and so on; then what their callbacks bring.
struct Letter {
    id: usize,
    session: SessionId,
    needs: u64,
    group: u64,
    does: Does,
    /// The newest epoch when it arrived.
    knew: u64,
    /// How often its session had been reset.
    generation: usize,
    /// The first one that its bringer brought since.
    first: usize,
    /// Its fate is written down.
    settled: bool,
    world: Arc<World>,
}

impl Letter {
    fn panics(&self) -> bool {
        self.id % 6 == 5
    }

    fn is_child(&self) -> bool {
        self.id >= self.world.size.messages()
    }

    fn runs(mut self) {
        self.settled = true;
        self.world.ledger.slots[self.id].run();
    }

    fn comes_back(mut self) {
        self.settled = true;
        self.world.ledger.slots[self.id].hand_back();
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        if !self.settled {
            threads::mark("dropped with its session");
            let closing = self.world.desk(self.session).closing.load(Ordering::Relaxed);
            self.world.ledger.promise(closing, "E5: only a session that is dropped drops what waits");
            self.world.ledger.slots[self.id].hand_back();
        }
    }
}

/// What a callback panics with, on this thread.
struct Planned(threads::Id);

struct Clerk(Arc<World>);

impl Gatekeeper for Clerk {
    type Message = Letter;
    type Map = Map;
    type Group = u64;

    fn epoch_of(&self, letter: &Letter) -> Epoch {
        Epoch(letter.needs)
    }

    fn group_of(&self, letter: &Letter) -> u64 {
        letter.group
    }

    fn pass(&self, turn: Turn<'_, Self>, letter: Letter) {
        let Self(world) = self;
        let ledger = &world.ledger;
        let desk = world.desk(turn.session());
        let epoch = turn.epoch().0;
        ledger.promise(!desk.occupied.swap(true, Ordering::Relaxed), "E1: one of a session at a time");
        ledger.promise(turn.session() == letter.session, "a turn names the right session");
        ledger.promise(epoch >= letter.needs, "E2: not before its epoch");
        ledger.promise(turn.map().epoch == epoch, "E2: with that epoch's map");
        desk.book.with(|book| world.book(book, desk, epoch, &letter));
        threads::step();
        let (there, panics) = (world.is_there(letter.group), letter.panics());
        if there {
            world.act(&letter);
            letter.runs();
        } else {
            threads::step();
            world.set_aside(desk, turn, letter);
        }
        desk.book.with(|book| book.seen = world.look(desk));
        desk.occupied.store(false, Ordering::Relaxed);
        if there && panics {
            world.raised.fetch_add(1, Ordering::Relaxed);
            // Without the panic hook: shuttle's takes it for a failure.
            resume_unwind(Box::new(Planned(threads::id())));
        }
    }

    fn wanted(&self, epoch: Epoch) {
        let Self(world) = self;
        let before = world.asked[epoch.0 as usize].fetch_add(1, Ordering::Relaxed);
        world.ledger.promise(before == 0, "E4: each epoch is asked for once");
    }
}

impl World {
    fn desk(&self, session: SessionId) -> &Desk {
        &self.desks[session.get() as usize - 1]
    }

    fn is_there(&self, group: u64) -> bool {
        group == PRESENT || self.present.load(Ordering::Relaxed) & (1 << group) != 0
    }

    fn look(&self, desk: &Desk) -> Seen {
        Seen {
            newest: self.newest.load(Ordering::Relaxed),
            appeared: self.appeared.load(Ordering::Relaxed),
            resets: desk.resets.load(Ordering::Relaxed),
            stopped: self.ledger.has_stopped(),
        }
    }

    /// A message has its turn.
    fn book(&self, book: &mut Book, desk: &Desk, epoch: u64, letter: &Letter) {
        let (ledger, slot) = (&self.ledger, &self.ledger.slots[letter.id]);
        ledger.promise(epoch >= book.epoch, "E3: a session's epochs do not go back");
        ledger.promise(
            epoch >= book.seen.newest.max(letter.knew),
            "E3: what begins after a publication returned has that map or a later one",
        );
        ledger.promise(!book.seen.stopped, "E5: nothing begins once stop has returned");
        ledger.promise(
            letter.generation >= book.seen.resets,
            "E5: what waited at a reset or drop never leaves",
        );
        ledger.promise(
            letter.group != PRESENT || slot.ended() >= book.latest,
            "E1: a message leaves before those whose arrival began after its own had returned",
        );
        book.epoch = epoch;
        book.latest = book.latest.max(slot.begun());
        self.in_order(book, desk, letter);
    }

    /// E1, within what one thread brought. What callbacks bring has no order against it.
    fn in_order(&self, book: &mut Book, desk: &Desk, letter: &Letter) {
        book.aside.retain(|&id| id != letter.id);
        // What a reset has taken meanwhile may not have been written down yet.
        if letter.is_child() || desk.resetting.load(Ordering::Relaxed) != letter.generation {
            return;
        }
        for before in (letter.first..letter.id).filter(|&id| !self.ledger.slots[id].has_fate()) {
            let group = self.groups[before];
            let waits = book.aside.iter().any(|&aside| self.groups[aside] == group);
            self.ledger.promise(waits, "E1: nothing passes the head");
            self.ledger.promise(group != letter.group, "E1: those of a group keep their order");
            let appeared = book.seen.appeared & (1 << group) != 0;
            self.ledger.promise(!appeared, "E1: what was set aside rejoins at the front");
        }
    }

    fn set_aside(&self, desk: &Desk, turn: Turn<'_, Clerk>, letter: Letter) {
        let (id, generation) = (letter.id, letter.generation);
        let Seen { resets, stopped, .. } = self.look(desk);
        if let Err(refused) = turn.wait_for_group(letter) {
            let ended = desk.resetting.load(Ordering::Relaxed) != generation
                || desk.closing.load(Ordering::Relaxed)
                || self.ledger.is_stopping();
            self.ledger.promise(ended, "E5: only what was reset, dropped or stopped cannot wait");
            refused.into_message().comes_back();
        } else {
            self.ledger.promise(generation >= resets && !stopped, "E5: nothing waits where all was taken");
            desk.book.with(|book| book.aside.push(id));
        }
    }

    fn act(self: &Arc<Self>, letter: &Letter) {
        match &letter.does {
            Does::Nothing => {}
            Does::Brings(session) => {
                if let Some(session) = session.upgrade() {
                    let needs = letter.needs + threads::below(2) as u64;
                    let child = Letter {
                        id: letter.id + self.size.messages(),
                        session: session.id(),
                        needs: needs.min(self.size.epochs),
                        group: PRESENT,
                        does: Does::Nothing,
                        knew: self.newest.load(Ordering::Relaxed),
                        generation: ANY_GENERATION,
                        first: 0,
                        settled: false,
                        world: Arc::clone(self),
                    };
                    self.arrive(&session, child);
                }
            }
            Does::Publishes(gate, epoch) => self.publish(gate, *epoch),
        }
    }

    /// Makes a call that may deliver. Nothing if a callback that it ran panicked.
    fn deliver<T>(&self, call: impl FnOnce() -> T) -> Option<T> {
        let panic = match catch_unwind(AssertUnwindSafe(call)) {
            Ok(done) => return Some(done),
            Err(panic) => panic,
        };
        match panic.downcast::<Planned>() {
            Ok(planned) => {
                self.ledger
                    .promise(planned.0 == threads::id(), "a panic comes out of the call that delivered");
                self.heard.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(other) => resume_unwind(other),
        }
    }

    fn arrive(&self, session: &Session, letter: Letter) {
        let id = letter.id;
        self.ledger.hand_in(id, || match self.deliver(|| session.arrive(letter)) {
            None | Some(Ok(())) => true,
            Some(Err(refused)) => {
                let mut letter = refused.into_message();
                self.ledger.promise(letter.id == id, "E5: what is refused comes back");
                letter.settled = true;
                false
            }
        });
    }

    fn publish(self: &Arc<Self>, gate: &EpochGate<Clerk>, epoch: u64) {
        let ledger = &self.ledger;
        let (newest, stopped) = (self.newest.load(Ordering::Relaxed), ledger.has_stopped());
        self.maps.fetch_add(1, Ordering::Relaxed);
        let map = Arc::new(Map { epoch, world: Arc::clone(self) });
        match self.deliver(|| gate.publish(Epoch(epoch), map)) {
            None | Some(Ok(())) => {
                ledger.promise(epoch > newest, "E3: an old epoch is refused");
                ledger.promise(!stopped, "E5: a gate that was stopped refuses maps");
                self.newest.fetch_max(epoch, Ordering::Relaxed);
                let published = gate.published();
                let is_newest = published
                    .as_ref()
                    .map_or(ledger.is_stopping(), |(now, map)| now.0 >= epoch && map.epoch == now.0);
                ledger.promise(is_newest, "E3: the published epoch does not go back");
            }
            Some(Err(PublishError::Stale { published, map, .. })) => {
                threads::mark("published too late");
                ledger.promise(published.0 >= epoch && map.epoch == epoch, "E3: refused for a later one");
            }
            Some(Err(refused)) => {
                let epoch_back = refused.into_map().epoch;
                ledger.promise(ledger.is_stopping() && epoch_back == epoch, "E3: refused if stopped");
            }
        }
    }

    /// One publisher's epochs and groups.
    fn publish_all(self: &Arc<Self>, gate: &EpochGate<Clerk>, publisher: usize) {
        let first = publisher as u64 + 1;
        let mut groups = (first..=self.made).step_by(PUBLISHERS);
        for epoch in (first..=self.last).step_by(PUBLISHERS) {
            if threads::below(2) == 0 {
                groups.next().into_iter().for_each(|group| self.appear(gate, group));
            }
            self.publish(gate, epoch);
            if threads::below(4) == 0 {
                self.publish(gate, 1 + threads::below(epoch as usize) as u64);
            }
        }
        groups.for_each(|group| self.appear(gate, group));
    }

    /// Lets it be found first.
    fn appear(&self, gate: &EpochGate<Clerk>, group: u64) {
        self.present.fetch_or(1 << group, Ordering::Relaxed);
        threads::step();
        self.deliver(|| gate.group_appeared(&group));
        self.appeared.fetch_or(1 << group, Ordering::Relaxed);
    }

    /// One thread's messages. What it leaves behind is its session.
    fn bring_all(
        self: &Arc<Self>,
        gate: &EpochGate<Clerk>,
        mut session: Session,
        others: &[Weak<GateSession<Clerk>>],
        thread: usize,
        trigger: &Trigger,
    ) -> Session {
        let (mut generation, mut first) = (0, thread * self.size.messages);
        for number in 0..self.size.messages {
            self.plan.tick(trigger);
            let id = thread * self.size.messages + number;
            match threads::below(12) {
                0 => {
                    self.take_back(self.reset(&session));
                    (generation, first) = (generation + 1, id);
                }
                1 => {
                    self.close(std::mem::replace(&mut session, Arc::new(gate.session())));
                    (generation, first) = (0, id);
                }
                _ => {}
            }
            let knew = self.newest.load(Ordering::Relaxed);
            // As a client that has the map, or is one ahead; or by the message's number, whoever publishes meanwhile.
            let needs = if threads::below(2) == 0 {
                knew + threads::below(2) as u64
            } else {
                number as u64 * self.size.epochs / self.size.messages as u64 + threads::below(3) as u64
            };
            let needs = needs.clamp(1, self.size.epochs);
            let does = match threads::below(8) {
                0 => Does::Brings(Arc::downgrade(&session)),
                1 => Does::Brings(Weak::clone(&others[threads::below(others.len())])),
                2 => Does::Publishes(gate.clone(), (needs + 1).min(self.last)),
                _ => Does::Nothing,
            };
            let letter = Letter {
                id,
                session: session.id(),
                needs,
                group: self.groups[id],
                does,
                knew,
                generation,
                first,
                settled: false,
                world: Arc::clone(self),
            };
            self.arrive(&session, letter);
        }
        session
    }

    fn reset(&self, session: &Session) -> Vec<Letter> {
        let desk = self.desk(session.id());
        desk.resetting.fetch_add(1, Ordering::Relaxed);
        let left = session.reset();
        desk.resets.fetch_add(1, Ordering::Relaxed);
        left
    }

    fn close(&self, session: Session) {
        let desk = self.desk(session.id());
        desk.closing.store(true, Ordering::Relaxed);
        // A callback that brings a message may hold it still.
        if let Some(session) = Arc::into_inner(session) {
            drop(session);
            desk.resets.store(CLOSED, Ordering::Relaxed);
        }
    }

    /// What waited in each session.
    fn stop(&self, gate: &EpochGate<Clerk>) -> Vec<Vec<Letter>> {
        let again = self.ledger.has_stopped();
        let mut left: BTreeMap<SessionId, Vec<Letter>> = BTreeMap::new();
        for (session, letter) in self.ledger.stop(|| gate.stop()) {
            self.ledger.promise(session == letter.session, "what comes back says from which session");
            left.entry(session).or_default().push(letter);
        }
        self.ledger.promise(!again || left.is_empty(), "E5: who stops again gets nothing back");
        left.into_values().collect()
    }

    /// What waited in one session comes back.
    fn take_back(&self, letters: Vec<Letter>) {
        let (mut latest, mut next) = (0, 0);
        for letter in letters {
            let slot = &self.ledger.slots[letter.id];
            let in_order = slot.ended() >= latest && (letter.is_child() || letter.id >= next);
            self.ledger.promise(in_order, "E5: what waited comes back in the order of arrival");
            latest = latest.max(slot.begun());
            next = if letter.is_child() { next } else { letter.id + 1 };
            letter.comes_back();
        }
    }

    /// Nobody is at it any more: what waits must have a reason.
    fn check(&self, gate: &EpochGate<Clerk>, sessions: &[Session]) {
        let ledger = &self.ledger;
        let published = gate.published().map(|(epoch, _)| epoch.0);
        if self.plan.is_calm() {
            let newest = Some(self.newest.load(Ordering::Relaxed));
            ledger.promise(published == newest, "E3: the newest epoch stays");
        } else {
            ledger.promise(published.is_none(), "E5: a gate that was stopped holds no map");
        }
        let maps = self.maps.load(Ordering::Relaxed);
        ledger.promise(maps == usize::from(published.is_some()), "E5: only the newest map is held");
        let wanted = gate.wanted().map(|epoch| epoch.0);
        let mut left = Vec::new();
        if threads::below(2) == 0 {
            left.extend(sessions.iter().map(|session| self.reset(session)));
        }
        left.extend(self.stop(gate));
        ledger.promise(self.maps.load(Ordering::Relaxed) == 0, "E5: a gate that was stopped holds no map");

        let later = |letter: &&Letter| Some(letter.needs) > published;
        let needs = left.iter().flatten().filter(later).map(|letter| letter.needs).max();
        ledger.promise(wanted == needs, "E4: wanted tells the highest epoch that is waited for");
        if let Some(epoch) = needs {
            threads::mark("waited to the end");
            let asked = self.asked[epoch as usize..].iter().any(|asked| asked.load(Ordering::Relaxed) > 0);
            ledger.promise(asked, "E4: somebody is told to ask for what is waited for");
        }
        for letters in left {
            let may_leave = letters.iter().take_while(|letter| !later(letter));
            let missing = may_leave.filter(|letter| !self.is_there(letter.group)).count();
            let stranded = letters.iter().take_while(|letter| !later(letter)).count() > missing;
            ledger.promise(!stranded, "E4: what may leave has left");
            self.take_back(letters);
        }
        let [raised, heard] = [&self.raised, &self.heard].map(|count| count.load(Ordering::Relaxed));
        ledger.promise(heard <= raised && (heard > 0) == (raised > 0), "a panic goes on, and once");
    }
}

/// One execution.
pub fn run(size: Size) {
    let world = Arc::new(World {
        size,
        plan: Plan::draw(size.messages()),
        ledger: Ledger::new(2 * size.messages()),
        desks: (0..size.sessions * (size.messages + 1)).map(|_| Desk::default()).collect(),
        groups: (0..size.messages()).map(|_| group(size)).collect(),
        last: size.epochs - threads::below(3) as u64,
        made: threads::below(size.groups as usize + 1) as u64,
        newest: AtomicU64::new(0),
        present: AtomicU64::new(0),
        appeared: AtomicU64::new(0),
        asked: (0..=size.epochs).map(|_| AtomicUsize::new(0)).collect(),
        maps: AtomicUsize::new(0),
        raised: AtomicUsize::new(0),
        heard: AtomicUsize::new(0),
    });
    let gate = EpochGate::new(Clerk(Arc::clone(&world)));
    let (trigger, listener) = trigger();

    let sessions: Vec<Session> = (0..size.sessions).map(|_| Arc::new(gate.session())).collect();
    let others: Vec<_> = sessions.iter().map(Arc::downgrade).collect();
    let mut bringers = Vec::new();
    for (thread, session) in sessions.into_iter().enumerate() {
        let (world, gate, others) = (Arc::clone(&world), gate.clone(), others.clone());
        let trigger = trigger.clone();
        bringers.push(threads::spawn(move || world.bring_all(&gate, session, &others, thread, &trigger)));
    }
    drop(trigger);
    let mut threads = Vec::new();
    for publisher in 0..PUBLISHERS {
        let (world, gate) = (Arc::clone(&world), gate.clone());
        threads.push(threads::spawn(move || world.publish_all(&gate, publisher)));
    }
    {
        let (world, gate) = (Arc::clone(&world), gate.clone());
        threads.push(threads::spawn(move || {
            while listener.recv().is_ok() {
                world.stop(&gate).into_iter().for_each(|letters| world.take_back(letters));
            }
        }));
    }
    let joined = bringers.into_iter().map(|bringer| bringer.join().expect("no bringer panics"));
    let sessions: Vec<Session> = joined.collect();
    for thread in threads {
        thread.join().expect("no thread of the scenario panics");
    }
    world.check(&gate, &sessions);
    drop((gate, sessions, others));
    world.ledger.settle();
}

/// One in two is always there.
fn group(size: Size) -> u64 {
    if threads::below(2) == 0 { PRESENT } else { 1 + threads::below(size.groups as usize) as u64 }
}
