----------------------------- MODULE ShardedPool -----------------------------
(***************************************************************************)
(* The pool and its controls: `src/pool/`. Shards, each with an inbox and a *)
(* baton; a pause, a drain and a shutdown mark them one after the other     *)
(* under a lock of their own, and wait for them without it.                 *)
(*                                                                         *)
(* It refines KeyedExecutor, whatever the controls do.                      *)
(*                                                                         *)
(* Left out: how workers sleep (Baton has it: here whoever could start an   *)
(* item may); how many workers there are; several keys for one item; keys   *)
(* that are held; panics; the drain of one key.                             *)
(*                                                                         *)
(* An action is a critical section of a baton, with those of the inbox in   *)
(* it. (Baton shows what may come between.)                                 *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    ShardCount,
    Keys,       \* numbers from 1 on
    Items,      \* how many are submitted at most, by handlers too
    Fronts,     \* how many of these in front
    Later,      \* how many of these for later
    Children,   \* how many of these by handlers
    Commits,
    Pausers,
    Drainers,
    Stopper,
    How,        \* "never", "run" or "back": how it is stopped
    Removals,   \* how often a key's items are taken back
    Nobody

Shards == 1..ShardCount
ShardOf(k) == ((k - 1) % ShardCount) + 1
Controls == Pausers \cup Drainers \cup {Stopper}
None == 0
Numbers == 1..Items + Commits   \* of items, and behind them of commits
Last == ShardCount + 1

VARIABLES
    arrived,    \* by shard, under the inbox's lock
    door,       \* by shard, under the inbox's lock
    core,       \* by shard, under its baton
    generation, \* by item or commit: which drain waits for it at the latest; known when it has been taken in
    control,    \* who has the lock of the controls
    where,      \* by control: what it does next
    at,         \* by control: to which shard
    number,     \* by drainer: the generation that it ends
    next,       \* the generation that the next drain ends, under `control`
    rung,       \* controls whose bell has been rung
    unripe,     \* items for later whose time has not come
    ripe,       \* by shard: those whose time has come and that are not queued yet, the first that was due first
    root,       \* by item: itself, or the first of its parents
    accepted,
    committed,
    before,     \* by drainer: how many items, and commits, had been accepted when it began
    spent       \* how much of Fronts, Later, Children and Removals is used up

inboxes == <<arrived, door>>
controls == <<control, where, at, number, next, before>>
counts == <<accepted, committed, spent>>
times == <<unripe, ripe>>
vars == <<inboxes, core, generation, controls, rung, times, root, counts>>

Init ==
    /\ arrived = [s \in Shards |-> <<>>]
    /\ door = [s \in Shards |-> "open"]
    /\ core = [s \in Shards |->
                [line |-> [k \in Keys |-> <<>>], later |-> {}, busy |-> [k \in Keys |-> None],
                 commits |-> <<>>, committing |-> {}, now |-> 1, pauses |-> 0, stop |-> FALSE,
                 stranded |-> {}, waiters |-> {}]]
    /\ generation = [i \in Numbers |-> None]
    /\ control = Nobody
    /\ where = [t \in Controls |-> "idle"]
    /\ at = [t \in Controls |-> 1]
    /\ number = [d \in Drainers |-> None]
    /\ next = 1
    /\ rung = {}
    /\ unripe = {}
    /\ ripe = [s \in Shards |-> <<>>]
    /\ root = [i \in 1..Items |-> None]
    /\ accepted = 0
    /\ committed = 0
    /\ before = [d \in Drainers |-> [items |-> 0, commits |-> 0]]
    /\ spent = [front |-> 0, later |-> 0, child |-> 0, removal |-> 0]

Range(q) == {q[i] : i \in 1..Len(q)}

-----------------------------------------------------------------------------
(* What a shard knows. *)

\* Items that wait, are to come, or run here, of those that have been taken in; and commits too: a drain waits for both.
Waiting(c) == UNION {Range(c.line[k]) : k \in Keys} \cup {l.item : l \in c.later}
Running(c) == {c.busy[k] : k \in Keys} \ {None}
Alive(c) == Waiting(c) \cup Running(c) \cup Range(c.commits) \cup c.committing

MayStart(c) == c.pauses = 0
IsQuiet(c) == Running(c) = {} /\ c.committing = {}

\* With the generations as they are.
IsDrained(c, gens, g) == \A i \in Alive(c) : gens[i] > g
IsStranded(c, gens, g) == \E i \in c.stranded : gens[i] <= g

Holds(c, gens, until) ==
    IF until.drain = None THEN IsQuiet(c)
    ELSE IsDrained(c, gens, until.drain) \/ IsStranded(c, gens, until.drain)

\* Rings for those who wait for what is so now.
Tell(s, c, gens) ==
    LET heard == {w \in c.waiters : Holds(c, gens, w.until)}
    IN  /\ core' = [core EXCEPT ![s] = [c EXCEPT !.waiters = @ \ heard]]
        /\ rung' = rung \cup {w.who : w \in heard}

-----------------------------------------------------------------------------
(* Taking in what has arrived, in its order, and what is due. *)

\* In the order in which their times have come. If of some it was early yet, so it was of those that came due behind them.
RECURSIVE QueueWhatIsDue(_, _, _)
QueueWhatIsDue(c, early, due) ==
    IF due = <<>> THEN c
    ELSE LET here == {l \in c.later : l.item = Head(due) /\ l.item \notin early}
             keys == {l.key : l \in here}
         IN  QueueWhatIsDue([c EXCEPT !.later = @ \ here,
                                      !.line = [k \in Keys |-> IF k \in keys THEN Append(@[k], Head(due)) ELSE @[k]]],
                            early, Tail(due))

\* What came later than something was due comes behind it: all know what was early yet when they came.
RECURSIVE Admit(_, _, _)
Admit(c, arrivals, due) ==
    IF arrivals = <<>> THEN c
    ELSE LET a == Head(arrivals)
             b == QueueWhatIsDue(c, a.early, due)
             d == CASE a.kind = "back" -> [b EXCEPT !.line[a.key] = Append(@, a.item)]
                    [] a.kind = "front" -> [b EXCEPT !.line[a.key] = <<a.item>> \o @]
                    [] a.kind = "later" -> [b EXCEPT !.later = @ \cup {[key |-> a.key, item |-> a.item]}]
                    [] a.kind = "commit" -> [b EXCEPT !.commits = Append(@, a.item)]
         IN  Admit(d, Tail(arrivals), due)

\* The shard as it is when everything has been taken in, with its generations.
TakenIn(s) == QueueWhatIsDue(Admit(core[s], arrived[s], ripe[s]), unripe, ripe[s])

\* Items for later that have not come, whether they have been taken in or not.
ToCome(s) == {l.item : l \in core[s].later} \cup {a.item : a \in {b \in Range(arrived[s]) : b.kind = "later"}}

\* What comes from outside belongs to the generation that the shard is in, what a handler submits to its own.
Born(s) ==
    [i \in Numbers |->
        IF \E n \in 1..Len(arrived[s]) : arrived[s][n].item = i
        THEN LET a == arrived[s][CHOOSE n \in 1..Len(arrived[s]) : arrived[s][n].item = i]
             IN  IF a.parent = None THEN core[s].now ELSE generation[a.parent]
        ELSE generation[i]]

TakeIn(s) ==
    /\ arrived' = [arrived EXCEPT ![s] = <<>>]
    /\ ripe' = [ripe EXCEPT ![s] = <<>>]
    /\ generation' = Born(s)

-----------------------------------------------------------------------------
(* Users and handlers. *)

Push(k, kind, parent) ==
    /\ door[ShardOf(k)] = "open"
    /\ accepted < Items
    /\ accepted' = accepted + 1
    /\ root' = [root EXCEPT ![accepted + 1] = IF parent = None THEN accepted + 1 ELSE root[parent]]
    /\ arrived' = [arrived EXCEPT ![ShardOf(k)] =
                    Append(@, [kind |-> kind, key |-> k, item |-> accepted + 1, parent |-> parent, early |-> unripe])]
    /\ unripe' = IF kind = "later" THEN unripe \cup {accepted + 1} ELSE unripe
    /\ UNCHANGED <<door, core, generation, controls, rung, ripe, committed>>

