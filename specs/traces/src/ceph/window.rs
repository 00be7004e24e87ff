//! A log, cut to what the specification's functions can count.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::log::{Fault, Kind, Log, Step};

/// From this priority on the highest goes first; those below share by weight, of which the specification says nothing.
pub const STRICT_FROM: u8 = 64;

/// Steps of one messenger, and so of one queue: from a moment when nothing was under way to another, or to the log's end.
#[derive(Clone, Debug)]
pub struct Window {
    /// Whose.
    pub messenger: u64,
    /// Each with its line.
    pub steps: Vec<(usize, Step)>,
}

/// How much there is in a window at most.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Connections; the twin has sets of 32 threads, and four are its own.
    pub connections: u8,
    /// Messages of each, and messages under way; the twin counts in bytes.
    pub messages: u8,
}

impl Default for Room {
    fn default() -> Self {
        Self { connections: 28, messages: u8::MAX }
    }
}

/// A connection as the specification has it. There, what a connection has queued with one priority keeps its order; and
/// since all of the weighted band counts as one priority, each of its priorities needs a connection of its own.
pub(super) type Lane = (u64, Option<u8>);

/// By message, how it was decided: which lane it is in.
pub(super) type Lanes = HashMap<(u64, u64), Lane>;

/// Those of all messages that are fast or queued at some time.
pub(super) fn lanes<'a>(steps: impl Iterator<Item = &'a Step>) -> Lanes {
    let lane = |step: &Step| match step.step {
        Kind::Fast => Some((step.conn, None)),
        Kind::Queue | Kind::Dispatch => {
            Some((step.conn, step.priority.filter(|&priority| priority < STRICT_FROM)))
        }
        Kind::Arrive | Kind::Done => None,
    };
    steps.filter_map(|step| Some((step.message(), lane(step)?))).collect()
}

/// How much there is in a window so far.
#[derive(Default)]
struct Count {
    of_lane: HashMap<Lane, usize>,
    under_way: HashSet<(u64, u64)>,
}

impl Count {
    fn add(&mut self, step: &Step, lanes: &Lanes) {
        match step.step {
            Kind::Arrive => {
                let lane = lanes.get(&step.message()).copied().unwrap_or((step.conn, None));
                *self.of_lane.entry(lane).or_default() += 1;
                self.under_way.insert(step.message());
            }
            Kind::Done => {
                self.under_way.remove(&step.message());
            }
            Kind::Fast | Kind::Queue | Kind::Dispatch => {}
        }
    }

    fn fits(&self, room: Room) -> bool {
        let most = usize::from(room.messages);
        self.of_lane.len() <= room.connections.into()
            && self.of_lane.values().all(|&messages| messages <= most)
            && self.under_way.len() <= most
    }
}

/// The windows of all messengers: as few as there is room for.
///
/// # Errors
/// If there is no moment at which to cut.
pub fn windows(log: &Log, room: Room) -> Result<Vec<Window>, Fault> {
    let lanes = lanes(log.steps.iter());
    let mut by_messenger: BTreeMap<u64, Vec<(usize, Step)>> = BTreeMap::new();
    for (at, step) in log.steps.iter().enumerate() {
        by_messenger.entry(step.messenger).or_default().push((at + 1, step.clone()));
    }
    let mut windows = Vec::new();
    for (messenger, steps) in by_messenger {
        let mut rest = &steps[..];
        while !rest.is_empty() {
            let (window, after) = rest.split_at(cut(rest, &lanes, room)?);
            windows.push(Window { messenger, steps: window.to_vec() });
            rest = after;
        }
    }
    Ok(windows)
}

/// How many of these steps are in their first window.
fn cut(steps: &[(usize, Step)], lanes: &Lanes, room: Room) -> Result<usize, Fault> {
    let mut count = Count::default();
    let mut quiet = 0;
    for (at, (line, step)) in steps.iter().enumerate() {
        count.add(step, lanes);
        if !count.fits(room) {
            return if quiet > 0 {
                Ok(quiet)
            } else {
                Fault::at(*line, "too much since something was under way all the time")
            };
        }
        if count.under_way.is_empty() {
            quiet = at + 1;
        }
    }
    Ok(steps.len())
}
