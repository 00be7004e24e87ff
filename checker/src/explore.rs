//! The same program under loom, configured as the models are, through keylane's own `Word`, `Mutex` and `Condvar`.
//!
//! # What happens when loom panics
//!
//! loom reports a deadlock or a race by a panic, and its exploration ends there: what it would have found later is
//! unknown. So such an exploration is compared by what it reported: [`Exploration::complete`] is false, its endings
//! are those seen up to then and the reported one, and nothing is called lost but what a *complete* exploration does
//! not have.
//!
//! The panic is caught in this process. It could abort if a guard were dropped where loom no longer answers (loom
//! issue 291), but it is not: the thread that panics unwinds inside its execution, where giving a lock back works,
//! also after a deadlock; the stacks of the other threads are given up without being unwound, because the explorer is
//! panicking when it drops them. That leaks a few objects for each such program.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use keylane_loom::internals::{self, MutexGuard};

use crate::program::{
    Ending, MAX_OBJECTS, MAX_REGISTERS, MAX_THREADS, Memory, Op, Outcome, Program, Registers, Rmw,
};

/// Of what a program's words are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// keylane's `Word`: no loads, no stores.
    Vocabulary,
    /// loom's atomic, with the same read-modify-writes, and with plain loads and stores: the control.
    Plain,
}

/// How loom is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Of what the program's words are made.
    pub words: Words,
    /// The most preemptions in one execution; none for keylane's exhaustive models.
    pub preemption_bound: Option<usize>,
    /// An exploration of more executions than this says nothing.
    pub limit: u64,
}

/// What loom has found.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// The endings of all executions that it ran.
    pub endings: BTreeSet<Ending>,
    /// Whether it says that there are no others; false after a deadlock or a race.
    pub complete: bool,
    /// How many executions it ran.
    pub executions: u64,
}

/// Why an exploration says nothing.
#[derive(Clone, Debug)]
pub enum Failure {
    /// It ran more executions than the caller allows.
    TooLarge,
    /// It panicked in a way that is neither a deadlock nor a race.
    Panicked(String),
}

/// As `loom-tests/tests/models/harness.rs` has them.
const MAX_LOOM_THREADS: usize = 5;
const MAX_BRANCHES: usize = 10_000;

/// The payload of the panic that ends an exploration that is too large.
struct Enough;

/// Explores `program`.
pub fn explore(program: &Program, setup: Setup) -> Result<Exploration, Failure> {
    let Setup { words, preemption_bound, limit } = setup;
    let mut builder = loom::model::Builder::new();
    // Everything that the environment could have set is set here.
    builder.max_threads = MAX_LOOM_THREADS;
    builder.max_branches = MAX_BRANCHES;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = preemption_bound;
    builder.checkpoint_file = None;
    builder.location = false;
    builder.log = false;

    let executions = Arc::new(AtomicU64::new(0));
    let endings = Arc::new(Mutex::new(BTreeSet::new()));
    let scenario = {
        let (program, executions, endings) = (program.clone(), Arc::clone(&executions), Arc::clone(&endings));
        let program = Arc::new(program);
        move || {
            // ORDERING: Relaxed. A count, on one OS thread.
            if executions.fetch_add(1, Ordering::Relaxed) == limit {
                std::panic::panic_any(Enough);
            }
            execute(&program, words, &endings);
        }
    };
    let panic = silently(|| catch_unwind(AssertUnwindSafe(|| builder.check(scenario)))).err();
    let reported = match panic {
        None => None,
        Some(payload) if payload.is::<Enough>() => return Err(Failure::TooLarge),
        Some(payload) => Some(classify(payload.as_ref()).map_err(Failure::Panicked)?),
    };
    let mut endings = std::mem::take(&mut *endings.lock().expect("nobody panics while holding it"));
    endings.extend(reported);
    // ORDERING: Relaxed, as above.
    let executions = executions.load(Ordering::Relaxed);
    Ok(Exploration { endings, complete: reported.is_none(), executions })
}

