//! Random programs, each a function of its seed.
//!
//! They are made small, so that loom's exploration of nearly every one ends; none is cut short (see
//! [`crate::study`] for what is done with the rest).

use fastrand::Rng;

use crate::program::{Condition, MAX_OBJECTS, MAX_REGISTERS, Op, Program, Rmw, Step};

/// What programs may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// keylane's vocabulary, and plain cells.
    Vocabulary,
    /// The same with plain atomic loads and stores, and without cells: a Relaxed load orders nothing, so a cell
    /// would have races that no interleaving shows, and loom would stop at them.
    PlainLoads,
}

/// The program of this seed.
pub fn program(language: Language, seed: u64) -> Program {
    let mut rng = Rng::with_seed(seed);
    loop {
        let program = Shape::choose(language, &mut rng).program(&mut rng);
        if program.is_well_formed() && program.threads.iter().all(|code| !code.is_empty()) {
            return program;
        }
    }
}

/// The decisions that are made once for a program.
struct Shape {
    language: Language,
    /// For each thread, how many operations.
    sizes: Vec<usize>,
    main_takes_part: bool,
    joined: bool,
    words: usize,
    mutexes: usize,
    cells: Cells,
    /// The thread that waits, if one does.
    waiter: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cells {
    None,
    /// Used anywhere: mostly races.
    Anywhere,
    /// Used only under the mutex of the same number.
    Guarded,
}

impl Shape {
    fn choose(language: Language, rng: &mut Rng) -> Self {
        let joined = rng.u8(..3) == 0;
        let threads = if rng.u8(..5) < 3 { 2 } else { 3 };
        // Joins and threads multiply executions.
        let (most, in_all) = match (threads, joined) {
            (2, false) => (4, 8),
            (2, true) => (4, 7),
            (_, false) => (4, 8),
            (_, true) => (2, 5),
        };
        // So do loads, which may read any of several values.
        let in_all = if language == Language::PlainLoads { in_all - 2 } else { in_all };
        let mut sizes: Vec<usize> = (0..threads).map(|_| rng.usize(1..=most)).collect();
        while sizes.iter().sum::<usize>() > in_all {
            let largest = (0..threads).max_by_key(|&thread| sizes[thread]).expect("there are threads");
            sizes[largest] -= 1;
        }
        rng.shuffle(&mut sizes);
        let cells = match (language, rng.u8(..4)) {
            (Language::PlainLoads, _) | (_, 0 | 1) => Cells::None,
            (_, 2) => Cells::Anywhere,
            _ => Cells::Guarded,
        };
        let mutexes = match language {
            Language::Vocabulary if rng.u8(..3) == 0 => 1,
            Language::Vocabulary => MAX_OBJECTS,
            // Mutexes order what loads could leave unordered.
            Language::PlainLoads => rng.usize(0..=MAX_OBJECTS),
        };
        Self {
            language,
            sizes,
            main_takes_part: rng.bool(),
            joined,
            words: rng.usize(1..=MAX_OBJECTS),
            mutexes,
            cells,
            waiter: (rng.u8(..4) == 0).then(|| rng.usize(..threads)),
        }
    }

    fn program(&self, rng: &mut Rng) -> Program {
        let mut threads: Vec<Vec<Step>> =
            (0..self.sizes.len()).map(|thread| self.code(thread, rng)).collect();
        if let Some(waiter) = self.waiter {
            if rng.u8(..4) > 0 {
                // Somebody who makes the predicate true and says so: else most waits would be for ever.
                let signaller = (waiter + 1) % threads.len();
                let at = rng.usize(..=threads[signaller].len());
                threads[signaller].splice(at..at, signal().map(Step::from));
            }
        }
        let mut program = Program { threads, main_takes_part: self.main_takes_part, joined: self.joined };
        for _ in 0..2 {
            move_an_unlock(&mut program, rng);
        }
        program
    }

    fn code(&self, thread: usize, rng: &mut Rng) -> Vec<Step> {
        let mut code = Code { shape: self, rng, steps: Vec::new(), registers: 0, held: [false; MAX_OBJECTS] };
        let mut budget = self.sizes[thread];
        if self.waiter == Some(thread) {
            let wait_first = code.rng.bool();
            budget = budget.saturating_sub(1);
            if wait_first {
                code.wait();
            }
            code.block(budget);
            if !wait_first {
                code.wait();
            }
        } else {
            code.block(budget);
        }
        code.steps
    }
}

fn signal() -> [Op; 4] {
    [
        Op::Lock { mutex: 0 },
        Op::Update { mutex: 0, rmw: Rmw::Or, operand: 1 },
        Op::Unlock { mutex: 0 },
        Op::Notify,
    ]
}

/// Lets a critical section end one step earlier or later, which may leave the nesting of locks.
fn move_an_unlock(program: &mut Program, rng: &mut Rng) {
    let mut moved = program.clone();
    let thread = rng.usize(..moved.threads.len());
    let code = &mut moved.threads[thread];
    let unlocks: Vec<usize> =
        (0..code.len()).filter(|&index| matches!(code[index].op, Op::Unlock { .. })).collect();
    let Some(&from) = rng.choice(&unlocks) else { return };
    let to = if rng.bool() { from + 1 } else { from.wrapping_sub(1) };
    if to < code.len() {
        code.swap(from, to);
        if moved.is_well_formed() {
            *program = moved;
        }
    }
}

/// One thread's code as it grows.
struct Code<'a> {
    shape: &'a Shape,
    rng: &'a mut Rng,
    steps: Vec<Step>,
    registers: usize,
    held: [bool; MAX_OBJECTS],
}

