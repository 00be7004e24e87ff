//! A small concurrent program, as data: what the brute force and loom both run.

use std::fmt;

/// The most threads a program has, main included.
pub const MAX_THREADS: usize = 4;
/// The registers of one thread. Each is written by at most one step.
pub const MAX_REGISTERS: usize = 8;
/// The most objects of one kind: words, mutexes, cells.
pub const MAX_OBJECTS: usize = 2;

/// The registers of one thread. All values are kept modulo 256, on both sides; the operations of a word agree with
/// that, and so do the conditions, which look at the lowest bits only.
pub type Registers = [u8; MAX_REGISTERS];

/// A read-modify-write: one of the four that a `Word` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rmw {
    /// `fetch_or`
    Or,
    /// `fetch_and`
    And,
    /// `fetch_add`
    Add,
    /// `fetch_sub`
    Sub,
}

impl Rmw {
    /// The value that it leaves behind.
    pub fn apply(self, old: u8, operand: u8) -> u8 {
        match self {
            Rmw::Or => old | operand,
            Rmw::And => old & operand,
            Rmw::Add => old.wrapping_add(operand),
            Rmw::Sub => old.wrapping_sub(operand),
        }
    }
}

/// One operation. Objects are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields say what they are")]
pub enum Op {
    /// The word's old value goes to a register.
    Rmw { word: usize, rmw: Rmw, operand: u8, into: usize },
    /// A plain atomic load: not in the vocabulary, only for the control. Acquire or Relaxed.
    Load { word: usize, acquire: bool, into: usize },
    /// A plain atomic store: not in the vocabulary, only for the control. Release or Relaxed.
    Store { word: usize, release: bool, value: u8 },
    /// Waits for the mutex.
    Lock { mutex: usize },
    /// Gives it back.
    Unlock { mutex: usize },
    /// Reads the integer inside a held mutex.
    Read { mutex: usize, into: usize },
    /// Changes the integer inside a held mutex.
    Update { mutex: usize, rmw: Rmw, operand: u8 },
    /// `wait_until` the integer inside mutex 0, which is held, has a bit of `mask`.
    Wait { mask: u8 },
    /// Wakes the waiter, if there is one now.
    Notify,
    /// A plain read of a cell that nothing protects.
    ReadCell { cell: usize, into: usize },
    /// A plain write of such a cell.
    WriteCell { cell: usize, value: u8 },
}

impl Op {
    /// The register that the operation writes.
    pub fn target(self) -> Option<usize> {
        match self {
            Op::Rmw { into, .. }
            | Op::Load { into, .. }
            | Op::Read { into, .. }
            | Op::ReadCell { into, .. } => Some(into),
            _ => None,
        }
    }
}

/// Control flow: a step is taken only if this holds when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The register that is looked at; 0 if it was never written.
    pub register: usize,
    /// Whether its lowest bit must be set, or clear.
    pub odd: bool,
}

/// An operation, and when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Always, if there is none.
    pub when: Option<Condition>,
    /// What is done.
    pub op: Op,
}

impl Step {
    /// Whether the step is taken with these registers.
    pub fn is_taken(&self, registers: &Registers) -> bool {
        self.when.is_none_or(|when| (registers[when.register] & 1 == 1) == when.odd)
    }
}

impl From<Op> for Step {
    fn from(op: Op) -> Self {
        Self { when: None, op }
    }
}

/// The program. All memory is zero at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What each thread does, in order.
    pub threads: Vec<Vec<Step>>,
    /// Whether thread 0 is main itself, after it has spawned the others; else main spawns all of them.
    pub main_takes_part: bool,
    /// Whether main joins the threads and reads the final memory itself; else nobody waits for anybody.
    pub joined: bool,
}

/// What one complete execution leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outcome {
    /// Each thread's registers.
    pub registers: [Registers; MAX_THREADS],
    /// The memory at the end.
    pub memory: Memory,
}

/// All shared data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory {
    /// The words.
    pub words: [u8; MAX_OBJECTS],
    /// The integers inside the mutexes.
    pub mutexes: [u8; MAX_OBJECTS],
    /// The plain cells.
    pub cells: [u8; MAX_OBJECTS],
}

/// How an execution can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// Some thread waits for ever.
    Deadlock,
    /// Two accesses of a cell, one of them a write, that nothing orders.
    Race,
    /// All threads came to their end.
    Finished(Outcome),
}

