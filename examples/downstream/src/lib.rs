//! A bank: accounts with balances, and a handler that books deposits and transfers by account.
//!
//! It stands for the server that you take keylane into. `tests/models.rs` checks it in every interleaving, and
//! `README.md` says how.

mod bank;
mod sync;

pub use bank::{Account, Bank, Booking, Submit, What};
