//! The user's side of a gate.

use crate::gate::epoch::Epoch;
use crate::gate::turn::Turn;

/// Says what messages need, and takes those that may leave.
///
/// All of it is called with no lock of keylane held, but for what [`Group`](Self::Group) lists, and may use the gate
/// itself, from any callback: arrive, publish, reset, stop. A gatekeeper that keeps an
/// [`EpochGate`](crate::EpochGate) or a [`GateSession`](crate::GateSession) of its own gate, or a message that keeps a
/// session, is a cycle: the second kind lasts only until the session is reset or the gate stopped.
pub trait Gatekeeper: Send + Sync + 'static {
    /// What waits.
    type Message: Send + 'static;

    /// What is published. A gate keeps the newest one, and each callback that runs the one it was begun under.
    type Map: Send + Sync + 'static;

    /// What may be missing although the map is there (Ceph: a placement group that has not been created yet). Its
    /// `Ord`, `Clone` and `Drop` run while the gate's lock is held: they must be pure, quick, and must not panic. `()`
    /// if nothing can be missing.
    type Group: Ord + Clone + Send + 'static;

    /// The epoch that `message` needs: it leaves under this one or a later one. Asked once, when it arrives.
    fn epoch_of(&self, message: &Self::Message) -> Epoch;

    /// The group that `message` is for. Asked once, when it arrives.
    fn group_of(&self, message: &Self::Message) -> Self::Group;

    /// Takes a message that leaves. One at a time for each session, on whichever thread found the session idle.
    ///
    /// If the message's group is missing, [`Turn::wait_for_group`] sets it aside.
    ///
    /// # Panics
    /// If it does, the message counts as gone, unless it has been set aside before: then it waits. Everything else that may leave still does, on the same thread; then the
    /// panic goes on, out of the call that delivered.
    fn pass(&self, turn: Turn<'_, Self>, message: Self::Message)
    where
        Self: Sized;

    /// Somebody waits for `epoch`, which nobody has waited for and which has not been published: the moment to ask for
    /// it. On the thread that brought the message; each epoch once, and none that is lower than one asked for before,
    /// though two threads may be in here at once.
    ///
    /// A message that is reset takes back nothing. [`EpochGate::wanted`](crate::EpochGate::wanted) tells what is still
    /// waited for.
    ///
    /// # Panics
    /// As [`pass`](Self::pass): the message waits all the same.
    fn wanted(&self, epoch: Epoch) {
        let _ = epoch;
    }
}
