//! Writes down the steps that threads take, in the order in which they are taken: for tests that hold the code against
//! `specs/`. No decision of the crate looks here, and models do not see it.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One step: an atomic operation or a critical section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Note {
    /// Who has taken it: what the thread called [itself](act_as), or else a number from [`UNNAMED`] on.
    pub thread: u64,
    /// Where: the address of the lock's owner, the word or the bell.
    pub at: usize,
    /// What: the name of the function.
    pub what: &'static str,
    /// What came of it, as a number that the function knows the meaning of.
    pub value: u64,
}

/// The first of the numbers for threads that have none of their own.
pub const UNNAMED: u64 = 1 << 32;

/// Where it is written down: one for the process; or, since simulated threads take turns on one of the system's, one for
/// each of these, so that searches side by side do not hear each other.
struct Tape {
    /// One recording at a time.
    turn: Mutex<()>,
    is_running: AtomicBool,
    recorder: Mutex<Recorder>,
}

struct Recorder {
    notes: Vec<Note>,
    unnamed: u64,
}

static TAPE: Tape = Tape::new();

std::thread_local! {
    static OWN: &'static Tape = Box::leak(Box::new(Tape::new()));
}

super::thread_local! {
    static ME: Cell<Option<u64>> = Cell::default();
}

fn tape() -> &'static Tape {
    if super::SIMULATED { OWN.with(|own| *own) } else { &TAPE }
}

impl Tape {
    const fn new() -> Self {
        let recorder = Mutex::new(Recorder { notes: Vec::new(), unnamed: 0 });
        Self { turn: Mutex::new(()), is_running: AtomicBool::new(false), recorder }
    }

    fn is_running(&self) -> bool {
        // ORDERING: Relaxed. Pairs with nothing: threads that are to be recorded are started by who has begun to record, or
        // asked by it, and that orders them.
        self.is_running.load(Ordering::Relaxed)
    }

    fn run(&self, is_running: bool) {
        // ORDERING: Relaxed, see `is_running`.
        self.is_running.store(is_running, Ordering::Relaxed);
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    fn write(&mut self, at: usize, what: &'static str, value: u64) {
        let me = ME.try_with(|me| {
            me.get().unwrap_or_else(|| {
                let number = UNNAMED + self.unnamed;
                self.unnamed += 1;
                me.set(Some(number));
                number
            })
        });
        // A thread that ends has no number any more: nothing that it still does is of interest.
        if let Ok(thread) = me {
            self.notes.push(Note { thread, at, what, value });
        }
    }
}

/// The calling thread is to be written down under this number, from now on.
pub fn act_as(thread: u64) {
    ME.with(|me| me.set(Some(thread)));
}

/// Writes down a step. Called inside the critical section, so that the order of the notes is that of the sections.
pub fn took<T>(at: &T, what: &'static str, value: u64) {
    let tape = tape();
    if tape.is_running() {
        tape.recorder().write(std::ptr::from_ref(at).addr(), what, value);
    }
}

/// Takes an atomic step, and writes it down before anybody can take another.
pub fn taking<T, R>(at: &T, what: &'static str, operation: impl FnOnce() -> R) -> R {
    let tape = tape();
    if !tape.is_running() {
        return operation();
    }
    // Simulated threads change places before an operation, and there only: they must not do so with a lock in hand, and
    // need none.
    let held = (!super::SIMULATED).then(|| tape.recorder());
    let outcome = operation();
    held.unwrap_or_else(|| tape.recorder()).write(std::ptr::from_ref(at).addr(), what, 0);
    outcome
}

/// Runs this, and tells what it and the threads that it starts have done meanwhile.
pub fn record(run: impl FnOnce()) -> Vec<Note> {
    let _turn = tape().turn.lock().unwrap_or_else(PoisonError::into_inner);
    begin();
    run();
    end()
}

/// Writes down all steps from now on, of whatever thread.
pub fn begin() {
    let tape = tape();
    *tape.recorder() = Recorder { notes: Vec::new(), unnamed: 0 };
    tape.run(true);
}

/// Stops that. What was written down since it [began](begin).
pub fn end() -> Vec<Note> {
    let tape = tape();
    tape.run(false);
    std::mem::take(&mut tape.recorder().notes)
}
