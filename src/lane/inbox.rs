//! Where messages arrive, in one order for all producers.

use crate::lane::news::News;
use crate::stop::Stop;
use crate::sync::{Mutex, mark, taking, took};

/// A vector under a short lock, swapped out whole by the one consumer.
///
/// That the consumer is asleep is part of the state a producer must change to get its message in, so a
/// wake-up cannot be lost; and it is cleared by the producer that finds it, so each sleep costs one wake.
///
/// A consumer that still holds some of what it took need not take the lock to know what is next: it asks whether there is
/// [news](Self::has_news). What that is, but for an end at which all comes back, the [`Tally`] says.
#[derive(Debug)]
pub struct Inbox<T, L = ()> {
    state: Mutex<State<T, L>>,
    news: News,
}

/// What is counted under an inbox's lock, so that all of it is of one moment.
pub trait Tally<T>: Default {
    /// What became of messages that the consumer took.
    type Done;

    /// `message` has got in. Whether that is news: a consumer that goes on with what it holds, and has lost nothing of that
    /// which it has not told, might do something else next if it knew.
    fn arrive(&mut self, message: &T) -> bool;

    /// The consumer tells what it has done since it last told. What is left in `done` is told again.
    fn settle(&mut self, done: &mut Self::Done);
}

/// Nothing.
impl<T> Tally<T> for () {
    type Done = ();

    fn arrive(&mut self, _: &T) -> bool {
        false
    }

    fn settle(&mut self, (): &mut ()) {}
}

/// A vector that has grown beyond so many messages is given back, and not kept for the next ones, once a fourth of it would
/// do: after a burst memory returns to what it was, and a flood does not have the system find new memory for each vector.
pub const KEPT: usize = 1024;

#[derive(Debug)]
struct State<T, L> {
    arrived: Vec<T>,
    asleep: bool,
    door: Door,
    tally: L,
    /// Whether there is some: what the flag beside the lock says.
    news: bool,
    /// How often somebody was told to wake the consumer.
    wakes: u64,
}

/// Whom an inbox still lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Everybody.
    Open,
    /// Only [`Origin::Inside`]: the last producer is still delivering what it had accepted.
    Sealed,
    /// Nobody, and this is what to do with the rest.
    Closed(Stop),
}

/// Which side of a sealed door a message comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A user of the queue.
    Outside,
    /// The queue itself, passing on what it had accepted.
    Inside,
}

/// How an inbox leaves its consumer.
#[must_use = "a consumer that is asleep must wait for its bell"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taken {
    /// Up. More may arrive, and nobody will be told to wake it.
    Awake,
    /// Asleep: nothing had arrived, and whoever brings the next thing rings the bell. There is no other reason to wait
    /// for it. (That nothing is left to do is none: what left nothing to do may have been an arrival.)
    Asleep,
    /// Up, and nothing will ever arrive again.
    Closed(Stop),
}

impl Taken {
    /// How the inbox has been closed, if it has.
    pub fn closed(self) -> Option<Stop> {
        match self {
            Self::Closed(stop) => Some(stop),
            Self::Awake | Self::Asleep => None,
        }
    }
}

/// What a producer must do after its message got in.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Nothing: the consumer is up and will look.
    Quietly,
    /// Wake the consumer: it was asleep, and nobody else has been told.
    OntoSleeper,
}

impl<T, L: Default> Default for Inbox<T, L> {
    /// An empty inbox with its door open.
    fn default() -> Self {
        let state = State {
            arrived: Vec::new(),
            asleep: false,
            door: Door::Open,
            tally: L::default(),
            news: false,
            wakes: 0,
        };
        Self { state: Mutex::new(state), news: News::default() }
    }
}

impl<T> Inbox<T> {
    /// As [`settle_and_take`](Self::settle_and_take), with nothing to settle.
    pub fn take(&self, batch: &mut Vec<T>, lie_down: bool) -> Taken {
        self.settle_and_take(&mut (), batch, lie_down)
    }
}

impl<T, L: Tally<T>> Inbox<T, L> {
    /// Puts `message` behind all that came before it.
    ///
    /// # Errors
    /// The message itself, if the door is closed to its origin.
    #[inline]
    pub fn push(&self, message: T, origin: Origin) -> Result<Pushed, T> {
        let mut state = self.state.lock();
        match (state.door, origin) {
            (Door::Open, _) | (Door::Sealed, Origin::Inside) => {}
            (Door::Sealed, Origin::Outside) | (Door::Closed(_), _) => {
                took(self, "refuse", 0);
                return Err(message);
            }
        }
        if state.tally.arrive(&message) {
            state.raise(&self.news);
        }
        state.arrived.push(message);
        took(self, "push", u64::from(state.asleep));
        Ok(state.wake())
    }

