//! What can be done to a queue, from outside and from inside its callbacks: one small language for both.

use keylane::{self, Delivered, Priority, Step, Stop};
use proptest::prelude::*;

/// Places for connections. A handful: what matters is how they meet.
pub const SLOTS: usize = 3;

/// Something to do to a queue.
#[derive(Clone, Debug)]
pub enum Op {
    /// Connect, dropping the connection that was in the slot.
    Connect {
        slot: usize,
        ordered: bool,
    },
    /// Drop the connection in the slot.
    Disconnect {
        slot: usize,
    },
    Deliver {
        slot: usize,
        letter: Letter,
    },
    Send(Letter),
    Happen {
        slot: usize,
        what: Happening,
    },
    StepDispatch,
    StepLocal,
    Shutdown(Stop),
    /// Unwind out of the callback. Only in scripts.
    Panic,
}

/// Something to happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Connected,
    Accepted,
    Discard,
    /// From outside, by number.
    DiscardById,
    RemoteReset,
    Reset,
    Refused,
    MarkDown,
}

impl Happening {
    /// Whether what is queued is discarded, and what is told.
    pub fn effect(self) -> (bool, Option<keylane::Event>) {
        use keylane::Event;
        match self {
            Self::Connected => (false, Some(Event::Connected)),
            Self::Accepted => (false, Some(Event::Accepted)),
            Self::Discard | Self::DiscardById | Self::MarkDown => (true, None),
            Self::RemoteReset => (true, Some(Event::RemoteReset)),
            Self::Reset => (true, Some(Event::Reset)),
            Self::Refused => (true, Some(Event::Refused)),
        }
    }

    /// Whether the connection is gone afterwards.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Reset | Self::Refused | Self::MarkDown)
    }
}

/// A message to be; it gets its number when it is offered.
#[derive(Clone, Debug)]
pub struct Letter {
    pub priority: Priority,
    pub qualifies: bool,
    /// What its callback does.
    pub script: Vec<Op>,
}

/// What has been seen to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Connected(u64),
    Disconnected,
    /// Someone further up the stack is using the connection or the loop, or it does not exist.
    Elsewhere,
    Delivered(u64, Delivered),
    /// Accepted, run, and its callback unwound out of `deliver`.
    DeliveredInPanic(u64),
    Sent(u64),
    Refused(u64),
    Full(u64),
    /// Dropped by the queue, without having run.
    Discarded(u64),
    /// An event was raised, or it was too late for that.
    Raised(bool),
    Told(u64, keylane::Event),
    Began {
        id: u64,
        from: u64,
        how: Delivered,
    },
    Ended(u64),
    Stepped(Step),
    /// A callback unwound out of `step`.
    SteppedInPanic,
}

/// What a queue hands back: source and number of each message, and the events that nobody was told of.
pub type Report = (Vec<(u64, u64)>, Vec<(u64, keylane::Event)>);

/// A transition of the machine.
pub fn op() -> BoxedStrategy<Op> {
    prop_oneof![
        58 => action(2),
        1 => stop().prop_map(Op::Shutdown),
    ]
    .boxed()
}

/// Anything but a shutdown; letters whose scripts hold letters, down to `depth`.
fn action(depth: u32) -> BoxedStrategy<Op> {
    prop_oneof![
        2 => (0..SLOTS, any::<bool>()).prop_map(|(slot, ordered)| Op::Connect { slot, ordered }),
        1 => (0..SLOTS).prop_map(|slot| Op::Disconnect { slot }),
        18 => (0..SLOTS, letter(depth)).prop_map(|(slot, letter)| Op::Deliver { slot, letter }),
        8 => letter(depth).prop_map(Op::Send),
        3 => (0..SLOTS, happening()).prop_map(|(slot, what)| Op::Happen { slot, what }),
        18 => Just(Op::StepDispatch),
        8 => Just(Op::StepLocal),
    ]
    .boxed()
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop::sample::select(vec![
        Connected,
        Accepted,
        Discard,
        DiscardById,
        RemoteReset,
        Reset,
        Refused,
        MarkDown,
    ])
}

fn letter(depth: u32) -> BoxedStrategy<Letter> {
    let priority = prop_oneof![Just(Priority::LOW), Just(Priority::DEFAULT), Just(Priority::HIGH)];
    (priority, prop::bool::weighted(0.4), script(depth))
        .prop_map(|(priority, qualifies, script)| Letter { priority, qualifies, script })
        .boxed()
}

fn script(depth: u32) -> BoxedStrategy<Vec<Op>> {
    let Some(below) = depth.checked_sub(1) else {
        return Just(Vec::new()).boxed();
    };
    let inside = prop_oneof![
        20 => action(below),
        4 => Just(Op::Panic),
        1 => stop().prop_map(Op::Shutdown),
    ];
    prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(inside, 1..4)].boxed()
}

fn stop() -> impl Strategy<Value = Stop> {
    prop_oneof![Just(Stop::RunRemaining), Just(Stop::HandBack)]
}
