//! Pairs of operations of a dispatch queue.

mod twin;

use keylane::testing::Model;
use keylane::{
    Connection, ConnectionId, ControlError, Delivered, DispatchLoop, DispatchQueue, Dispatcher, Event,
    Handled, LocalLoop, Message, Priority, QueueHandle, QueueSnapshot, Step, Stop,
};
use keylane_proptests as reference;
use keylane_proptests::history::Specification;
use keylane_proptests::{Dispatching, Posted, QueueModel, Taken};
use loom::thread;

use crate::history::{History, Judge};
use crate::pairs::{FIRST, OVERLAP, SECOND, Span, mark_order, pairs};

/// What one thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    DeliverQueued,
    DeliverFast,
    /// A message that qualifies, on an ordered connection.
    DeliverOrdered,
    SendQueued,
    SendFast,
    DispatchStep,
    LocalStep,
    ShutdownRun,
    ShutdownHandBack,
    Reclaim,
    ConnectAndDeliver,
    Disconnect,
    LooksClosed,
    Connected,
    Discard,
    /// By number, what the other thread's connection has queued.
    DiscardOther,
    Reset,
    Snapshot,
}

const OPS: [(Op, &str); 18] = [
    (Op::DeliverQueued, "deliver_queued"),
    (Op::DeliverFast, "deliver_fast"),
    (Op::DeliverOrdered, "deliver_ordered"),
    (Op::SendQueued, "send_queued"),
    (Op::SendFast, "send_fast"),
    (Op::DispatchStep, "dispatch_step"),
    (Op::LocalStep, "local_step"),
    (Op::ShutdownRun, "shutdown_run"),
    (Op::ShutdownHandBack, "shutdown_hand_back"),
    (Op::Reclaim, "reclaim"),
    (Op::ConnectAndDeliver, "connect"),
    (Op::Disconnect, "disconnect"),
    (Op::LooksClosed, "looks_closed"),
    (Op::Connected, "connected"),
    (Op::Discard, "discard"),
    (Op::DiscardOther, "discard_other"),
    (Op::Reset, "reset"),
    (Op::Snapshot, "snapshot"),
];

/// Which methods the operations stand for.
pub const COVERED: &[&str] = &[
    "Connection::deliver",
    "Connection::looks_closed",
    "Connection::connected",
    "Connection::discard",
    "Connection::reset",
    "Connection::drop",
    "Local::send",
    "DispatchLoop::step",
    "LocalLoop::step",
    "QueueHandle::connect",
    "QueueHandle::connect_ordered",
    "QueueHandle::local",
    "QueueHandle::discard",
    "QueueHandle::shutdown",
    "QueueHandle::reclaim",
    "QueueHandle::snapshot",
];

/// What has happened before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    /// Each connection has queued a message, and one has been sent to oneself.
    Loaded,
    /// As `Loaded`, and then shut down to run what remains.
    Ending,
    /// Each connection has queued two messages or three, one has been sent to oneself, and the dispatch loop has picked one: it
    /// holds some of each connection, and may go on without a look. Only its steps are raced here.
    Holding,
}

const STATES: [(State, &str); 4] = [
    (State::Fresh, "fresh"),
    (State::Loaded, "loaded"),
    (State::Ending, "ending"),
    (State::Holding, "holding"),
];

/// What a thread owns.
struct Ends {
    queue: QueueHandle<Recorder>,
    connection: Option<Connection<Recorder>>,
    /// Another thread's connection.
    other: ConnectionId,
    dispatch: Option<DispatchLoop<Recorder>>,
    local: Option<LocalLoop<Recorder>>,
}

struct Ping {
    number: u32,
    fast: bool,
}

impl Message for Ping {
    fn priority(&self) -> Priority {
        priority(self.number)
    }
}

/// So that both the order within a priority and the one between two are asked about.
fn priority(number: u32) -> Priority {
    if number >= 20 { Priority::HIGH } else { Priority::DEFAULT }
}

struct Recorder(History<Action>);

impl Dispatcher for Recorder {
    type Message = Ping;

    fn can_fast_dispatch(&self, ping: &Ping) -> bool {
        ping.fast
    }