    /// Takes note of what is `done`, and swaps all arrivals into the empty `batch`. If there were none, the inbox is open
    /// and `lie_down` is set, the consumer is asleep from here on.
    #[inline]
    pub fn settle_and_take(&self, done: &mut L::Done, batch: &mut Vec<T>, lie_down: bool) -> Taken {
        debug_assert!(batch.is_empty(), "a batch is used up before the next is taken");
        let mut next = std::mem::take(batch);
        // Whatever is given back is given back without the lock.
        let mut spare = Vec::new();
        let mut state = self.state.lock();
        state.tally.settle(done);
        if state.door != Door::Closed(Stop::HandBack) {
            state.lower(&self.news);
        }
        if next.capacity() > KEPT && next.capacity() / 4 > state.arrived.len() {
            std::mem::swap(&mut next, &mut spare);
        }
        *batch = std::mem::replace(&mut state.arrived, next);
        took(self, if lie_down { "take_lie_down" } else { "take" }, batch.len() as u64);
        match state.door {
            Door::Closed(stop) => Taken::Closed(stop),
            Door::Open | Door::Sealed if lie_down && batch.is_empty() => {
                state.asleep = true;
                Taken::Asleep
            }
            Door::Open | Door::Sealed => Taken::Awake,
        }
    }

    /// Whether something has arrived since the last take that is news to the consumer; or the inbox has been closed, and what
    /// is left is to come back, which stays news for ever. For the consumer. While there is none, whatever has arrived, or that
    /// nothing will any more, changes nothing about what it does next.
    #[inline]
    pub fn has_news(&self) -> bool {
        taking(self, "peek", || self.news.is_raised())
    }

    /// Looks at what has been counted, and how often the consumer was woken.
    pub fn inspect<R>(&self, look: impl FnOnce(&L, u64) -> R) -> R {
        let state = self.state.lock();
        look(&state.tally, state.wakes)
    }

    /// Refuses all that comes from outside, from now on.
    pub fn seal(&self) {
        let mut state = self.state.lock();
        took(self, "seal", 0);
        if state.door == Door::Open {
            state.door = Door::Sealed;
        }
    }

    /// Refuses everything from now on. Of several calls, [`Stop::HandBack`] prevails.
    pub fn close(&self, stop: Stop) -> Pushed {
        let mut state = self.state.lock();
        if matches!(state.door, Door::Closed(before) if before == Stop::HandBack || before == stop) {
            mark("closed twice");
            return Pushed::Quietly;
        }
        if stop == Stop::HandBack {
            state.raise(&self.news);
        }
        took(self, "close", u64::from(state.asleep));
        state.door = Door::Closed(stop);
        state.wake()
    }
}

impl<T, L> State<T, L> {
    /// There is news, if there was none.
    fn raise(&mut self, news: &News) {
        if !std::mem::replace(&mut self.news, true) {
            news.raise();
        }
    }

    /// There is none any more.
    fn lower(&mut self, news: &News) {
        if std::mem::take(&mut self.news) {
            news.lower();
        }
    }

    /// Takes note that the consumer has been told, and says whether that needs a ring.
    fn wake(&mut self) -> Pushed {
        if std::mem::take(&mut self.asleep) {
            mark("woke the consumer");
            self.wakes += 1;
            Pushed::OntoSleeper
        } else {
            Pushed::Quietly
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_vector_is_given_back_when_little_of_it_is_used_and_a_small_one_kept() {
        let inbox: Inbox<_> = Inbox::default();
        let mut batch = Vec::new();
        // What the consumer holds after each of these many messages have arrived and been taken.
        let mut capacities = |arrivals: [usize; 3]| {
            arrivals.map(|messages| {
                for message in 0..messages {
                    let _ = inbox.push(message, Origin::Outside).unwrap();
                }
                batch.clear();
                assert_eq!(inbox.take(&mut batch, false), Taken::Awake);
                assert_eq!(batch.len(), messages);
                batch.capacity()
            })
        };
        let large = capacities([8 * KEPT; 3])[2];
        assert!(large >= 8 * KEPT);
        assert_eq!(
            capacities([2 * KEPT, 2 * KEPT, 2 * KEPT]),
            [large; 3],
            "both are used for a flood, again and again"
        );
        capacities([large / 4; 3]);
        assert_eq!(capacities([large / 4; 3]), [large; 3], "so they are while a fourth would just do");
        assert_eq!(capacities([large / 4 - 1; 3])[0], large);
        assert!(capacities([large / 4 - 1; 3])[0] < large, "and not below");
        capacities([large; 3]);
        let [first, second, third] = capacities([0; 3]);
        assert!(first >= large);
        assert_eq!((second, third), (0, 0), "neither side keeps one after a flood");
        capacities([KEPT; 3]);
        assert_eq!(capacities([0; 3]), [KEPT; 3], "a small one is kept");
    }
}
