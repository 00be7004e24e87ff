//! Bugs planted in copies of the shipped sources, each with the model that must find it. `build.rs` makes the
//! copies, `tests/controls.rs` runs the models on them.
//!
//! What an edit replaces must occur exactly once in its file, else the control fails: a table that no longer
//! fits the sources proves nothing.

/// One planted bug.
#[allow(dead_code, reason = "the build script and the test each read their own part")]
pub struct Planted {
    /// Its name: also that of the module that holds the copy.
    pub name: &'static str,
    /// What is wrong, for the reader.
    pub story: &'static str,
    /// The file of `src/` that is changed.
    pub file: &'static str,
    /// What stands there, and what is put in its place.
    pub edits: &'static [(&'static str, &'static str)],
    /// The file of `tests/` and the model in it that must fail.
    pub model: (&'static str, &'static str),
    /// What the failure must say, so that it fails for this reason and no other.
    pub symptom: &'static str,
}

const DEADLOCK: &str = "deadlock; threads =";
const RACE: &str = "Causality violation";

/// All of them.
pub const PLANTED: &[Planted] = &[
    Planted {
        name: "push_wakes_nobody",
        story: "A producer that finds the consumer asleep does not say so.",
        file: "lane/inbox.rs",
        edits: &[("Ok(state.wake())", "Ok(Pushed::Quietly)")],
        model: ("inbox", "push_against_sleep"),
        symptom: DEADLOCK,
    },
    Planted {
        name: "missing_recheck",
        story: "The dispatch thread goes to sleep without looking once more (ceph PR 15891).",
        file: "dispatch/dispatch_loop.rs",
        edits: &[(
            "if self.take_in(true).is_none() && self.backlog.len() == 0 {",
            "let _ = self.take_in(true);\n        {",
        )],
        model: ("dispatch_shutdown", "enqueue_against_sleep"),
        symptom: DEADLOCK,
    },
    Planted {
        name: "double_wake",
        story: "The sleeper's mark is not cleared by who finds it, so every later producer rings too.",
        file: "lane/inbox.rs",
        edits: &[("if std::mem::take(&mut self.asleep) {", "if self.asleep {")],
        model: ("inbox", "two_pushes_and_a_sleeper"),
        symptom: "one wake for each sleep",
    },
    Planted {
        name: "lost_close",
        story: "Closing does not wake the consumer.",
        file: "lane/inbox.rs",
        edits: &[(
            "state.door = Door::Closed(stop);\n        state.wake()",
            "state.door = Door::Closed(stop);\n        Pushed::Quietly",
        )],
        model: ("inbox", "close_against_push"),
        symptom: DEADLOCK,
    },
    Planted {
        name: "closed_door_lets_in",
        story: "A producer does not look whether the door is closed (ceph PR 20374).",
        file: "lane/inbox.rs",
        edits: &[(
            "(Door::Sealed, Origin::Outside) | (Door::Closed(_), _) => return Err(message),",
            "(Door::Sealed, Origin::Outside) | (Door::Closed(_), _) => {}",
        )],
        model: ("inbox", "close_against_push"),
        symptom: "a closed door stays closed",
    },
    Planted {
        name: "relaxed_for_release",
        story: "The end of a fast callback releases nothing.",
        file: "sync/loom.rs",
        edits: &[(
            "self.value.fetch_and(bits, Ordering::AcqRel)",
            "self.value.fetch_and(bits, Ordering::Relaxed)",
        )],
        model: ("lane", "visit_against_close"),
        symptom: RACE,
    },
    Planted {
        name: "relaxed_for_acquire",
        story: "Entering a lane acquires nothing.",
        file: "sync/loom.rs",
        edits: &[(
            "self.value.fetch_or(bits, Ordering::AcqRel)",
            "self.value.fetch_or(bits, Ordering::Relaxed)",
        )],
        model: ("lane", "idle_hand_over"),
        symptom: RACE,
    },
    Planted {
        name: "relaxed_hand_over",
        story: "The end of a queued callback of an ordered lane releases nothing.",
        file: "sync/loom.rs",
        edits: &[(
            "self.value.fetch_sub(amount, Ordering::AcqRel)",
            "self.value.fetch_sub(amount, Ordering::Relaxed)",
        )],
        model: ("lane", "idle_hand_over_of_two"),
        symptom: RACE,
    },
    Planted {
        name: "visitor_not_counted",
        story: "Closing does not wait for a fast callback that is running.",
        file: "lane/lane.rs",
        edits: &[("before & VISITING != 0\n}", "before & VISITING == VISITING + 1\n}")],
        model: ("dispatch_fast", "fast_dispatch_against_reclaim"),
        symptom: RACE,
    },
    Planted {
        name: "last_visitor_silent",
        story: "The last fast callback does not tell who waits for it.",
        file: "lane/roster.rs",
        edits: &[("self.quiet.ring();", "")],
        model: ("lane", "visit_against_close"),
        symptom: DEADLOCK,
    },
    Planted {
        name: "ordered_lane_overtakes",
        story: "An ordered connection's fast callback does not look for queued messages before it.",
        file: "lane/lane.rs",
        edits: &[("if self.ordered && before >= PENDING {", "if self.ordered && before > usize::MAX - 1 {")],
        model: ("dispatch_fast", "ordered_fast_dispatch_against_enqueue"),
        symptom: "in order, on whichever thread",
    },
    Planted {
        name: "baton_laid_down_unsettled",
        story: "Laying down the baton wakes nobody for what is runnable.",
        file: "lane/baton.rs",
        edits: &[("        self.settle();\n        // The bells", "        // The bells")],
        model: ("baton", "submit_against_sleep"),
        symptom: DEADLOCK,
    },
    Planted {
        name: "inbox_not_told",
        story: "Workers go to the bench without the inbox knowing.",
        file: "lane/baton.rs",
        edits: &[("!held.charge.take_in(true)", "!held.charge.take_in(false)")],
        model: ("baton", "submit_against_sleep"),
        symptom: DEADLOCK,
    },
    Planted {
        name: "woken_worker_still_counted",
        story: "A worker that is up again still counts as on its way, so the next item wakes nobody (compare ceph PR 28832).",
        file: "lane/baton.rs",
        edits: &[("hold.held().waking -= 1;", "")],
        model: ("baton", "two_sleepers_and_two_items"),
        symptom: DEADLOCK,
    },
    Planted {
        name: "key_shared_by_two",
        story: "A key is ready again, or forgotten, as soon as its item has been picked.",
        file: "policy/keyed.rs",
        edits: &[
            (
                "        self.len -= 1;\n        Some((key, item))",
                "        self.len -= 1;\n        if waiting.items.is_empty() {\n            self.keys.remove(&key);\n        \
                 } else {\n            waiting.running = false;\n            self.ready.push_back(key.clone());\n        \
                 }\n        Some((key, item))",
            ),
            (
                "        let Entry::Occupied(mut entry) = self.keys.entry(key) else {",
                "        if self.len < usize::MAX {\n            return;\n        }\n        \
                 let Entry::Occupied(mut entry) = self.keys.entry(key) else {",
            ),
        ],
        model: ("pool_key", "one_key_two_workers"),
        symptom: RACE,
    },
    Planted {
        name: "key_lost_on_panic",
        story: "A handler that panics keeps its key for ever.",
        file: "pool/worker.rs",
        edits: &[(
            "catch_unwind(AssertUnwindSafe(|| self.shared.handler.handle(&running.key, item)));",
            "{ self.shared.handler.handle(&running.key, item); catch_unwind(AssertUnwindSafe(|| ())) };",
        )],
        model: ("pool_key", "a_panic_releases_the_key"),
        symptom: "the key went on after the panic",
    },
    Planted {
        name: "pause_does_not_wait",
        story: "Pause returns while a handler is still running.",
        file: "pool/shard.rs",
        edits: &[("Until::Quiet => self.running == 0,", "Until::Quiet => true,")],
        model: ("pool_control", "pause_against_run"),
        symptom: RACE,
    },
    Planted {
        name: "drained_one_by_one",
        story: "Drain looks at each shard once, at different times (what Ceph does).",
        file: "pool/control.rs",
        edits: &[("if cores.iter().all(|core| core.is_drained(generation)) {", "if !cores.is_empty() {")],
        model: ("pool_control", "drain_waits_for_children_in_other_shards"),
        symptom: RACE,
    },
    Planted {
        name: "drained_one_after_the_other",
        story: "Drain's last look takes up each baton in turn instead of all of them.",
        file: "pool/control.rs",
        edits: &[
            (
                "let mut cores: Vec<ShardHold<'_, _, _>> =\n                self.shards.iter().map(|shard| shard.baton.take_up()).collect();",
                "let mut seen = Vec::new();",
            ),
            (
                "for core in &mut cores {\n                core.take_in(false);\n            }",
                "for shard in &self.shards {\n                let mut core = shard.baton.take_up();\n                \
                 core.take_in(false);\n                \
                 seen.push((core.is_stranded(generation), core.is_drained(generation)));\n            }",
            ),
            (
                "if cores.iter().any(|core| core.is_stranded(generation)) {",
                "if seen.iter().any(|seen| seen.0) {",
            ),
            (
                "if cores.iter().all(|core| core.is_drained(generation)) {",
                "if seen.iter().all(|seen| seen.1) {",
            ),
        ],
        model: ("pool_control", "drain_looks_at_all_shards_at_once"),
        symptom: RACE,
    },
    Planted {
        name: "every_sleeper_woken",
        story: "One item wakes every worker that sleeps.",
        file: "lane/baton.rs",
        edits: &[(
            "let count = uncovered.min(held.bench.len());",
            "let count = if uncovered > 0 { held.bench.len() } else { 0 };",
        )],
        model: ("baton", "one_item_wakes_one_of_two"),
        symptom: "one item, one wake",
    },
    Planted {
        name: "woken_worker_not_counted",
        story: "A worker on its way does not count, so the item it was woken for wakes another.",
        file: "lane/baton.rs",
        edits: &[("held.waking += count;", ""), ("hold.held().waking -= 1;", "")],
        model: ("baton", "one_item_wakes_one_of_two"),
        symptom: "one item, one wake",
    },
    Planted {
        name: "worker_leaves_others_asleep",
        story: "The last worker goes home without waking those who sat down behind its key.",
        file: "pool/worker.rs",
        edits: &[("core.wake_all();", "")],
        model: ("pool_key", "the_last_worker_wakes_who_sat_down"),
        symptom: DEADLOCK,
    },
    Planted {
        name: "queue_not_sealed",
        story: "A queue that is to run what remains goes on accepting until it has ended.",
        file: "dispatch/shared.rs",
        edits: &[("self.queue.inbox().seal();", "")],
        model: ("dispatch_shutdown", "enqueue_against_run_remaining"),
        symptom: "refused from the moment shutdown returned",
    },
    Planted {
        name: "queue_ends_before_local",
        story: "The queue ends before the local thread, which still delivers to it (ceph PR 9930).",
        file: "dispatch/shared.rs",
        edits: &[("if stop == Stop::HandBack {", "{")],
        model: ("dispatch_local", "local_delivery_against_run_remaining"),
        symptom: "accepted is dispatched",
    },
];
