//! Commands to the daemon that are answered on the spot, on the dispatch thread.

use std::fmt::Write;
use std::time::Instant;

use bytes::Bytes;
use keylane::ConnectionId;

use crate::command::Admin;
use crate::object_op::ObjectName;
use crate::osd::Osd;
use crate::queue_view;
use crate::reply::Reply;

impl Osd {
    /// The reply to a command that needs nothing from the placement groups.
    pub(crate) fn answer(&self, from: ConnectionId, command: Admin) -> Reply {
        match command {
            Admin::Ping(None) => Reply::simple("PONG"),
            Admin::Ping(Some(message)) | Admin::Echo(message) => Reply::bulk(message),
            Admin::Info => Reply::bulk(self.info()),
            Admin::ConfigGet(names) => self.config_get(&names),
            Admin::Nothing => Reply::array([]),
            Admin::Accept => Reply::ok(),
            Admin::ClientId => Reply::integer(from.get() as i64),
            Admin::Hello => hello(from),
            Admin::Map(None) => self.map_reply(),
            Admin::Map(Some(object)) => self.placement(&object),
            Admin::Scrub | Admin::DbSize | Admin::PublishMap(_) | Admin::Shutdown => {
                Reply::error("ERR not answered here")
            }
        }
    }

    fn info(&self) -> String {
        let mut info = format!(
            "# Server\r\nserver_name:keylane-osd\r\nversion:{}\r\nprocess_id:{}\r\n",
            env!("CARGO_PKG_VERSION"),
            std::process::id(),
        );
        let statistics = self.statistics.lock();
        let lines = [
            ("uptime_in_seconds", statistics.uptime(Instant::now()).as_secs()),
            ("ops_per_second", statistics.ops_per_second() as u64),
            ("longest_heartbeat_gap_ms", statistics.longest_gap().as_millis() as u64),
            ("map_epoch", self.map().epoch),
            // What to publish next; 0 if nobody waits.
            ("map_wanted", self.gate.wanted().map_or(0, |epoch| epoch.0)),
        ];
        drop(statistics);
        for (name, value) in lines {
            _ = write!(info, "{name}:{value}\r\n");
        }
        info.push_str("\r\n# Messages\r\n");
        for (name, value) in self.counters.all() {
            _ = write!(info, "{name}:{value}\r\n");
        }
        info.push_str("\r\n# Queue\r\n");
        // This very command is in these: it runs, and so is not dispatched yet and holds a permit.
        for (name, value) in self.queue.snapshot().iter().flat_map(queue_view::figures) {
            _ = write!(info, "{name}:{value}\r\n");
        }
        info
    }

    fn config_get(&self, names: &[Bytes]) -> Reply {
        let settings = [
            // redis-benchmark asks for these two.
            ("save", String::new()),
            ("appendonly", "no".to_owned()),
            ("pgs", self.config.pgs.to_string()),
            ("shards", self.config.shards.to_string()),
            ("threads-per-shard", self.config.threads_per_shard.to_string()),
        ];
        let asked = |setting: &str| {
            names.iter().any(|name| **name == *b"*" || name.eq_ignore_ascii_case(setting.as_bytes()))
        };
        let found = settings.into_iter().filter(|(name, _)| asked(name));
        Reply::array(found.flat_map(|(name, value)| [Reply::bulk(name), Reply::bulk(value)]))
    }

    fn map_reply(&self) -> Reply {
        let map = self.map();
        let pairs = [
            ("epoch", map.epoch as i64),
            ("pgs", i64::from(map.pgs)),
            ("shards", map.shards as i64),
            ("threads_per_shard", map.threads_per_shard as i64),
        ];
        Reply::array(pairs.into_iter().flat_map(|(name, value)| [Reply::bulk(name), Reply::integer(value)]))
    }

    /// As `ceph osd map` tells it.
    fn placement(&self, object: &ObjectName) -> Reply {
        let map = self.map();
        Reply::array([
            Reply::bulk("epoch"),
            Reply::integer(map.epoch as i64),
            Reply::bulk("pg"),
            Reply::bulk(map.pg_of(object).to_string()),
        ])
    }
}

fn hello(from: ConnectionId) -> Reply {
    Reply::array([
        Reply::bulk("server"),
        Reply::bulk("keylane-osd"),
        Reply::bulk("version"),
        Reply::bulk(env!("CARGO_PKG_VERSION")),
        Reply::bulk("proto"),
        Reply::integer(2),
        Reply::bulk("id"),
        Reply::integer(from.get() as i64),
        Reply::bulk("mode"),
        Reply::bulk("standalone"),
        Reply::bulk("role"),
        Reply::bulk("master"),
        Reply::bulk("modules"),
        Reply::array([]),
    ])
}