Submit(k) == Push(k, "back", None) /\ spent' = spent

SubmitFront(k) ==
    /\ spent.front < Fronts
    /\ spent' = [spent EXCEPT !.front = @ + 1]
    /\ Push(k, "front", None)

SubmitAfter(k) ==
    /\ spent.later < Later
    /\ spent' = [spent EXCEPT !.later = @ + 1]
    /\ Push(k, "later", None)

\* A handler that runs submits another item, to a key of this shard or of another.
Handle_Submit(j, k) ==
    /\ core[ShardOf(j)].busy[j] # None
    /\ spent.child < Children
    /\ spent' = [spent EXCEPT !.child = @ + 1]
    /\ Push(k, "back", core[ShardOf(j)].busy[j])

Commit(s) ==
    /\ door[s] = "open"
    /\ committed < Commits
    /\ committed' = committed + 1
    /\ arrived' = [arrived EXCEPT ![s] =
                    Append(@, [kind |-> "commit", key |-> None, item |-> Items + committed + 1, parent |-> None, early |-> unripe])]
    /\ UNCHANGED <<door, core, generation, controls, rung, times, root, accepted, spent>>

Remove(k) ==
    LET s == ShardOf(k)
        c == TakenIn(s)
    IN
    /\ spent.removal < Removals
    /\ spent' = [spent EXCEPT !.removal = @ + 1]
    /\ TakeIn(s)
    /\ Tell(s, [c EXCEPT !.line[k] = <<>>, !.later = {l \in @ : l.key # k}], Born(s))
    /\ UNCHANGED <<door, controls, unripe, root, accepted, committed>>

\* Time goes on, for one of the items that are to come.
Ripen ==
    /\ \E item \in unripe :
        /\ unripe' = unripe \ {item}
        /\ ripe' = [s \in Shards |-> IF item \in ToCome(s) THEN Append(ripe[s], item) ELSE ripe[s]]
    /\ UNCHANGED <<inboxes, core, generation, controls, rung, root, counts>>

-----------------------------------------------------------------------------
(* Workers: anybody who has nothing to do. *)

Pick(k) ==
    LET s == ShardOf(k)
        c == TakenIn(s)
    IN
    /\ MayStart(c)
    /\ c.busy[k] = None
    /\ c.line[k] # <<>>
    /\ TakeIn(s)
    /\ core' = [core EXCEPT ![s] = [c EXCEPT !.busy[k] = Head(c.line[k]), !.line[k] = Tail(@)]]
    /\ UNCHANGED <<door, controls, rung, unripe, root, counts>>

Finish(k) ==
    LET s == ShardOf(k) IN
    /\ core[s].busy[k] # None
    /\ Tell(s, [core[s] EXCEPT !.busy[k] = None], generation)
    /\ UNCHANGED <<inboxes, generation, controls, times, root, counts>>

\* P11: one at a time, in their order.
PickCommit(s) ==
    LET c == TakenIn(s) IN
    /\ MayStart(c)
    /\ c.committing = {}
    /\ c.commits # <<>>
    /\ TakeIn(s)
    /\ core' = [core EXCEPT ![s] = [c EXCEPT !.committing = @ \cup {Head(c.commits)}, !.commits = Tail(@)]]
    /\ UNCHANGED <<door, controls, rung, unripe, root, counts>>

FinishCommit(s) ==
    /\ \E commit \in core[s].committing : Tell(s, [core[s] EXCEPT !.committing = @ \ {commit}], generation)
    /\ UNCHANGED <<inboxes, generation, controls, times, root, counts>>

\* Whoever lays the baton down takes in what has arrived, if workers sleep (Baton): now or then, as far as one can tell here.
\* Until it has been taken in, nobody who waits for a shard knows of it.
Settle(s) ==
    /\ TakenIn(s) # core[s]
    /\ TakeIn(s)
    /\ core' = [core EXCEPT ![s] = TakenIn(s)]
    /\ UNCHANGED <<door, controls, rung, unripe, root, counts>>

-----------------------------------------------------------------------------
(* Controls. Each marks all shards under one lock, and then waits without. *)

Go(t, place, s) ==
    /\ where' = [where EXCEPT ![t] = place]
    /\ at' = [at EXCEPT ![t] = s]

Begin(t, place) ==
    /\ where[t] = "idle"
    /\ control = Nobody
    /\ control' = t
    /\ Go(t, place, 1)

\* From one shard to the next; behind the last it goes on elsewhere, and has let go of the lock.
Step(t, place, beyond) ==
    IF at[t] < ShardCount
    THEN Go(t, place, at[t] + 1) /\ control' = control
    ELSE Go(t, beyond, 1) /\ control' = Nobody

\* Waits until it is so in this shard: if it is, goes on; if not, somebody will ring.
Wait_Look(t, until, beyond) ==
    LET s == at[t] IN
    IF Holds(core[s], generation, until)
    THEN /\ IF s < ShardCount THEN Go(t, where[t], s + 1) ELSE Go(t, beyond, 1)
         /\ core' = core
    ELSE /\ core' = [core EXCEPT ![s].waiters = @ \cup {[who |-> t, until |-> until]}]
         /\ where' = [where EXCEPT ![t] = "sleeps"]
         /\ at' = at

Wait_Hear(t, place, beyond) ==
    /\ where[t] = "sleeps"
    /\ t \in rung
    /\ rung' = rung \ {t}
    /\ IF at[t] < ShardCount THEN Go(t, place, at[t] + 1) ELSE Go(t, beyond, 1)
    /\ UNCHANGED <<inboxes, core, generation, control, number, next, before, times, root, counts>>

\* Pause

Pause(p) ==
    /\ ~core[1].stop
    /\ Begin(p, "pauses")
    /\ UNCHANGED <<inboxes, core, generation, number, next, before, rung, times, root, counts>>

Pause_Mark(p) ==
    /\ where[p] = "pauses"
    /\ core' = [core EXCEPT ![at[p]].pauses = @ + 1]
    /\ Step(p, "pauses", "quiets")
    /\ UNCHANGED <<inboxes, generation, number, next, before, rung, times, root, counts>>

Quiet == [drain |-> None]

Pause_Wait(p) ==
    /\ where[p] = "quiets"
    /\ Wait_Look(p, Quiet, "paused")
    /\ UNCHANGED <<inboxes, generation, control, number, next, before, rung, times, root, counts>>

Resume(p) ==
    /\ where[p] = "paused"
    /\ control = Nobody
    /\ control' = p
    /\ Go(p, "resumes", 1)
    /\ UNCHANGED <<inboxes, core, generation, number, next, before, rung, times, root, counts>>

Resume_Mark(p) ==
    /\ where[p] = "resumes"
    /\ core' = [core EXCEPT ![at[p]].pauses = @ - 1]
    /\ Step(p, "resumes", "done")
    /\ UNCHANGED <<inboxes, generation, number, next, before, rung, times, root, counts>>

\* Drain

Drain(d) ==
    /\ Begin(d, "drains")
    /\ number' = [number EXCEPT ![d] = next]
    /\ next' = next + 1
    /\ before' = [before EXCEPT ![d] = [items |-> accepted, commits |-> committed]]
    /\ UNCHANGED <<inboxes, core, generation, rung, times, root, counts>>

\* What has arrived by now belongs to the generation that ends, what arrives later does not.
Drain_Mark(d) ==
    /\ where[d] = "drains"
    /\ LET s == at[d] IN
        /\ TakeIn(s)
        /\ core' = [core EXCEPT ![s] = [TakenIn(s) EXCEPT !.now = number[d] + 1]]
    /\ Step(d, "drains", "empties")
    /\ UNCHANGED <<door, number, next, before, rung, unripe, root, counts>>

Drain_Wait(d) ==
    /\ where[d] = "empties"
    /\ Wait_Look(d, [drain |-> number[d]], "looks")
    /\ UNCHANGED <<inboxes, generation, control, number, next, before, rung, times, root, counts>>

\* With every baton in hand: each was drained once, but is so now all of it?
AllBorn ==
    [i \in Numbers |-> IF \E s \in Shards : Born(s)[i] # generation[i]
                        THEN Born(CHOOSE s \in Shards : Born(s)[i] # generation[i])[i] ELSE generation[i]]

Drain_Look(d) ==
    /\ where[d] = "looks"
    /\ arrived' = [s \in Shards |-> <<>>]
    /\ ripe' = [s \in Shards |-> <<>>]
    /\ generation' = AllBorn
    /\ core' = [s \in Shards |-> TakenIn(s)]
    /\ LET stranded == \E s \in Shards : IsStranded(TakenIn(s), AllBorn, number[d])
           drained == \A s \in Shards : IsDrained(TakenIn(s), AllBorn, number[d])
       IN  CASE stranded -> Go(d, "refused", 1)
             [] ~stranded /\ drained -> Go(d, "drained", 1)
             [] ~stranded /\ ~drained -> Go(d, "empties", 1)
    /\ UNCHANGED <<door, control, number, next, before, rung, unripe, root, counts>>

\* Shutdown

Shutdown ==
    /\ How # "never"
    /\ Begin(Stopper, "closes")
    /\ UNCHANGED <<inboxes, core, generation, number, next, before, rung, times, root, counts>>

Shutdown_Close ==
    /\ where[Stopper] = "closes"
    /\ door' = [door EXCEPT ![at[Stopper]] = "closed"]
    /\ IF at[Stopper] < ShardCount THEN Go(Stopper, "closes", at[Stopper] + 1) ELSE Go(Stopper, "stops", 1)
    /\ UNCHANGED <<arrived, core, generation, control, number, next, before, rung, times, root, counts>>

\* What is to come never will. Paused, or told to hand back, it hands back all.
ShutDown_Mark ==
    LET s == at[Stopper]
        c == TakenIn(s)
        all == How = "back" \/ ~MayStart(c)
        back == IF all THEN Waiting(c) \cup Range(c.commits) ELSE {l.item : l \in c.later}
    IN
    /\ where[Stopper] = "stops"
    /\ TakeIn(s)
    /\ Tell(s, [c EXCEPT !.stop = TRUE, !.later = {}, !.stranded = @ \cup back,
                         !.line = IF all THEN [k \in Keys |-> <<>>] ELSE @,
                         !.commits = IF all THEN <<>> ELSE @], Born(s))
    /\ Step(Stopper, "stops", "done")
    /\ UNCHANGED <<door, number, next, before, unripe, root, counts>>

-----------------------------------------------------------------------------
Next ==
    \/ \E k \in Keys : Submit(k)
    \/ \E k \in Keys : SubmitFront(k)
    \/ \E k \in Keys : SubmitAfter(k)
    \/ \E j, k \in Keys : Handle_Submit(j, k)
    \/ \E s \in Shards : Commit(s)
    \/ \E k \in Keys : Remove(k)
    \/ Ripen
    \/ \E k \in Keys : Pick(k)
    \/ \E k \in Keys : Finish(k)
    \/ \E s \in Shards : PickCommit(s)
    \/ \E s \in Shards : FinishCommit(s)
    \/ \E s \in Shards : Settle(s)
    \/ \E p \in Pausers : Pause(p)
    \/ \E p \in Pausers : Pause_Mark(p)
    \/ \E p \in Pausers : Pause_Wait(p)
    \/ \E p \in Pausers : Wait_Hear(p, "quiets", "paused")
    \/ \E p \in Pausers : Resume(p)
    \/ \E p \in Pausers : Resume_Mark(p)
    \/ \E d \in Drainers : Drain(d)
    \/ \E d \in Drainers : Drain_Mark(d)
    \/ \E d \in Drainers : Drain_Wait(d)
    \/ \E d \in Drainers : Wait_Hear(d, "empties", "looks")
    \/ \E d \in Drainers : Drain_Look(d)
    \/ Shutdown
    \/ Shutdown_Close
    \/ ShutDown_Mark

(* Handlers return, workers pick (Baton shows that they are up), the locks  *)
(* are fair to who waits for them, a pause ends. That a pool is paused,     *)
(* drained or stopped is up to its users; but whoever began goes on.        *)
Fairness ==
    /\ \A k \in Keys : SF_vars(Pick(k)) /\ WF_vars(Finish(k))
    /\ \A s \in Shards : SF_vars(PickCommit(s)) /\ WF_vars(FinishCommit(s))
    /\ WF_vars(Ripen)
    /\ \A p \in Pausers :
        /\ WF_vars(Pause_Mark(p)) /\ WF_vars(Pause_Wait(p)) /\ WF_vars(Wait_Hear(p, "quiets", "paused"))
        /\ SF_vars(Resume(p)) /\ WF_vars(Resume_Mark(p))
    /\ \A d \in Drainers :
        /\ WF_vars(Drain_Mark(d)) /\ WF_vars(Drain_Wait(d)) /\ WF_vars(Wait_Hear(d, "empties", "looks"))
        /\ WF_vars(Drain_Look(d))
    /\ WF_vars(Shutdown_Close) /\ WF_vars(ShutDown_Mark)

Spec == Init /\ [][Next]_vars /\ Fairness

-----------------------------------------------------------------------------
InFlight == UNION {{a.item : a \in Range(arrived[s])} : s \in Shards}
AliveAll == InFlight \cup UNION {Alive(core[s]) : s \in Shards}

Types ==
    /\ \A s \in Shards : \A a \in Range(arrived[s]) : a.key \in Keys \cup {None} /\ a.item \in Numbers
    /\ \A s \in Shards : core[s].pauses \in 0..Cardinality(Pausers) /\ core[s].stop \in BOOLEAN
    /\ control \in Controls \cup {Nobody}
    /\ rung \subseteq Controls
    /\ \A t \in Controls : at[t] \in Shards

\* P1: an item is in one place.
OnePlace ==
    \A s \in Shards, k \in Keys :
        LET c == core[s] IN
        /\ Cardinality(Range(c.line[k])) = Len(c.line[k])
        /\ c.busy[k] \notin Waiting(c)
        /\ ShardOf(k) # s => c.line[k] = <<>> /\ c.busy[k] = None

\* P6
PausedIsQuiet == \A p \in Pausers : where[p] = "paused" => \A s \in Shards : IsQuiet(core[s])

\* P7: at the moment when a drain returns, nothing of what came before it, or of what that submitted, is left.
DrainedIsDone ==
    [][\A d \in Drainers : where[d] # "drained" /\ where'[d] = "drained" =>
        \A i \in AliveAll : IF i > Items THEN i > Items + before[d].commits ELSE root[i] > before[d].items]_vars

\* P7: who waits is on somebody's list, or has been rung for.
WhoSleepsIsKnown ==
    \A t \in Controls : where[t] = "sleeps" => t \in rung \/ \E w \in core[at[t]].waiters : w.who = t

\* No ring is left over: the next wait would not wait.
RungSleeps == \A t \in rung : where[t] = "sleeps"

\* P8
StoppedAcceptsNothing == [][where[Stopper] = "stops" => accepted' = accepted /\ committed' = committed]_vars

\* P10: nothing queues up or starts whose time has not come, and what is due does.
Line(k) == TakenIn(ShardOf(k)).line[k]
NoneIsEarly == \A k \in Keys : unripe \cap (Range(Line(k)) \cup {core[ShardOf(k)].busy[k]}) = {}
NoneIsLate == \A s \in Shards : \A l \in TakenIn(s).later : l.item \in unripe

\* P2: what was put in front is the next of its key.
FrontIsNext ==
    [][spent'.front > spent.front => \E k \in Keys : Line(k)' # <<>> /\ Head(Line(k)') = accepted']_vars

\* P11: commits are run in the order in which they came, one at a time.
CommitsInOrder ==
    \A s \in Shards : LET q == TakenIn(s).commits IN
        /\ \A i, j \in 1..Len(q) : i < j => q[i] < q[j]
        /\ \A commit \in core[s].committing, i \in 1..Len(q) : commit < q[i]
        /\ Cardinality(core[s].committing) <= 1

Abstract == INSTANCE KeyedExecutor WITH
    line <- [k \in Keys |-> TakenIn(ShardOf(k)).line[k]],
    coming <- [k \in Keys |-> {l.item : l \in {m \in TakenIn(ShardOf(k)).later : m.key = k}}],
    busy <- [k \in Keys |-> core[ShardOf(k)].busy[k]],
    closed <- {k \in Keys : door[ShardOf(k)] = "closed"}

Refines == Abstract!Init /\ [][Abstract!Next]_(Abstract!vars)

AllRun == <>[](AliveAll = {})
PausesEnd == \A p \in Pausers : where[p] = "pauses" ~> where[p] = "done"
DrainsEnd == \A d \in Drainers : where[d] = "drains" ~> where[d] \in {"drained", "refused"}
StopEnds == where[Stopper] = "closes" ~> (AliveAll = {} /\ where[Stopper] = "done")
=============================================================================