    fn dispatch(&self, from: ConnectionId, ping: Ping) -> Handled<Ping> {
        self.0.callback(ping.number, from.get());
        Ok(())
    }

    fn event(&self, from: ConnectionId, event: Event) -> bool {
        self.0.callback(EVENT + u32::from(event == Event::Reset), from.get());
        true
    }
}

/// Where the numbers of messages end, and events begin.
const EVENT: u32 = 100;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Connect {
        id: u64,
        ordered: bool,
    },
    FastBegins(u64),
    FastEnds(u64),
    Behind(u64),
    Enqueue(u64, u32, Result<(), ()>),
    /// A message that qualifies came back.
    FastRefused(u64),
    Send {
        number: u32,
        fast: bool,
        accepted: bool,
    },
    DispatchBegins {
        from: u64,
        number: u32,
    },
    DispatchEnds,
    TellBegins(u64, Event),
    TellEnds,
    DispatchIdle,
    DispatchStopped,
    LocalTakes(u32),
    LocalPassesOn(u32, Result<(), ()>),
    LocalIdle,
    LocalEnds(Stop),
    LocalStopped,
    CloseLane(u64),
    CloseFast,
    Seal,
    CloseLocal(Stop),
    CloseQueue(Stop),
    Quiet,
    Leftovers(Vec<(u64, u32)>, Vec<(u64, Event)>),
    Happen {
        from: u64,
        discards: bool,
        event: Option<Event>,
        accepted: bool,
    },
    LooksClosed(u64, bool),
    CountFast(u64),
    CountLocal {
        sent: u64,
        passed_on: u64,
    },
    CountQueued {
        accepted: u64,
        dispatched: u64,
        told: u64,
    },
}

/// The reference model, asked action by action.
#[derive(Clone, Debug)]
struct Sequential {
    model: QueueModel<u32>,
    /// What the local loop has in hand.
    in_hand: Option<Posted<u32>>,
    /// Whether the dispatch loop may step without a look.
    may_go_on: bool,
    counts: Counts,
}

/// What has happened so far, and of the loops what they have told of it: all but what each did last.
#[derive(Clone, Debug, Default)]
struct Counts {
    fast: u64,
    sent: u64,
    accepted: u64,
    passed_on: Told,
    dispatched: Told,
    told: Told,
}

/// A figure, and what it will be when its loop looks again.
#[derive(Clone, Debug, Default)]
struct Told {
    now: u64,
    /// What it is if the loop has looked where it need not.
    perhaps: u64,
    then: u64,
}

impl Told {
    /// The loop has looked.
    fn tell(&mut self) {
        (self.now, self.perhaps) = (self.then, self.then);
    }

    /// A snapshot says so. Then it has been told so far.
    fn may_be(&mut self, figure: u64) -> bool {
        let may = (self.now..=self.perhaps).contains(&figure);
        self.now = figure;
        may
    }
}

impl Sequential {
    fn from(state: State) -> Self {
        let may_go_on = state == State::Holding;
        Self { model: QueueModel::new(), in_hand: None, may_go_on, counts: Counts::default() }
    }

    /// The dispatch loop finds something to do, and has looked at its inbox for that or not.
    fn dispatch_goes_on(&mut self) {
        if !self.may_go_on {
            return self.dispatch_looks();
        }
        for figure in [&mut self.counts.dispatched, &mut self.counts.told] {
            figure.perhaps = figure.then;
        }
    }

    /// The dispatch loop looks at its inbox.
    fn dispatch_looks(&mut self) {
        self.counts.dispatched.tell();
        self.counts.told.tell();
    }

    /// The local loop looks at its inbox.
    fn local_looks(&mut self) {
        self.counts.passed_on.tell();
    }
}

fn posted(number: u32, fast: bool) -> Posted<u32> {
    Posted { priority: reference::Priority(priority(number).0), qualifies: fast, message: number }
}

fn stop_of(stop: Stop) -> reference::Stop {
    match stop {
        Stop::RunRemaining => reference::Stop::RunRemaining,
        Stop::HandBack => reference::Stop::HandBack,
    }
}

fn event_of(event: Event) -> reference::Event {
    match event {
        Event::Connected => reference::Event::Connected,
        Event::Reset => reference::Event::Reset,
        other => panic!("{other:?} is not raised here"),
    }
}

