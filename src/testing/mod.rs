//! For your own tests and models of code that uses keylane: what keylane's own are made with.
//!
//! | here | asks | is violated when |
//! |---|---|---|
//! | [`Exclusion`] | P3, D12: one at a time for each key | two are inside of one key |
//! | [`Order`] | P2, D2: first submitted, first begun | an item begins before one that was submitted before it |
//! | [`Conservation`] | P1, D1: one fate each | something accepted is lost or comes twice, something refused comes at all |
//! | [`Balance`] | D8: what is taken is given back | permits are over the limit, below nothing, or out when all is quiet |
//! | `Plain` (models only) | P4: what one wrote the next one sees | two accesses are not ordered by happens-before |
//!
//! [`settle`] steps a stepped queue or pool until nothing moves, so a unit test needs no threads; [`ManualClock`] is
//! time that moves when told. All of it needs the feature `testing`, and is the same natively and in models. A checker
//! panics where it sees a violation, with a message that names the guarantee; and because a pool contains its
//! handlers' panics, it panics again when it is asked to `check` at the end. Ask.
//!
//! Checkers write down what they see where loom does not look, so in a model your code alone must synchronise.
//! Natively they take a lock, as any recorder must: a race detector may miss races in a test that uses them.
//!
//! # Model-check your own handler
//!
//! With `--cfg keylane_loom` in `RUSTFLAGS` keylane is built on loom's primitives, and [loom] runs *every* interleaving
//! of a scenario of up to five threads which step keylane's queues and pools. In `Cargo.toml`:
//!
//! ```toml
//! [dependencies]
//! keylane = "0.1"
//!
//! [target.'cfg(keylane_loom)'.dependencies]
//! keylane = { version = "0.1", features = ["loom"] }
//!
//! [dev-dependencies]
//! keylane = { version = "0.1", features = ["testing"] }
//!
//! [lints.rust]
//! unexpected_cfgs = { level = "warn", check-cfg = ["cfg(keylane_loom)"] }
//! ```
//!
//! loom's threads have stacks of 32 KiB, the main one of a model included. keylane's own parts are small enough for builds
//! without optimisation; what is large of yours goes to the heap.
//!
//! What your own code shares between threads must be loom's too, or loom cannot interleave it. One module does:
//!
//! ```ignore
//! #[cfg(keylane_loom)]
//! pub use keylane::testing::loom::sync::Mutex;
//! #[cfg(not(keylane_loom))]
//! pub use std::sync::Mutex;
//! ```
//!
//! In `tests/models.rs`:
//!
//! ```ignore
//! #![cfg(keylane_loom)]
//!
//! use keylane::testing::{Exclusion, Model, loom, mark, settle};
//! use keylane::{Handler, Lease, ShardedThreadPool, Step};
//!
//! struct Accounts(Exclusion<u32>);
//! impl Handler for Accounts {
//!     type Key = u32;
//!     type Item = i64;
//!     fn handle(&self, account: Lease<'_, Self::Key, Self::Item>, _amount: i64) {
//!         let _inside = self.0.enter(&account);
//!     }
//! }
//!
//! #[test]
//! fn two_workers_one_account() {
//!     Model::new("two_workers_one_account", "P3", 2).iterations(0).reaches(&["the other ran one"]).scenario(|| {
//!         let exclusion = Exclusion::new();
//!         let builder = ShardedThreadPool::builder(Accounts(exclusion.clone()));
//!         let (pool, mut workers) = builder.shards(1).threads_per_shard(2).stepped().unwrap();
//!         pool.submit(7, 100).unwrap();
//!         pool.submit(7, -30).unwrap();
//!         let mut other = workers.pop().unwrap();
//!         let other = loom::thread::spawn(move || {
//!             if other.step() == Step::Ran {
//!                 mark("the other ran one");
//!             }
//!         });
//!         settle(&mut workers);
//!         other.join().unwrap();
//!         settle(&mut workers);
//!         exclusion.check();
//!     }).check();
//! }
//! ```
//!
//! And then, in a target directory of its own, so that native builds are not thrown away:
//!
//! ```sh
//! RUSTFLAGS="--cfg keylane_loom" cargo test --release --target-dir target/keylane-loom --test models
//! ```
//!
//! Make everything that threads share inside the scenario, before they are spawned: a scenario is run thousands of
//! times, and loom's things live for one. Native tests are `#![cfg(not(keylane_loom))]`: outside of a model there is no
//! loom to run on.
//!
//! [`Model`] demands, so that no model is green by exploring nothing:
//!
//! * **A pin.** `iterations` is how many interleavings there are. Begin with 0; the failure tells the number. When it
//!   changes, the state space has: find out why, then pin anew.
//! * **What it reaches.** Each label of `reaches` must be passed to [`mark`] in some interleaving.
//! * **No budgets.** `LOOM_MAX_PERMUTATIONS` and `LOOM_MAX_DURATION` would end the search early and report success, so
//!   a model refuses to run with them. If it does not end: fewer steps, fewer threads, stepping instead of running;
//!   then `bounded(n)`, which says so in the model's line.
//!
//! When it fails it names the interleaving, and a search goes the same way each time:
//!
//! ```sh
//! KEYLANE_REPLAY=17 RUSTFLAGS="--cfg keylane_loom" \
//!     cargo test --release --target-dir target/keylane-loom --test models two_workers_one_account
//! ```
//!
//! prints the steps of the 17th: which thread, in which function, did what. [`note`] adds steps of yours. If it comes
//! late in a long search, `KEYLANE_CHECKPOINT=FILE` leaves the way there in FILE, and the next replay starts at it.
//! `examples/downstream` in the repository is a whole package done this way, with a bug that its model finds.
//!
//! [loom]: https://docs.rs/loom
#![cfg_attr(not(keylane_loom), doc = "[`Model`]: #model-check-your-own-handler")]

mod balance;
mod clock;
mod conservation;
mod exclusion;
#[cfg(keylane_loom)]
mod model;
mod order;
mod per_key;
#[cfg(keylane_loom)]
mod replay;
mod settle;
mod verdict;

#[cfg(keylane_loom)]
pub use crate::sync::model::{Hints, Plain, loom, times};
#[cfg(keylane_loom)]
pub use model::Model;

#[cfg(not(any(keylane_loom, keylane_shuttle)))]
pub use crate::sync::on_mark;
pub use crate::sync::{mark, note};
pub use balance::Balance;
pub use clock::ManualClock;
pub use conservation::{Conservation, Fate};
pub use exclusion::{Exclusion, Inside};
pub use order::Order;
pub use per_key::Key;
pub use settle::{Stepped, settle};
