--------------------------- MODULE TraceShardedPool ---------------------------
(* Recorded runs of the pool. See Following. *)
EXTENDS ShardedPool, Following

\* Shards, keys and items have the numbers that they have there. Controls are numbered from 0 on: who pauses, then who
\* drains, then who stops it.
Control(n) ==
    IF n < Cardinality(Pausers) THEN Named.Pausers[n + 1]
    ELSE IF n < Cardinality(Pausers) + Cardinality(Drainers) THEN Named.Drainers[n - Cardinality(Pausers) + 1]
    ELSE Stopper

By == Control(Event.thread)
Pauses == By \in Pausers
Drains == By \in Drainers

TraceNext ==
    \/ Is("Submit") /\ Submit(Event.key)
    \/ Is("SubmitFront") /\ SubmitFront(Event.key)
    \/ Is("SubmitAfter") /\ SubmitAfter(Event.key)
    \/ Is("Handle_Submit") /\ Handle_Submit(Event.from, Event.key)
    \/ Is("Commit") /\ Commit(Event.shard)
    \/ Is("Remove") /\ Remove(Event.key)
    \/ /\ Is("Ripen")
       /\ Event.item \in unripe
       /\ Ripen
       /\ Event.item \notin unripe'
    \/ /\ Is("Pick")
       /\ Pick(Event.key)
       /\ core'[ShardOf(Event.key)].busy[Event.key] = Event.item
    \/ Is("Finish") /\ Finish(Event.key)
    \/ /\ Is("PickCommit")
       /\ PickCommit(Event.shard)
       /\ Event.item \in core'[Event.shard].committing
    \/ /\ Is("FinishCommit")
       /\ Event.item \in core[Event.shard].committing
       /\ FinishCommit(Event.shard)
       /\ Event.item \notin core'[Event.shard].committing
    \/ Is("Settle") /\ Settle(Event.shard)
    \/ Is("Pause") /\ Pauses /\ Pause(By)
    \/ Is("Pause_Mark") /\ Pauses /\ Pause_Mark(By)
    \/ Is("Pause_Wait") /\ Pauses /\ Pause_Wait(By)
    \/ Is("Wait_Hear") /\ Pauses /\ Wait_Hear(By, "quiets", "paused")
    \/ Is("Resume") /\ Pauses /\ Resume(By)
    \/ Is("Resume_Mark") /\ Pauses /\ Resume_Mark(By)
    \/ Is("Drain") /\ Drains /\ Drain(By)
    \/ Is("Drain_Mark") /\ Drains /\ Drain_Mark(By)
    \/ Is("Drain_Wait") /\ Drains /\ Drain_Wait(By)
    \/ Is("Wait_Hear") /\ Drains /\ Wait_Hear(By, "empties", "looks")
    \/ Is("Drain_Look") /\ Drains /\ Drain_Look(By)
    \/ Is("Shutdown") /\ Shutdown
    \/ Is("Shutdown_Close") /\ Shutdown_Close
    \/ Is("ShutDown_Mark") /\ ShutDown_Mark

\* It is shut down, all who began to pause or to drain are done, and each shard has nothing left.
AtRest ==
    /\ control = Nobody
    /\ where[Stopper] = "done"
    /\ \A p \in Pausers : where[p] \in {"idle", "done"}
    /\ \A d \in Drainers : where[d] \in {"drained", "refused"}
    /\ \A s \in Shards :
        /\ arrived[s] = <<>>
        /\ Alive(core[s]) = {} /\ IsQuiet(core[s])
        /\ core[s].commits = <<>>
        /\ core[s].waiters = {}

\* *Violated* if the run is accepted.
NotAccepted == ~Accepted(AtRest)

TraceSpec == Init /\ Begins /\ [][TraceNext]_<<vars, run, followed>>
=============================================================================
