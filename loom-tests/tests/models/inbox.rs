//! Does a message ever lie in an inbox whose consumer sleeps, and is a closed door closed?

use crate::harness::{Log, Model};
use keylane::Stop;
use keylane::internals::{Arc, Bell, Inbox, Origin, Pushed, Taken, Tally, mark};
use loom::thread;

/// Every model of this file.
pub fn models() -> Vec<Model> {
    vec![
        push_against_sleep(),
        push_against_spurious_wakes(),
        two_pushers_and_a_sleeper(),
        two_pushes_and_a_sleeper(),
        two_pushes_and_a_spurious_sleeper(),
        pushes_ordered_from_outside(),
        close_against_push(),
        close_against_close(),
        seal_against_push(),
        each_brings_the_other_news(),
    ]
}

/// An inbox with the bell of its consumer, wired as `dispatch::Post` does.
#[derive(Default)]
struct Post {
    inbox: Inbox<u32>,
    bell: Bell,
    /// Wake-ups given, for the bound of one per sleep.
    wakes: Log<()>,
}

impl Post {
    fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn push(&self, message: u32) -> Result<(), u32> {
        self.wake(self.inbox.push(message, Origin::Outside)?);
        Ok(())
    }

    fn close(&self) {
        self.wake(self.inbox.close(Stop::RunRemaining));
    }

    fn wake(&self, pushed: Pushed) {
        match pushed {
            Pushed::OntoSleeper => {
                self.wakes.add(());
                self.bell.ring();
            }
            Pushed::Quietly => mark("no wake needed"),
        }
    }

    /// Receives `count` messages, sleeping whenever there is none; how often it slept.
    fn receive(&self, count: usize, into: &mut Vec<u32>) -> usize {
        let mut sleeps = 0;
        let mut batch = Vec::new();
        while into.len() < count {
            let taken = self.inbox.take(&mut batch, true);
            assert_eq!(taken.closed(), None);
            if taken == Taken::Asleep {
                sleeps += 1;
                self.bell.wait();
            }
            into.append(&mut batch);
        }
        sleeps
    }
}

fn push_against_sleep() -> Model {
    Model::new("push_against_sleep", "D11", 2)
        .iterations(18)
        .reaches(&["slept", "rung before sleep", "woke the consumer", "no wake needed"])
        .scenario(push_against_sleep_scenario)
}

/// The same, with sleeps that end for no reason.
fn push_against_spurious_wakes() -> Model {
    Model::new("push_against_spurious_wakes", "D11", 2)
        .iterations(112)
        .spurious_wakes(2)
        .reaches(&["slept", "woke for no reason"])
        .scenario(push_against_sleep_scenario)
}

fn push_against_sleep_scenario() {
    let post = Post::new();
    let pusher = {
        let post = Arc::clone(&post);
        thread::spawn(move || post.push(1).unwrap())
    };
    let mut got = Vec::new();
    let sleeps = post.receive(1, &mut got);
    pusher.join().unwrap();
    assert_eq!(got, [1]);
    assert_eq!(post.wakes.take().len(), sleeps, "one wake for each sleep");
}

fn two_pushers_and_a_sleeper() -> Model {
    Model::new("two_pushers_and_a_sleeper", "D1 D11", 3)
        .iterations(1_386)
        .reaches(&["slept", "rung before sleep", "woke the consumer", "no wake needed"])
        .scenario(|| {
            let post = Post::new();
            for message in [1, 2] {
                let post = Arc::clone(&post);
                thread::spawn(move || post.push(message).unwrap());
            }
            let mut got = Vec::new();
            let sleeps = post.receive(2, &mut got);
            assert_eq!(post.wakes.take().len(), sleeps, "one wake for each sleep");
            got.sort_unstable();
            assert_eq!(got, [1, 2]);
        })
}

/// Two messages of one producer keep their order, however the batches are cut.
fn two_pushes_and_a_sleeper() -> Model {
    Model::new("two_pushes_and_a_sleeper", "D2 D11", 2)
        .iterations(96)
        .reaches(&["slept", "woke the consumer", "no wake needed"])
        .scenario(two_pushes_and_a_sleeper_scenario)
}

/// The same, with sleeps that end for no reason.
fn two_pushes_and_a_spurious_sleeper() -> Model {
    Model::new("two_pushes_and_a_spurious_sleeper", "D2 D11", 2)
        .iterations(920)
        .spurious_wakes(2)
        .reaches(&["slept", "woke for no reason"])
        .scenario(two_pushes_and_a_sleeper_scenario)
}

fn two_pushes_and_a_sleeper_scenario() {
    let post = Post::new();
    {
        let post = Arc::clone(&post);
        thread::spawn(move || {
            post.push(1).unwrap();
            post.push(2).unwrap();
        });
    }
    let mut got = Vec::new();
    let sleeps = post.receive(2, &mut got);
    assert_eq!(post.wakes.take().len(), sleeps, "one wake for each sleep");
    assert_eq!(got, [1, 2]);
}

