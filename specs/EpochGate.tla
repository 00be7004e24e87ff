------------------------------ MODULE EpochGate ------------------------------
(***************************************************************************)
(* A session's messages that wait for an epoch: `src/gate/`. One lock;     *)
(* sequential code under it; callbacks between two holds, run by whoever   *)
(* brought the message or published the epoch. So an action is a critical  *)
(* section of the gate's, or a step of a callback.                         *)
(*                                                                         *)
(* A callback may find its message's group missing (Ceph: a placement       *)
(* group that the new map has given to this server, and which is being     *)
(* made); then the message is set aside until the group has appeared.       *)
(*                                                                         *)
(* Left out: sessions that are opened and dropped; callbacks that use the   *)
(* gate; what a map says; the message of a callback that panics.           *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets

CONSTANTS
    Sessions,   \* 1..n, in the order in which a publisher walks over them
    Messages,   \* how many each of them brings
    Epochs,     \* 0 is none yet
    Groups,     \* those that are missing at first
    Here,       \* a group that is there
    Publishers,
    Maker,      \* lets the groups appear
    MayReset,
    MayStop,
    Nobody

Bringers == {<<"bringer", s>> : s \in Sessions}
Threads == Bringers \cup Publishers \cup {Maker}
BringerOf(s) == <<"bringer", s>>

VARIABLES
    published,  \* the gate's epoch, under its lock like all up to `running`
    map,        \* whether it has a map
    asked,      \* the highest epoch that somebody was told to ask for
    stopped,
    waiting,    \* by session: a set of messages, sorted by number
    aside,      \* by session and group: the same
    running,    \* by session: what its callback is at, or Nobody
    shown,      \* groups that callbacks find
    where,      \* by thread: what it does next
    session,    \* by thread: whose callbacks it runs, or 0
    walk,       \* by thread: from where on it has yet to look at the sessions, or 0
    arrived,    \* by session: how many have been accepted
    left,       \* by session: the number of the last message whose callback took it
    under,      \* by session: the epoch under which the last callback ran
    emptied     \* by session: how many had been accepted when it was reset last

gate == <<published, map, asked, stopped, waiting, aside, running>>
threads == <<where, session, walk>>
counts == <<arrived, left, under, emptied>>
vars == <<gate, shown, threads, counts>>

Message == [number : 1..Messages, needs : 1..Epochs, group : Groups \cup {Here}]
Last == Cardinality(Sessions) + 1

Types ==
    /\ published \in 0..Epochs /\ asked \in 0..Epochs
    /\ map \in BOOLEAN /\ stopped \in BOOLEAN
    /\ \A s \in Sessions : waiting[s] \subseteq Message
    /\ \A s \in Sessions, g \in Groups \cup {Here} : aside[s][g] \subseteq Message
    /\ shown \subseteq Groups \cup {Here}
    /\ \A t \in Threads : where[t] \in {"idle", "calls", "parks", "goes on", "walks", "tells"}
    /\ \A t \in Threads : session[t] \in Sessions \cup {0} /\ walk[t] \in 0..Last
    /\ \A s \in Sessions : arrived[s] \in 0..Messages /\ left[s] \in 0..Messages /\ under[s] \in 0..Epochs

Init ==
    /\ published = 0
    /\ map = FALSE
    /\ asked = 0
    /\ stopped = FALSE
    /\ waiting = [s \in Sessions |-> {}]
    /\ aside = [s \in Sessions |-> [g \in Groups \cup {Here} |-> {}]]
    /\ running = [s \in Sessions |-> Nobody]
    /\ shown = {Here}
    /\ where = [t \in Threads |-> "idle"]
    /\ session = [t \in Threads |-> 0]
    /\ walk = [t \in Threads |-> 0]
    /\ arrived = [s \in Sessions |-> 0]
    /\ left = [s \in Sessions |-> 0]
    /\ under = [s \in Sessions |-> 0]
    /\ emptied = [s \in Sessions |-> 0]

-----------------------------------------------------------------------------
(* A line, under the gate's lock. *)

HeadOf(list) == CHOOSE m \in list : \A n \in list : m.number <= n.number

MayLeave(list, epoch) == list # {} /\ epoch > 0 /\ HeadOf(list).needs <= epoch

\* Heads that could leave, and whose group has earlier ones set aside, step behind these, and the next one is the head.
RECURSIVE Settled(_, _)
Settled(line, epoch) ==
    IF MayLeave(line.waiting, epoch) /\ line.aside[HeadOf(line.waiting).group] # {}
    THEN LET m == HeadOf(line.waiting)
         IN  Settled([waiting |-> line.waiting \ {m}, aside |-> [line.aside EXCEPT ![m.group] = @ \cup {m}]], epoch)
    ELSE line

\* The line of a session, as it is when somebody has looked whether its head may leave.
Looked(s, list, epoch) ==
    IF running[s] = Nobody THEN Settled([waiting |-> list, aside |-> aside[s]], epoch)
                           ELSE [waiting |-> list, aside |-> aside[s]]

Callback(m, epoch) == [message |-> m, epoch |-> epoch, appeared |-> FALSE, reset |-> FALSE]

\* The thread begins the callback of the line's head.
BeginBy(t, s, line, epoch) ==
    /\ running' = [running EXCEPT ![s] = Callback(HeadOf(line.waiting), epoch)]
    /\ waiting' = [waiting EXCEPT ![s] = line.waiting \ {HeadOf(line.waiting)}]
    /\ aside' = [aside EXCEPT ![s] = line.aside]
    /\ where' = [where EXCEPT ![t] = "calls"]
    /\ session' = [session EXCEPT ![t] = s]
    /\ under' = [under EXCEPT ![s] = epoch]

-----------------------------------------------------------------------------
(* Whoever brings a session's messages. *)

Wanted(m) == m.needs > published /\ m.needs > asked

\* That a message is judged, that it waits, and that somebody is told to ask, is one step.
Arrive(s) ==
    LET t == BringerOf(s) IN
    /\ where[t] = "idle"
    /\ ~stopped
    /\ arrived[s] < Messages
    /\ \E needs \in 1..Epochs, g \in Groups \cup {Here} :
        LET m == [number |-> arrived[s] + 1, needs |-> needs, group |-> g]
            line == Looked(s, waiting[s] \cup {m}, published)
        IN  /\ asked' = IF Wanted(m) THEN needs ELSE asked
            /\ IF running[s] = Nobody /\ MayLeave(line.waiting, published)
               THEN BeginBy(t, s, line, published)
               ELSE /\ waiting' = [waiting EXCEPT ![s] = line.waiting]
                    /\ aside' = [aside EXCEPT ![s] = line.aside]
                    /\ UNCHANGED <<running, where, session, under>>
    /\ arrived' = [arrived EXCEPT ![s] = @ + 1]
    /\ UNCHANGED <<published, map, stopped, shown, walk, left, emptied>>

\* What waits comes back; the callback that runs is told.
Reset(s) ==
    /\ MayReset
    /\ where[BringerOf(s)] = "idle"
    /\ emptied[s] < arrived[s]
    /\ waiting' = [waiting EXCEPT ![s] = {}]
    /\ aside' = [aside EXCEPT ![s] = [g \in Groups \cup {Here} |-> {}]]
    /\ running' = [running EXCEPT ![s] = IF @ = Nobody THEN @ ELSE [@ EXCEPT !.reset = TRUE]]
    /\ emptied' = [emptied EXCEPT ![s] = arrived[s]]
    /\ UNCHANGED <<published, map, asked, stopped, shown, threads, arrived, left, under>>

-----------------------------------------------------------------------------
(* Whoever runs a session's callbacks. *)

\* The callback looks for its group, and has no lock. If it is there, the message is done with.
Call(t) ==
    /\ where[t] = "calls"
    /\ LET s == session[t]
           m == running[s].message
       IN  IF m.group \in shown
           THEN /\ left' = [left EXCEPT ![s] = m.number]
                /\ where' = [where EXCEPT ![t] = "goes on"]
           ELSE /\ left' = left
                /\ where' = [where EXCEPT ![t] = "parks"]
    /\ UNCHANGED <<gate, shown, session, walk, arrived, under, emptied>>

Park(t) ==
    /\ where[t] = "parks"
    /\ LET s == session[t]
           c == running[s]
       IN  /\ waiting' = [waiting EXCEPT ![s] = IF ~c.reset /\ c.appeared THEN @ \cup {c.message} ELSE @]
           /\ aside' = [aside EXCEPT ![s][c.message.group] =
                            IF ~c.reset /\ ~c.appeared THEN @ \cup {c.message} ELSE @]
    /\ where' = [where EXCEPT ![t] = "goes on"]
    /\ UNCHANGED <<published, map, asked, stopped, running, shown, session, walk, counts>>

\* The callback is over. The next one, if its head may leave; else the thread is done with this session.
GoOn(t) ==
    /\ where[t] = "goes on"
    /\ LET s == session[t]
           epoch == IF map THEN published ELSE 0
           line == Settled([waiting |-> waiting[s], aside |-> aside[s]], epoch)
       IN  IF MayLeave(line.waiting, epoch)
           THEN BeginBy(t, s, line, epoch)
           ELSE /\ running' = [running EXCEPT ![s] = Nobody]
                /\ waiting' = [waiting EXCEPT ![s] = line.waiting]
                /\ aside' = [aside EXCEPT ![s] = line.aside]
                /\ where' = [where EXCEPT ![t] = IF walk[t] = 0 THEN "idle" ELSE "walks"]
                /\ session' = [session EXCEPT ![t] = 0]
                /\ under' = under
    /\ UNCHANGED <<published, map, asked, stopped, shown, walk, arrived, left, emptied>>

-----------------------------------------------------------------------------
(* Whoever publishes, or lets a group appear, and then walks. *)

Publish(t) ==
    /\ where[t] = "idle"
    /\ ~stopped
    /\ \E e \in 1..Epochs :
        /\ e > published
        /\ published' = e
    /\ map' = TRUE
    /\ where' = [where EXCEPT ![t] = "walks"]
    /\ walk' = [walk EXCEPT ![t] = 1]
    /\ UNCHANGED <<asked, stopped, waiting, aside, running, shown, session, counts>>

Show ==
    /\ where[Maker] = "idle"
    /\ \E g \in Groups \ shown : shown' = shown \cup {g}
    /\ where' = [where EXCEPT ![Maker] = "tells"]
    /\ UNCHANGED <<gate, session, walk, counts>>

\* What was set aside rejoins, where it was; callbacks that may have looked too early are told.
Appeared ==
    /\ where[Maker] = "tells"
    /\ waiting' = [s \in Sessions |-> waiting[s] \cup UNION {aside[s][g] : g \in shown}]
    /\ aside' = [s \in Sessions |-> [g \in Groups \cup {Here} |-> IF g \in shown THEN {} ELSE aside[s][g]]]
    /\ running' = [s \in Sessions |->
                    IF running[s] # Nobody /\ running[s].message.group \in shown
                    THEN [running[s] EXCEPT !.appeared = TRUE] ELSE running[s]]
    /\ where' = [where EXCEPT ![Maker] = "walks"]
    /\ walk' = [walk EXCEPT ![Maker] = 1]
    /\ UNCHANGED <<published, map, asked, stopped, shown, session, counts>>

\* Whether somebody who looks at this session would begin a callback.
Starts(s, epoch) == running[s] = Nobody /\ MayLeave(Looked(s, waiting[s], epoch).waiting, epoch)

\* One critical section: looks at the sessions from there on, up to one whose head may leave.
BeginFrom(t) ==
    /\ where[t] = "walks"
    /\ LET epoch == IF map THEN published ELSE 0
           ahead == {s \in Sessions : s >= walk[t]}
           found == {s \in ahead : Starts(s, epoch)}
           first == IF found = {} THEN Last ELSE CHOOSE s \in found : \A r \in found : s <= r
           seen == [s \in Sessions |-> IF s \in ahead /\ s < first THEN Looked(s, waiting[s], epoch)
                                       ELSE [waiting |-> waiting[s], aside |-> aside[s]]]
       IN  IF found = {}
           THEN /\ waiting' = [s \in Sessions |-> seen[s].waiting]
                /\ aside' = [s \in Sessions |-> seen[s].aside]
                /\ where' = [where EXCEPT ![t] = "idle"]
                /\ walk' = [walk EXCEPT ![t] = 0]
                /\ UNCHANGED <<running, session, under>>
           ELSE LET line == Looked(first, waiting[first], epoch)
                    head == HeadOf(line.waiting)
                IN  /\ waiting' = [s \in Sessions |-> IF s = first THEN line.waiting \ {head} ELSE seen[s].waiting]
                    /\ aside' = [s \in Sessions |-> IF s = first THEN line.aside ELSE seen[s].aside]
                    /\ running' = [running EXCEPT ![first] = Callback(head, epoch)]
                    /\ where' = [where EXCEPT ![t] = "calls"]
                    /\ session' = [session EXCEPT ![t] = first]
                    /\ under' = [under EXCEPT ![first] = epoch]
                    /\ walk' = [walk EXCEPT ![t] = first + 1]
    /\ UNCHANGED <<published, map, asked, stopped, shown, arrived, left, emptied>>

Stop ==
    /\ MayStop
    /\ ~stopped
    /\ stopped' = TRUE
    /\ map' = FALSE
    /\ waiting' = [s \in Sessions |-> {}]
    /\ aside' = [s \in Sessions |-> [g \in Groups \cup {Here} |-> {}]]
    /\ running' = [s \in Sessions |-> IF running[s] = Nobody THEN Nobody ELSE [running[s] EXCEPT !.reset = TRUE]]
    /\ emptied' = arrived
    /\ UNCHANGED <<published, asked, shown, threads, arrived, left, under>>

-----------------------------------------------------------------------------
Next ==
    \/ \E s \in Sessions : Arrive(s)
    \/ \E s \in Sessions : Reset(s)
    \/ \E t \in Threads : Call(t)
    \/ \E t \in Threads : Park(t)
    \/ \E t \in Threads : GoOn(t)
    \/ \E t \in Publishers : Publish(t)
    \/ Show
    \/ Appeared
    \/ \E t \in Threads : BeginFrom(t)
    \/ Stop

(* Callbacks return, and whoever has begun to walk goes on. One lock is     *)
(* taken by each action and let go of in it; that it is not refused for     *)
(* ever is part of these. Nobody need bring, publish, or make anything.     *)
Fairness ==
    \A t \in Threads :
        /\ WF_vars(Call(t))
        /\ WF_vars(Park(t))
        /\ WF_vars(GoOn(t))
        /\ WF_vars(BeginFrom(t))
Telling == WF_vars(Appeared)

Spec == Init /\ [][Next]_vars /\ Fairness /\ Telling

-----------------------------------------------------------------------------
Epoch == IF map THEN published ELSE 0
Walking(s) == \E t \in Threads : walk[t] # 0 /\ walk[t] <= s

(* The law of the gate: an idle line whose head may leave is still ahead of *)
(* somebody who walks.                                                      *)
Law == \A s \in Sessions : Starts(s, Epoch) => Walking(s)

(* A message that is set aside waits for a group that nobody has told of.   *)
AsideWaits == \A s \in Sessions, g \in shown : aside[s][g] # {} => where[Maker] = "tells"

\* E2
EpochIsThere == \A s \in Sessions : running[s] # Nobody => running[s].message.needs <= running[s].epoch

\* One callback of a session at a time.
OneAtATime ==
    /\ \A t, u \in Threads : t # u /\ session[t] # 0 => session[t] # session[u]
    /\ \A s \in Sessions : running[s] # Nobody <=> \E t \in Threads : session[t] = s

\* E4: for what is waited for, somebody has been told to ask.
SomebodyAsks == \A s \in Sessions : \A m \in waiting[s] : m.needs > published => asked >= m.needs

\* E5
StoppedIsEmpty == stopped => ~map /\ \A s \in Sessions : waiting[s] = {} /\ \A g \in Groups : aside[s][g] = {}

\* E1: they leave in the order of their arrival, save those whose group is missing, which wait for their own.
InOrder ==
    \A s \in Sessions : running[s] # Nobody =>
        \A m \in waiting[s] : m.needs <= published => m.number >= running[s].message.number \/ m.group # Here

OrderOfGroup ==
    \A s \in Sessions, g \in Groups : running[s] # Nobody /\ running[s].message.group = g =>
        \A m \in aside[s][g] \cup waiting[s] : m.group = g => m.number >= running[s].message.number

\* E3
NeverBack == [][published' >= published /\ \A s \in Sessions : under'[s] >= under[s]]_vars

\* E5: what a reset has taken out does not come back into its session, from a callback that had begun before it either.
ResetStaysOut ==
    \A s \in Sessions : \A m \in waiting[s] \cup UNION {aside[s][g] : g \in Groups} : m.number > emptied[s]

\* E4: what may leave does not wait for ever.
Leaves ==
    \A s \in Sessions :
        [](waiting[s] # {} => <>(waiting[s] = {} \/ ~MayLeave(waiting[s], Epoch)))
=============================================================================