impl Code<'_> {
    /// Adds `budget` operations; what is done under a lock counts, its data do not.
    fn block(&mut self, mut budget: usize) {
        while budget > 0 {
            let from = self.steps.len();
            let condition = self.condition();
            budget -= self.operation(budget);
            // A whole section is conditional, or nothing of it; inner conditions give way.
            if condition.is_some() {
                for step in &mut self.steps[from..] {
                    step.when = condition;
                }
            }
        }
    }

    /// Adds one operation, and returns how many it counts for.
    fn operation(&mut self, budget: usize) -> usize {
        let free: Vec<usize> = (0..self.shape.mutexes).filter(|&mutex| !self.held[mutex]).collect();
        match self.rng.u8(..12) {
            0..=3 if !free.is_empty() => {
                let mutex = free[self.rng.usize(..free.len())];
                let inside = self.rng.usize(0..budget.min(3)).max(self.rng.usize(0..budget.min(3)));
                self.section(mutex, inside);
                return 1 + inside;
            }
            4..=6 if self.may_use_cells() => self.cell(),
            7 if self.shape.waiter.is_some() => self.push(Op::Notify),
            4..=10 if self.shape.language == Language::PlainLoads => self.plain(),
            _ => self.rmw(),
        }
        1
    }

    fn section(&mut self, mutex: usize, inside: usize) {
        self.held[mutex] = true;
        self.push(Op::Lock { mutex });
        self.data(mutex);
        self.block(inside);
        if inside > 0 && self.rng.bool() {
            self.data(mutex);
        }
        self.push(Op::Unlock { mutex });
        self.held[mutex] = false;
    }

    /// One or two uses of what the held mutex protects.
    fn data(&mut self, mutex: usize) {
        if self.rng.bool() {
            if let Some(into) = self.register() {
                self.push(Op::Read { mutex, into });
            }
        }
        if self.rng.u8(..4) > 0 {
            let (rmw, operand) = self.change();
            self.push(Op::Update { mutex, rmw, operand });
        }
        if self.shape.cells == Cells::Guarded && self.rng.bool() {
            self.cell_access(mutex);
        }
    }

    fn may_use_cells(&self) -> bool {
        match self.shape.cells {
            Cells::None => false,
            Cells::Anywhere => true,
            Cells::Guarded => self.held.contains(&true),
        }
    }

    fn cell(&mut self) {
        let cell = match self.shape.cells {
            Cells::Guarded => self.held.iter().position(|&held| held).expect("may_use_cells"),
            _ => self.rng.usize(..MAX_OBJECTS),
        };
        self.cell_access(cell);
    }

    fn cell_access(&mut self, cell: usize) {
        match self.register() {
            Some(into) if self.rng.bool() => self.push(Op::ReadCell { cell, into }),
            _ => {
                let value = self.rng.u8(1..=3);
                self.push(Op::WriteCell { cell, value });
            }
        }
    }

    fn wait(&mut self) {
        self.push(Op::Lock { mutex: 0 });
        let mask = if self.rng.u8(..4) > 0 { 1 } else { 2 };
        self.push(Op::Wait { mask });
        self.data(0);
        self.push(Op::Unlock { mutex: 0 });
    }

    fn rmw(&mut self) {
        let word = self.rng.usize(..self.shape.words);
        let (rmw, operand) = self.change();
        if let Some(into) = self.register() {
            self.push(Op::Rmw { word, rmw, operand, into });
        }
    }

    fn plain(&mut self) {
        let word = self.rng.usize(..self.shape.words);
        match self.register() {
            Some(into) if self.rng.bool() => {
                let acquire = self.rng.bool();
                self.push(Op::Load { word, acquire, into });
            }
            _ => {
                let (release, value) = (self.rng.bool(), self.rng.u8(1..=3));
                self.push(Op::Store { word, release, value });
            }
        }
    }

    fn change(&mut self) -> (Rmw, u8) {
        match self.rng.u8(..8) {
            0..=2 => (Rmw::Or, self.rng.u8(1..=3)),
            3 => (Rmw::And, self.rng.u8(0..=2)),
            4..=6 => (Rmw::Add, self.rng.u8(0..=2)),
            _ => (Rmw::Sub, 1),
        }
    }

    /// Sometimes, a condition on a register that has been written.
    fn condition(&mut self) -> Option<Condition> {
        if self.registers == 0 || self.rng.u8(..4) > 0 {
            return None;
        }
        Some(Condition { register: self.rng.usize(..self.registers), odd: self.rng.bool() })
    }

    /// A register of its own for each result; none if they are used up.
    fn register(&mut self) -> Option<usize> {
        (self.registers < MAX_REGISTERS).then(|| {
            self.registers += 1;
            self.registers - 1
        })
    }

    fn push(&mut self, op: Op) {
        self.steps.push(op.into());
    }
}
