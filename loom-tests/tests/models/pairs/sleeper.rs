//! Each operation that reaches the dispatch thread, against that thread as it goes to sleep and wakes.
//!
//! The rule of the names: `queue.run.OPERATION`. The rule of the models: one thread runs the loop, sleeping whenever there
//! is nothing to do; the other does the operation, then delivers a message and waits until that has run, and then shuts
//! down. So whatever the operation leaves to do, and be it nothing, the thread that it may have woken must be as easily
//! woken afterwards: if not, the model ends in a deadlock.

use keylane::internals::{Arc, Bell};
use keylane::testing::Model;
use keylane::{
    Connection, ConnectionId, DispatchQueue, Dispatcher, Event, Handled, Message, QueueHandle, Step, Stop,
};
use loom::thread;

struct Ping {
    fast: bool,
    probes: bool,
}

impl Message for Ping {}

struct Rings(Arc<Bell>);

impl Dispatcher for Rings {
    type Message = Ping;

    fn can_fast_dispatch(&self, ping: &Ping) -> bool {
        ping.fast
    }

    fn dispatch(&self, _: ConnectionId, ping: Ping) -> Handled<Ping> {
        if ping.probes {
            self.0.ring();
        }
        Ok(())
    }

    fn event(&self, _: ConnectionId, _: Event) -> bool {
        true
    }
}

type Operation = fn(&QueueHandle<Rings>, Connection<Rings>);

const OPERATIONS: &[(&str, Operation)] = &[
    ("deliver_queued", |_, mut connection| drop(connection.deliver(ping(false)))),
    ("deliver_fast", |_, mut connection| drop(connection.deliver(ping(true)))),
    ("send_queued", |queue, _| drop(queue.local().send(ping(false)))),
    ("disconnect", |_, connection| drop(connection)),
    ("connected", |_, mut connection| connection.connected().unwrap()),
    ("accepted", |_, mut connection| connection.accepted().unwrap()),
    ("discard", |_, mut connection| connection.discard().unwrap()),
    ("discard_by_number", |queue, connection| queue.discard(connection.id()).unwrap()),
    ("remote_reset", |_, mut connection| connection.remote_reset().unwrap()),
    ("reset", |_, connection| connection.reset().unwrap()),
    ("refused", |_, connection| connection.refused().unwrap()),
    ("mark_down", |_, connection| connection.mark_down().unwrap()),
];

fn ping(fast: bool) -> Ping {
    Ping { fast, probes: false }
}

pub fn models() -> Vec<Model> {
    let models = OPERATIONS.iter().map(|&(name, operation)| {
        Model::new(format!("queue.run.{name}"), "D11", 2)
            .reaches(&["slept", "woke the consumer", "dispatch thread woke"])
            .scenario(move || wakes_after(operation))
    });
    models.collect()
}

fn wakes_after(operation: Operation) {
    let done = Arc::new(Bell::new());
    let (queue, mut dispatch, mut local) = DispatchQueue::builder(Rings(Arc::clone(&done))).stepped();
    let sleeper = thread::spawn(move || dispatch.run());
    operation(&queue, queue.connect());
    let sent = local.step();
    let probe = queue.connect().deliver(Ping { fast: false, probes: true });
    assert!(probe.is_ok());
    done.wait();
    queue.shutdown(Stop::RunRemaining);
    assert_eq!(local.step(), Step::Stopped, "{sent:?} before; and that ends the queue");
    sleeper.join().unwrap();
}
