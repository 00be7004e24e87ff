//! The bank in every interleaving. See README.md for how to run these.

#![cfg(keylane_loom)]

mod checked;

use checked::Branch;
use keylane::testing::{Model, loom, mark, settle};
use keylane::{Step, Stop};
use keylane_downstream::What;
use loom::thread;

/// Two workers: one may book Ada's transfer to Bob while the other books Bob's deposit.
#[test]
fn a_transfer_against_a_deposit() {
    Model::new("a_transfer_against_a_deposit", "P1 P2 P3", 2)
        .iterations(1_344)
        .reaches(&["the other booked one"])
        .scenario(|| {
            let (branch, mut workers) = Branch::open(2);
            assert!(branch.submit("ada", 1, What::Deposit(100)));
            settle(&mut workers);
            assert!(branch.submit("ada", 2, What::Transfer { to: "bob", amount: 30 }));
            assert!(branch.submit("bob", 3, What::Deposit(5)));
            let mut other = workers.pop().unwrap();
            let other = thread::spawn(move || {
                if other.step() == Step::Ran {
                    mark("the other booked one");
                }
                other
            });
            let _ = workers[0].step();
            workers.push(other.join().unwrap());
            settle(&mut workers);
            assert_eq!(branch.close(workers, ["ada", "bob"], 105), [70, 35]);
        })
        .check();
}

/// The pool is shut down while a transfer is under way: the money arrives or comes
/// back to its account.
#[test]
fn a_transfer_against_shutdown() {
    Model::new("a_transfer_against_shutdown", "P1 P8", 2)
        .iterations(302)
        .reaches(&["arrived", "undone", "refused"])
        .scenario(|| {
            let (branch, mut workers) = Branch::open(1);
            assert!(branch.submit("ada", 1, What::Deposit(100)));
            settle(&mut workers);
            let shutdown = {
                let pool = branch.pool.clone();
                thread::spawn(move || pool.shutdown(Stop::RunRemaining))
            };
            let accepted = branch.submit("ada", 2, What::Transfer { to: "bob", amount: 30 });
            settle(&mut workers);
            shutdown.join().unwrap();
            settle(&mut workers);
            match branch.close(workers, ["ada", "bob"], 100) {
                [70, 30] => mark("arrived"),
                [100, 0] if accepted => mark("undone"),
                [100, 0] => mark("refused"),
                other => panic!("balances {other:?}"),
            }
        })
        .check();
}
