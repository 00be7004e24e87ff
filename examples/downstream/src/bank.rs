//! Bookings, in order by account.

use std::collections::BTreeMap;
use std::sync::Arc;

use keylane::{Handler, Lease};

use crate::sync::{Mutex, note};

/// Whose money it is: the key that bookings are ordered by.
pub type Account = &'static str;

/// One entry in an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The customer's number for it. A credit has that of its transfer.
    pub number: u64,
    /// What is to be done.
    pub what: What,
}

/// What a booking does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// So much comes in.
    Deposit(u64),
    /// So much goes to another account, if there is as much.
    Transfer {
        /// The other account.
        to: Account,
        /// How much.
        amount: u64,
    },
    /// The other half of a transfer: so much has arrived.
    Credit(u64),
}

/// How a bank submits a booking of its own; whether it was accepted.
pub type Submit = dyn Fn(Account, Booking) -> bool + Send + Sync;

/// Runs the bookings. Clones are the same bank.
///
/// A balance is read and later written, with nothing locked in between: the pool runs one booking of an account at a
/// time (P3). That is true of the account whose turn it is, and of no other.
#[derive(Clone, Default)]
pub struct Bank(Arc<Books>);

#[derive(Default)]
struct Books {
    balances: Mutex<BTreeMap<Account, u64>>,
    /// Set before anything is submitted, so no thread waits here: std's, in models too.
    submit: std::sync::Mutex<Option<Arc<Submit>>>,
}

impl Bank {
    /// Lets it submit. It then keeps what `submit` holds, its own pool perhaps, until it is [closed](Self::close).
    pub fn open(&self, submit: impl Fn(Account, Booking) -> bool + Send + Sync + 'static) {
        *self.0.submit.lock().unwrap() = Some(Arc::new(submit));
    }

    /// Lets go of the pool. From now on transfers are undone.
    pub fn close(&self) {
        self.0.submit.lock().unwrap().take();
    }

    /// How much is in an account.
    pub fn balance(&self, account: Account) -> u64 {
        let balance = self.0.balances.lock().unwrap().get(account).copied().unwrap_or(0);
        note(|| format!("finds {balance} of {account}"));
        balance
    }

    fn set_balance(&self, account: Account, balance: u64) {
        self.0.balances.lock().unwrap().insert(account, balance);
        note(|| format!("leaves {balance} to {account}"));
    }

    /// Books a credit to `account`, whose turn it must be.
    fn credit(&self, account: Account, amount: u64) {
        self.set_balance(account, self.balance(account) + amount);
    }

    fn transfer(&self, number: u64, from: Account, to: Account, amount: u64) {
        let Some(rest) = self.balance(from).checked_sub(amount) else {
            return;
        };
        self.set_balance(from, rest);
        if cfg!(feature = "planted-bug") {
            // It is the turn of `from`, and not of `to`.
            self.credit(to, amount);
        } else if !self.submit(to, Booking { number, what: What::Credit(amount) }) {
            // The pool has been shut down meanwhile, and it is still the turn of `from`.
            self.credit(from, amount);
        }
    }

    fn submit(&self, account: Account, booking: Booking) -> bool {
        let submit = self.0.submit.lock().unwrap().clone();
        submit.is_some_and(|submit| submit(account, booking))
    }
}

impl Handler for Bank {
    type Key = Account;
    type Item = Booking;

    fn handle(&self, account: Lease<'_, Self::Key, Self::Item>, booking: Booking) {
        match booking.what {
            What::Deposit(amount) | What::Credit(amount) => self.credit(&account, amount),
            What::Transfer { to, amount } => self.transfer(booking.number, &account, to, amount),
        }
    }
}

impl std::fmt::Debug for Bank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bank").finish_non_exhaustive()
    }
}
