//! The daemon's side of the dispatch queue (Ceph: OSD as a Dispatcher).

use std::sync::Arc;
use std::time::Instant;

use keylane::{ConnectionId, Dispatcher, Handled, PoolHandle};
use parking_lot::Mutex;

use crate::cli::Config;
use crate::command::{Admin, Summary};
use crate::counters::Counters;
use crate::gather::gather;
use crate::message::{OsdMessage, Tick};
use crate::object_op::{ObjectName, ObjectOp};
use crate::op_wq::{OpWq, PgQueueable};
use crate::osd_map::{OsdMap, PgId};
use crate::pg::{Answer, OpRequest};
use crate::replies::ReplySlot;
use crate::reply::Reply;
use crate::statistics::Statistics;
use crate::stop_line::StopLine;
use crate::store::Digest;

pub struct Osd {
    pub map: OsdMap,
    pub config: Config,
    pub counters: Arc<Counters>,
    pub statistics: Mutex<Statistics>,
    pool: PoolHandle<OpWq>,
    stop: StopLine,
}

impl Dispatcher for Osd {
    type Message = OsdMessage;

    fn can_fast_dispatch(&self, message: &OsdMessage) -> bool {
        match message {
            OsdMessage::Op(..) | OsdMessage::Ops(..) | OsdMessage::Tick(Tick::Heartbeat) => true,
            OsdMessage::Admin(..) | OsdMessage::Tick(Tick::MgrReport) => false,
        }
    }

    fn fast_dispatch(&self, from: ConnectionId, message: OsdMessage) -> Handled<OsdMessage> {
        self.ms_fast_dispatch(from, message);
        Ok(())
    }

    fn dispatch(&self, from: ConnectionId, message: OsdMessage) -> Handled<OsdMessage> {
        self.ms_dispatch(from, message);
        Ok(())
    }
}

impl Osd {
    pub fn new(
        config: Config,
        map: OsdMap,
        pool: PoolHandle<OpWq>,
        counters: Arc<Counters>,
        stop: StopLine,
    ) -> Self {
        let statistics = Mutex::new(Statistics::new(Instant::now()));
        Self { map, config, counters, statistics, pool, stop }
    }

    /// On the reader's thread (a tick: on the local thread): hands on, and returns at once.
    fn ms_fast_dispatch(&self, from: ConnectionId, message: OsdMessage) {
        match message {
            OsdMessage::Op(object, op, slot) => self.dispatch_op_fast(object, op, Answer::Request(slot)),
            OsdMessage::Ops(ops, summary, slot) => self.dispatch_ops_fast(ops, summary, slot),
            OsdMessage::Tick(Tick::Heartbeat) => {
                self.counters.local_fast.add(1);
                self.statistics.lock().heartbeat(Instant::now());
            }
            // Whatever may not go fast, and came here all the same, is still served.
            other => self.ms_dispatch(from, other),
        }
    }

    /// On the dispatch thread.
    fn ms_dispatch(&self, from: ConnectionId, message: OsdMessage) {
        match message {
            OsdMessage::Admin(command, slot) => self.handle_command(from, command, slot),
            OsdMessage::Tick(Tick::MgrReport) => {
                self.counters.local_queued.add(1);
                self.statistics.lock().report(Instant::now(), self.counters.ops.get());
            }
            other => self.ms_fast_dispatch(from, other),
        }
    }

    fn dispatch_op_fast(&self, object: ObjectName, op: ObjectOp, answer: Answer) {
        let pg = self.map.pg_of(&object);
        self.enqueue(pg, PgQueueable::Op(OpRequest { object, op, answer }));
    }

    /// One item for each object, as they live in different placement groups.
    fn dispatch_ops_fast(&self, ops: Vec<(ObjectName, ObjectOp)>, summary: Summary, slot: ReplySlot) {
        let parts = gather(ops.len(), move |replies| slot.fill(summary.of(replies)));
        for ((object, op), part) in ops.into_iter().zip(parts) {
            self.dispatch_op_fast(object, op, Answer::Part(part));
        }
    }

    fn handle_command(&self, from: ConnectionId, command: Admin, slot: ReplySlot) {
        match command {
            Admin::Scrub => self.handle_scrub(slot, |pgs, total| {
                let checksum = format!("{:016x}", total.checksum);
                Reply::array([
                    Reply::bulk("pgs"),
                    Reply::integer(pgs),
                    Reply::bulk("objects"),
                    Reply::integer(total.objects as i64),
                    Reply::bulk("bytes"),
                    Reply::integer(total.bytes as i64),
                    Reply::bulk("checksum"),
                    Reply::bulk(checksum),
                ])
            }),
            Admin::DbSize => self.handle_scrub(slot, |_, total| Reply::integer(total.objects as i64)),
            Admin::Shutdown => {
                slot.fill(Reply::ok());
                self.stop.raise();
            }
            command => slot.fill(self.answer(from, command)),
        }
    }

    /// Visits every placement group through the pool: the PG's own operations wait for it, no other's do.
    fn handle_scrub(&self, slot: ReplySlot, reply: impl FnOnce(i64, Digest) -> Reply + Send + 'static) {
        let parts = gather(self.map.pgs as usize, move |digests: Vec<Digest>| {
            let mut total = Digest::default();
            digests.iter().for_each(|digest| total += *digest);
            slot.fill(reply(digests.len() as i64, total));
        });
        for (pg, part) in self.map.pg_ids().zip(parts) {
            self.enqueue(pg, PgQueueable::Scrub(part));
        }
    }

    fn enqueue(&self, pg: PgId, item: PgQueueable) {
        // The pool is shut down after the queue has ended, so it takes whatever comes from here. Were it to
        // refuse, dropping the item would answer the client with an error.
        if self.pool.submit(pg, item).is_err() {
            eprintln!("keylane-osd: pg {pg} lost an item: the pool was stopped before the queue");
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
