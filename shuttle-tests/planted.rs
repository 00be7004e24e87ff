//! The bugs that the scenarios must find, or the twin, each planted in a copy of the shipped sources by `build.rs`.
//!
//! Most are those of `loom-tests/mutants.toml`, and for the gate those of `loom-tests/museum.toml` too, by name: what is
//! exhaustive in the small should not be lost in the large. Not among them are bugs that only cost time (a wake too
//! many), those of weaker orderings, which shuttle does not have, and `drained_one_after_the_other`, which takes some
//! ten thousand schedules to show: too few for a control. Of the gate's none is left out.

/// One planted bug, and who must find it.
#[allow(dead_code, reason = "the build script and the test each read their own part")]
pub struct Control {
    pub bug: &'static str,
    /// The file of `scenarios/`; its `run` is what must fail, at its small size.
    pub scenario: &'static str,
    /// What the failure must say, so that it fails for this reason and no other.
    pub symptom: &'static str,
}

/// A bug that is in neither table.
#[allow(dead_code, reason = "the build script and the test each read their own part")]
pub struct Own {
    pub bug: &'static str,
    /// Below `src/`.
    pub file: &'static str,
    /// What stands there, and what is put in its place.
    pub edit: (&'static str, &'static str),
}

/// A sleeper takes any wake for the one it waits for: a spurious one, or a ring that comes late. Who pauses the pool goes
/// on too early. (Workers sleep by `wait_or_give_up`, and may wake for nothing.)
pub const ANY_WAKE_BELIEVED: Own = Own {
    bug: "any_wake_believed",
    file: "lane/bell.rs",
    edit: (
        "let mut rung = self.sound.wait_until(rung, |rung| *rung);",
        "let mut woken = false;
        let mut rung = self.sound.wait_until(rung, |rung| *rung || std::mem::replace(&mut woken, true));",
    ),
};

/// Whoever arrives or walks delivers, even if somebody is at it. (`two_deliver_one_session` takes away what is known of
/// the callback that runs, so that nothing can be set aside: that is seen before any overlap.)
pub const NOBODY_IS_AT_IT: Own = Own {
    bug: "nobody_is_at_it",
    file: "gate/line.rs",
    edit: ("if self.running.is_some() {", "if self.running.is_some() && self.arrived == 0 {"),
};

/// All of those.
#[allow(dead_code, reason = "the build script and the test each read their own part")]
pub const OWN: &[Own] = &[ANY_WAKE_BELIEVED, NOBODY_IS_AT_IT];

const DEADLOCK: &str = "deadlock!";

/// Somebody arrives whom nobody had counted.
const UNCOUNTED: &str = "attempt to subtract with overflow";

const fn control(bug: &'static str, scenario: &'static str, symptom: &'static str) -> Control {
    Control { bug, scenario, symptom }
}

/// All of them.
pub const CONTROLS: &[Control] = &[
    control(ANY_WAKE_BELIEVED.bug, "pool", "P6"),
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
    // The policy itself notices at the end of the first item, before a second one is seen beside it.
    control("key_shared_by_two", "pool", "a busy key is known"),
    control("key_lost_on_panic", "pool", DEADLOCK),
    control("pause_does_not_wait", "pool", "P6"),
    control("drained_one_by_one", "pool", "P7"),
    // Two items that wait for each other come back from a pool that was to run them; a drain before that would wait for ever.
    control("claims_are_queued_one_by_one", "pool", "P8"),
    control("its_other_keys_go_on_at_once", "pool", "kept until here"),
    control("reset_forgets_the_callback", "gate", "E5"),
    control(NOBODY_IS_AT_IT.bug, "gate", "E1"),
    control("two_deliver_one_session", "gate", "cannot wait"),
    control("stop_keeps_the_map", "gate", "E5"),
    control("the_set_is_taken_before_the_map_is_published", "gate", "E4"),
    control("looked_for_before_and_parked_after", "gate", "E4"),
    control("ready_passes_the_head", "gate", "E1"),
    control("the_session_is_taken_for_granted", "gate", "a session that is delivered is there"),
    control("an_old_map_is_kept", "gate", "E5"),
    control("nobody_is_told_to_ask", "gate", "E4"),
    control("dispatched_under_the_gates_lock", "gate", DEADLOCK),
];

const NOT_FOLLOWED: &str = "it is none of";

/// Those that the twin must not follow in a sampled schedule: the `scenario` is one of `followed/`. A wake too many is among them
/// (`double_wake`, `every_sleeper_woken`): no promise is broken, but it is no step of the
/// specification. Bugs that only end in a deadlock are not, since then nothing is told.
pub const REJECTED: &[Control] = &[
    control("double_wake", "inbox", NOT_FOLLOWED),
    control("ordered_lane_overtakes", "queue", NOT_FOLLOWED),
    control("reset_discards_nothing", "queue", NOT_FOLLOWED),
    control("pause_does_not_wait", "pool", NOT_FOLLOWED),
    control("everybody_runs_the_commits", "pool", NOT_FOLLOWED),
    control("every_sleeper_woken", "baton", NOT_FOLLOWED),
    control("ready_passes_the_head", "gate", NOT_FOLLOWED),
    control("the_set_is_taken_before_the_map_is_published", "gate", NOT_FOLLOWED),
];
