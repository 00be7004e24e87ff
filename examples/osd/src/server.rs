//! The daemon: what it is made of, in which order it starts, and in which order it ends.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use keylane::{BuildError, DispatchQueue, Epoch, QueueHandle, QueueSnapshot, ShardedThreadPool, Stop};
use parking_lot::Mutex;
use thiserror::Error;

use crate::balance;
use crate::cli::Config;
use crate::counters::Counters;
use crate::messenger;
use crate::object_op::ObjectName;
use crate::op_gate::{Gate, OpGate};
use crate::op_wq::{OpWq, Pgs};
use crate::osd::Osd;
use crate::osd_map::OsdMap;
use crate::pg::PlacementGroup;
use crate::queue_view::{QueueView, from_clients};
use crate::session::Sessions;
use crate::stop_line::{StopLine, Woken};
use crate::store::{MemStore, ObjectStore};
use crate::ticks;
use crate::trace;

/// How long the last replies may take to get through to a client that does not read.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait before accepting again when that failed, as for want of file descriptors.
const ACCEPT_AGAIN_MS: i64 = 100;

#[derive(Debug, Error)]
pub enum ServerError {
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    #[error("cannot start the pool or the queue: {0}")]
    Build(#[from] BuildError),
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// A daemon that runs. End it with [`finish`](Self::finish).
pub struct Server {
    address: SocketAddr,
    map: OsdMap,
    pgs: Pgs,
    counters: Arc<Counters>,
    sessions: Arc<Sessions>,
    stop: StopLine,
    pool: ShardedThreadPool<OpWq>,
    queue: DispatchQueue<Osd>,
    view: Arc<QueueView>,
    gate: Gate,
    threads: Vec<JoinHandle<()>>,
}

/// What a daemon leaves behind.
pub struct Remains {
    pub map: OsdMap,
    pub pgs: Pgs,
    pub counters: Arc<Counters>,
    /// What became of the messages, when all was over.
    pub queue: QueueSnapshot,
    /// Messages and items that were accepted and never ran: none, ever.
    pub leftovers: usize,
    /// Callbacks and handlers that panicked.
    pub panics: usize,
}

impl Server {
    /// Starts everything, the listener last: the first client finds it all there.
    pub fn start(config: Config) -> Result<Self, ServerError> {
        let address = SocketAddr::new(config.bind, config.port);
        let listener = TcpListener::bind(address).map_err(|error| ServerError::Listen(address, error))?;
        let address = listener.local_addr()?;
        let stop = StopLine::new()?;
        let counters = Arc::<Counters>::default();
        let map = OsdMap {
            epoch: 1,
            pgs: config.pgs,
            shards: config.shards,
            threads_per_shard: config.threads_per_shard,
        };
        let pgs: Pgs = map.pg_ids().map(|_| Mutex::new(PlacementGroup::new(MemStore::default()))).collect();

        let work_queue = OpWq { pgs: Arc::clone(&pgs), counters: Arc::clone(&counters) };
        let pool = ShardedThreadPool::builder(work_queue)
            .name("osd-tp")
            .shards(config.shards)
            .threads_per_shard(config.threads_per_shard)
            .start()?;
        let tick = config.tick;
        let gate = Gate::new(OpGate { pool: pool.handle() });
        gate.publish(Epoch(map.epoch), Arc::new(map.clone())).expect("it is the first");
        let view = Arc::<QueueView>::default();
        let (osd_counters, osd_view) = (Arc::clone(&counters), Arc::clone(&view));
        let osd = Osd::new(config, map.clone(), gate.clone(), osd_counters, osd_view, stop.clone());
        let queue = messenger::builder(osd).start()?;
        view.open(queue.handle());

        let sessions = Arc::<Sessions>::default();
        let ticker = ticks::start(queue.local(), tick, stop.clone())?;
        let acceptor = Acceptor {
            listener,
            queue: queue.handle(),
            gate: gate.clone(),
            sessions: Arc::clone(&sessions),
            stop: stop.clone(),
            counters: Arc::clone(&counters),
        };
        let acceptor = thread::Builder::new().name("osd-accept".to_owned()).spawn(move || acceptor.run())?;
        let threads = vec![acceptor, ticker];
        Ok(Self { address, map, pgs, counters, sessions, stop, pool, queue, view, gate, threads })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[cfg(feature = "trace")]
    pub fn local(&self) -> keylane::Local<Osd> {
        self.queue.local()
    }

    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// What has become of the messages so far.
    pub fn snapshot(&self) -> QueueSnapshot {
        self.queue.snapshot()
    }

    /// Raise it to stop the daemon.
    pub fn stop_line(&self) -> StopLine {
        self.stop.clone()
    }

    /// Waits until the daemon is told to stop, by the SHUTDOWN command or the stop line, and ends it: nothing more
    /// is accepted, and everything that was is answered.
    pub fn finish(self) -> Remains {
        for thread in self.threads {
            // A panic there has been printed, and ends nothing else.
            _ = thread.join();
        }
        // Producers before consumers: readers feed the queue, the queue feeds the gate, the gate the pool, the pool the writers.
        self.queue.shutdown(Stop::RunRemaining);
        trace::joins_queue();
        let handle = self.queue.handle();
        let queue = self.queue.join().expect("this is no callback of the queue");
        self.view.close();
        for (_, ops) in self.gate.stop() {
            ops.refuse("SHUTDOWN the daemon stopped before the map came; this request was not carried out");
        }
        self.pool.shutdown(Stop::RunRemaining);
        trace::joins_pool();
        let pool = self.pool.join().expect("this is no handler of the pool");
        self.sessions.close(GRACE);
        Remains {
            map: self.map,
            pgs: self.pgs,
            counters: self.counters,
            queue: handle.snapshot(),
            leftovers: queue.leftovers.len() + pool.leftovers.len(),
            panics: queue.panics + pool.panics,
        }
    }
}

impl Remains {
    /// The content of an object.
    pub fn object(&self, name: &str) -> Option<Bytes> {
        let object = ObjectName::from(name);
        let pg = self.map.pg_of(&object);
        self.pgs[pg.0 as usize].lock().store().read(&object)
    }

    /// Everything that must never happen and did.
    pub fn faults(&self) -> Vec<String> {
        let counters = &self.counters;
        let requests = from_clients(&self.queue) + counters.refused.get() + counters.rejected.get();
        let unsettled = requests.abs_diff(counters.answered.get() + counters.unanswered.get());
        let lost = counters.unanswered.get().abs_diff(self.queue.queued.discarded);
        let unheard = self.queue.queued.told.abs_diff(counters.accepts.get() + counters.resets.get());
        let counts = [
            (self.leftovers as u64, "messages or items were accepted and never ran"),
            (self.panics as u64, "callbacks or handlers panicked"),
            (lost, "requests were lost, other than with their client"),
            (unsettled, "is how far requests and replies differ"),
            (unheard, "events were told and not heard"),
            (counters.pg_conflicts.get(), "items ran while another of their pg did"),
        ];
        let counts =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        counts.chain(balance::faults(&self.queue)).collect()
    }
}

/// Lets clients in.
struct Acceptor {
    listener: TcpListener,
    queue: QueueHandle<Osd>,
    gate: Gate,
    sessions: Arc<Sessions>,
    stop: StopLine,
    counters: Arc<Counters>,
}

impl Acceptor {
    fn run(self) {
        // A client may hang up between poll and accept, which must not block then.
        if let Err(error) = self.listener.set_nonblocking(true) {
            eprintln!("keylane-osd: cannot accept connections: {error}");
            self.stop.raise();
        }
        while let Ok(Woken::Readable) = self.stop.wait_readable(&self.listener) {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    if let Err(error) = self.open(stream) {
                        eprintln!("keylane-osd: a connection was not served: {error}");
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    eprintln!("keylane-osd: cannot accept connections for now: {error}");
                    _ = self.stop.wait_timeout(ACCEPT_AGAIN_MS);
                }
            }
        }
    }

    fn open(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        self.sessions.open(
            stream,
            self.queue.clone(),
            self.gate.clone(),
            self.stop.clone(),
            Arc::clone(&self.counters),
        )
    }
}
