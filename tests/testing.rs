//! `keylane::testing` natively: what each checker lets pass, and what it rejects.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keylane::testing::{Balance, Conservation, Exclusion, Fate, ManualClock, Order, settle};
use keylane::{
    ConnectionId, Delivered, DispatchQueue, Dispatcher, Handled, Handler, Lease, Message, PoolHandle,
    ShardedThreadPool, Step, Stop,
};

/// What the panic of `violate` says.
fn rejected(violate: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(violate)).expect_err("must be rejected");
    panic.downcast_ref::<String>().expect("has a message").clone()
}

fn submit(order: &Order<u8>, key: u8, number: u64) {
    order.submit(&key, number, || Ok::<_, ()>(())).unwrap();
}

#[test]
fn exclusion_lets_one_in_for_each_key() {
    let exclusion = Exclusion::new();
    let first = exclusion.enter(&1);
    let other_key = exclusion.enter(&2);
    drop(first);
    let again = exclusion.enter(&1);
    drop((again, other_key));
    exclusion.check();
}

#[test]
fn exclusion_rejects_two_at_once_and_remembers() {
    let exclusion = Exclusion::new();
    let first = exclusion.enter(&"ada");
    let also = exclusion.clone();
    let said = std::thread::spawn(move || rejected(|| drop(also.enter(&"ada")))).join().unwrap();
    assert_eq!(said, "P3 (key exclusion) is violated: \"ada\" is entered while another is inside");
    drop(first);
    // Who was rejected has left, so this one is alone; but once is enough.
    drop(exclusion.enter(&"ada"));
    assert_eq!(rejected(|| exclusion.check()), said);
}

#[test]
fn order_asks_each_key_and_only_of_submits_that_do_not_overlap() {
    let order = Order::new();
    submit(&order, 1, 1);
    submit(&order, 2, 2);
    order.began(&2, 2);
    order.began(&1, 1);
    // 4 is called and returns while 3 has not returned: either may begin first.
    order.submit(&1, 3, || order.submit(&1, 4, || Ok::<_, ()>(()))).unwrap();
    order.began(&1, 4);
    order.began(&1, 3);
    // 5 begins before its submit has returned, and 6 has been refused.
    let begins = || {
        order.began(&1, 5);
        Ok::<_, ()>(())
    };
    order.submit(&1, 5, begins).unwrap();
    order.submit(&1, 6, || Err::<(), _>(())).unwrap_err();
    submit(&order, 1, 7);
    order.began(&1, 7);
    order.check();
}

#[test]
fn order_rejects_who_jumps_the_queue() {
    let order = Order::new();
    submit(&order, 1, 1);
    submit(&order, 1, 2);
    let said = rejected(|| order.began(&1, 2));
    assert_eq!(said, "P2 (key order) is violated: of 1, 2 begins before 1, submitted before it");
    assert_eq!(rejected(|| order.check()), said);
}

#[test]
fn order_rejects_whom_nobody_submitted() {
    let order = Order::new();
    submit(&order, 1, 1);
    assert!(rejected(|| order.began(&2, 1)).ends_with("of 2, 1 begins, which is not under way"));
    order.began(&1, 1);
    assert!(rejected(|| order.began(&1, 1)).ends_with("of 1, 1 begins, which is not under way"));
}

#[test]
fn conservation_balances() {
    let conservation = Conservation::new();
    conservation.met(1, Fate::Ran); // before the call that accepted it returns
    conservation.offered(1, true);
    conservation.offered(2, false);
    conservation.offer(3, || Ok::<_, ()>(())).unwrap();
    conservation.met(3, Fate::HandedBack);
    conservation.check();
    assert_eq!(conservation.accepted(), 2);
}

#[test]
fn conservation_rejects_the_lost_the_doubled_and_the_uninvited() {
    let lost = Conservation::new();
    lost.offered(3, true);
    assert_eq!(rejected(|| lost.check()), "D1/P1 (one fate) is violated: 3 was accepted, and is lost");

    let doubled = Conservation::new();
    doubled.offered(3, true);
    doubled.met(3, Fate::Ran);
    let said = rejected(|| doubled.met(3, Fate::HandedBack));
    assert_eq!(said, "D1/P1 (one fate) is violated: 3 met [Ran, HandedBack]");
    assert_eq!(rejected(|| doubled.check()), said);

    let refused = Conservation::new();
    refused.offered(3, false);
    assert!(rejected(|| refused.met(3, Fate::Ran)).ends_with("3 was refused, and met [Ran]"));

    let late = Conservation::new();
    late.met(3, Fate::Ran);
    assert!(rejected(|| late.offered(3, false)).ends_with("3 was refused, and met [Ran]"));

    let uninvited = Conservation::new();
    uninvited.met(3, Fate::Ran);
    assert!(rejected(|| uninvited.check()).ends_with("3 was never offered, and met [Ran]"));
}

