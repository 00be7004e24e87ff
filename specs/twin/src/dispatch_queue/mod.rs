//! `DispatchQueue.tla`: connections, the dispatch thread and the local one, the throttle, and how it all ends.

mod connection;
mod dispatch;
pub mod judge;
mod laws;
mod local;
mod rest;
mod shutdown;
mod state;
mod view;

use serde::{Deserialize, Serialize};

use crate::Id;
use crate::constants::Constants;
use crate::protocol::{Law, Protocol};

use state::Door;
pub use state::{At, Message, Place, State};

/// A queue for so many connections. They are the first threads; after them come the dispatch thread, the local one, the one
/// that sends to oneself, and the one that shuts down. As a sender, oneself is the number after the last connection.
#[derive(Clone, Debug)]
pub struct DispatchQueue {
    connections: u8,
    /// How many each of them delivers.
    messages: u8,
    /// How many are sent to oneself.
    locals: u8,
    priorities: Vec<u8>,
    fast_too: bool,
    ordered: bool,
    /// How many may be under way; 0: any number.
    limit: u8,
    few: u8,
    may_reset: bool,
    may_discard: bool,
    /// How it is shut down, if ever.
    how: Option<Door>,
}

/// An inbox and the bell of its consumer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Post {
    /// Of the dispatch thread.
    Dispatch,
    /// Of the local thread.
    Local,
}

/// Its steps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "action")]
pub enum Action {
    /// Whoever has found a consumer asleep rings.
    Ring {
        /// Who does.
        thread: Id,
        /// Whose bell.
        post: Post,
    },
    /// A consumer hears its bell.
    Sleep {
        /// Which one.
        post: Post,
    },
    /// A connection has its next message, and comes for room.
    Deliver {
        /// The connection.
        thread: Id,
        /// Of the message.
        priority: u8,
        /// Whether it qualifies for fast dispatch.
        fast: bool,
    },
    /// Comes in to dispatch fast, or is told why not.
    Enter {
        /// The connection.
        thread: Id,
    },
    /// The callback has returned, or there was none.
    VisitDrop {
        /// The connection.
        thread: Id,
    },
    /// Whoever waits for visits waits for one less.
    Depart {
        /// The connection.
        thread: Id,
    },
    /// Queues its message, if the door is open.
    Push {
        /// The connection.
        thread: Id,
    },
    /// It was not: what was counted is over.
    DropPending {
        /// The connection.
        thread: Id,
    },
    /// The permit goes back.
    Return {
        /// The connection.
        thread: Id,
    },
    /// The connection is taken away from its owner, and what it has queued is discarded.
    Reset {
        /// The connection.
        thread: Id,
    },
    /// The same without an event, and the connection goes on.
    Discard {
        /// The connection.
        thread: Id,
    },
    /// A message to oneself.
    Send {
        /// Of the message.
        priority: u8,
        /// Whether it qualifies for fast dispatch.
        fast: bool,
    },
    /// The local thread takes in what has arrived, and delivers the oldest.
    #[serde(rename = "Local_Step")]
    LocalStep,
    /// Its callback has returned.
    #[serde(rename = "Local_Return")]
    LocalReturn,
    /// What is not fast goes to the dispatch thread.
    #[serde(rename = "Local_PassOn")]
    LocalPassOn,
    /// All of it has been passed on: the queue may end.
    #[serde(rename = "Local_EndQueue")]
    LocalEndQueue,
    /// Looks once more, with the wish to lie down.
    #[serde(rename = "Local_LieDown")]
    LocalLieDown,
    /// The dispatch thread takes in what has arrived, and picks a message if it is to run one.
    #[serde(rename = "Dispatch_Step")]
    DispatchStep {
        /// Whose message it picks,
        from: Option<Id>,
        /// and which one of these.
        number: Option<u8>,
    },
    /// The dispatch thread goes on without a look: picks a message of those that it has, if it is not to tell of a reset.
    #[serde(rename = "Dispatch_GoOn")]
    DispatchGoOn {
        /// Whose message it picks,
        from: Option<Id>,
        /// and which one of these.
        number: Option<u8>,
    },
    /// Before it goes on, it drops what was discarded, one message after the other: it is over,
    #[serde(rename = "Dispatch_DropDiscarded")]
    DispatchDropDiscarded,
    /// and its permit goes back.
    #[serde(rename = "Dispatch_ReturnDiscarded")]
    DispatchReturnDiscarded,
    /// It tells of a reset.
    Tell,
    /// Its callback has returned: an ordered connection may dispatch fast again,
    #[serde(rename = "Dispatch_DropPending")]
    DispatchDropPending,
    /// and its permit goes back, together with those that were kept.
    #[serde(rename = "Dispatch_Return")]
    DispatchReturn,
    /// Or it is kept, if there are few.
    #[serde(rename = "Dispatch_Keep")]
    DispatchKeep,
    /// What was kept goes back.
    #[serde(rename = "Dispatch_ReturnKept")]
    DispatchReturnKept,
    /// Looks once more, with the wish to lie down.
    #[serde(rename = "Dispatch_LieDown")]
    DispatchLieDown,
    /// Whoever waits for room is refused, and so is who comes for it.
    #[serde(rename = "Shutdown_CloseThrottle")]
    ShutdownCloseThrottle,
    /// A lane is closed,
    #[serde(rename = "Shutdown_CloseLane")]
    ShutdownCloseLane {
        /// Whose.
        connection: Id,
    },
    /// and all are.
    #[serde(rename = "Shutdown_CloseRoster")]
    ShutdownCloseRoster,
    /// The queue takes nothing from outside any more.
    #[serde(rename = "Shutdown_Seal")]
    ShutdownSeal,
    /// The local post is closed,
    #[serde(rename = "Shutdown_CloseLocal")]
    ShutdownCloseLocal,
    /// and the queue with it, if all is to come back.
    #[serde(rename = "Shutdown_CloseQueue")]
    ShutdownCloseQueue,
    /// Both threads have ended.
    #[serde(rename = "Join_Threads")]
    JoinThreads,
    /// The last visit has rung.
    #[serde(rename = "Join_Hear")]
    JoinHear,
    /// What has not been dispatched comes back.
    Reclaim,
}

