//! Which mutant is active, and which have been reached. Added to the mutated copy by `cargo xtask mutants`,
//! with `COUNT` above all this.
//!
//! * `KEYLANE_MUTANT` is the number of the active mutant; without it the sources are what they were.
//! * `KEYLANE_MUTANT_COVERAGE` names a file to which each number is appended, on a line of its own, when this
//!   process first comes to the place where that mutant would act.
//!
//! std's primitives only, which loom does not see: asking changes no exploration.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static REACHED: [AtomicBool; COUNT + 1] = [const { AtomicBool::new(false) }; COUNT + 1];

/// Whether mutant `number` is the active one.
#[inline]
pub fn is(number: usize) -> bool {
    if !REACHED[number].load(Ordering::Relaxed) {
        reach(number);
    }
    number == active()
}

fn active() -> usize {
    static ACTIVE: OnceLock<usize> = OnceLock::new();
    *ACTIVE.get_or_init(|| match std::env::var("KEYLANE_MUTANT") {
        Ok(number) => {
            let number = number.parse().expect("KEYLANE_MUTANT is a number");
            assert!((1..=COUNT).contains(&number), "KEYLANE_MUTANT is one of 1 to {COUNT}");
            number
        }
        Err(_) => 0,
    })
}

#[cold]
fn reach(number: usize) {
    static COVERAGE: OnceLock<Option<File>> = OnceLock::new();
    if REACHED[number].swap(true, Ordering::Relaxed) {
        return;
    }
    let file = COVERAGE.get_or_init(|| {
        let path = std::env::var_os("KEYLANE_MUTANT_COVERAGE")?;
        Some(OpenOptions::new().create(true).append(true).open(path).expect("the coverage file can be opened"))
    });
    if let Some(mut file) = file.as_ref() {
        // One write: lines of several processes do not mix.
        file.write_all(format!("{number}\n").as_bytes()).expect("the coverage file can be written");
    }
}

std::thread_local! {
    static ARMED: Cell<Option<Ordering>> = const { Cell::new(None) };
}

/// Chooses the ordering of this thread's next atomic operation: the one whose mutant (of Relaxed, Acquire and
/// Release; 0 for none) is active. All threads of a model share a thread, but none is switched to between
/// this and the operation, whose ordering is evaluated before it begins.
pub fn arm(numbers: [usize; 3]) {
    let weaker = [Ordering::Relaxed, Ordering::Acquire, Ordering::Release];
    // Without short-circuiting: all three have been reached.
    let armed = numbers.iter().zip(weaker).filter(|(number, _)| **number != 0 && is(**number)).last();
    ARMED.set(armed.map(|(_, ordering)| ordering));
}

/// The ordering of the atomic operation that begins here.
pub fn ordering() -> Ordering {
    ARMED.take().unwrap_or(Ordering::AcqRel)
}