/// If one push returns before another begins, on two threads, the inbox keeps that order: the total order
/// that the pool's key order (P2) rests on.
fn pushes_ordered_from_outside() -> Model {
    Model::new("pushes_ordered_from_outside", "P2", 3).iterations(8_820).reaches(&[]).scenario(|| {
        let post = Post::new();
        let first_is_in = Arc::new(Bell::new());
        {
            let (post, first_is_in) = (Arc::clone(&post), Arc::clone(&first_is_in));
            thread::spawn(move || {
                post.push(1).unwrap();
                first_is_in.ring();
            });
        }
        {
            let post = Arc::clone(&post);
            thread::spawn(move || {
                first_is_in.wait();
                post.push(2).unwrap();
            });
        }
        let mut got = Vec::new();
        post.receive(2, &mut got);
        assert_eq!(got, [1, 2]);
    })
}

/// A message is either in before the door closes, and then comes out, or handed back.
fn close_against_push() -> Model {
    Model::new("close_against_push", "D1 D10", 3)
        .iterations(4_108)
        .reaches(&["accepted", "refused", "slept", "rung before sleep"])
        .scenario(|| {
            let post = Post::new();
            let consumer = {
                let post = Arc::clone(&post);
                thread::spawn(move || {
                    let mut got = Vec::new();
                    let mut batch = Vec::new();
                    loop {
                        let taken = post.inbox.take(&mut batch, true);
                        got.append(&mut batch);
                        match taken {
                            Taken::Awake => {}
                            Taken::Asleep => post.bell.wait(),
                            Taken::Closed(_) => return got,
                        }
                    }
                })
            };
            let closer = {
                let post = Arc::clone(&post);
                thread::spawn(move || post.close())
            };
            let accepted = post.push(1).is_ok();
            mark(if accepted { "accepted" } else { "refused" });
            closer.join().unwrap();
            assert_eq!(post.push(2), Err(2), "a closed door stays closed");
            assert_eq!(consumer.join().unwrap().len(), usize::from(accepted));
        })
}

/// Two closers and a sleeper: it is woken once, and `HandBack` prevails whichever comes first.
fn close_against_close() -> Model {
    Model::new("close_against_close", "D10 P8", 3)
        .iterations(531)
        .reaches(&["closed twice", "slept", "rung before sleep"])
        .scenario(|| {
            let post = Post::new();
            let other = {
                let post = Arc::clone(&post);
                thread::spawn(move || post.wake(post.inbox.close(Stop::HandBack)))
            };
            let sleeper = {
                let post = Arc::clone(&post);
                thread::spawn(move || {
                    let mut batch = Vec::new();
                    if post.inbox.take(&mut batch, true) == Taken::Asleep {
                        post.bell.wait();
                        assert_ne!(post.inbox.take(&mut batch, true).closed(), None, "woken, so closed");
                    }
                })
            };
            post.close();
            sleeper.join().unwrap();
            other.join().unwrap();
            assert!(post.wakes.take().len() <= 1, "one sleep, one wake");
            assert_eq!(post.inbox.take(&mut Vec::new(), true), Taken::Closed(Stop::HandBack));
        })
}

/// A sealed door refuses the outside and lets the inside through, to the last.
fn seal_against_push() -> Model {
    Model::new("seal_against_push", "D1 D10", 2).iterations(25).reaches(&["accepted", "refused"]).scenario(
        || {
            let post = Post::new();
            let outside = {
                let post = Arc::clone(&post);
                thread::spawn(move || post.push(1).is_ok())
            };
            post.inbox.seal();
            assert_eq!(post.push(3), Err(3), "sealed, from here on");
            post.wake(post.inbox.push(2, Origin::Inside).unwrap());
            post.close();
            let accepted = outside.join().unwrap();
            mark(if accepted { "accepted" } else { "refused" });
            let mut got = Vec::new();
            assert_eq!(post.inbox.take(&mut got, true), Taken::Closed(Stop::RunRemaining));
            assert_eq!(got, if accepted { vec![1, 2] } else { vec![2] });
        },
    )
}

/// Two consumers push to each other, and then ask whether they have news: not both can have been first.
fn each_brings_the_other_news() -> Model {
    /// Everything is.
    #[derive(Default)]
    struct News;
    impl Tally<u32> for News {
        type Done = ();
        fn arrive(&mut self, _: &u32) -> bool {
            true
        }
        fn settle(&mut self, (): &mut ()) {}
    }

    Model::new("each_brings_the_other_news", "D3", 2)
        .iterations(10)
        .reaches(&["one had news", "both had news"])
        .scenario(|| {
            let inboxes = Arc::new([Inbox::<u32, News>::default(), Inbox::default()]);
            let push_and_ask = |inboxes: &[Inbox<u32, News>; 2], me: usize| {
                assert_eq!(inboxes[1 - me].push(1, Origin::Outside), Ok(Pushed::Quietly));
                inboxes[me].has_news()
            };
            let other = {
                let inboxes = Arc::clone(&inboxes);
                thread::spawn(move || push_and_ask(&inboxes, 1))
            };
            let had_news = [push_and_ask(&inboxes, 0), other.join().unwrap()];
            mark(if had_news == [true, true] { "both had news" } else { "one had news" });
            assert!(had_news.contains(&true), "whoever came second has news");
        })
}
