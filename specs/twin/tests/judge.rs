//! What is explained of calls that overlap, and what is not any more once one has returned before the other.

use keylane_twin::dispatch_queue::DispatchQueue;
use keylane_twin::epoch_gate::EpochGate;
use keylane_twin::inbox::Inbox;
use keylane_twin::judge::{Call, Judged, explain};
use keylane_twin::sharded_pool::ShardedPool;
use keylane_twin::{dispatch_queue, epoch_gate, inbox, sharded_pool};

/// Calls in the order in which they are given, each over before the next; or the last two at once.
fn is_explained<P: Judged>(twin: &P, calls: &[&[P::Part]], at_once: bool) -> bool {
    let calls: Vec<_> = (0..).zip(calls).map(|(at, parts)| (10 * at, 10 * at + 5, parts.to_vec())).collect();
    let last = calls.len() - 1;
    let history = calls.into_iter().enumerate().map(|(at, (invoked, returned, parts))| {
        let invoked = if at_once && at == last { invoked - 8 } else { invoked };
        Call { invoked, returned, alternatives: vec![parts] }
    });
    explain(twin, &history.collect::<Vec<_>>()).is_ok()
}

/// The last two calls may have been the other way round only if they overlap.
fn only_at_once<P: Judged>(twin: &P, calls: &[&[P::Part]]) {
    assert!(is_explained(twin, calls, true), "{calls:?} at once");
    assert!(!is_explained(twin, calls, false), "{calls:?}, one after the other");
}

#[test]
fn an_inbox() {
    use inbox::judge::{Part, Told};
    let twin = Inbox::judging(1);
    let push = [Part::Push { thread: 0, seen: Some(false) }];
    let take = |got: &[u8]| Part::Take { lie_down: false, got: got.to_vec(), told: Told::Awake };
    only_at_once(&twin, &[&push, &[take(&[])]]);
    assert!(is_explained(&twin, &[&push, &[take(&[0])]], false));
    assert!(!is_explained(&twin, &[&push, &[take(&[0, 0])]], true), "twice");
    let close = [Part::Close { woke: false }];
    only_at_once(&twin, &[&close, &push]);
    assert!(is_explained(&twin, &[&close, &[Part::Push { thread: 0, seen: None }]], false));
}

#[test]
fn a_queue() {
    use dispatch_queue::judge::{Delivered, Found, Part, Scope};
    let scope = Scope { connections: 2, ordered: true, limit: 0, priorities: vec![1], hands_back: false };
    let twin = DispatchQueue::judging(&scope);
    let deliver = |thread, fast, seen| Part::Deliver { thread, name: thread.into(), priority: 1, fast, seen };
    for seen in [Delivered::Queued, Delivered::Fast] {
        let fast = seen == Delivered::Fast;
        only_at_once(&twin, &[&[Part::Shutdown], &[deliver(0, fast, seen)]]);
    }
    let idle = Part::Dispatch { seen: Found::Idle, dropped: None };
    only_at_once(&twin, &[&[deliver(0, false, Delivered::Queued)], &[idle]]);
    // Ordered: fast is late until the callback has ended.
    let runs = [Part::Dispatch { seen: Found::Runs(0), dropped: None }, Part::Dispatched];
    let queued = [deliver(0, false, Delivered::Queued)];
    let fast = [deliver(0, true, Delivered::Fast)];
    assert!(!is_explained(&twin, &[&queued, &runs[..1], &fast], true));
    assert!(is_explained(&twin, &[&queued, &runs, &fast], false));
}

#[test]
fn a_pool() {
    use sharded_pool::judge::{Found, Part, Scope, Submitted};
    let scope = Scope { shards: 2, keys: 2, items: 2, commits: 0, pausers: 1, drainers: 1, hands_back: true };
    let twin = ShardedPool::judging(&scope);
    let submit = |name, key, accepted| Part::Submit { name, key, how: Submitted::Back, accepted };
    only_at_once(&twin, &[&[Part::Shutdown], &[submit(1, 1, true)]]);
    let drain = [Part::Drain { thread: 1 }, Part::Drained { thread: 1, well: true }];
    only_at_once(&twin, &[&[submit(1, 1, true)], &drain]);
    // One shard is closed before the other, and not the second before the first.
    let both = [submit(1, 1, false), submit(2, 2, true)];
    only_at_once(&twin, &[&[Part::Shutdown], &both]);
    assert!(!is_explained(&twin, &[&[Part::Shutdown], &[submit(2, 2, false), submit(1, 1, true)]], true));
    let pause = [Part::Pause { thread: 0, accepted: true }];
    let runs = [Part::Step { shard: 1, seen: Found::Runs(1) }, Part::Finish { name: 1 }];
    only_at_once(&twin, &[&[submit(1, 1, true)], &pause, &runs]);
}

#[test]
fn a_gate() {
    use epoch_gate::judge::{Arrived, Part, Published, Scope};
    let twin = EpochGate::judging(&Scope { sessions: 1, groups: 0, publishers: 2 });
    let publisher = |number| twin.publishers().nth(number).unwrap();
    let publish = |number, epoch, seen| {
        let thread = publisher(number);
        [Part::Publish { thread, epoch, seen }, Part::Rests { thread }]
    };
    let first = publish(0, 1, Published::Done);
    let arrives = |seen| Part::Arrive { session: 1, name: 1, needs: 1, group: 0, seen };
    let runs = [
        Part::Begins { thread: 0, session: 1, name: 1, epoch: 1 },
        Part::Looks { session: 1, found: true },
        Part::Ends { session: 1, last: true },
    ];
    // Before it there was nothing to begin; after it, it begins at once, by whom it comes.
    assert!(!is_explained(&twin, &[&first, &[arrives(Arrived::Taken), Part::Rests { thread: 0 }]], false));
    assert!(is_explained(&twin, &[&first, &[&[arrives(Arrived::Taken)], &runs[..]].concat()], false));
    assert!(!is_explained(&twin, &[&first, &[&[arrives(Arrived::Wanted)], &runs[..]].concat()], true));
    only_at_once(&twin, &[&publish(0, 2, Published::Done), &publish(1, 1, Published::Done)]);
    only_at_once(&twin, &[&first, &[Part::Newest { epoch: None }]]);
}
