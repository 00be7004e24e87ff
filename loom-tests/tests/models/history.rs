//! What each call of a model did, and whether it has a sequential explanation: asked of every interleaving.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Debug, Formatter};
use std::hash::Hash;
use std::sync::Mutex;

use keylane_proptests::history::{Call, Specification, explain};
use keylane_twin::judge::{self, Judged};
use loom::thread::ThreadId;

use crate::harness::{Clock, Log};

/// The calls of one interleaving, stamped by a clock that loom sees: with any other, real-time order would not be
/// explored, and violations of it be missed.
#[derive(Debug)]
pub struct History<A> {
    clock: Clock,
    /// Whether callbacks are stamped too.
    fine: bool,
    calls: Log<Recorded<A>>,
    callbacks: Log<Callback>,
}

/// A call of which it cannot always be said from outside what it did: any of the alternatives will do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recorded<A> {
    pub invoked: usize,
    pub returned: usize,
    pub alternatives: Vec<Vec<A>>,
}

/// A callback that ran inside some call.
#[derive(Clone, Copy, Debug)]
pub struct Callback {
    thread: ThreadId,
    pub number: u32,
    pub source: u64,
    /// When it began and when it ended, if callbacks are stamped.
    pub span: Option<(usize, usize)>,
}

impl<A> Clone for History<A> {
    fn clone(&self) -> Self {
        Self {
            clock: self.clock.clone(),
            fine: self.fine,
            calls: self.calls.clone(),
            callbacks: self.callbacks.clone(),
        }
    }
}

impl<A: Clone + Debug + Eq + Hash> History<A> {
    pub fn new() -> Self {
        Self { clock: Clock::new(), fine: true, calls: Log::new(), callbacks: Log::new() }
    }

    /// One in which callbacks are not stamped: they may have run at any time of their call. Each stamp is one more point
    /// at which other threads may come in between, and models of three threads cannot afford all of them.
    pub fn coarse() -> Self {
        Self { fine: false, ..Self::new() }
    }

    /// Makes a call; when it was invoked and when it returned.
    pub fn stamped<R>(&self, call: impl FnOnce() -> R) -> (R, usize, usize) {
        let invoked = self.clock.stamp();
        let reply = call();
        (reply, invoked, self.clock.stamp())
    }

    /// A stamp inside of a callback, if callbacks are stamped.
    pub fn stamp_inside(&self) -> Option<usize> {
        self.fine.then(|| self.clock.stamp())
    }

    /// Writes down a call that did these actions.
    pub fn record(&self, invoked: usize, returned: usize, actions: Vec<A>) {
        self.record_one_of(invoked, returned, vec![actions]);
    }

    /// Writes down a call that did the actions of one of these alternatives.
    pub fn record_one_of(&self, invoked: usize, returned: usize, alternatives: Vec<Vec<A>>) {
        self.calls.add(Recorded { invoked, returned, alternatives });
    }

    /// A callback runs on this thread: to be called from inside it.
    pub fn callback(&self, number: u32, source: u64) {
        let thread = loom::thread::current().id();
        let span = self.fine.then(|| (self.clock.stamp(), self.clock.stamp()));
        self.callbacks.add(Callback { thread, number, source, span });
    }

    /// The callback that has run on this thread since it was last asked, if one has.
    pub fn ran_here(&self) -> Option<Callback> {
        let here = loom::thread::current().id();
        let (ours, others): (Vec<_>, Vec<_>) =
            self.callbacks.take().into_iter().partition(|callback| callback.thread == here);
        others.into_iter().for_each(|callback| self.callbacks.add(callback));
        assert!(ours.len() <= 1, "a call runs one callback at most: {ours:?}");
        ours.into_iter().next()
    }

    /// Writes down a call that ran a callback: `begins` before it, `ends` after it.
    pub fn record_around(&self, callback: Callback, (invoked, returned): (usize, usize), begins: A, ends: A) {
        match callback.span {
            Some((began, ended)) => {
                self.record(invoked, began, vec![begins]);
                self.record(ended, returned, vec![ends]);
            }
            None => self.record(invoked, returned, vec![begins, ends]),
        }
    }

    /// All calls, in the order in which they were invoked.
    pub fn take(&self) -> Vec<Recorded<A>> {
        assert!(self.callbacks.take().is_empty(), "each callback belongs to a call");
        let mut calls = self.calls.take();
        calls.sort_by_key(|call| (call.invoked, call.returned));
        calls
    }
}

