//! Brute force: every sequentially consistent interleaving, one step at a time, with no cleverness but a set of the
//! states already seen. It knows nothing of loom, nor of partial orders.
//!
//! # Data races
//!
//! *A program has a race iff a reachable state has two threads whose next steps access the same cell, one of them
//! writing.* That is: two conflicting accesses of different threads stand side by side in some interleaving. It is
//! the same as the usual definition (two conflicting accesses that happens-before leaves unordered) for programs in
//! the vocabulary:
//!
//! * Side by side implies unordered. Happens-before is program order and edges that start at a read-modify-write, an
//!   unlock or a notify and end at a later read-modify-write, lock or wake. If *a* and *b* are neighbours, nothing is
//!   between them that such a chain could go through.
//! * Unordered implies side by side, perhaps elsewhere. Take an interleaving, in it the first access *b* that is
//!   unordered with an earlier conflicting *a* (the latest such), and cut after *b*. Drop each step between the two
//!   that does not happen before *b*. No step that stays can have depended on one that went: steps on one word are
//!   all ordered by happens-before, so are critical sections of one mutex, a wake comes after its notify, and
//!   conflicting accesses of cells before *b* are all ordered, as *b* is the first that is not. The steps that stay
//!   happen before *b*, hence none of them happens after *a*; so *a* commutes with each of them and can be moved
//!   behind them all, next to *b*.
//!
//! That a wake is ordered after the notify that caused it is true here, where nobody wakes for any other reason. Real
//! condition variables also wake spuriously, and real programs have the races that come of that.

use std::collections::{BTreeSet, HashSet};

use crate::program::{
    Ending, MAX_OBJECTS, MAX_REGISTERS, MAX_THREADS, Memory, Op, Outcome, Program, Registers, Step,
};

/// Everything that can happen.
#[derive(Clone, Debug, Default)]
pub struct Reachable {
    /// All endings. Executions with a race go on (as interleavings do) and add their own.
    pub endings: BTreeSet<Ending>,
    /// How many states there are.
    pub states: usize,
}

impl Reachable {
    /// How many ways there are to come to an end without a deadlock.
    pub fn outcomes(&self) -> usize {
        self.endings.iter().filter(|ending| matches!(ending, Ending::Finished(_))).count()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Sleep {
    Awake,
    /// Waiting for a notify, without the mutex.
    Asleep,
    /// Notified, not yet with the mutex.
    Woken,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Thread {
    next: u8,
    registers: Registers,
    sleep: Sleep,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    threads: [Thread; MAX_THREADS],
    memory: Memory,
    holders: [Option<u8>; MAX_OBJECTS],
}

/// Searches all states of the program.
pub fn search(program: &Program) -> Reachable {
    let mut first = State {
        threads: [Thread { next: 0, registers: [0; MAX_REGISTERS], sleep: Sleep::Awake }; MAX_THREADS],
        memory: Memory::default(),
        holders: [None; MAX_OBJECTS],
    };
    for thread in 0..program.threads.len() {
        first.pass_untaken(program, thread);
    }
    let mut reachable = Reachable::default();
    let mut seen = HashSet::from([first]);
    let mut waiting = vec![first];
    while let Some(state) = waiting.pop() {
        if state.has_race(program) {
            reachable.endings.insert(Ending::Race);
        }
        let mut stuck = true;
        for thread in 0..program.threads.len() {
            if let Some(after) = state.step(program, thread) {
                stuck = false;
                if seen.insert(after) {
                    waiting.push(after);
                }
            }
        }
        if stuck {
            reachable.endings.insert(state.ending(program));
        }
    }
    reachable.states = seen.len();
    reachable
}

impl State {
    fn upcoming<'a>(&self, program: &'a Program, thread: usize) -> Option<&'a Step> {
        program.threads[thread].get(usize::from(self.threads[thread].next))
    }

    /// Goes over steps that are not taken: that depends on the thread's own registers only.
    fn pass_untaken(&mut self, program: &Program, thread: usize) {
        while let Some(step) = self.upcoming(program, thread) {
            if step.is_taken(&self.threads[thread].registers) {
                return;
            }
            self.threads[thread].next += 1;
        }
    }

    /// The state after the thread's next step; none if it is blocked, asleep or done.
    fn step(mut self, program: &Program, thread: usize) -> Option<State> {
        let op = self.upcoming(program, thread)?.op;
        match self.threads[thread].sleep {
            Sleep::Asleep => return None,
            Sleep::Woken => {
                // Back to the test, with the mutex.
                self.take(0, thread)?;
                self.threads[thread].sleep = Sleep::Awake;
                return Some(self);
            }
            Sleep::Awake => {}
        }
        if let Op::Wait { mask } = op {
            // Only the holder changes what the predicate sees, so test and sleep can be one step.
            if self.memory.mutexes[0] & mask == 0 {
                self.holders[0] = None;
                self.threads[thread].sleep = Sleep::Asleep;
                return Some(self);
            }
        }
        self.execute(op, thread)?;
        self.threads[thread].next += 1;
        self.pass_untaken(program, thread);
        Some(self)
    }

    fn execute(&mut self, op: Op, thread: usize) -> Option<()> {
        let memory = &mut self.memory;
        let registers = &mut self.threads[thread].registers;
        match op {
            Op::Rmw { word, rmw, operand, into } => {
                registers[into] = memory.words[word];
                memory.words[word] = rmw.apply(memory.words[word], operand);
            }
            Op::Load { word, into, .. } => registers[into] = memory.words[word],
            Op::Store { word, value, .. } => memory.words[word] = value,
            Op::Lock { mutex } => self.take(mutex, thread)?,
            Op::Unlock { mutex } => self.holders[mutex] = None,
            Op::Read { mutex, into } => registers[into] = memory.mutexes[mutex],
            Op::Update { mutex, rmw, operand } => {
                memory.mutexes[mutex] = rmw.apply(memory.mutexes[mutex], operand);
            }
            Op::Wait { .. } => {}
            Op::Notify => {
                for other in &mut self.threads {
                    if other.sleep == Sleep::Asleep {
                        other.sleep = Sleep::Woken;
                    }
                }
            }
            Op::ReadCell { cell, into } => registers[into] = memory.cells[cell],
            Op::WriteCell { cell, value } => memory.cells[cell] = value,
        }
        Some(())
    }

    fn take(&mut self, mutex: usize, thread: usize) -> Option<()> {
        if self.holders[mutex].is_some() {
            return None;
        }
        self.holders[mutex] = Some(thread as u8);
        Some(())
    }

    fn has_race(&self, program: &Program) -> bool {
        let mut readers = [0; MAX_OBJECTS];
        let mut writers = [0; MAX_OBJECTS];
        for thread in 0..program.threads.len() {
            match self.upcoming(program, thread).map(|step| step.op) {
                Some(Op::ReadCell { cell, .. }) => readers[cell] += 1,
                Some(Op::WriteCell { cell, .. }) => writers[cell] += 1,
                _ => {}
            }
        }
        (0..MAX_OBJECTS).any(|cell| writers[cell] > 0 && readers[cell] + writers[cell] > 1)
    }

    /// What it means that no thread can step.
    fn ending(&self, program: &Program) -> Ending {
        if (0..program.threads.len()).any(|thread| self.upcoming(program, thread).is_some()) {
            return Ending::Deadlock;
        }
        Ending::Finished(Outcome {
            registers: self.threads.map(|thread| thread.registers),
            memory: self.memory,
        })
    }
}
