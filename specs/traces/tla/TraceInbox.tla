------------------------------ MODULE TraceInbox ------------------------------
(* Recorded runs of an inbox. See Following. *)
EXTENDS Inbox, Following

\* Events number threads, from 0 on: those that push, then who closes it.
Thread(n) == IF n < Len(Named.Producers) THEN Named.Producers[n + 1] ELSE Closer

By == Thread(Event.thread)

TraceNext ==
    \/ Is("Push") /\ By \in Producers /\ Push(By)
    \/ Is("Close") /\ Close
    \/ Is("Ring") /\ Ring(By)
    \/ Is("Take") /\ Take
    \/ Is("Take_LieDown") /\ Take_LieDown
    \/ Is("Wait") /\ Wait
    \/ Is("Handle") /\ Handle

\* It is closed, the consumer has stopped, and has handled all.
AtRest ==
    /\ door = "closed"
    /\ consumer = "stopped"
    /\ ringing = {} /\ ~rung
    /\ arrived = <<>> /\ hand = <<>>
    /\ handled = sent

\* *Violated* if the run is accepted.
NotAccepted == ~Accepted(AtRest)

TraceSpec == Init /\ Begins /\ [][TraceNext]_<<vars, run, followed>>
=============================================================================