fn classify(payload: &(dyn std::any::Any + Send)) -> Result<Ending, String> {
    let said = match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(said), _) => said.clone(),
        (None, Some(said)) => (*said).to_owned(),
        (None, None) => "a payload that is no text".to_owned(),
    };
    if said.starts_with("deadlock; threads = ") {
        Ok(Ending::Deadlock)
    } else if said.starts_with("Causality violation: Concurrent") {
        Ok(Ending::Race)
    } else {
        Err(said)
    }
}

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body` with the panic hook quiet for this OS thread (on which all of a model's threads run); payloads stay.
fn silently<T>(body: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !SILENT.get() {
                loud(info);
            }
        }));
    });
    SILENT.set(true);
    let result = body();
    SILENT.set(false);
    result
}

enum AnyWord {
    Vocabulary(internals::Word),
    Plain(AtomicUsize),
}

impl AnyWord {
    fn new(words: Words) -> Self {
        match words {
            Words::Vocabulary => Self::Vocabulary(internals::Word::new(0)),
            Words::Plain => Self::Plain(AtomicUsize::new(0)),
        }
    }

    fn rmw(&self, rmw: Rmw, operand: u8) -> u8 {
        use std::sync::atomic::Ordering::AcqRel;
        let operand = usize::from(operand);
        let old = match (self, rmw) {
            (Self::Vocabulary(word), Rmw::Or) => word.fetch_or(operand),
            (Self::Vocabulary(word), Rmw::And) => word.fetch_and(operand),
            (Self::Vocabulary(word), Rmw::Add) => word.fetch_add(operand),
            (Self::Vocabulary(word), Rmw::Sub) => word.fetch_add(operand.wrapping_neg()),
            // ORDERING: AcqRel, as `Word`.
            (Self::Plain(word), Rmw::Or) => word.fetch_or(operand, AcqRel),
            // ORDERING: AcqRel, as `Word`.
            (Self::Plain(word), Rmw::And) => word.fetch_and(operand, AcqRel),
            // ORDERING: AcqRel, as `Word`.
            (Self::Plain(word), Rmw::Add) => word.fetch_add(operand, AcqRel),
            // ORDERING: AcqRel, as `Word`.
            (Self::Plain(word), Rmw::Sub) => word.fetch_sub(operand, AcqRel),
        };
        old as u8
    }

    /// The bare atomic, for what `Word` does not offer.
    fn plain(&self) -> &AtomicUsize {
        match self {
            Self::Plain(word) => word,
            Self::Vocabulary(_) => panic!("the vocabulary has no loads and no stores"),
        }
    }
}

/// A cell whose accesses loom checks; the value lies beside it, so that no unsafe code is needed.
struct PlainCell {
    checked: UnsafeCell<()>,
    value: Cell<u8>,
}

/// The objects of one execution. loom runs its threads on one OS thread, so `Rc` does, and orders nothing.
struct Objects {
    words: [AnyWord; MAX_OBJECTS],
    mutexes: [internals::Mutex<u8>; MAX_OBJECTS],
    condvar: internals::Condvar,
    cells: [PlainCell; MAX_OBJECTS],
    /// Notes, in the order of execution, which loom neither sees nor orders.
    notes: Cell<Notes>,
}

#[derive(Clone, Copy, Default)]
struct Notes {
    registers: [Registers; MAX_THREADS],
    /// What the memory holds by the results of the operations so far: the final memory, where nobody joins who could
    /// read it. No thread is preempted between an operation and its note.
    memory: Memory,
    finished: usize,
}

/// One execution: spawns the threads, and puts down the outcome when all have finished.
fn execute(program: &Arc<Program>, words: Words, endings: &Arc<Mutex<BTreeSet<Ending>>>) {
    let objects = Rc::new(Objects {
        words: std::array::from_fn(|_| AnyWord::new(words)),
        mutexes: std::array::from_fn(|_| internals::Mutex::new(0)),
        condvar: internals::Condvar::default(),
        cells: std::array::from_fn(|_| PlainCell { checked: UnsafeCell::new(()), value: Cell::new(0) }),
        notes: Cell::default(),
    });
    let body = |thread: usize| {
        let (program, objects, endings) = (Arc::clone(program), Rc::clone(&objects), Arc::clone(endings));
        move || {
            objects.run(&program, thread);
            let notes = objects.notes.get();
            if !program.joined && notes.finished == program.threads.len() {
                let outcome = Outcome { registers: notes.registers, memory: notes.memory };
                endings.lock().expect("nobody panics while holding it").insert(Ending::Finished(outcome));
            }
        }
    };
    let spawned: Vec<_> = (usize::from(program.main_takes_part)..program.threads.len())
        .map(|thread| thread::spawn(body(thread)))
        .collect();
    if program.main_takes_part {
        body(0)();
    }
    if program.joined {
        for handle in spawned {
            handle.join().expect("a panic ends the whole model");
        }
        let outcome = Outcome { registers: objects.notes.get().registers, memory: objects.read_memory() };
        endings.lock().expect("nobody panics while holding it").insert(Ending::Finished(outcome));
    }
}

impl Objects {
    fn run(&self, program: &Program, thread: usize) {
        let mut registers = [0; MAX_REGISTERS];
        let mut guards: [Option<MutexGuard<'_, u8>>; MAX_OBJECTS] = [const { None }; MAX_OBJECTS];
        for step in &program.threads[thread] {
            if step.is_taken(&registers) {
                let result = self.perform(step.op, &mut guards);
                if let (Some(into), Some(value)) = (step.op.target(), result) {
                    registers[into] = value;
                }
            }
        }
        self.note(|notes| {
            notes.registers[thread] = registers;
            notes.finished += 1;
        });
    }

    fn note(&self, write: impl FnOnce(&mut Notes)) {
        let mut notes = self.notes.get();
        write(&mut notes);
        self.notes.set(notes);
    }

    /// Does it, and returns what it read.
    fn perform<'a>(&'a self, op: Op, guards: &mut [Option<MutexGuard<'a, u8>>; MAX_OBJECTS]) -> Option<u8> {
        use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
        const HELD: &str = "the program is well-formed";
        match op {
            Op::Rmw { word, rmw, operand, .. } => {
                let old = self.words[word].rmw(rmw, operand);
                self.note(|notes| notes.memory.words[word] = rmw.apply(old, operand));
                return Some(old);
            }
            Op::Load { word, acquire, .. } => {
                // ORDERING: the program's choice; pairs with the release stores and all read-modify-writes.
                return Some(self.words[word].plain().load(if acquire { Acquire } else { Relaxed }) as u8);
            }
            Op::Store { word, release, value } => {
                // ORDERING: the program's choice; pairs with the acquire loads and all read-modify-writes.
                self.words[word].plain().store(usize::from(value), if release { Release } else { Relaxed });
                self.note(|notes| notes.memory.words[word] = value);
            }
            Op::Lock { mutex } => guards[mutex] = Some(self.mutexes[mutex].lock()),
            Op::Unlock { mutex } => drop(guards[mutex].take().expect(HELD)),
            Op::Read { mutex, .. } => return Some(**guards[mutex].as_ref().expect(HELD)),
            Op::Update { mutex, rmw, operand } => {
                let data = guards[mutex].as_mut().expect(HELD);
                **data = rmw.apply(**data, operand);
                let value = **data;
                self.note(|notes| notes.memory.mutexes[mutex] = value);
            }
            Op::Wait { mask } => {
                let guard = guards[0].take().expect(HELD);
                guards[0] = Some(self.condvar.wait_until(guard, |data| *data & mask != 0));
            }
            Op::Notify => self.condvar.notify(),
            Op::ReadCell { cell, .. } => return Some(self.read_cell(cell)),
            Op::WriteCell { cell, value } => {
                self.cells[cell].checked.with_mut(|_| self.cells[cell].value.set(value));
                self.note(|notes| notes.memory.cells[cell] = value);
            }
        }
        None
    }

    fn read_cell(&self, cell: usize) -> u8 {
        self.cells[cell].checked.with(|_| self.cells[cell].value.get())
    }

    /// Main's own look at everything, through the vocabulary, after it has joined all threads.
    fn read_memory(&self) -> Memory {
        Memory {
            words: std::array::from_fn(|word| self.words[word].rmw(Rmw::Add, 0)),
            mutexes: std::array::from_fn(|mutex| *self.mutexes[mutex].lock()),
            cells: std::array::from_fn(|cell| self.read_cell(cell)),
        }
    }
}
