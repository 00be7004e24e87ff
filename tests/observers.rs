//! What other crates see of a queue: spans of `tracing`, figures of `metrics`.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keylane::testing::ManualClock;
use keylane::{ConnectionId, DispatchQueue, Dispatcher, Event, Handled, Limits, Message, Step};
use metrics_util::debugging::DebuggingRecorder;
use tracing::{Span, info_span};

use common::figures::recorded;

struct Letter {
    fast: bool,
}

impl Message for Letter {}

/// Names of the spans that callbacks ran in.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Noted>>>);

/// A callback, and the span it ran in.
type Noted = (&'static str, Option<&'static str>);

impl Spans {
    fn note(&self, callback: &'static str) {
        let span = Span::current().metadata().map(|span| span.name());
        self.0.lock().unwrap().push((callback, span));
    }

    fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Dispatcher for Spans {
    type Message = Letter;

    fn can_fast_dispatch(&self, letter: &Letter) -> bool {
        self.note("can_fast_dispatch");
        letter.fast
    }

    fn fast_dispatch(&self, _: ConnectionId, _: Letter) -> Handled<Letter> {
        self.note("fast_dispatch");
        Ok(())
    }

    fn dispatch(&self, _: ConnectionId, _: Letter) -> Handled<Letter> {
        self.note("dispatch");
        Ok(())
    }

    fn event(&self, _: ConnectionId, _: Event) -> bool {
        self.note("event");
        true
    }
}

#[test]
fn a_callback_runs_in_the_span_of_who_sent() {
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
    let spans = Spans::default();
    let (queue, mut dispatch, mut local) = DispatchQueue::builder(spans.clone()).stepped();
    let mut connection = queue.connect();
    info_span!("reader").in_scope(|| {
        let _ = connection.deliver(Letter { fast: false }).unwrap();
        connection.connected().unwrap();
    });
    let _ = connection.deliver(Letter { fast: false }).unwrap();
    info_span!("timer").in_scope(|| {
        queue.local().send(Letter { fast: true }).unwrap();
        queue.local().send(Letter { fast: false }).unwrap();
    });
    spans.take();
    let _here = info_span!("loop").entered();
    assert_eq!([local.step(), local.step()], [Step::Ran; 2]);
    let timer = Some("timer");
    assert_eq!(
        spans.take(),
        [("can_fast_dispatch", timer), ("fast_dispatch", timer), ("can_fast_dispatch", timer)]
    );
    assert_eq!([(); 4].map(|()| dispatch.step()), [Step::Ran; 4]);
    let reader = Some("reader");
    // Connections take turns. What was sent outside of any span runs in none but the loop's.
    assert_eq!(
        spans.take(),
        [("event", reader), ("dispatch", reader), ("dispatch", timer), ("dispatch", Some("loop"))]
    );
    assert_eq!(Span::current().metadata().map(|span| span.name()), Some("loop"), "and it is left again");
}

#[test]
fn a_snapshot_is_recorded_with_fixed_labels() {
    let recorder = DebuggingRecorder::new();
    let clock = ManualClock::new();
    let limits = Limits { count: Some(9), bytes: None };
    let builder = DispatchQueue::builder(Spans::default()).clock(clock.clone()).limits(limits);
    let (queue, mut dispatch, mut local) = builder.stepped();
    let mut connection = queue.connect();
    for fast in [true, false, false] {
        let _ = connection.deliver(Letter { fast }).unwrap();
    }
    connection.accepted().unwrap();
    queue.local().send(Letter { fast: true }).unwrap();
    assert_eq!([dispatch.step(), dispatch.step(), local.step(), local.step()][..3], [Step::Ran; 3]);
    clock.advance(Duration::from_millis(2500));

    let figures = || recorded(&recorder, || queue.snapshot().record("osd"));
    let expected = [
        "keylane_queue_accepted_total{queue=osd,lane=local} 1",
        "keylane_queue_accepted_total{queue=osd,lane=queued} 2",
        "keylane_queue_connections{queue=osd} 1",
        "keylane_queue_depth{queue=osd,lane=local} 0",
        "keylane_queue_depth{queue=osd,lane=queued} 2",
        "keylane_queue_events_total{queue=osd,fate=handed_back} 0",
        "keylane_queue_events_total{queue=osd,fate=told} 0",
        "keylane_queue_messages_total{queue=osd,fate=discarded} 0",
        "keylane_queue_messages_total{queue=osd,fate=dispatched} 0",
        "keylane_queue_messages_total{queue=osd,fate=fast} 1",
        "keylane_queue_messages_total{queue=osd,fate=handed_back} 0",
        "keylane_queue_messages_total{queue=osd,fate=local_fast} 1",
        "keylane_queue_messages_total{queue=osd,fate=local_handed_back} 0",
        "keylane_queue_messages_total{queue=osd,fate=local_lost} 0",
        "keylane_queue_oldest_seconds{queue=osd,lane=local} 0",
        "keylane_queue_oldest_seconds{queue=osd,lane=queued} 2.5",
        "keylane_queue_permit_bytes{queue=osd} 1",
        "keylane_queue_permits{queue=osd} 1",
        "keylane_queue_unhandled_total{queue=osd} 0",
        "keylane_queue_waiting{queue=osd} 0",
        "keylane_queue_wakes_total{queue=osd,lane=local} 0",
        "keylane_queue_wakes_total{queue=osd,lane=queued} 0",
    ];
    assert_eq!(figures(), expected);

    // Absolute: what was recorded before is not recorded twice.
    assert_eq!([dispatch.step(), dispatch.step()], [Step::Ran, Step::Idle]);
    let later = figures();
    assert!(
        later.contains(&"keylane_queue_messages_total{queue=osd,fate=dispatched} 2".to_owned()),
        "{later:?}"
    );
    assert_eq!(later.len(), expected.len());

    // Without clock and limits there is less to tell.
    let (plain, ..) = DispatchQueue::builder(Spans::default()).stepped();
    let less = recorded(&DebuggingRecorder::new(), || plain.snapshot().record("plain"));
    assert_eq!(less.len(), expected.len() - 5);
}
