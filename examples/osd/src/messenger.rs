//! The dispatch queue as this daemon has it (Ceph: a Messenger, its DispatchQueue and its throttles).

use keylane::{DispatchQueue, DispatchQueueBuilder, Limits};

use crate::limits;
use crate::osd::Osd;

/// Whoever waits for room is let in: permits are held until a callback has returned, by fast operations too, and no
/// callback waits. What waits holds none: neither for a map, which comes in a message that needs a permit itself, nor
/// for the pool, nor for a client to read. That is bounded client by client, by `Replies::reserve`.
pub fn builder(osd: Osd) -> DispatchQueueBuilder<Osd> {
    DispatchQueue::builder(osd)
        .name("osd-ms")
        .limits(Limits { count: None, bytes: Some(limits::DISPATCH_BYTES) })
        .watch(limits::SLOW_CALLBACK, |slow| eprintln!("keylane-osd: {slow}"))
}

#[cfg(test)]
pub mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use keylane::{
        Connection, Delivered, DispatchLoop, Epoch, LocalLoop, QueueHandle, Refusal, ShardedThreadPool, Step,
    };

    use super::*;
    use crate::cli::Config;
    use crate::command::Admin;
    use crate::counters::Counters;
    use crate::message::OsdMessage;
    use crate::object_op::{ObjectOp, ObjectRequest};
    use crate::op_gate::{Gate, MapOps, OpGate, Ops};
    use crate::op_wq::OpWq;
    use crate::osd_map::OsdMap;
    use crate::replies::{Replies, tests::with_client};
    use crate::stop_line::StopLine;

    /// More than half of what may be under way.
    const LARGE: usize = 60 << 20;

    /// The queue without threads, and a pool of which nobody runs anything.
    pub fn stepped() -> (QueueHandle<Osd>, DispatchLoop<Osd>, LocalLoop<Osd>, Gate, Arc<Counters>) {
        let (bind, tick) = ([127, 0, 0, 1].into(), Duration::MAX);
        let config = Config { bind, port: 0, pgs: 1, shards: 1, threads_per_shard: 1, tick };
        let map = OsdMap { epoch: 1, pgs: 1, shards: 1, threads_per_shard: 1 };
        let counters = Arc::<Counters>::default();
        let work_queue = OpWq { pgs: Arc::new([]), counters: Arc::clone(&counters) };
        let (pool, _) = ShardedThreadPool::builder(work_queue).stepped().unwrap();
        let gate = Gate::new(OpGate { pool });
        gate.publish(Epoch(1), Arc::new(map.clone())).unwrap();
        let stop = StopLine::new().unwrap();
        let osd = Osd::new(config, map, gate.clone(), Arc::clone(&counters), Arc::default(), stop);
        let (queue, dispatch, local) = builder(osd).stepped();
        (queue, dispatch, local, gate, counters)
    }

    fn ping(replies: &Arc<Replies>) -> OsdMessage {
        OsdMessage::Admin(Admin::Ping(None), replies.reserve(LARGE).unwrap())
    }

    fn full(connection: &mut Connection<Osd>, message: OsdMessage) -> OsdMessage {
        let refused = connection.try_deliver(message).unwrap_err();
        assert_eq!(refused.reason(), Refusal::Full);
        refused.into_message()
    }

    #[test]
    fn what_is_queued_takes_room_until_its_callback_has_returned() {
        let (queue, mut dispatch, _local, _, counters) = stepped();
        let (replies, _client) = with_client(counters);
        let mut connection = queue.connect();
        assert_eq!(connection.try_deliver(ping(&replies)).unwrap(), Delivered::Queued);
        let second = full(&mut queue.connect(), ping(&replies));
        assert_eq!(dispatch.step(), Step::Ran);
        assert_eq!(connection.try_deliver(second).unwrap(), Delivered::Queued);
        assert_eq!(dispatch.step(), Step::Ran);
        assert_eq!(queue.snapshot().throttle.unwrap().count, 0);
    }

    #[test]
    fn what_waits_for_a_map_takes_no_room_from_the_map() {
        let (queue, mut dispatch, _local, gate, counters) = stepped();
        let (mut client, mut operator) = (queue.connect(), queue.connect());
        let (replies, _client) = with_client(Arc::clone(&counters));
        let (others, _operator) = with_client(counters);
        let session = Arc::new(gate.session());
        for _ in 0..2 {
            let request = Box::new(ObjectRequest { object: "o".into(), op: ObjectOp::Get });
            let op = Ops::One(request, replies.reserve(LARGE).unwrap());
            let ops = OsdMessage::Ops(Arc::downgrade(&session), MapOps { epoch: 2, ops: op });
            assert_eq!(client.try_deliver(ops).unwrap(), Delivered::Fast);
        }
        let publish = OsdMessage::Admin(Admin::PublishMap(2), others.reserve(LARGE).unwrap());
        assert_eq!(operator.try_deliver(publish).unwrap(), Delivered::Queued);
        full(&mut operator, ping(&others));
        assert_eq!(gate.wanted(), Some(Epoch(2)));
        assert_eq!(dispatch.step(), Step::Ran);
        assert_eq!(gate.wanted(), None);
    }

    #[test]
    fn a_reset_discards_a_message_with_its_permit_and_its_slot() {
        let (queue, mut dispatch, _local, _, counters) = stepped();
        let (replies, _client) = with_client(Arc::clone(&counters));
        let mut connection = queue.connect();
        connection.accepted().unwrap();
        assert_eq!(connection.try_deliver(ping(&replies)).unwrap(), Delivered::Queued);
        connection.reset().unwrap();
        while dispatch.step() == Step::Ran {}
        assert_eq!((counters.accepts.get(), counters.resets.get()), (1, 1));
        assert_eq!((counters.answered.get(), counters.unanswered.get()), (0, 1));
        let snapshot = queue.snapshot();
        assert_eq!((snapshot.queued.discarded, snapshot.throttle.unwrap().count), (1, 0));
        assert_eq!(snapshot.connections, 0);
    }
}
