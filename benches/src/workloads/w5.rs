//! W5: what it costs a producer to send one message while the consumer is busy.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;
use quanta::Clock;

use crate::meter::{Meter, Sample};
use crate::peers::carrier::{Carrier, Field, Workload};
use crate::peers::keylane_queue::Keylane;
use crate::peers::{channels, hand_made};
use crate::question::{Figure, Question, Target};
use crate::workloads::Size;
use crate::workloads::parcel::{Lines, Parcel};
use crate::workloads::percentiles::percentiles;
use crate::workloads::processors::Processors;

/// From before a call that sends until after it, at the median and near the end. Includes one look at the clock, which is among the
/// [limits](crate::workloads::limits). If a sample has voluntary switches, its consumer was not busy all the time: then the machine
/// was, with something else.
pub fn questions(size: Size) -> Vec<Question> {
    let question = |percentile, times| {
        let mut field = Field::of(Enqueue { messages: size.scale(1 << 17) });
        field.enter::<Parcel>("keylane", None, Keylane::default());
        channels::unbounded::<Parcel>(&mut field);
        channels::unbounded_in_batches::<Parcel>(&mut field);
        hand_made::unbounded::<Parcel>(&mut field);
        Question {
            name: format!("W5/enqueue/p{percentile}"),
            contenders: field.contenders,
            figure: Figure::Percentile(percentile),
            targets: vec![Target { times, of: Vec::new() }],
        }
    };
    vec![question(50.0, 1.0), question(99.0, 1.0 / 1.5)]
}

/// How long the consumer works on a message, in nanoseconds.
const WORK: u64 = 1000;
/// How long the producer lets pass between two messages, at most and at random, half of it on average: either it is faster than the
/// consumer, until many messages are under way, or slower, until few are. So the consumer is always busy, neither waits for the
/// other, and they meet by chance.
const FASTER: u64 = 800;
const SLOWER: u64 = 3200;
const MANY: u64 = 256;
const FEW: u64 = 64;

/// One producer, one consumer at work, on two processors.
#[derive(Clone, Copy)]
struct Enqueue {
    messages: u64,
}

impl Workload<Parcel> for Enqueue {
    fn run(&self, carrier: &impl Carrier<Parcel>) -> Sample {
        let processors = Processors::two();
        let clock = Clock::new();
        let lines = Arc::new(Lines::new(1));
        let handled = Arc::new(AtomicU64::new(0));
        let (mut senders, join) = carrier.start(1, {
            let (clock, lines, handled) = (clock.clone(), Arc::clone(&lines), Arc::clone(&handled));
            move |parcel| {
                if parcel.number == 0 {
                    processors.pin(1);
                }
                spin(&clock, WORK);
                lines.take(&parcel);
                handled.store(parcel.number + 1, Ordering::Release);
            }
        });
        let mut costs = Histogram::<u64>::new(3).expect("three digits are possible");
        let meter = processors.on_first(|| {
            let mut send = senders.remove(0);
            let mut random = fastrand::Rng::with_seed(1);
            let mut gap = FASTER;
            let meter = Meter::start();
            for number in 0..self.messages {
                let parcel = Parcel::of_line(0, number);
                let before = clock.raw();
                send(parcel);
                let after = clock.raw();
                costs.record(clock.delta_as_nanos(before, after)).expect("it grows");
                match number + 1 - handled.load(Ordering::Acquire) {
                    ..FEW => gap = FASTER,
                    MANY.. => gap = SLOWER,
                    _ => {}
                }
                spin(&clock, random.u64(..gap));
            }
            meter
        });
        join();
        let sample = meter.stop(self.messages);
        lines.assert_arrived(self.messages);
        Sample { percentiles: percentiles(&costs, &[50.0, 99.0, 100.0]), ..sample }
    }
}

fn spin(clock: &Clock, nanoseconds: u64) {
    let began = clock.raw();
    while clock.delta_as_nanos(began, clock.raw()) < nanoseconds {
        hint::spin_loop();
    }
}
