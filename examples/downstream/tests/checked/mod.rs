//! The bank with keylane's checkers around it, for native tests and for models.

use keylane::testing::{Conservation, Exclusion, Fate, Order};
use keylane::{Handler, Lease, PoolHandle, ShardedThreadPool, Worker};
use keylane_downstream::{Account, Bank, Booking, What};

/// What is asked of every booking.
#[derive(Clone, Default)]
pub struct Checkers {
    exclusion: Exclusion<Account>,
    order: Order<Account>,
    conservation: Conservation,
}

/// The bank, each of its bookings reported.
pub struct Checked {
    bank: Bank,
    checkers: Checkers,
}

impl Handler for Checked {
    type Key = Account;
    type Item = Booking;

    fn handle(&self, account: Lease<'_, Self::Key, Self::Item>, booking: Booking) {
        let _inside = self.checkers.exclusion.enter(&account);
        self.checkers.order.began(&account, id(booking));
        self.checkers.conservation.met(id(booking), Fate::Ran);
        self.bank.handle(account, booking);
    }
}

/// A bank on a pool of one shard that is stepped by hand.
pub struct Branch {
    bank: Bank,
    checkers: Checkers,
    pub pool: PoolHandle<Checked>,
}

impl Branch {
    pub fn open(workers: usize) -> (Self, Vec<Worker<Checked>>) {
        let (bank, checkers) = (Bank::default(), Checkers::default());
        let checked = Checked { bank: bank.clone(), checkers: checkers.clone() };
        let (pool, workers) =
            ShardedThreadPool::builder(checked).shards(1).threads_per_shard(workers).stepped().unwrap();
        bank.open({
            let (pool, checkers) = (pool.clone(), checkers.clone());
            move |account, booking| checkers.submit(&pool, account, booking)
        });
        (Self { bank, checkers, pool }, workers)
    }

    /// Whether it was accepted.
    pub fn submit(&self, account: Account, number: u64, what: What) -> bool {
        self.checkers.submit(&self.pool, account, Booking { number, what })
    }

    /// Ends the pool, and asks whether all bookings and all money are accounted for: so much was paid in. Returns
    /// the balances.
    pub fn close<const N: usize>(
        self,
        workers: Vec<Worker<Checked>>,
        accounts: [Account; N],
        paid_in: u64,
    ) -> [u64; N] {
        let mut under_way = 0;
        for (_, booking) in self.pool.reclaim(workers).leftovers {
            self.checkers.conservation.met(id(booking), Fate::HandedBack);
            under_way += match booking.what {
                What::Deposit(amount) | What::Credit(amount) => amount,
                What::Transfer { .. } => 0,
            };
        }
        self.bank.close();
        self.checkers.exclusion.check();
        self.checkers.order.check();
        self.checkers.conservation.check();
        let balances = accounts.map(|account| self.bank.balance(account));
        let there = balances.iter().sum::<u64>() + under_way;
        assert_eq!(there, paid_in, "no money is lost, and none is made");
        balances
    }
}

impl Checkers {
    fn submit(&self, pool: &PoolHandle<Checked>, account: Account, booking: Booking) -> bool {
        let id = id(booking);
        let submit = || pool.submit(account, booking);
        self.order.submit(&account, id, || self.conservation.offer(id, submit)).is_ok()
    }
}

/// Tells a transfer and its credit apart, whose number is the same.
fn id(booking: Booking) -> u64 {
    2 * booking.number + u64::from(matches!(booking.what, What::Credit(_)))
}