impl Program {
    /// Whether the program keeps the rules that both sides rely on, whatever its registers turn out to be: locks are
    /// taken by who does not hold them and given back by who does, the data of a mutex is used under it, only one
    /// thread ever waits, registers are written once and tested only after that.
    pub fn is_well_formed(&self) -> bool {
        let waiters =
            self.threads.iter().filter(|code| code.iter().any(|step| matches!(step.op, Op::Wait { .. })));
        self.threads.len() <= MAX_THREADS
            && waiters.count() <= 1
            && self.threads.iter().all(|code| {
                registers_are_written_once_and_first(code)
                    && (0..1 << MAX_REGISTERS).all(|bits: u32| locks_are_balanced(code, bits))
            })
    }

    /// An ending of this program, in words.
    pub fn describe(&self, ending: &Ending) -> String {
        let Ending::Finished(Outcome { registers, memory }) = ending else {
            return format!("{ending:?}");
        };
        let mut text = String::new();
        for (thread, code) in self.threads.iter().enumerate() {
            for register in code.iter().filter_map(|step| step.op.target()) {
                text += &format!("thread {thread} r{register} = {}, ", registers[thread][register]);
            }
        }
        text + &format!("words {:?}, mutexes {:?}, cells {:?}", memory.words, memory.mutexes, memory.cells)
    }

    /// The same program with each plain load turned into a read-modify-write that changes nothing: the rule that
    /// keylane follows, applied to a program that breaks it.
    pub fn without_loads(&self) -> Self {
        let mut program = self.clone();
        for step in program.threads.iter_mut().flatten() {
            if let Op::Load { word, into, .. } = step.op {
                step.op = Op::Rmw { word, rmw: Rmw::Add, operand: 0, into };
            }
        }
        program
    }
}

fn registers_are_written_once_and_first(code: &[Step]) -> bool {
    let mut written = [false; MAX_REGISTERS];
    let mut tested = [false; MAX_REGISTERS];
    code.iter().all(|step| {
        if let Some(when) = step.when {
            tested[when.register] = true;
        }
        match step.op.target() {
            None => true,
            Some(into) => !tested[into] && !std::mem::replace(&mut written[into], true),
        }
    })
}

/// Whether locks are used as they should be if the lowest bit of register `r` is bit `r` of `bits`.
fn locks_are_balanced(code: &[Step], bits: u32) -> bool {
    let registers: Registers = std::array::from_fn(|register| (bits >> register & 1) as u8);
    let mut held = [false; MAX_OBJECTS];
    let fine = code.iter().filter(|step| step.is_taken(&registers)).all(|step| match step.op {
        Op::Lock { mutex } => !std::mem::replace(&mut held[mutex], true),
        Op::Unlock { mutex } => std::mem::replace(&mut held[mutex], false),
        Op::Read { mutex, .. } | Op::Update { mutex, .. } => held[mutex],
        Op::Wait { .. } => held[0],
        _ => true,
    });
    fine && held == [false; MAX_OBJECTS]
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, code) in self.threads.iter().enumerate() {
            if index == 0 && self.main_takes_part {
                writeln!(f, "  main, after spawning the others:")?;
            } else {
                writeln!(f, "  thread {index}:")?;
            }
            for step in code {
                writeln!(f, "    {step}")?;
            }
        }
        writeln!(f, "  {}", if self.joined { "main joins all and reads the memory" } else { "nobody joins" })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Condition { register, odd }) = self.when {
            write!(f, "if r{register} is {}: ", if odd { "odd" } else { "even" })?;
        }
        match self.op {
            Op::Rmw { word, rmw, operand, into } => {
                write!(f, "r{into} = w{word}.fetch_{}({operand}, AcqRel)", format!("{rmw:?}").to_lowercase())
            }
            Op::Load { word, acquire, into } => {
                write!(f, "r{into} = w{word}.load({})", if acquire { "Acquire" } else { "Relaxed" })
            }
            Op::Store { word, release, value } => {
                write!(f, "w{word}.store({value}, {})", if release { "Release" } else { "Relaxed" })
            }
            Op::Lock { mutex } => write!(f, "m{mutex}.lock()"),
            Op::Unlock { mutex } => write!(f, "m{mutex}.unlock()"),
            Op::Read { mutex, into } => write!(f, "r{into} = m{mutex}'s data"),
            Op::Update { mutex, rmw, operand } => write!(f, "m{mutex}'s data: {rmw:?} {operand}"),
            Op::Wait { mask } => write!(f, "wait until m0's data & {mask} != 0"),
            Op::Notify => write!(f, "notify"),
            Op::ReadCell { cell, into } => write!(f, "r{into} = cell {cell}"),
            Op::WriteCell { cell, value } => write!(f, "cell {cell} = {value}"),
        }
    }
}
