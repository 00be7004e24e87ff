------------------------------ MODULE TraceBaton ------------------------------
(* Recorded runs of one shard's workers. See Following. *)
EXTENDS Baton, Following

\* Events number threads, from 0 on: workers, then submitters, then the boss.
Thread(n) ==
    LET workers == Cardinality(Workers)
        submitters == Cardinality(Submitters)
    IN  CASE n < workers -> Named.Workers[n + 1]
          [] n >= workers /\ n < workers + submitters -> Named.Submitters[n - workers + 1]
          [] n = workers + submitters -> Boss

\* And keys.
Key(n) == Named.Keys[n + 1]

By == Thread(Event.thread)
Works == By \in Workers
Submits == By \in Submitters

TraceNext ==
    \/ /\ Is("Submit")
       /\ Submits
       /\ Submit(By)
       /\ LET last == arrived'[Len(arrived')] IN last.key = Key(Event.key) /\ last.due = Event.due
    \/ Is("Nudge") /\ Submits /\ Nudge(By)
    \/ Is("Finish") /\ Works /\ Finish(By)
    \/ Is("GetUp") /\ Works /\ GetUp(By)
    \/ /\ Is("Serve_Pick")
       /\ Works
       /\ Serve_Pick(By)
       /\ has'[By] = Key(Event.key)
    \/ Is("Serve_Over") /\ Works /\ Serve_Over(By)
    \/ Is("Serve_SitDown") /\ Works /\ Serve_SitDown(By)
    \/ Is("Rest") /\ Works /\ Rest(By)
    \/ Is("Settle_NobodySleeps") /\ Settle_NobodySleeps(By)
    \/ Is("Settle_Again") /\ Settle_Again(By)
    \/ Is("Settle_LieDown") /\ Settle_LieDown(By)
    \* Of those whom it took off the bench, it rings this one's bell.
    \/ /\ Is("Ring")
       /\ Thread(Event.worker) \in toRing[By]
       /\ Ring(By)
       /\ Thread(Event.worker) \notin toRing'[By]
    \/ Is("Pause") /\ Pause
    \/ Is("Resume") /\ Resume
    \/ Is("Close") /\ Close
    \/ Is("ShutDown") /\ ShutDown
    \/ Is("Tick") /\ Tick

\* It is shut down, all workers have gone home, and nothing waits or runs; nobody sleeps, or has yet to be rung for.
AtRest ==
    /\ \A t \in Workers \cup {Boss} : where[t] = "home"
    /\ \A s \in Submitters : where[s] = "idle"
    /\ holder = Nobody
    /\ \A t \in Threads : toRing[t] = {}
    /\ rung = {}
    /\ arrived = <<>>
    /\ IsEmpty(core) /\ core.later = {}
    /\ \A k \in Keys : core.busy[k] = 0
    /\ core.bench = <<>> /\ core.waking = 0

\* *Violated* if the run is accepted.
NotAccepted == ~Accepted(AtRest)

TraceSpec == Init /\ Begins /\ [][TraceNext]_<<vars, run, followed>>
=============================================================================
