//! The bugs that the scenarios must find, each planted in a copy of the shipped sources by `build.rs`.
//!
//! Most are those of `loom-tests/mutants.toml`, by name: what is exhaustive in the small should not be lost in the large. Not
//! among them are bugs that only cost time (a wake too many), those of weaker orderings, which shuttle does not
//! have, and `drained_one_after_the_other`, which takes some ten thousand schedules to show: too few for a control.

/// One planted bug, and who must find it.
#[allow(dead_code, reason = "the build script and the test each read their own part")]
pub struct Control {
    pub bug: &'static str,
    /// The file of `scenarios/`; its `run` is what must fail, at its small size.
    pub scenario: &'static str,
    /// What the failure must say, so that it fails for this reason and no other.
    pub symptom: &'static str,
}

/// A sleeper takes any wake for the one it waits for: a spurious one, or a ring that comes late.
pub const ANY_WAKE_BELIEVED: &str = "any_wake_believed";

const DEADLOCK: &str = "deadlock!";

/// Somebody arrives whom nobody had counted.
const UNCOUNTED: &str = "attempt to subtract with overflow";

const fn control(bug: &'static str, scenario: &'static str, symptom: &'static str) -> Control {
    Control { bug, scenario, symptom }
}

/// All of them.
pub const CONTROLS: &[Control] = &[
    control(ANY_WAKE_BELIEVED, "pool", UNCOUNTED),
    control("push_wakes_nobody", "queue", DEADLOCK),
    control("missing_recheck", "queue", DEADLOCK),
    control("empty_hands_for_sleep", "traffic", DEADLOCK),
    control("lost_close", "queue", DEADLOCK),
    control("closed_door_lets_in", "queue", "D10"),
    control("visitor_not_counted", "queue", UNCOUNTED),
    control("last_visitor_silent", "queue", DEADLOCK),
    control("ordered_lane_overtakes", "queue", "D5"),
    control("queue_not_sealed", "queue", "D10"),
    control("queue_ends_before_local", "queue", "D1"),
    control("baton_laid_down_unsettled", "pool", DEADLOCK),
    control("inbox_not_told", "pool", DEADLOCK),
    control("woken_worker_still_counted", "pool", DEADLOCK),
    control("worker_leaves_others_asleep", "pool", DEADLOCK),
    control("key_shared_by_two", "pool", "P3"),
    control("key_lost_on_panic", "pool", DEADLOCK),
    control("pause_does_not_wait", "pool", "P6"),
    control("drained_one_by_one", "pool", "P7"),
];
