//! W1: some producers, one consumer, no priorities. What a channel is for.

use std::borrow::Borrow;
use std::sync::Arc;

use crate::meter::Sample;
use crate::peers::carrier::{Carrier, Field, Payload, Workload};
use crate::peers::keylane_queue::Keylane;
use crate::peers::{channels, hand_made};
use crate::question::{Figure, Question, Target};
use crate::workloads::Size;
use crate::workloads::flood::flood;
use crate::workloads::parcel::{Lines, Parcel};

const BOUND: usize = 1024;

/// For 1, 2 and 4 producers, messages of 64 bytes by value and in boxes, unbounded and bounded.
pub fn questions(size: Size) -> Vec<Question> {
    let mut questions = Vec::new();
    for producers in [1, 2, 4] {
        questions.extend(of_kind::<Parcel>(size, producers, "64 B"));
        questions.extend(of_kind::<Box<Parcel>>(size, producers, "boxed"));
    }
    questions
}

fn of_kind<T: Message>(size: Size, producers: usize, kind: &str) -> [Question; 2] {
    let plural = if producers == 1 { "" } else { "s" };
    let question = |bound: &str, field: Field<_>, times| Question {
        name: format!("W1/{bound}/{producers} producer{plural}/{kind}"),
        contenders: field.contenders,
        figure: Figure::Rate,
        targets: vec![Target { times, of: Vec::new() }],
    };

    let mut unbounded = Field::of(Flood { producers, messages: size.scale(1 << 20) });
    unbounded.enter::<T>("keylane", None, Keylane::default());
    channels::unbounded::<T>(&mut unbounded);
    channels::unbounded_in_batches::<T>(&mut unbounded);
    hand_made::unbounded::<T>(&mut unbounded);

    let mut bounded = Field::of(Flood { producers, messages: size.scale(1 << 19) });
    bounded.enter::<T>("keylane", None, Keylane { bound: Some(BOUND as u64), ..Keylane::default() });
    channels::bounded::<T>(&mut bounded, BOUND);
    channels::bounded_in_batches::<T>(&mut bounded, BOUND);
    hand_made::bounded::<T>(&mut bounded, BOUND);

    [question("unbounded", unbounded, 1.5), question("bounded 1024", bounded, 1.2)]
}

/// A parcel, by value or not.
trait Message: Payload + From<Parcel> + Borrow<Parcel> {}
impl<T: Payload + From<Parcel> + Borrow<Parcel>> Message for T {}

/// So many producers send as fast as they can, and the consumer looks at each message.
#[derive(Clone, Copy)]
struct Flood {
    producers: usize,
    /// Of all producers together.
    messages: u64,
}

impl<T: Message> Workload<T> for Flood {
    fn run(&self, carrier: &impl Carrier<T>) -> Sample {
        let lines = Arc::new(Lines::new(self.producers));
        let (senders, join) = carrier.start(self.producers, {
            let lines = Arc::clone(&lines);
            move |message: T| lines.take(message.borrow())
        });
        let of_each = self.messages / self.producers as u64;
        let total = of_each * self.producers as u64;
        let meter = flood(senders, |producer| {
            (0..of_each).map(move |number| T::from(Parcel::of_line(producer, number)))
        });
        join();
        let sample = meter.stop(total);
        lines.assert_arrived(total);
        sample
    }
}