impl Specification for Sequential {
    type Action = Action;

    fn allows(&mut self, action: &Action) -> bool {
        self.count(action);
        let model = &mut self.model;
        match *action {
            Action::CountFast(fast) => fast == self.counts.fast,
            Action::CountLocal { sent, passed_on } => {
                (sent, passed_on) == (self.counts.sent, self.counts.passed_on.now)
            }
            Action::CountQueued { accepted, dispatched, told } => {
                let Counts { accepted: queued, dispatched: runs, told: tells, .. } = &mut self.counts;
                accepted == *queued && runs.may_be(dispatched) && tells.may_be(told)
            }
            Action::Connect { id, ordered } => model.connect(ordered) == id,
            Action::FastBegins(from) => model.visit(from),
            Action::FastEnds(from) => {
                model.leave(from);
                true
            }
            Action::Behind(from) => model.must_wait(from) && !model.is_fast_closed(from),
            Action::Enqueue(from, number, outcome) => {
                model.enqueue(from, posted(number, false)).map_err(drop) == outcome
            }
            Action::FastRefused(from) => model.is_fast_closed(from),
            Action::Send { number, fast, accepted } => model.send(posted(number, fast)).is_ok() == accepted,
            Action::DispatchBegins { from, number } => {
                matches!(model.step_dispatch(), Dispatching::Run(source, posted) if (source, posted.message) == (from, number))
            }
            Action::DispatchEnds => {
                model.dispatched();
                true
            }
            Action::TellBegins(from, event) => {
                model.step_dispatch() == Dispatching::Tell(from, event_of(event))
            }
            Action::TellEnds => true,
            Action::Happen { from, discards, event, accepted } => {
                model.happen(from, discards, event.map(event_of)) == accepted
            }
            Action::DispatchIdle => model.step_dispatch() == Dispatching::Idle,
            Action::DispatchStopped => model.step_dispatch() == Dispatching::Stopped,
            Action::LocalTakes(number) => match model.take_local() {
                Taken::Message(posted) => self.in_hand.insert(posted).message == number,
                _ => false,
            },
            Action::LocalPassesOn(number, outcome) => {
                let in_hand = self.in_hand.take().expect("it was taken");
                in_hand.message == number && model.pass_on(in_hand).map_err(drop) == outcome
            }
            Action::LocalIdle => model.take_local() == Taken::Idle,
            Action::LocalEnds(stop) => model.take_local() == Taken::Ended(stop_of(stop)),
            Action::LocalStopped => model.take_local() == Taken::Stopped,
            Action::CloseLane(from) => {
                model.close_lane(from);
                true
            }
            Action::CloseFast => {
                model.close_fast();
                true
            }
            Action::Seal => {
                model.seal();
                true
            }
            Action::CloseLocal(stop) => {
                model.close_local(stop_of(stop));
                true
            }
            Action::CloseQueue(stop) => {
                model.close_queue(stop_of(stop));
                true
            }
            Action::Quiet => model.is_quiet(),
            Action::Leftovers(ref left, ref untold) => {
                let expected = model.reclaim();
                expected.iter().map(|(from, posted)| (*from, posted.message)).eq(left.iter().copied())
                    && model
                        .untold()
                        .into_iter()
                        .eq(untold.iter().map(|&(from, event)| (from, event_of(event))))
            }
            Action::LooksClosed(from, closed) => !closed || model.is_fast_closed(from),
        }
    }
}

impl Sequential {
    /// What the snapshots of a queue count.
    fn count(&mut self, action: &Action) {
        match *action {
            Action::DispatchBegins { .. } => {
                self.dispatch_goes_on();
                self.counts.dispatched.then += 1;
            }
            Action::TellBegins(..) => {
                self.dispatch_goes_on();
                self.counts.told.then += 1;
            }
            Action::DispatchIdle | Action::DispatchStopped | Action::Leftovers(..) => self.dispatch_looks(),
            Action::LocalTakes(_) | Action::LocalIdle | Action::LocalEnds(_) | Action::LocalStopped => {
                self.local_looks();
            }
            Action::FastEnds(from) if from != 0 => self.counts.fast += 1,
            Action::Enqueue(.., Ok(())) => self.counts.accepted += 1,
            Action::LocalPassesOn(_, Ok(())) => {
                self.counts.accepted += 1;
                self.counts.passed_on.then += 1;
            }
            Action::Send { accepted: true, .. } => self.counts.sent += 1,
            _ => {}
        }
    }
}

