//! The daemon's side of the dispatch queue (Ceph: OSD as a Dispatcher).

use std::sync::{Arc, Weak};
use std::time::Instant;

use keylane::{ConnectionId, Dispatcher, Epoch, Event, Handled};
use parking_lot::Mutex;

use crate::cli::Config;
use crate::command::Admin;
use crate::counters::Counters;
use crate::gather::gather;
use crate::message::{OsdMessage, Tick};
use crate::op_gate::{Gate, MapOps, Session};
use crate::op_wq::PgQueueable;
use crate::osd_map::OsdMap;
use crate::queue_view::QueueView;
use crate::replies::ReplySlot;
use crate::reply::Reply;
use crate::statistics::Statistics;
use crate::stop_line::StopLine;
use crate::store::Digest;
use crate::trace;

pub struct Osd {
    pub gate: Gate,
    first_map: OsdMap,
    pub config: Config,
    pub counters: Arc<Counters>,
    pub queue: Arc<QueueView>,
    pub statistics: Mutex<Statistics>,
    stop: StopLine,
}

impl Dispatcher for Osd {
    type Message = OsdMessage;

    fn can_fast_dispatch(&self, message: &OsdMessage) -> bool {
        message.is_fast()
    }

    fn fast_dispatch(&self, from: ConnectionId, message: OsdMessage) -> Handled<OsdMessage> {
        self.ms_fast_dispatch(from, message);
        trace::has_dispatched();
        Ok(())
    }

    fn dispatch(&self, from: ConnectionId, message: OsdMessage) -> Handled<OsdMessage> {
        trace::dispatches(from, &message);
        self.ms_dispatch(from, message);
        trace::has_dispatched();
        Ok(())
    }

    fn event(&self, from: ConnectionId, event: Event) -> bool {
        match event {
            Event::Accepted => self.ms_handle_accept(from),
            Event::Reset => self.ms_handle_reset(),
            // Who talks to clients connects to nobody, and has no sessions that outlive a connection.
            _ => return false,
        }
        true
    }
}

impl Osd {
    pub fn new(
        config: Config,
        first_map: OsdMap,
        gate: Gate,
        counters: Arc<Counters>,
        queue: Arc<QueueView>,
        stop: StopLine,
    ) -> Self {
        let statistics = Mutex::new(Statistics::new(Instant::now()));
        Self { gate, first_map, config, counters, queue, statistics, stop }
    }

    /// On the reader's thread (a tick: on the local thread): hands on, and returns at once.
    fn ms_fast_dispatch(&self, from: ConnectionId, message: OsdMessage) {
        match message {
            OsdMessage::Ops(session, ops) => self.dispatch_session(&session, ops),
            OsdMessage::Tick(Tick::Heartbeat, _) => {
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
            OsdMessage::Tick(Tick::MgrReport, _) => {
                self.statistics.lock().report(Instant::now(), self.counters.ops.get());
            }
            other => self.ms_fast_dispatch(from, other),
        }
    }

    /// Before anything that the client had queued, and in no order against its operations: so the reader, and not this,
    /// makes the session that these need. (Ceph came to a fast accept for that.)
    fn ms_handle_accept(&self, from: ConnectionId) {
        trace::hears_accepted(from);
        self.counters.accepts.add(1);
        trace::has_dispatched();
    }

    /// Ceph empties the session here (session_handle_reset), and locks out fast dispatch meanwhile. Here the
    /// connection's own thread does it before the reset, in session.rs. This would be too late: what waits for a map
    /// holds up the replies behind it, which a client that has only closed its half is still owed, and the reset, which
    /// discards, may not come before these are sent. And who has stopped reading knows, without a lock, that no more
    /// will come to the session.
    fn ms_handle_reset(&self) {
        trace::hears_reset();
        self.counters.resets.add(1);
    }

    /// To the session's back, behind whatever waits there for a map. A connection that has ended has no session, and
    /// its operations go nowhere.
    fn dispatch_session(&self, session: &Weak<Session>, ops: MapOps) {
        let Some(session) = session.upgrade() else { return ops.refuse("RESET the connection has ended") };
        trace::brings(&ops);
        if let Err(refused) = session.arrive(ops) {
            refused
                .into_message()
                .refuse("SHUTDOWN the daemon is stopping; this request was not carried out");
        }
    }

    /// A map is the one before with a new number: this daemon has no others to share objects with.
    fn handle_osd_map(&self, epoch: u64, slot: ReplySlot) {
        let map = OsdMap { epoch, ..self.map() };
        slot.fill(match self.gate.publish(Epoch(epoch), Arc::new(map)) {
            Ok(()) => Reply::ok(),
            Err(refused) => Reply::error(format!("ERR {refused}")),
        });
    }

    /// The newest one.
    pub(crate) fn map(&self) -> OsdMap {
        self.gate.published().map_or_else(|| self.first_map.clone(), |(_, map)| OsdMap::clone(&map))
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
            Admin::PublishMap(epoch) => self.handle_osd_map(epoch, slot),
            Admin::Shutdown => {
                slot.fill(Reply::ok());
                self.stop.raise();
            }
            command => slot.fill(self.answer(from, command)),
        }
    }

    /// Visits every placement group through the pool: the PG's own operations wait for it, no other's do.
    fn handle_scrub(&self, slot: ReplySlot, reply: impl FnOnce(i64, Digest) -> Reply + Send + 'static) {
        let parts = gather(self.first_map.pgs as usize, move |digests: Vec<Digest>| {
            let mut total = Digest::default();
            digests.iter().for_each(|digest| total += *digest);
            slot.fill(reply(digests.len() as i64, total));
        });
        for (pg, part) in self.first_map.pg_ids().zip(parts) {
            self.gate.keeper().enqueue(pg, PgQueueable::Scrub(part));
        }
    }
}
