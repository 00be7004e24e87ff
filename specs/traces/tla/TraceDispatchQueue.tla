-------------------------- MODULE TraceDispatchQueue --------------------------
(* Recorded runs of the queue. See Following. *)
EXTENDS DispatchQueue, Following

\* Events number threads, from 0 on: the connections first, then these.
Thread(n) ==
    LET count == Cardinality(Conns) IN
    CASE n < count -> Named.Conns[n + 1]
      [] n = count -> Dispatch
      [] n = count + 1 -> Local
      [] n = count + 2 -> Sender
      [] n = count + 3 -> Boss

\* As a sender of messages, the number after the last connection is who sends to oneself.
From(n) == IF n < Cardinality(Conns) THEN Named.Conns[n + 1] ELSE Me

By == Thread(Event.thread)
Connection == By \in Conns

\* What was drawn is what the event says: of the last message that has arrived, or of the one in hand.
Drawn(message) == message.priority = Event.priority /\ message.fast = Event.fast

\* With a message, that one is picked; without, none is.
Picked ==
    IF Has("from") /\ Has("number")
    THEN /\ where'[Dispatch] = "runs"
         /\ hand'[Dispatch].from = From(Event.from)
         /\ hand'[Dispatch].number = Event.number
    ELSE ~Has("from") /\ ~Has("number") /\ where'[Dispatch] # "runs"

TraceNext ==
    \* A thread may owe a ring to both.
    \/ /\ Is("Ring")
       /\ By \in ringing[Event.post]
       /\ Ring(By)
       /\ By \notin ringing'[Event.post]
    \/ Is("Sleep") /\ Sleep(Event.post)
    \/ /\ Is("Deliver")
       /\ Connection
       /\ Deliver(By)
       /\ Drawn(hand'[By])
    \/ Is("Enter") /\ Connection /\ Enter(By)
    \/ Is("VisitDrop") /\ Connection /\ VisitDrop(By)
    \/ Is("Depart") /\ Connection /\ Depart(By)
    \/ Is("Push") /\ Connection /\ Push(By)
    \/ Is("DropPending") /\ Connection /\ DropPending(By)
    \/ Is("Return") /\ Connection /\ Return(By)
    \/ Is("Reset") /\ Connection /\ Reset(By)
    \/ Is("Discard") /\ Connection /\ Discard(By)
    \/ /\ Is("Send")
       /\ Send
       /\ Drawn(box'[Local].arrived[Len(box'[Local].arrived)])
    \/ Is("Local_Step") /\ Local_Step
    \/ Is("Local_Return") /\ Local_Return
    \/ Is("Local_PassOn") /\ Local_PassOn
    \/ Is("Local_EndQueue") /\ Local_EndQueue
    \/ Is("Local_LieDown") /\ Local_LieDown
    \/ Is("Dispatch_Step") /\ Dispatch_Step /\ Picked
    \/ Is("Dispatch_GoOn") /\ Dispatch_GoOn /\ Picked
    \/ Is("Dispatch_DropDiscarded") /\ Dispatch_DropDiscarded
    \/ Is("Dispatch_ReturnDiscarded") /\ Dispatch_ReturnDiscarded
    \/ Is("Tell") /\ Tell
    \/ Is("Dispatch_DropPending") /\ Dispatch_DropPending
    \/ Is("Dispatch_Return") /\ Dispatch_Return
    \/ Is("Dispatch_Keep") /\ Dispatch_Keep
    \/ Is("Dispatch_ReturnKept") /\ Dispatch_ReturnKept
    \/ Is("Dispatch_LieDown") /\ Dispatch_LieDown
    \/ Is("Shutdown_CloseThrottle") /\ Shutdown_CloseThrottle
    \/ /\ Is("Shutdown_CloseLane")
       /\ Event.connection < Cardinality(Conns)
       /\ Shutdown_CloseLane(Thread(Event.connection))
    \/ Is("Shutdown_CloseRoster") /\ Shutdown_CloseRoster
    \/ Is("Shutdown_Seal") /\ Shutdown_Seal
    \/ Is("Shutdown_CloseLocal") /\ Shutdown_CloseLocal
    \/ Is("Shutdown_CloseQueue") /\ Shutdown_CloseQueue
    \/ Is("Join_Threads") /\ Join_Threads
    \/ Is("Join_Hear") /\ Join_Hear
    \/ Is("Reclaim") /\ Reclaim

\* It has been joined, and of what was accepted nothing waits.
AtRest ==
    /\ where[Boss] = "joined" /\ where[Dispatch] = "stopped" /\ where[Local] = "stopped"
    /\ \A c \in Conns : where[c] \in {"idle", "gone"}
    /\ \A p \in Post : ringing[p] = {} /\ box[p].arrived = <<>>
    /\ throttle.reserved = 0
    /\ \A m \in DOMAIN fate : fate[m] # "queued"

\* *Violated* if the run is accepted.
NotAccepted == ~Accepted(AtRest)

TraceSpec == Init /\ Begins /\ [][TraceNext]_<<vars, run, followed>>
=============================================================================