pub fn models() -> Vec<Model> {
    let mut models = Vec::new();
    for ((one, one_name), (other, other_name)) in
        pairs(&OPS).filter(|((one, _), (other, _))| can_race(*one, *other))
    {
        for (state, state_name) in STATES {
            if state == State::Holding && ![one, other].contains(&Op::DispatchStep) {
                continue;
            }
            let knows = twin::knows(&[one, other], state);
            let judge = Judge::new(Sequential::from(state)).and_twin(knows, twin::retell);
            let name = format!("queue.{one_name}.{other_name}.{state_name}");
            models.push(
                Model::new(name, "D1 D2 D3 D5 D6 D7 D9 D10 D12", 2)
                    .newest_hints()
                    .reaches(&[FIRST, SECOND, OVERLAP])
                    .scenario(move || race(&[one, other], state, &judge)),
            );
        }
    }
    models.extend(triples());
    models
}

/// The triples that matter, chosen by hand.
const TRIPLES: &[(&str, [Op; 3], State)] = &[
    ("deliver_discard_step", [Op::DeliverQueued, Op::DiscardOther, Op::DispatchStep], State::Fresh),
    ("reset_step_shutdown", [Op::Reset, Op::DispatchStep, Op::ShutdownRun], State::Loaded),
    ("deliver_deliver_step", [Op::DeliverQueued, Op::DeliverQueued, Op::DispatchStep], State::Fresh),
    ("deliver_deliver_step_on", [Op::DeliverQueued, Op::DeliverQueued, Op::DispatchStep], State::Holding),
    ("deliver_discard_step_on", [Op::DeliverQueued, Op::DiscardOther, Op::DispatchStep], State::Holding),
    ("deliver_step_on_shutdown", [Op::DeliverQueued, Op::DispatchStep, Op::ShutdownHandBack], State::Holding),
    ("fast_step_shutdown", [Op::DeliverFast, Op::DispatchStep, Op::ShutdownRun], State::Fresh),
    ("ordered_step_shutdown", [Op::DeliverOrdered, Op::DispatchStep, Op::ShutdownHandBack], State::Loaded),
    ("send_local_step_shutdown", [Op::SendQueued, Op::LocalStep, Op::ShutdownRun], State::Fresh),
    (
        "local_step_dispatch_step_shutdown",
        [Op::LocalStep, Op::DispatchStep, Op::ShutdownHandBack],
        State::Loaded,
    ),
];

fn triples() -> impl Iterator<Item = Model> {
    TRIPLES.iter().map(|&(name, ops, state)| {
        let judge = Judge::new(Sequential::from(state)).and_twin(twin::knows(&ops, state), twin::retell);
        Model::new(format!("queue.{name}"), "D1 D2 D3 D5 D6 D7 D9 D10 D12", 3)
            .reaches(&[OVERLAP])
            .scenario(move || race(&ops, state, &judge))
    })
}

/// Two threads cannot do what takes a loop by `&mut`, or the loops themselves, both at once.
fn can_race(one: Op, other: Op) -> bool {
    let both = |taken: &[Op]| taken.contains(&one) && taken.contains(&other);
    !both(&[Op::DispatchStep, Op::Reclaim]) && !both(&[Op::LocalStep, Op::Reclaim])
}

