//! A placement group: its objects, and the way of an operation through it (Ceph: PG, ReplicatedPG).
//!
//! `do_request -> do_op -> execute_ctx`, under the PG's lock.

use crate::do_osd_ops::do_osd_op;
use crate::gather::Part;
use crate::object_op::{ObjectName, ObjectRequest};
use crate::replies::ReplySlot;
use crate::reply::Reply;
use crate::store::{Digest, MemStore, ObjectStore, Transaction};

/// One client operation on its way (Ceph: OpRequest).
pub struct OpRequest {
    pub request: Box<ObjectRequest>,
    pub answer: Answer,
}

/// Where the reply of an operation goes.
pub enum Answer {
    /// It is the reply to a request.
    Request(ReplySlot),
    /// It is one of several that make one up.
    Part(Part<Reply>),
}

/// What is decided about an operation before it is carried out (Ceph: OpContext).
struct OpContext {
    object: ObjectName,
    reply: Reply,
    transaction: Option<Transaction>,
    answer: Answer,
}

pub struct PlacementGroup<S = MemStore> {
    store: S,
}

impl<S: ObjectStore> PlacementGroup<S> {
    pub fn new(store: S) -> Self {
        Self { store }
    }

    /// Takes a request in hand. In Ceph it may have to wait here, until the PG has peered; this one always has.
    pub fn do_request(&mut self, request: OpRequest) {
        self.do_op(request);
    }

    /// Decides what the operation does, or refuses it.
    fn do_op(&mut self, OpRequest { request, answer }: OpRequest) {
        let ObjectRequest { object, op } = *request;
        match do_osd_op(&self.store, &object, op) {
            Ok((reply, transaction)) => self.execute_ctx(OpContext { object, reply, transaction, answer }),
            Err(error) => answer.give(Reply::error(error.to_string())),
        }
    }

    /// Carries it out, then answers: a write that was acknowledged is in the store.
    fn execute_ctx(&mut self, context: OpContext) {
        if let Some(transaction) = context.transaction {
            self.store.apply(&context.object, transaction);
        }
        context.answer.give(context.reply);
    }

    /// Walks over all objects.
    pub fn scrub(&self) -> Digest {
        self.store.scan()
    }

    pub fn store(&self) -> &S {
        &self.store
    }
}

impl Answer {
    pub fn give(self, reply: Reply) {
        match self {
            Self::Request(slot) => slot.fill(reply),
            Self::Part(part) => part.give(reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::gather;
    use crate::object_op::ObjectOp;

    fn run(pg: &mut PlacementGroup, op: ObjectOp) -> Reply {
        let (send, receive) = std::sync::mpsc::channel();
        let part = gather(1, move |replies| send.send(replies).unwrap()).next().unwrap();
        let request = Box::new(ObjectRequest { object: "o".into(), op });
        pg.do_request(OpRequest { request, answer: Answer::Part(part) });
        receive.try_recv().expect("answered when do_request returns").remove(0)
    }

    #[test]
    fn answers_when_the_change_is_in_the_store() {
        let mut pg = PlacementGroup::new(MemStore::default());
        assert_eq!(run(&mut pg, ObjectOp::Get), Reply::null());
        assert_eq!(run(&mut pg, ObjectOp::Set("x".into())), Reply::ok());
        assert!(run(&mut pg, ObjectOp::IncrBy(1)).is_error());
        assert_eq!(run(&mut pg, ObjectOp::Get), Reply::bulk("x"));
        assert_eq!((pg.scrub().objects, pg.store().stat(&"o".into())), (1, Some(1)));
    }
}
