//! W4: how long it takes until a consumer that sleeps runs, after a message was sent.

use std::hint;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::meter::{Meter, Sample};
use crate::peers::carrier::{Carrier, Field, Payload, Shared, Workload};
use crate::peers::keylane_queue::Keylane;
use crate::peers::raw_futex::RawFutex;
use crate::peers::{channels, hand_made};
use crate::question::{Figure, Question, Target};
use crate::workloads::Size;
use crate::workloads::percentiles::percentiles;
use crate::workloads::processors::Processors;

/// From before the message is sent until the consumer's callback has read the clock.
pub fn questions(size: Size) -> Vec<Question> {
    let mut field = Field::of(Wakes { messages: size.scale(2048) });
    field.enter::<Stamp>("keylane", None, Keylane::default());
    let lacks = Some("one message of one word at a time; a system call for each");
    field.enter::<Stamp>(RAW, lacks, Shared(RawFutex::default));
    channels::unbounded::<Stamp>(&mut field);
    hand_made::unbounded::<Stamp>(&mut field);
    vec![Question {
        name: "W4/wake latency/p50".to_owned(),
        contenders: field.contenders,
        figure: Figure::Percentile(50.0),
        targets: vec![Target { times: 1.0 / 1.05, of: vec![RAW] }],
    }]
}

const RAW: &str = "raw futex";

/// How long the producer waits, busily, once a message has been handled: so that the consumer sleeps again. Some look out for a while
/// before they sleep, and some longer than this: their processor time tells, which is then that of two processors.
const PAUSE: Duration = Duration::from_micros(40);

/// When a message was sent: nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp(u64);

impl Payload for Stamp {}

impl From<u64> for Stamp {
    fn from(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }
}

impl From<Stamp> for u64 {
    fn from(stamp: Stamp) -> Self {
        stamp.0
    }
}

/// One message after the other, each to a consumer that sleeps, on another processor than the producer's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wakes {
    pub messages: u64,
}

impl Workload<Stamp> for Wakes {
    fn run(&self, carrier: &impl Carrier<Stamp>) -> Sample {
        let processors = Processors::two();
        let began = Instant::now();
        let now = move || u64::try_from(began.elapsed().as_nanos()).expect("a run is short");
        let latencies = Arc::new(Mutex::new(Histogram::<u64>::new(3).expect("three digits are possible")));
        let handled = Arc::new(AtomicU64::new(0));
        let (mut senders, join) = carrier.start(1, {
            let (latencies, handled) = (Arc::clone(&latencies), Arc::clone(&handled));
            move |Stamp(sent): Stamp| {
                let latency = now() - sent;
                if handled.load(Ordering::Relaxed) == 0 {
                    processors.pin(1);
                } else {
                    latencies.lock().expect("nobody panics under it").record(latency).expect("it grows");
                }
                handled.fetch_add(1, Ordering::Release);
            }
        });
        let sample = processors.on_first(|| {
            let mut send = senders.remove(0);
            let mut one = || {
                let before = handled.load(Ordering::Acquire);
                send(Stamp(now()));
                // Busily, so that it is the consumer alone that goes to sleep and wakes.
                while handled.load(Ordering::Acquire) == before {
                    hint::spin_loop();
                }
                let until = Instant::now() + PAUSE;
                while Instant::now() < until {
                    hint::spin_loop();
                }
            };
            one();
            let meter = Meter::start();
            (0..self.messages).for_each(|_| one());
            meter.stop(self.messages)
        });
        join();
        let latencies = latencies.lock().expect("nobody panics under it");
        assert_eq!(latencies.len(), self.messages, "messages arrived");
        Sample { percentiles: percentiles(&latencies, &[50.0, 99.0, 99.9]), ..sample }
    }
}