/// Each operation on a thread of its own, the last one on the main thread.
fn race(ops: &[Op], state: State, judge: &Judge<Sequential>) {
    let history = if ops.len() > 2 { History::coarse() } else { History::new() };
    let (queue, mut dispatch, local) = DispatchQueue::builder(Recorder(history.clone())).stepped();
    let mut connections: Vec<_> =
        ops.iter().map(|&op| connect(&queue, op == Op::DeliverOrdered, &history)).collect();
    let queued: [&[u32]; 3] = match state {
        State::Fresh => [&[], &[], &[]],
        State::Loaded | State::Ending => [&[10], &[21], &[22]],
        State::Holding => [&[1, 2, 3], &[4, 5], &[6, 7]],
    };
    for (connection, numbers) in connections.iter_mut().zip(queued) {
        for &number in numbers {
            deliver(connection, number, false, &history);
        }
    }
    if state != State::Fresh {
        send(&queue, 12, false, &history);
    }
    match state {
        State::Fresh | State::Loaded => {}
        State::Ending => drop(shutdown(&queue, Stop::RunRemaining, &history)),
        State::Holding => drop(dispatch_step(&mut dispatch, &history)),
    }

    let first = connections[0].id();
    let mut ours = Ends {
        queue,
        other: first,
        connection: connections.pop(),
        dispatch: Some(dispatch),
        local: Some(local),
    };
    let (&last, others) = ops.split_last().expect("somebody does something");
    let racers: Vec<_> = others
        .iter()
        .zip(connections)
        .enumerate()
        .map(|(index, (&op, connection))| {
            let mut theirs = ours.split(op, connection);
            if theirs.other == theirs.connection.as_ref().expect("just given").id() {
                theirs.other = ours.connection.as_ref().expect("the last one's").id();
            }
            let history = history.clone();
            thread::spawn(move || {
                let span = act(op, index, &mut theirs, &history);
                (span, theirs)
            })
        })
        .collect();
    let mut spans = vec![act(last, others.len(), &mut ours, &history)];
    for racer in racers {
        let (span, theirs) = racer.join().unwrap();
        spans.push(span);
        ours.dispatch = ours.dispatch.take().or(theirs.dispatch);
        ours.local = ours.local.take().or(theirs.local);
    }
    mark_order(&spans);

    empty(&mut ours, &history);
    judge.judge(history.take());
}

impl Ends {
    /// What a thread that is to do `op` takes with it.
    fn split(&mut self, op: Op, connection: Connection<Recorder>) -> Self {
        let dispatch = if matches!(op, Op::DispatchStep | Op::Reclaim) { self.dispatch.take() } else { None };
        let local = if matches!(op, Op::LocalStep | Op::Reclaim) { self.local.take() } else { None };
        Self { queue: self.queue.clone(), connection: Some(connection), other: self.other, dispatch, local }
    }
}

/// Runs and takes back all there is.
fn empty(ends: &mut Ends, history: &History<Action>) {
    if let (Some(_), Some(_)) = (&ends.dispatch, &ends.local) {
        while local_step(ends.local.as_mut().expect("seen"), history).0 == Step::Ran {}
        while dispatch_step(ends.dispatch.as_mut().expect("seen"), history).0 == Step::Ran {}
        reclaim(ends, history);
    }
}

/// Does `op`, as number `index` of those that race.
fn act(op: Op, index: usize, ends: &mut Ends, history: &History<Action>) -> Span {
    let number = 13 + index as u32 * 10;
    match op {
        Op::DeliverQueued | Op::DeliverFast | Op::DeliverOrdered => {
            let connection = ends.connection.as_mut().expect("it is its own");
            deliver(connection, number, op != Op::DeliverQueued, history)
        }
        Op::SendQueued | Op::SendFast => send(&ends.queue, number, op == Op::SendFast, history),
        Op::DispatchStep => dispatch_step(ends.dispatch.as_mut().expect("it is its own"), history).1,
        Op::LocalStep => local_step(ends.local.as_mut().expect("it is its own"), history).1,
        Op::ShutdownRun => shutdown(&ends.queue, Stop::RunRemaining, history),
        Op::ShutdownHandBack => shutdown(&ends.queue, Stop::HandBack, history),
        Op::Reclaim => reclaim(ends, history),
        Op::ConnectAndDeliver => {
            let (mut connection, invoked, returned) = history.stamped(|| ends.queue.connect());
            // Two may connect at once; which number comes first is theirs to say.
            history.record(
                invoked,
                returned,
                vec![Action::Connect { id: connection.id().get(), ordered: false }],
            );
            (invoked, deliver(&mut connection, number, true, history).1)
        }
        Op::Disconnect => {
            let connection = ends.connection.take().expect("it is its own");
            let ((), invoked, returned) = history.stamped(|| drop(connection));
            (invoked, returned)
        }
        Op::LooksClosed => {
            let connection = ends.connection.as_ref().expect("it is its own");
            let (closed, invoked, returned) = history.stamped(|| connection.looks_closed());
            history.record(invoked, returned, vec![Action::LooksClosed(connection.id().get(), closed)]);
            (invoked, returned)
        }
        Op::Connected => {
            let connection = ends.connection.as_mut().expect("it is its own");
            let from = connection.id();
            happen(from, false, Some(Event::Connected), || connection.connected(), history)
        }
        Op::Discard => {
            let connection = ends.connection.as_mut().expect("it is its own");
            let from = connection.id();
            happen(from, true, None, || connection.discard(), history)
        }
        Op::DiscardOther => {
            let (queue, other) = (&ends.queue, ends.other);
            happen(other, true, None, || queue.discard(other), history)
        }
        Op::Snapshot => snapshot(&ends.queue, history),
        Op::Reset => {
            let connection = ends.connection.take().expect("it is its own");
            let from = connection.id();
            happen(from, true, Some(Event::Reset), || connection.reset(), history)
        }
    }
}

