//! W3: a keyed pool under load.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::distr::{Distribution, Uniform};
use rand::rngs::SmallRng;
use rand_distr::Zipf;

use super::Size;
use crate::peers::pools::{
    Begin, Ceph, Crossbeam, Grommet, HashToThread, Kanal, Keylane, Load, OverChannel, OverRayon, Pool,
    Strands, Tasks, bound, run,
};
use crate::question::{Contender, Figure, Question, Target};

/// For each of several numbers of keys, and several ways to draw them: items that take no time, submitted while they run; and
/// items that take 1 or 10 us, all submitted before the first may run.
pub fn questions(size: Size) -> Vec<Question> {
    questions_with(|full| size.scale(full))
}

/// The same with so many items in the place of what is published.
pub fn questions_with(scale: impl Fn(u64) -> u64) -> Vec<Question> {
    let mut questions = Vec::new();
    for (microseconds, items) in [(0, 1_000_000), (1, 200_000), (10, 20_000)] {
        for keys in KEYS {
            questions.push(question(keys, microseconds, scale(items)));
        }
    }
    questions
}

/// How the key of each item is drawn.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// From so many, each as often as the others.
    Uniform(u32),
    /// From so many, the k-th k^0.99 times more rarely than the first.
    Zipf(u32),
    /// One is every second item's; the others are uniform.
    OneHot(u32),
}

const KEYS: [Keys; 8] = [
    Keys::Uniform(1),
    Keys::Uniform(16),
    Keys::Uniform(1024),
    Keys::Uniform(100_000),
    Keys::Zipf(16),
    Keys::Zipf(1024),
    Keys::Zipf(100_000),
    Keys::OneHot(1024),
];

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform(1) => write!(f, "1 key"),
            Self::Uniform(keys) => write!(f, "{keys} keys/uniform"),
            Self::Zipf(keys) => write!(f, "{keys} keys/zipf 0.99"),
            Self::OneHot(keys) => write!(f, "{keys} keys/and a hot one"),
        }
    }
}

impl Keys {
    /// The same in every run.
    fn draw(self, items: u64) -> Load {
        let mut random = SmallRng::seed_from_u64(20_261_201);
        let items = items as usize;
        match self {
            Self::Uniform(keys) => {
                let uniform = Uniform::new(0, keys).expect("there are keys");
                Load::new(keys, uniform.sample_iter(&mut random).take(items))
            }
            Self::Zipf(keys) => {
                let zipf = Zipf::new(f64::from(keys), 0.99).expect("there are keys");
                let ranks = zipf.sample_iter(&mut random).take(items);
                Load::new(keys, ranks.map(|rank| rank as u32 - 1))
            }
            Self::OneHot(keys) => {
                let uniform = Uniform::new_inclusive(1, keys).expect("there are keys");
                let cold = uniform.sample_iter(&mut random);
                Load::new(keys + 1, cold.flat_map(|cold| [0, cold]).take(items))
            }
        }
    }

    /// What is to be reached where all items wait before the first may run, of the bound; if there are keys enough.
    fn of_the_bound(self) -> Option<f64> {
        match self {
            Self::Uniform(1024..) => Some(0.97),
            Self::Zipf(1024..) | Self::OneHot(1024..) => Some(0.93),
            _ => None,
        }
    }
}

const BOUND: &str = "two threads and no queue";

fn question(keys: Keys, microseconds: u64, items: u64) -> Question {
    let load = Arc::new(keys.draw(items));
    let each = Duration::from_micros(microseconds);
    let (begin, how) = match microseconds {
        0 => (Begin::Live, "live"),
        _ => (Begin::Held, "submitted before"),
    };
    let mut contenders = pools(&load, each, begin);
    let mut targets = Vec::new();
    match begin {
        Begin::Live => {
            if matches!(keys, Keys::Uniform(1024..)) {
                let rivals = [
                    <HashToThread<Crossbeam> as Pool>::NAME,
                    <HashToThread<Kanal> as Pool>::NAME,
                    <Strands<OverChannel> as Pool>::NAME,
                    <Strands<OverRayon> as Pool>::NAME,
                ];
                targets.push(Target { times: 1.2, of: rivals.to_vec() });
                let ceph = [<Ceph<1, 2> as Pool>::NAME, <Ceph<2, 1> as Pool>::NAME];
                targets.push(Target { times: 8.0, of: ceph.to_vec() });
            }
        }
        Begin::Held => {
            let run = move || bound(&load, each);
            contenders.push(Contender { name: BOUND, lacks: Some("no pool"), run: Box::new(run) });
            targets.extend(keys.of_the_bound().map(|times| Target { times, of: vec![BOUND] }));
        }
    }
    let name = format!("W3/{keys}/{microseconds} us/{how}");
    Question { name, contenders, figure: Figure::Rate, targets }
}

fn pools(load: &Arc<Load>, each: Duration, begin: Begin) -> Vec<Contender> {
    fn pool<P: Pool>(load: &Arc<Load>, each: Duration, begin: Begin) -> Contender {
        let load = Arc::clone(load);
        let run = move || run::<P>(&load, each, begin);
        Contender { name: P::NAME, lacks: P::LACKS, run: Box::new(run) }
    }
    let pools = [
        // The one to choose for two cores: no worker sleeps while there is a key that could run.
        pool::<Keylane<1, 2, 0>>,
        pool::<Keylane<2, 1, 0>>,
        pool::<Keylane<2, 1, 1>>,
        pool::<HashToThread<Crossbeam>>,
        pool::<HashToThread<Kanal>>,
        pool::<Strands<OverChannel>>,
        pool::<Strands<OverRayon>>,
        pool::<Tasks>,
        pool::<Grommet>,
        pool::<Ceph<1, 2>>,
        pool::<Ceph<2, 1>>,
    ];
    pools.into_iter().map(|pool| pool(load, each, begin)).collect()
}
