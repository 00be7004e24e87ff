---------------------------- MODULE TraceEpochGate ----------------------------
(* Recorded runs of the gate. See Following. *)
EXTENDS EpochGate, Following

\* Events number threads: who brings the messages of session 1, of session 2..., who publishes, who makes groups.
Thread(n) ==
    IF n < Cardinality(Sessions) THEN BringerOf(n + 1)
    ELSE IF n < Cardinality(Sessions) + Cardinality(Publishers) THEN Named.Publishers[n - Cardinality(Sessions) + 1]
    ELSE Maker

\* Group 0 is there from the beginning.
Group(n) == IF n = 0 THEN Here ELSE Named.Groups[n]

By == Thread(Event.thread)

\* Where a message of a session can be when it has arrived.
IsIn(s, m) ==
    \/ m \in waiting'[s]
    \/ m \in aside'[s][m.group]
    \/ running'[s] # Nobody /\ running'[s].message = m

TraceNext ==
    \/ /\ Is("Arrive")
       /\ Arrive(Event.session)
       /\ IsIn(Event.session,
            [number |-> arrived'[Event.session], needs |-> Event.needs, group |-> Group(Event.group)])
    \/ Is("Reset") /\ Reset(Event.session)
    \/ /\ Is("Call")
       /\ Call(By)
       /\ running[session[By]].message.number = Event.number
    \/ Is("Park") /\ Park(By)
    \/ Is("GoOn") /\ GoOn(By)
    \/ /\ Is("Publish")
       /\ By \in Publishers
       /\ Publish(By)
       /\ published' = Event.epoch
    \/ /\ Is("Show")
       /\ Show
       /\ shown' = shown \cup {Group(Event.group)}
    \/ Is("Appeared") /\ Appeared
    \/ Is("BeginFrom") /\ BeginFrom(By)
    \/ Is("Stop") /\ Stop

\* Nobody does anything, and nothing waits: it was stopped, or all has been brought, published and made.
AtRest ==
    /\ \A t \in Threads : where[t] = "idle"
    /\ \A s \in Sessions : waiting[s] = {} /\ \A g \in Groups : aside[s][g] = {}
    /\ IF MayStop THEN stopped
       ELSE /\ \A s \in Sessions : arrived[s] = Messages
            /\ published = Epochs
            /\ Groups \subseteq shown

\* *Violated* if the run is accepted.
NotAccepted == ~Accepted(AtRest)

TraceSpec == Init /\ Begins /\ [][TraceNext]_<<vars, run, followed>>
=============================================================================
