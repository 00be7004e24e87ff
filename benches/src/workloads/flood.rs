//! Producers that send as fast as they can.

use std::sync::Barrier;
use std::thread;

use crate::meter::Meter;

/// Lets each producer send what its iterator gives, all beginning at once. Returns when all of it has been sent and the senders are
/// gone, with what was started when they began.
pub fn flood<T, M: IntoIterator<Item = T>>(
    producers: Vec<impl Send + FnMut(T)>,
    messages: impl Fn(usize) -> M + Sync,
) -> Meter {
    let [ready, go] = [(); 2].map(|()| Barrier::new(producers.len() + 1));
    thread::scope(|scope| {
        for (number, send) in producers.into_iter().enumerate() {
            let (ready, go, messages) = (&ready, &go, &messages);
            scope.spawn(move || {
                ready.wait();
                go.wait();
                messages(number).into_iter().for_each(send);
            });
        }
        ready.wait();
        let meter = Meter::start();
        go.wait();
        meter
    })
}
