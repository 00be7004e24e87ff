//! Where operations wait for the map that their client had (Ceph: OSD::dispatch_session_waiting, dispatch_op_fast).

use keylane::{Epoch, EpochGate, GateSession, Gatekeeper, PoolHandle, Turn};

use crate::command::Summary;
use crate::gather::gather;
use crate::object_op::ObjectRequest;
use crate::op_wq::{OpWq, PgItem, PgQueueable};
use crate::osd_map::{OsdMap, PgId};
use crate::pg::{Answer, OpRequest};
use crate::replies::ReplySlot;
use crate::reply::Reply;
use crate::trace::{self, Tag};

/// Operations of one request, and the epoch of the map that their client had; 0 if it has none.
pub struct MapOps {
    pub epoch: u64,
    pub ops: Ops,
}

pub enum Ops {
    /// One operation on one object.
    One(Box<ObjectRequest>, ReplySlot),
    /// Operations on several objects, with one reply.
    Several(Vec<ObjectRequest>, Summary, ReplySlot),
}

/// A connection's place at the gate (Ceph: Session).
pub type Session = GateSession<OpGate>;

pub type Gate = EpochGate<OpGate>;

/// Hands on what may leave, to the pool.
pub struct OpGate {
    pub pool: PoolHandle<OpWq>,
}

impl Gatekeeper for OpGate {
    type Message = MapOps;
    type Map = OsdMap;
    /// All placement groups exist from the start.
    type Group = ();

    fn epoch_of(&self, ops: &MapOps) -> Epoch {
        Epoch(ops.epoch)
    }

    fn group_of(&self, _: &MapOps) {}

    fn pass(&self, turn: Turn<'_, Self>, ops: MapOps) {
        trace::passes(turn.session(), &ops);
        match ops.ops {
            Ops::One(request, slot) => {
                self.dispatch_op_fast(turn.map(), request, Answer::Request(slot));
            }
            // One item for each object, as they live in different placement groups.
            Ops::Several(requests, summary, slot) => {
                let parts = gather(requests.len(), move |replies| slot.fill(summary.of(replies)));
                for (request, part) in requests.into_iter().zip(parts) {
                    self.dispatch_op_fast(turn.map(), Box::new(request), Answer::Part(part));
                }
            }
        }
    }
}

impl OpGate {
    fn dispatch_op_fast(&self, map: &OsdMap, request: Box<ObjectRequest>, answer: Answer) {
        self.enqueue(map.pg_of(&request.object), PgQueueable::Op(OpRequest { request, answer }));
    }

    pub fn enqueue(&self, pg: PgId, queueable: PgQueueable) {
        let tag = Tag::new();
        trace::submits(pg, tag);
        // The pool is shut down after the queue has ended, so it takes whatever comes from here. Were it to
        // refuse, dropping the item would answer the client with an error.
        if self.pool.submit(pg, PgItem { queueable, tag }).is_err() {
            eprintln!("keylane-osd: pg {pg} lost an item: the pool was stopped before the queue");
        }
    }
}

/// Answers what still waits for a map in a session whose client will not see it (Ceph: OSD::session_handle_reset).
pub fn session_handle_reset(session: &Session) {
    for ops in session.reset() {
        ops.refuse("RESET the connection ended before the map came; this request was not carried out");
    }
}

impl MapOps {
    /// Answers what will not be carried out.
    pub fn refuse(self, why: &str) {
        self.into_slot().fill(Reply::error(why));
    }

    pub fn slot(&self) -> &ReplySlot {
        match &self.ops {
            Ops::One(_, slot) | Ops::Several(_, _, slot) => slot,
        }
    }

    pub fn into_slot(self) -> ReplySlot {
        match self.ops {
            Ops::One(_, slot) | Ops::Several(_, _, slot) => slot,
        }
    }
}

impl Summary {
    fn of(self, replies: Vec<Reply>) -> Reply {
        let error = replies.iter().find(|reply| reply.is_error());
        if let (Self::Sum | Self::Ok, Some(error)) = (self, error) {
            return error.clone();
        }
        match self {
            Self::List => Reply::array(replies),
            Self::Sum => Reply::integer(replies.iter().filter_map(Reply::as_integer).sum()),
            Self::Ok => Reply::ok(),
        }
    }
}
