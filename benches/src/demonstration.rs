//! Questions for tests of what asks, compares and tells.

use std::sync::mpsc;
use std::thread;

use crate::meter::{Meter, Sample};
use crate::question::{Contender, Figure, Question, Target};
use crate::workloads::Size;

/// So much as this, times as good as those.
type Wanted<'a> = (f64, &'a [&'static str]);

/// One that is never run: its samples are made up.
pub fn fixed(figure: Figure, wanted: &[Wanted<'_>]) -> Question {
    let contender = |name| Contender { name, lacks: None, run: Box::new(|| unreachable!("it is not run")) };
    Question {
        name: "W0/fixed".to_owned(),
        contenders: ["keylane", "quick", "slow"].map(contender).into(),
        figure,
        targets: targets(wanted),
    }
}

/// Numbers from one thread to another.
pub fn numbers(size: Size) -> Question {
    let messages = size.scale(20_000);
    Question {
        name: "W0/numbers".to_owned(),
        contenders: vec![
            Contender { name: "keylane", lacks: None, run: Box::new(move || unbounded(messages)) },
            Contender {
                name: "channel of one",
                lacks: Some("<room>"),
                run: Box::new(move || bounded(messages)),
            },
        ],
        figure: Figure::Rate,
        targets: targets(&[(1.0, &[]), (1e9, &["channel of one"])]),
    }
}

fn targets(wanted: &[Wanted<'_>]) -> Vec<Target> {
    wanted.iter().map(|&(times, of)| Target { times, of: of.into() }).collect()
}

fn unbounded(messages: u64) -> Sample {
    let (sender, receiver) = mpsc::channel();
    pass(messages, move |number| sender.send(number).expect("somebody receives"), &receiver)
}

fn bounded(messages: u64) -> Sample {
    let (sender, receiver) = mpsc::sync_channel(1);
    pass(messages, move |number| sender.send(number).expect("somebody receives"), &receiver)
}

fn pass(messages: u64, send: impl Fn(u64) + Send, receiver: &mpsc::Receiver<u64>) -> Sample {
    thread::scope(|scope| {
        let meter = Meter::start();
        scope.spawn(move || (0..messages).for_each(send));
        assert!(receiver.iter().eq(0..messages), "each in its order");
        meter.stop(messages)
    })
}