#[test]
fn balance_rejects_too_many_out_too_many_back_and_some_left() {
    let balance = Balance::new(2);
    balance.acquired(2);
    balance.returned(1);
    assert_eq!(balance.out(), 1);
    assert_eq!(rejected(|| balance.check_quiet()), "D8 (permits) is violated: all is quiet, and 1 are out");

    let over = Balance::new(2);
    over.acquired(2);
    assert_eq!(rejected(|| over.acquired(1)), "D8 (permits) is violated: 3 are out, and the limit is 2");

    let below = Balance::new(2);
    below.acquired(1);
    let said = rejected(|| below.returned(2));
    assert_eq!(said, "D8 (permits) is violated: 2 are returned, and 1 are out");
    below.returned(1);
    assert_eq!(rejected(|| below.check_quiet()), said);
}

#[test]
fn a_clock_moves_when_told() {
    let clock = ManualClock::new();
    let same = clock.clone();
    assert_eq!(clock.now(), Duration::ZERO);
    clock.advance(Duration::from_millis(5));
    std::thread::spawn(move || same.advance(Duration::from_millis(7))).join().unwrap();
    assert_eq!(clock.now(), Duration::from_millis(12));
}

/// Submits the next number down, to its own pool while it knows it.
struct CountDown(Arc<Mutex<Option<PoolHandle<CountDown>>>>);

impl Handler for CountDown {
    type Key = u32;
    type Item = u32;
    fn handle(&self, _: Lease<'_, Self::Key, Self::Item>, left: u32) {
        let pool = self.0.lock().unwrap().clone();
        if let (Some(pool), 1..) = (pool, left) {
            pool.submit(left - 1, left - 1).unwrap();
        }
    }
}

#[test]
fn settle_runs_what_items_submit_and_stays_settled() {
    let own = Arc::new(Mutex::new(None));
    let builder = ShardedThreadPool::builder(CountDown(Arc::clone(&own)));
    let (pool, mut workers) = builder.shards(3).stepped().unwrap();
    *own.lock().unwrap() = Some(pool.clone());
    pool.submit(5, 5).unwrap();
    assert_eq!(settle(&mut workers), 6, "each submits the next, over three shards");
    assert_eq!(settle(workers.as_mut_slice()), 0);
    own.lock().unwrap().take();
    pool.shutdown(Stop::RunRemaining);
    assert_eq!(settle(&mut workers), 0);
    assert_eq!(workers[0].step(), Step::Stopped);
}

/// Enters its key twice.
struct Overlaps(Exclusion<u8>);

impl Handler for Overlaps {
    type Key = u8;
    type Item = ();
    fn handle(&self, key: Lease<'_, Self::Key, Self::Item>, (): ()) {
        let _inside = self.0.enter(&key);
        let _overlap = self.0.enter(&key);
    }
}

/// A pool contains the panic of a checker in a handler, and the checker still says so at the end.
#[test]
fn a_contained_violation_is_heard_at_the_end() {
    let exclusion = Exclusion::new();
    let pool = ShardedThreadPool::builder(Overlaps(exclusion.clone())).start().unwrap();
    pool.submit(1, ()).unwrap();
    assert_eq!(pool.join().unwrap().panics, 1);
    assert!(rejected(|| exclusion.check()).starts_with("P3 (key exclusion) is violated: 1"));
}

struct Ping;

impl Message for Ping {}

struct Log;

impl Dispatcher for Log {
    type Message = Ping;
    fn dispatch(&self, _: ConnectionId, _: Ping) -> Handled<Ping> {
        Ok(())
    }
}

#[test]
fn settle_steps_a_queue_whichever_loop_comes_first() {
    for local_first in [false, true] {
        let (queue, mut dispatch, mut local) = DispatchQueue::builder(Log).stepped();
        queue.local().send(Ping).unwrap();
        assert_eq!(queue.connect().deliver(Ping).unwrap(), Delivered::Queued);
        let ran = if local_first {
            settle(&mut (&mut local, &mut dispatch))
        } else {
            settle(&mut (&mut dispatch, &mut local))
        };
        assert_eq!(ran, 3, "one is passed on, two are dispatched");
    }
}
