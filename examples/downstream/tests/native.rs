//! The bank without threads, and with them.

#![cfg(not(keylane_loom))]

mod checked;

use checked::Branch;
use keylane::testing::settle;
use keylane::{ShardedThreadPool, Stop};
use keylane_downstream::{Bank, Booking, What};

/// One order of many: it passes with the planted bug, too.
#[test]
fn a_transfer_and_a_deposit() {
    let (branch, mut workers) = Branch::open(2);
    assert!(branch.submit("ada", 1, What::Deposit(100)));
    assert!(branch.submit("ada", 2, What::Transfer { to: "bob", amount: 30 }));
    assert!(branch.submit("bob", 3, What::Deposit(5)));
    assert!(settle(&mut workers) >= 3);
    assert_eq!(branch.close(workers, ["ada", "bob"], 105), [70, 35]);
}

#[test]
fn what_is_not_booked_comes_back() {
    let (branch, workers) = Branch::open(1);
    assert!(branch.submit("ada", 1, What::Deposit(100)));
    branch.pool.shutdown(Stop::HandBack);
    assert!(!branch.submit("ada", 2, What::Deposit(1)));
    assert_eq!(branch.close(workers, ["ada"], 100), [0]);
}

#[test]
fn a_bank_with_threads() {
    let bank = Bank::default();
    let pool = ShardedThreadPool::builder(bank.clone()).start().unwrap();
    let own = pool.handle();
    bank.open(move |account, booking| own.submit(account, booking).is_ok());
    let accounts = ["ada", "bob", "cyd"];
    for (account, number) in accounts.into_iter().zip(1..) {
        pool.submit(account, Booking { number, what: What::Deposit(100) }).unwrap();
    }
    let transfer = What::Transfer { to: "cyd", amount: 30 };
    pool.submit("ada", Booking { number: 4, what: transfer }).unwrap();
    pool.drain().unwrap();
    assert!(pool.join().unwrap().leftovers.is_empty());
    bank.close();
    assert_eq!(accounts.map(|account| bank.balance(account)), [70, 100, 130]);
}
