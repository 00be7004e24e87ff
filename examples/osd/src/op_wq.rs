//! The pool's side: work items and what runs them (Ceph: OSD::ShardedOpWQ, PGQueueable, PGQueueable::RunVis).

use std::sync::Arc;

use keylane::{Handler, Lease};
use parking_lot::{Mutex, MutexGuard};

use crate::counters::Counters;
use crate::gather::Part;
use crate::osd_map::PgId;
use crate::pg::{OpRequest, PlacementGroup};
use crate::store::Digest;
use crate::trace::{self, Tag};

/// Something for a placement group to do.
pub enum PgQueueable {
    Op(OpRequest),
    Scrub(Part<Digest>),
}

/// The same as the pool has it.
pub struct PgItem {
    pub queueable: PgQueueable,
    pub tag: Tag,
}

/// All placement groups. The mutex of each satisfies the compiler, not the program: the pool runs one item of a
/// PG at a time (P3), so nobody ever waits for it. In Ceph this lock is what makes it so.
pub type Pgs = Arc<[Mutex<PlacementGroup>]>;

/// Runs the items of the pool, which are keyed by placement group.
pub struct OpWq {
    pub pgs: Pgs,
    pub counters: Arc<Counters>,
}

impl Handler for OpWq {
    type Key = PgId;
    type Item = PgItem;

    fn handle(&self, pg: Lease<'_, Self::Key, Self::Item>, item: PgItem) {
        trace::handles(item.tag);
        let mut pg = self.lock(*pg);
        match item.queueable {
            PgQueueable::Op(op) => self.dequeue_op(&mut pg, op),
            PgQueueable::Scrub(part) => {
                self.counters.pgs_scrubbed.add(1);
                part.give(pg.scrub());
            }
        }
        trace::has_handled();
    }
}

impl OpWq {
    fn dequeue_op(&self, pg: &mut PlacementGroup, op: OpRequest) {
        self.counters.ops.add(1);
        pg.do_request(op);
    }

    /// The lock that is always free; if it is not, P3 is broken, and that is reported.
    fn lock(&self, id: PgId) -> MutexGuard<'_, PlacementGroup> {
        let pg = &self.pgs[id.0 as usize];
        pg.try_lock().unwrap_or_else(|| {
            self.counters.pg_conflicts.add(1);
            eprintln!("keylane-osd: two items of pg {id} ran at once");
            pg.lock()
        })
    }
}
