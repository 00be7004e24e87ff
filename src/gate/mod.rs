//! `EpochGate`: the messages of a session wait, in order, for the epoch of the map that they need.
//!
//! ```text
//!   GateSession::arrive ──▶ ┌ one mutex ────────────────────────┐
//!   publish(epoch, map) ──▶ │ published map                     │ ──▶ Gatekeeper::pass(turn, message)
//!   group_appeared ───────▶ │ a line of messages per session    │      by whoever finds the session idle
//!   reset, stop ──────────▶ └───────────────────────────────────┘
//! ```
//!
//! The shape is that of `OSD::ms_fast_dispatch`, `dispatch_session_waiting` and `dispatch_op_fast` with `Session::
//! waiting_on_map` and `waiting_for_pg` (`osd/OSD.h`, Jewel), without its map reservations. The states, the steps and
//! the races are in `README.md` beside this file.

mod epoch;
mod epoch_gate;
mod gatekeeper;
mod line;
mod session;
mod shared;
mod state;
mod turn;

pub use epoch::{Epoch, SessionId};
pub use epoch_gate::EpochGate;
pub use gatekeeper::Gatekeeper;
pub use session::GateSession;
pub use turn::Turn;