fn connect(queue: &QueueHandle<Recorder>, ordered: bool, history: &History<Action>) -> Connection<Recorder> {
    let (connection, invoked, returned) =
        history.stamped(|| if ordered { queue.connect_ordered() } else { queue.connect() });
    history.record(invoked, returned, vec![Action::Connect { id: connection.id().get(), ordered }]);
    connection
}

fn deliver(
    connection: &mut Connection<Recorder>,
    number: u32,
    fast: bool,
    history: &History<Action>,
) -> Span {
    let from = connection.id().get();
    let (outcome, invoked, returned) = history.stamped(|| connection.deliver(Ping { number, fast }));
    let enqueue = |outcome| Action::Enqueue(from, number, outcome);
    match (outcome, history.ran_here()) {
        (Ok(Delivered::Fast), Some(ran)) => {
            assert_eq!((ran.number, ran.source), (number, from));
            let (begins, ends) = (Action::FastBegins(from), Action::FastEnds(from));
            history.record_around(ran, (invoked, returned), begins, ends);
        }
        (Ok(Delivered::Queued), None) if fast => {
            history.record(invoked, returned, vec![Action::Behind(from), enqueue(Ok(()))]);
        }
        (Ok(Delivered::Queued), None) => history.record(invoked, returned, vec![enqueue(Ok(()))]),
        (Err(refused), None) => {
            assert_eq!(refused.into_message().number, number, "handed back");
            let action = if fast { Action::FastRefused(from) } else { enqueue(Err(())) };
            history.record(invoked, returned, vec![action]);
        }
        (outcome, ran) => panic!("{:?} and {ran:?}", outcome.map_err(drop)),
    }
    (invoked, returned)
}

fn happen(
    from: ConnectionId,
    discards: bool,
    event: Option<Event>,
    call: impl FnOnce() -> Result<(), ControlError>,
    history: &History<Action>,
) -> Span {
    let (outcome, invoked, returned) = history.stamped(call);
    let accepted = outcome.is_ok();
    history.record(invoked, returned, vec![Action::Happen { from: from.get(), discards, event, accepted }]);
    (invoked, returned)
}

fn snapshot(queue: &QueueHandle<Recorder>, history: &History<Action>) -> Span {
    let (snapshot, invoked, returned) = history.stamped(|| queue.snapshot());
    let QueueSnapshot { fast, local, queued, .. } = snapshot;
    assert_eq!(queued.accepted, queued.depth() + queued.dispatched + queued.discarded + queued.handed_back);
    assert_eq!(local.sent, local.depth + local.fast + local.passed_on + local.handed_back);
    // Parts of one call, each of a moment of its own, in this order.
    let parts = vec![
        Action::CountFast(fast),
        Action::CountLocal { sent: local.sent, passed_on: local.passed_on },
        Action::CountQueued { accepted: queued.accepted, dispatched: queued.dispatched, told: queued.told },
    ];
    history.record(invoked, returned, parts);
    (invoked, returned)
}

