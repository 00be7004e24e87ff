//! The log of a real Ceph OSD, held against `DispatchQueue.tla` and against keylane's queue. `specs/traces/ceph/` has it.

mod hold;
pub mod log;
mod play;
pub mod report;
mod script;
pub mod window;

use keylane::Order;
use keylane_twin::dispatch_queue::{Action, DispatchQueue};

use hold::{Told, refusal};
use log::{Fault, Log};
use report::Report;
use script::Script;
use window::{Room, Window, windows};

use crate::queue;
use crate::trace::Trace;

/// Holds a log against the specification.
///
/// # Errors
/// The first line that the specification has no place for.
pub fn hold(log: &Log, room: Room) -> Result<Report, Fault> {
    sum(log, room, |window| Ok(window.hold()?.report()))
}

/// The same, and then keylane with the same arrivals against the specification and against the log.
///
/// # Errors
/// As [`hold`]; and if keylane does what the specification has no place for.
pub fn check(log: &Log, room: Room) -> Result<Report, Fault> {
    sum(log, room, |window| window.check(Order::default()))
}

fn sum(log: &Log, room: Room, of: impl Fn(&Window) -> Result<Report, Fault>) -> Result<Report, Fault> {
    let mut sum = Report::default();
    for window in windows(log, room)? {
        sum += of(&window)?;
    }
    log.one_after_the_other()?;
    Ok(sum)
}

/// A window that the specification has a place for.
struct Held {
    script: Script,
    told: Told,
}

impl Held {
    fn report(&self) -> Report {
        Report { actions: self.told.count(), ..Report::of(&self.script) }
    }
}

impl Window {
    fn hold(&self) -> Result<Held, Fault> {
        let script = Script::of(self)?;
        let told = Told::of(&script);
        told.replay()?;
        Ok(Held { script, told })
    }

    /// What Ceph did, in the specification's words: no keylane in it.
    ///
    /// # Errors
    /// A step that it has no words for.
    pub fn tell(&self) -> Result<Trace<DispatchQueue>, Fault> {
        Ok(Told::of(&Script::of(self)?).trace)
    }

    /// All that there is to check of it, with keylane's queue in this order.
    ///
    /// # Errors
    /// The first line that the specification has no place for; or, if it has none for what keylane does, that of the pick at which
    /// that was.
    pub fn check(&self, order: Order) -> Result<Report, Fault> {
        let held = self.hold()?;
        let (mut report, script) = (held.report(), held.script);
        let played = play::play(&script, order)?;
        report.compare(&script, &played.picks);
        let plan = queue::Plan { discards: false, ..script.plan };
        let begins = self.steps.first().map_or(0, |&(line, _)| line);
        let own =
            plan.tell(played.notes).or_else(|fault| Fault::at(begins, format!("keylane: {fault:#}")))?;
        if let Err(rejected) = own.replay() {
            let pick = |action: &&Action| {
                matches!(
                    action,
                    Action::DispatchStep { from: Some(_), .. } | Action::DispatchGoOn { from: Some(_), .. }
                )
            };
            let before = own.actions[..rejected.after].iter().filter(pick).count();
            let line = played.picks.get(before).or(played.picks.last()).map_or(begins, |&(line, _)| line);
            return Fault::at(line, format!("keylane: {}", refusal(&rejected)));
        }
        report.own = own.actions.len();
        Ok(report)
    }
}