/// A specification, and the histories that it has explained already: there are few distinct ones.
pub struct Judge<S: Specification> {
    start: S,
    /// What the twin has to say, if the model is one of its own.
    twin: Option<Twin<S::Action>>,
    explained: Mutex<Histories<S::Action>>,
}

type Histories<A> = HashSet<Vec<Recorded<A>>>;

/// Judges a history, and says what is wrong with it; and whether nothing else may be.
type Twin<A> = Box<dyn Fn(&[Recorded<A>], Strictly) -> Result<(), String> + Send + Sync>;

/// Whether the twin must object to the same history with other outcomes.
type Strictly = bool;

/// A history in the words of a twin: with which constants, and which parts of its calls.
pub type Retold<P> = (P, Vec<judge::Call<<P as Judged>::Part>>);

/// How many models each twin judges.
pub static JUDGED: Mutex<BTreeMap<&str, usize>> = Mutex::new(BTreeMap::new());

impl<S: Specification + Debug> Debug for Judge<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").field("start", &self.start).finish_non_exhaustive()
    }
}

impl<S: Specification + Sync> Judge<S>
where
    S::Action: Send + Sync,
{
    /// Explains histories that begin in the state `start`.
    pub fn new(start: S) -> Self {
        Self { start, twin: None, explained: Mutex::default() }
    }

    /// The same, which a twin has to explain as well, if it knows all that the model does.
    pub fn and_twin<P: Judged>(self, knows: bool, retell: fn(&[Recorded<S::Action>]) -> Retold<P>) -> Self
    where
        S::Action: 'static,
    {
        if !knows {
            return self;
        }
        *JUDGED.lock().unwrap().entry(P::MODULE).or_default() += 1;
        let twin = move |calls: &[Recorded<S::Action>], strictly: Strictly| {
            let (twin, calls) = retell(calls);
            judge::explain(&twin, &calls).map_err(|unexplained| format!("{unexplained:?}"))?;
            match !strictly || objects(&twin, &calls) {
                true => Ok(()),
                false => Err(format!("{} would explain any outcome", P::MODULE)),
            }
        };
        Self { twin: Some(Box::new(twin)), ..self }
    }

    /// Panics unless `calls` have an explanation.
    pub fn judge(&self, calls: Vec<Recorded<S::Action>>) {
        let mut explained = self.explained.lock().unwrap();
        if explained.contains(&calls) {
            return;
        }
        let strictly = explained.is_empty();
        // loom's threads have small stacks, and the search is recursive.
        let (found, of_twin) = std::thread::scope(|scope| {
            let search = scope.spawn(|| {
                let of_twin = self.twin.as_ref().map(|twin| twin(&calls, strictly));
                (self.some_choice(&calls, &mut Vec::new()), of_twin)
            });
            search.join().expect("the specification does not panic")
        });
        assert!(found, "no sequential explanation of this history:\n{}", tell(&calls));
        if let Some(Err(why)) = of_twin {
            panic!("the twin has no explanation of this history:\n{}{why}", tell(&calls));
        }
        explained.insert(calls);
    }

    fn some_choice(&self, calls: &[Recorded<S::Action>], choice: &mut Vec<Call<S::Action>>) -> bool {
        let Some(call) = calls.get(choice.len()) else {
            return explain(&self.start, choice).is_some();
        };
        call.alternatives.iter().any(|actions| {
            choice.push(Call { invoked: call.invoked, returned: call.returned, actions: actions.clone() });
            let found = self.some_choice(calls, choice);
            choice.pop();
            found
        })
    }
}

/// Whether a twin objects to a history in which one call had another outcome, for some call and outcome. (Not for each: of
/// calls that overlap another may have been possible as well.)
fn objects<P: Judged>(twin: &P, calls: &[judge::Call<P::Part>]) -> bool {
    (0..calls.len()).any(|call| {
        let [parts] = &calls[call].alternatives[..] else { return false };
        (0..parts.len()).any(|part| {
            P::otherwise(&parts[part]).into_iter().any(|other| {
                let mut calls = calls.to_vec();
                calls[call].alternatives[0][part] = other;
                judge::explain(twin, &calls).is_err()
            })
        })
    })
}

fn tell<A: Debug>(calls: &[Recorded<A>]) -> String {
    let line = |call: &Recorded<A>| {
        format!("  {:>3} ..{:>3}  {:?}\n", call.invoked, call.returned, call.alternatives)
    };
    calls.iter().map(line).collect()
}