fn send(queue: &QueueHandle<Recorder>, number: u32, fast: bool, history: &History<Action>) -> Span {
    let (outcome, invoked, returned) = history.stamped(|| queue.local().send(Ping { number, fast }));
    assert!(history.ran_here().is_none(), "D6: never on the sender's stack");
    history.record(invoked, returned, vec![Action::Send { number, fast, accepted: outcome.is_ok() }]);
    (invoked, returned)
}

fn dispatch_step(dispatch: &mut DispatchLoop<Recorder>, history: &History<Action>) -> (Step, Span) {
    let (step, invoked, returned) = history.stamped(|| dispatch.step());
    match (step, history.ran_here()) {
        (Step::Ran, Some(ran)) if ran.number >= EVENT => {
            let event = if ran.number == EVENT { Event::Connected } else { Event::Reset };
            let begins = Action::TellBegins(ran.source, event);
            history.record_around(ran, (invoked, returned), begins, Action::TellEnds);
        }
        (Step::Ran, Some(ran)) => {
            let begins = Action::DispatchBegins { from: ran.source, number: ran.number };
            history.record_around(ran, (invoked, returned), begins, Action::DispatchEnds);
        }
        (Step::Idle, None) => history.record(invoked, returned, vec![Action::DispatchIdle]),
        (Step::Stopped, None) => history.record(invoked, returned, vec![Action::DispatchStopped]),
        other => panic!("{other:?}"),
    }
    (step, (invoked, returned))
}

fn local_step(local: &mut LocalLoop<Recorder>, history: &History<Action>) -> (Step, Span) {
    let (step, invoked, returned) = history.stamped(|| local.step());
    let passed_on =
        |outcome| [12, 13, 23, 33].map(|n| vec![Action::LocalTakes(n), Action::LocalPassesOn(n, outcome)]);
    match (step, history.ran_here()) {
        (Step::Ran, Some(ran)) => {
            let began = ran.span.map_or(returned, |(began, _)| began);
            history.record(invoked, began, vec![Action::LocalTakes(ran.number)]);
        }
        (Step::Ran, None) => history.record_one_of(invoked, returned, passed_on(Ok(())).to_vec()),
        (Step::Idle, None) => history.record(invoked, returned, vec![Action::LocalIdle]),
        (Step::Stopped, None) => {
            let stop = Stop::RunRemaining;
            let ended = vec![Action::LocalEnds(stop), Action::CloseQueue(stop)];
            let mut alternatives = vec![vec![Action::LocalStopped], ended];
            alternatives.extend(passed_on(Err(())));
            history.record_one_of(invoked, returned, alternatives);
        }
        other => panic!("{other:?}"),
    }
    (step, (invoked, returned))
}

/// The doors are closed one after the other: whoever looks meanwhile may find some of them open.
fn closing(stop: Stop) -> Vec<Action> {
    // There are never more connections; to close one that does not exist yet is to let it be born closed.
    let mut actions: Vec<_> = (1..=5).map(Action::CloseLane).collect();
    actions.extend([Action::CloseFast, Action::Seal, Action::CloseLocal(stop)]);
    actions.extend((stop == Stop::HandBack).then_some(Action::CloseQueue(stop)));
    actions
}

fn shutdown(queue: &QueueHandle<Recorder>, stop: Stop, history: &History<Action>) -> Span {
    let ((), invoked, returned) = history.stamped(|| queue.shutdown(stop));
    history.record(invoked, returned, closing(stop));
    (invoked, returned)
}

fn reclaim(ends: &mut Ends, history: &History<Action>) -> Span {
    let (dispatch, local) = (ends.dispatch.take().expect("its own"), ends.local.take().expect("its own"));
    let (report, invoked, returned) = history.stamped(|| ends.queue.reclaim(dispatch, local));
    let left = report.leftovers.iter().map(|(from, ping)| (from.get(), ping.number)).collect();
    let mut actions = closing(Stop::HandBack);
    let untold = report.events.iter().map(|&(from, event)| (from.get(), event)).collect();
    actions.extend([Action::Quiet, Action::Leftovers(left, untold)]);
    history.record(invoked, returned, actions);
    (invoked, returned)
}
