-------------------------------- MODULE Baton --------------------------------
(***************************************************************************)
(* How the workers of one shard sleep: `src/lane/baton.rs`. Whoever has the *)
(* baton runs the policy; whoever lays it down sees to it that no item that *)
(* could start waits while a worker sleeps, that the inbox knows of the     *)
(* sleepers, and that somebody looks when the next item is due.             *)
(*                                                                         *)
(* It refines KeyedExecutor: a key's line is what the policy has of it, and *)
(* behind it what has arrived.                                              *)
(*                                                                         *)
(* Left out: items in front, removal, drains, several shards (ShardedPool   *)
(* has them); guests from other shards; which of several keys is next       *)
(* (any); limits of a scheduler, which are due like items that come later.  *)
(*                                                                         *)
(* An action is one critical section. Of the baton's, which contains        *)
(* sections of the inbox, it is the part up to the end of the next one of   *)
(* these: nobody else sees what is between.                                 *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Workers,
    Submitters,
    Boss,       \* pauses, resumes, stops
    Keys,
    Items,      \* how many are submitted at most
    Later,      \* how many of these are for later
    Times,      \* how far the clock goes
    ClockRuns,  \* whether it goes as far as that, or may stand still
    Pauses,     \* how often it is paused
    MayStop,    \* whether it is stopped
    Nobody

ASSUME {Items, Later, Times, Pauses} \subseteq Nat /\ {MayStop, ClockRuns} \subseteq BOOLEAN

Threads == Workers \cup Submitters \cup {Boss}
Never == Times + 1

VARIABLES
    arrived,    \* under the inbox's lock
    asleep,     \* under the inbox's lock
    door,       \* under the inbox's lock
    holder,     \* who has the baton, or Nobody
    core,       \* under the baton; see CoreType
    rung,       \* workers whose bell has been rung
    where,      \* by thread: where it is
    then,       \* by thread: where it goes when it has laid down the baton
    toRing,     \* by thread: whom it took off the bench
    has,        \* by worker: the key whose item it runs, or Nobody
    deadline,   \* by worker: when its sleep ends by itself
    now,
    accepted,
    forLater,   \* how many of the accepted were for later
    pauses      \* how often it was paused

inbox == <<arrived, asleep, door>>
threads == <<where, then, toRing, has, deadline>>
counts == <<now, accepted, forLater, pauses>>
vars == <<inbox, holder, core, rung, threads, counts>>

\* One that is for later has a time when it is due. The others have 0; all know when they were submitted.
Arrival == [key : Keys, item : 1..Items, due : 0..Times, at : 0..Times]

CoreType ==
    [line : [Keys -> Seq(1..Items)],
     later : SUBSET Arrival,
     busy : [Keys -> 0..Items],
     bench : Seq(Workers),              \* whoever looks out first, then the latest last: it is woken first
     waking : 0..Cardinality(Workers),  \* taken off the bench, and without the baton since
     lookout : Workers \cup {Nobody},
     until : 0..Never,
     pauses : 0..1,
     stop : BOOLEAN]

Types ==
    /\ asleep \in BOOLEAN
    /\ door \in {"open", "closed"}
    /\ holder \in Threads \cup {Nobody}
    /\ DOMAIN core.line = Keys /\ core.later \subseteq Arrival
    /\ \A k \in Keys : core.busy[k] \in 0..Items
    /\ core.waking \in 0..Cardinality(Workers)
    /\ core.lookout \in Workers \cup {Nobody} /\ core.until \in 0..Never
    /\ rung \subseteq Workers
    /\ \A t \in Threads : where[t] \in {"idle", "wants", "runs", "rests", "woken", "has", "settles", "paused", "closed", "home"}
    /\ \A t \in Threads : toRing[t] \subseteq Workers
    /\ now \in 0..Times

Init ==
    /\ arrived = <<>>
    /\ asleep = FALSE
    /\ door = "open"
    /\ holder = Nobody
    /\ core = [line |-> [k \in Keys |-> <<>>], later |-> {}, busy |-> [k \in Keys |-> 0], bench |-> <<>>,
               waking |-> 0, lookout |-> Nobody, until |-> Never, pauses |-> 0, stop |-> FALSE]
    /\ rung = {}
    /\ where = [t \in Threads |-> IF t \in Workers THEN "wants" ELSE "idle"]
    /\ then = [t \in Threads |-> "idle"]
    /\ toRing = [t \in Threads |-> {}]
    /\ has = [w \in Workers |-> Nobody]
    /\ deadline = [w \in Workers |-> Never]
    /\ now = 0
    /\ accepted = 0
    /\ forLater = 0
    /\ pauses = 0

-----------------------------------------------------------------------------
(* The charge: sequential code under the baton. *)

Min(a, b) == IF a < b THEN a ELSE b
Monus(a, b) == IF a > b THEN a - b ELSE 0

MayStart(c) == c.pauses = 0
Ready(c) == {k \in Keys : c.busy[k] = 0 /\ c.line[k] # <<>>}
Runnable(c) == IF MayStart(c) THEN Cardinality(Ready(c)) ELSE 0
IsEmpty(c) == \A k \in Keys : c.line[k] = <<>>
IsOver(c) == c.stop /\ IsEmpty(c)

\* Those whose time has come by then, the earliest first.
RECURSIVE QueueWhatIsDue(_, _)
QueueWhatIsDue(c, by) ==
    LET due == {a \in c.later : a.due <= by}
    IN  IF due = {} THEN c
        ELSE LET first == CHOOSE a \in due : \A b \in due : a.due < b.due \/ (a.due = b.due /\ a.item <= b.item)
             IN  QueueWhatIsDue([c EXCEPT !.later = @ \ {first}, !.line[first.key] = Append(@, first.item)], by)

\* What came later than something was due comes behind it.
AdmitOne(c, a) ==
    IF a.due = 0 THEN [c EXCEPT !.line[a.key] = Append(@, a.item)] ELSE [c EXCEPT !.later = @ \cup {a}]

RECURSIVE Admit(_, _)
Admit(c, arrivals) ==
    IF arrivals = <<>> THEN c
    ELSE Admit(AdmitOne(QueueWhatIsDue(c, Head(arrivals).at), Head(arrivals)), Tail(arrivals))

TakeIn(c) == QueueWhatIsDue(Admit(c, arrived), now)

Due(c) ==
    IF MayStart(c) /\ c.later # {}
    THEN (CHOOSE a \in c.later : \A b \in c.later : a.due <= b.due).due
    ELSE Never

-----------------------------------------------------------------------------
(* Laying down. *)

Range(s) == {s[i] : i \in 1..Len(s)}

\* Takes so many off the bench, the last first.
TakeOff(c, count) ==
    LET left == Len(c.bench) - count
    IN  [c EXCEPT !.bench = SubSeq(c.bench, 1, left),
                  !.waking = @ + count,
                  !.lookout = IF left = 0 THEN Nobody ELSE @,
                  !.until = IF left = 0 THEN Never ELSE @]

Uncovered(c) == Min(Monus(Runnable(c), c.waking), Len(c.bench))
WakeForItems(c) == TakeOff(c, Uncovered(c))
WakeAll(c) == TakeOff(c, Len(c.bench))

\* Whom a thread has to ring after this: whoever sat on the bench and does not any more.
OffBench(before, after) == Range(before.bench) \ Range(after.bench)

Without(s, x) == SelectSeq(s, LAMBDA y : y # x)

NeedsLookout(c) ==
    /\ c.bench # <<>>
    /\ c.waking = 0
    /\ Due(c) # Never
    /\ c.until > Due(c)

\* Whoever lies down in this very step looks out; else one who sleeps is woken to.
PostLookout(c, t) ==
    IF ~NeedsLookout(c) THEN c
    ELSE IF then[t] = "rests" /\ t \in Range(c.bench)
         THEN [c EXCEPT !.lookout = t, !.until = Due(c), !.bench = <<t>> \o Without(c.bench, t)]
         ELSE TakeOff(c, 1)

\* The baton is laid down, and the core is this.
LayDown(t, c) ==
    /\ core' = c
    /\ holder' = Nobody
    /\ where' = [where EXCEPT ![t] = then[t]]
    /\ toRing' = [toRing EXCEPT ![t] = @ \cup OffBench(core, c)]
    /\ deadline' = IF t \in Workers /\ c.lookout = t THEN [deadline EXCEPT ![t] = c.until] ELSE deadline

\* What remains to be done in hand is to settle. The core is this.
BeginToSettle(t, c, next) ==
    /\ core' = WakeForItems(c)
    /\ then' = [then EXCEPT ![t] = next]
    /\ where' = [where EXCEPT ![t] = "settles"]
    /\ toRing' = [toRing EXCEPT ![t] = @ \cup OffBench(c, WakeForItems(c))]

\* All are up: nobody to wake, nobody to tell the inbox of.
Settle_NobodySleeps(t) ==
    /\ where[t] = "settles"
    /\ core.bench = <<>>
    /\ LayDown(t, core)
    /\ UNCHANGED <<inbox, rung, then, has, counts>>

\* A section of the inbox, with the wish to lie down: if nothing has arrived, the next arrival will say so.
Settle_TakeIn ==
    /\ arrived' = <<>>
    /\ asleep' = (asleep \/ (arrived = <<>> /\ door = "open" /\ MayStart(core)))
    /\ door' = door

\* Something has arrived meanwhile, or has come due.
Settle_Again(t) ==
    /\ where[t] = "settles"
    /\ core.bench # <<>>
    /\ Settle_TakeIn
    /\ LET c == TakeIn(core) IN
        /\ arrived # <<>> \/ Runnable(c) > c.waking
        /\ core' = WakeForItems(c)
        /\ toRing' = [toRing EXCEPT ![t] = @ \cup OffBench(c, WakeForItems(c))]
    /\ UNCHANGED <<holder, rung, where, then, has, deadline, counts>>

\* Nothing has.
Settle_LieDown(t) ==
    /\ where[t] = "settles"
    /\ core.bench # <<>>
    /\ Settle_TakeIn
    /\ LET c == TakeIn(core) IN
        /\ arrived = <<>> /\ Runnable(c) <= c.waking
        /\ LayDown(t, PostLookout(c, t))
    /\ UNCHANGED <<rung, then, has, counts>>

\* After the baton is free.
Ring(t) ==
    /\ holder # t
    /\ \E w \in toRing[t] :
        /\ rung' = rung \cup {w}
        /\ toRing' = [toRing EXCEPT ![t] = @ \ {w}]
    /\ UNCHANGED <<inbox, holder, core, where, then, has, deadline, counts>>

\* Free to go on.
At(t, place) == where[t] = place /\ (toRing[t] = {} \/ holder = t)

-----------------------------------------------------------------------------
(* Submitters. *)

Wake(t, next) ==
    /\ where' = [where EXCEPT ![t] = IF asleep THEN next ELSE @]
    /\ asleep' = FALSE

Submit(s) ==
    /\ At(s, "idle")
    /\ door = "open"
    /\ accepted < Items
    /\ accepted' = accepted + 1
    /\ \E k \in Keys, due \in 0..Times :
        /\ due > 0 => due > now /\ forLater < Later
        /\ arrived' = Append(arrived, [key |-> k, item |-> accepted + 1, due |-> due, at |-> now])
        /\ forLater' = IF due > 0 THEN forLater + 1 ELSE forLater
    /\ Wake(s, "wants")
    /\ UNCHANGED <<door, holder, core, rung, then, toRing, has, deadline, now, pauses>>

\* It has found the inbox asleep: takes the baton up and lays it down.
Nudge(s) ==
    /\ At(s, "wants")
    /\ holder = Nobody
    /\ holder' = s
    /\ BeginToSettle(s, core, "idle")
    /\ UNCHANGED <<inbox, rung, has, deadline, counts>>

-----------------------------------------------------------------------------
(* Workers. *)

\* Lets go of the key whose item has run.
Finish(w) ==
    /\ At(w, "runs")
    /\ holder = Nobody
    /\ holder' = w
    /\ core' = [core EXCEPT !.busy[has[w]] = 0]
    /\ has' = [has EXCEPT ![w] = Nobody]
    /\ where' = [where EXCEPT ![w] = "has"]
    /\ UNCHANGED <<inbox, rung, then, toRing, deadline, counts>>

\* Comes for the first time, or has slept. If it was not taken off the bench, it leaves it by itself.
GetUp(w) ==
    /\ At(w, "wants") \/ At(w, "woken")
    /\ holder = Nobody
    /\ holder' = w
    /\ core' = CASE w \in Range(core.bench) ->
                        [core EXCEPT !.bench = Without(core.bench, w),
                                     !.lookout = IF @ = w THEN Nobody ELSE @,
                                     !.until = IF core.lookout = w THEN Never ELSE @]
                 [] w \notin Range(core.bench) /\ where[w] = "woken" -> [core EXCEPT !.waking = @ - 1]
                 [] OTHER -> core
    /\ where' = [where EXCEPT ![w] = "has"]
    /\ UNCHANGED <<inbox, rung, then, toRing, has, deadline, counts>>

\* A section of the inbox, and what the worker then does. It takes an item,
Serve_Pick(w) ==
    /\ At(w, "has")
    /\ LET c == TakeIn(core) IN
        /\ MayStart(c)
        /\ \E k \in Ready(c) :
            /\ has' = [has EXCEPT ![w] = k]
            /\ BeginToSettle(w, [c EXCEPT !.busy[k] = Head(c.line[k]), !.line[k] = Tail(@)], "runs")
    /\ arrived' = <<>>
    /\ UNCHANGED <<asleep, door, holder, rung, deadline, counts>>

\* or goes home, and takes along those who sat down while a key still ran,
Serve_Over(w) ==
    /\ At(w, "has")
    /\ LET c == TakeIn(core) IN
        /\ Runnable(c) = 0
        /\ IsOver(c)
        /\ core' = WakeAll(c)
        /\ toRing' = [toRing EXCEPT ![w] = @ \cup Range(c.bench)]
    /\ then' = [then EXCEPT ![w] = "home"]
    /\ where' = [where EXCEPT ![w] = "settles"]
    /\ arrived' = <<>>
    /\ UNCHANGED <<asleep, door, holder, rung, has, deadline, counts>>

\* or sits down.
Serve_SitDown(w) ==
    /\ At(w, "has")
    /\ LET c == TakeIn(core) IN
        /\ Runnable(c) = 0
        /\ ~IsOver(c)
        /\ BeginToSettle(w, [c EXCEPT !.bench = Append(@, w)], "rests")
    /\ deadline' = [deadline EXCEPT ![w] = Never]
    /\ arrived' = <<>>
    /\ UNCHANGED <<asleep, door, holder, rung, has, counts>>

\* Its bell has been rung, or it is time. It does not say which.
Rest(w) ==
    /\ At(w, "rests")
    /\ w \in rung \/ deadline[w] <= now
    /\ rung' = rung \ {w}
    /\ where' = [where EXCEPT ![w] = "woken"]
    /\ UNCHANGED <<inbox, holder, core, then, toRing, has, deadline, counts>>

-----------------------------------------------------------------------------
(* The boss. *)

Pause ==
    /\ At(Boss, "idle")
    /\ pauses < Pauses
    /\ pauses' = pauses + 1
    /\ holder = Nobody
    /\ ~core.stop
    /\ holder' = Boss
    /\ BeginToSettle(Boss, [core EXCEPT !.pauses = 1], "paused")
    /\ UNCHANGED <<inbox, rung, has, deadline, now, accepted, forLater>>

Resume ==
    /\ At(Boss, "paused")
    /\ holder = Nobody
    /\ holder' = Boss
    /\ BeginToSettle(Boss, [core EXCEPT !.pauses = 0], "idle")
    /\ UNCHANGED <<inbox, rung, has, deadline, counts>>

\* Whom that would wake is woken by ShutDown, with everybody else.
Close ==
    /\ MayStop
    /\ At(Boss, "idle") \/ At(Boss, "paused")
    /\ door' = "closed"
    /\ asleep' = FALSE
    /\ where' = [where EXCEPT ![Boss] = "closed"]
    /\ UNCHANGED <<arrived, holder, core, rung, then, toRing, has, deadline, counts>>

\* What is left runs; if the shard is paused it comes back, as does what was to come.
ShutDown ==
    /\ At(Boss, "closed")
    /\ holder = Nobody
    /\ holder' = Boss
    /\ LET c == TakeIn(core)
           left == IF MayStart(c) THEN c.line ELSE [k \in Keys |-> <<>>]
           stopped == [c EXCEPT !.stop = TRUE, !.later = {}, !.line = left]
       IN  /\ core' = WakeAll(stopped)
           /\ toRing' = [toRing EXCEPT ![Boss] = @ \cup Range(c.bench)]
    /\ then' = [then EXCEPT ![Boss] = "home"]
    /\ where' = [where EXCEPT ![Boss] = "settles"]
    /\ arrived' = <<>>
    /\ UNCHANGED <<asleep, door, rung, has, deadline, counts>>

Tick ==
    /\ now < Times
    /\ now' = now + 1
    /\ UNCHANGED <<inbox, holder, core, rung, threads, accepted, forLater, pauses>>

-----------------------------------------------------------------------------
Next ==
    \/ \E s \in Submitters : Submit(s)
    \/ \E s \in Submitters : Nudge(s)
    \/ \E w \in Workers : Finish(w)
    \/ \E w \in Workers : GetUp(w)
    \/ \E w \in Workers : Serve_Pick(w)
    \/ \E w \in Workers : Serve_Over(w)
    \/ \E w \in Workers : Serve_SitDown(w)
    \/ \E w \in Workers : Rest(w)
    \/ \E t \in Threads : Settle_NobodySleeps(t)
    \/ \E t \in Threads : Settle_Again(t)
    \/ \E t \in Threads : Settle_LieDown(t)
    \/ \E t \in Threads : Ring(t)
    \/ Pause
    \/ Resume
    \/ Close
    \/ ShutDown
    \/ Tick

(* Whoever waits for the baton gets it (strong: others have it meanwhile);  *)
(* handlers return, the clock goes on, a pause ends. Nobody need submit,    *)
(* pause or stop.                                                           *)
Fairness ==
    /\ \A s \in Submitters : SF_vars(Nudge(s))
    /\ \A w \in Workers :
        /\ SF_vars(Finish(w))
        /\ SF_vars(GetUp(w))
        /\ WF_vars(Serve_Pick(w))
        /\ WF_vars(Serve_Over(w))
        /\ WF_vars(Serve_SitDown(w))
        /\ WF_vars(Rest(w))
    /\ \A t \in Threads :
        /\ WF_vars(Settle_NobodySleeps(t))
        /\ WF_vars(Settle_Again(t))
        /\ WF_vars(Settle_LieDown(t))
        /\ WF_vars(Ring(t))
    /\ SF_vars(Resume)
    /\ SF_vars(ShutDown)
    /\ ClockRuns => WF_vars(Tick)

Spec == Init /\ [][Next]_vars /\ Fairness

-----------------------------------------------------------------------------
(* The baton's law, clause by clause, whenever nobody has it. *)

Nudging == \E s \in Submitters : where[s] = "wants"

\* P5: an item that could start has a worker on its way, or none sleeps.
Covered == holder = Nobody /\ core.bench # <<>> => Runnable(core) <= core.waking

\* Of sleepers the inbox knows, or somebody is about to find out.
InboxKnows ==
    holder = Nobody /\ core.bench # <<>> /\ MayStart(core) /\ door = "open" =>
        (asleep /\ arrived = <<>>) \/ Nudging

\* What is due later has somebody who will look in time.
SomebodyLooksOut ==
    holder = Nobody /\ core.bench # <<>> /\ Due(core) # Never =>
        core.waking > 0 \/ (core.lookout # Nobody /\ core.until <= Due(core))

\* Whoever looks out is on the bench, and its sleep ends in time.
LookoutSleeps ==
    /\ (core.lookout = Nobody) = (core.until = Never)
    /\ core.lookout # Nobody => core.lookout \in Range(core.bench)
    /\ holder = Nobody /\ core.lookout # Nobody => deadline[core.lookout] <= core.until

\* Whoever is on its way has been rung for, or will be.
WakingIsRung ==
    holder = Nobody =>
        core.waking = Cardinality({w \in Workers :
            /\ w \notin Range(core.bench)
            /\ where[w] \in {"rests", "woken"}})

\* P3
OneAtATime == \A v, w \in Workers : v # w /\ has[v] # Nobody => has[v] # has[w]

\* P6: what may not start does not.
NoneStartsPaused == [][core.pauses = 1 => \A w \in Workers : has'[w] = has[w] \/ has'[w] = Nobody]_vars

\* P5: nobody is woken for nothing: for an item, as the next lookout, or for the end.
WakesAreNeeded ==
    [][core'.waking > core.waking => \/ core'.waking <= Runnable(core')
                                     \/ core'.waking = 1 /\ core'.later # {}
                                     \/ core'.stop]_vars

\* P8
StoppedIsQuiet == (\A w \in Workers : where[w] = "home") => IsEmpty(core) /\ \A k \in Keys : core.busy[k] = 0

-----------------------------------------------------------------------------
(* An item waits in its line from the moment when it is due, and whoever    *)
(* takes in what has arrived sees that: so abstractly, it is always done.   *)
Abstract == INSTANCE KeyedExecutor WITH
    line <- TakeIn(core).line,
    coming <- [k \in Keys |-> {a.item : a \in {b \in TakeIn(core).later : b.key = k}}],
    busy <- core.busy,
    closed <- (IF door = "closed" THEN Keys ELSE {})

Refines == Abstract!Init /\ [][Abstract!Next]_(Abstract!vars)

-----------------------------------------------------------------------------
(* What waits is run, unless the shard stays paused or has been stopped so. *)
AllRun == <>[](where[Boss] # "paused" => IsEmpty(core) /\ arrived = <<>> /\ core.later = {})
\* P10: nothing that is ready waits for what is to come, though the clock may stand still.
ReadyRun == <>[](where[Boss] # "paused" => IsEmpty(core) /\ arrived = <<>>)

Ends == door = "closed" ~> \A w \in Workers : where[w] = "home"
=============================================================================