impl DispatchQueue {
    /// Who sends to oneself.
    pub fn me(&self) -> Id {
        self.connections
    }

    /// The dispatch thread, before it, never has to ring.
    fn local(&self) -> Id {
        self.connections + 1
    }

    fn sender(&self) -> Id {
        self.connections + 2
    }

    fn boss(&self) -> Id {
        self.connections + 3
    }

    /// What messages there may be: their priorities, and whether they are fast.
    fn kinds(&self) -> impl Iterator<Item = (u8, bool)> + '_ {
        let fast = if self.fast_too { &[false, true][..] } else { &[false] };
        self.priorities.iter().flat_map(move |&priority| fast.iter().map(move |&fast| (priority, fast)))
    }
}

impl Protocol for DispatchQueue {
    const MODULE: &'static str = "DispatchQueue";
    const LAWS: &'static [(&'static str, Law<Self>)] = &[
        ("Fate", Law::Always(Self::fate)),
        ("KnownIsThere", Law::Always(Self::known_is_there)),
        ("GoesOnAsAfterALook", Law::Always(Self::goes_on_as_after_a_look)),
        ("OrderedWaits", Law::Always(Self::ordered_waits)),
        ("OverIsCounted", Law::Always(Self::over_is_counted)),
        ("ToldOnce", Law::Always(Self::told_once)),
        ("Reserved", Law::Always(Self::reserved)),
        ("NobodyWaitsForNothing", Law::Always(Self::nobody_waits_for_nothing)),
        ("SleepsOnNothing", Law::Always(Self::sleeps_on_nothing)),
        ("JoinedIsQuiet", Law::Always(Self::joined_is_quiet)),
        ("RunRunsAll", Law::Always(Self::run_runs_all)),
        ("NoneWaitsAsleep", Law::Always(Self::none_waits_asleep)),
        ("SleepIsKnown", Law::Always(Self::sleep_is_known)),
        ("StrictFirst", Law::Step(Self::strict_first)),
        ("LaneOrder", Law::Step(Self::lane_order)),
        ("DiscardedIsNotPicked", Law::Step(Self::discarded_is_not_picked)),
        ("RefusedAfter", Law::Step(Self::refused_after)),
        ("BackPicksNothing", Law::Step(Self::back_picks_nothing)),
    ];
    const IN_THE_END: &'static [&'static str] = &["RoomIsMade", "AllFates", "AllTold", "Ends"];
    type State = State;
    type Action = Action;

    fn new(constants: &Constants) -> Self {
        Self {
            connections: constants.size("Conns"),
            messages: constants.number("Messages"),
            locals: constants.number("Locals"),
            priorities: constants.numbers("Priorities"),
            fast_too: constants.flag("FastToo"),
            ordered: constants.flag("Ordered"),
            limit: constants.number("Limit"),
            few: constants.number("Few"),
            may_reset: constants.flag("MayReset"),
            may_discard: constants.flag("MayDiscard"),
            how: match constants.word("How") {
                "never" => None,
                "run" => Some(Door::Run),
                "back" => Some(Door::Back),
                how => panic!("{how} is no way to shut it down"),
            },
        }
    }

    fn initial(&self) -> State {
        State::initial(self.connections)
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::with_capacity(16);
        for post in [Post::Dispatch, Post::Local] {
            actions.extend(state.at(post).ringing.iter().map(|thread| Action::Ring { thread, post }));
        }
        for thread in 0..self.connections {
            self.of_connection(state, thread, &mut actions);
        }
        if state.to_oneself < self.locals {
            actions.extend(self.kinds().map(|(priority, fast)| Action::Send { priority, fast }));
        }
        actions.extend(Self::of_local(state));
        self.of_dispatch(state, &mut actions);
        self.of_boss(state, &mut actions);
        actions
    }

    fn step(&self, state: &State, action: &Action) -> Option<State> {
        match *action {
            Action::Ring { thread, post } => self.ring(state, thread, post),
            Action::Sleep { post } => Self::sleep(state, post),
            Action::Deliver { thread, priority, fast } => self.deliver(state, thread, priority, fast),
            Action::Enter { thread } => self.enter(state, thread),
            Action::VisitDrop { thread } => Self::visit_drop(state, thread),
            Action::Depart { thread } => Self::depart(state, thread),
            Action::Push { thread } => Self::push(state, thread),
            Action::DropPending { thread } => Self::drop_pending(state, thread),
            Action::Return { thread } => self.give_back(state, thread),
            Action::Reset { thread } => self.reset(state, thread),
            Action::Discard { thread } => self.discard(state, thread),
            Action::Send { priority, fast } => self.send(state, priority, fast),
            Action::LocalStep => self.local_step(state),
            Action::LocalReturn => Self::local_return(state),
            Action::LocalPassOn => self.local_pass_on(state),
            Action::LocalEndQueue => self.local_end_queue(state),
            Action::LocalLieDown => Self::local_lie_down(state),
            Action::DispatchStep { from, number } => Self::dispatch_step(state, from, number),
            Action::DispatchGoOn { from, number } => Self::dispatch_go_on(state, from, number),
            Action::DispatchDropDiscarded => Self::dispatch_drop_discarded(state),
            Action::DispatchReturnDiscarded => self.dispatch_return_discarded(state),
            Action::Tell => Self::tell(state),
            Action::DispatchDropPending => self.dispatch_drop_pending(state),
            Action::DispatchReturn => self.dispatch_return(state),
            Action::DispatchKeep => self.dispatch_keep(state),
            Action::DispatchReturnKept => self.dispatch_return_kept(state),
            Action::DispatchLieDown => Self::dispatch_lie_down(state),
            Action::ShutdownCloseThrottle => self.shutdown_close_throttle(state),
            Action::ShutdownCloseLane { connection } => Self::shutdown_close_lane(state, connection),
            Action::ShutdownCloseRoster => Self::shutdown_close_roster(state),
            Action::ShutdownSeal => self.shutdown_seal(state),
            Action::ShutdownCloseLocal => self.shutdown_close_local(state),
            Action::ShutdownCloseQueue => self.shutdown_close_queue(state),
            Action::JoinThreads => self.join_threads(state),
            Action::JoinHear => self.join_hear(state),
            Action::Reclaim => self.reclaim(state),
        }
    }
}
