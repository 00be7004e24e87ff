--------------------------- MODULE TraceEpochGate ---------------------------
(***************************************************************************)
(* Recorded runs of `src/gate/`, held against EpochGate. TraceData is made  *)
(* of them by `cargo xtask specs --trace`. A run is followed action by      *)
(* action; one that cannot go on before its end is a deadlock, and tells    *)
(* where.                                                                   *)
(***************************************************************************)
EXTENDS EpochGate, Sequences, TraceData

VARIABLES run, done     \* which one, and how much of it has been followed

Nth(set, n) ==
    (CHOOSE f \in [1..Cardinality(set) -> set] : \A i, j \in 1..Cardinality(set) : f[i] = f[j] => i = j)[n]

\* As in the crate: whoever brings, by session; then publishers; then the maker.
Thread(n) ==
    IF n < Cardinality(Sessions) THEN BringerOf(n + 1)
    ELSE IF n < Cardinality(Sessions) + Cardinality(Publishers) THEN Nth(Publishers, n + 1 - Cardinality(Sessions))
    ELSE Maker
Group(n) == IF n = 0 THEN Here ELSE Nth(Groups, n)

Event == Traces[run][done + 1]

\* What has just arrived, wherever it is.
IsNewest(s, m) == m.number = arrived'[s] /\ m.needs = Event.needs /\ m.group = Group(Event.group)
Arrived(s) ==
    \/ \E m \in waiting'[s] : IsNewest(s, m)
    \/ \E g \in Groups \cup {Here} : \E m \in aside'[s][g] : IsNewest(s, m)
    \/ running'[s] # Nobody /\ IsNewest(s, running'[s].message)

Taken ==
    CASE Event.action = "Arrive" -> Arrive(Event.session) /\ Arrived(Event.session)
      [] Event.action = "Reset" -> Reset(Event.session)
      [] Event.action = "Call" -> Call(Thread(Event.thread))
      [] Event.action = "Park" -> Park(Thread(Event.thread))
      [] Event.action = "GoOn" -> GoOn(Thread(Event.thread))
      [] Event.action = "Publish" -> Publish(Thread(Event.thread)) /\ published' = Event.epoch
      [] Event.action = "Show" -> Show /\ shown' = shown \cup {Group(Event.group)}
      [] Event.action = "Appeared" -> Appeared
      [] Event.action = "BeginFrom" -> BeginFrom(Thread(Event.thread))
      [] Event.action = "Stop" -> Stop

Follow ==
    /\ done < Len(Traces[run])
    /\ Taken
    /\ done' = done + 1
    /\ run' = run

Followed ==
    /\ done = Len(Traces[run])
    /\ UNCHANGED <<vars, run, done>>

TraceSpec == Init /\ run \in 1..Len(Traces) /\ done = 0 /\ [][Follow \/ Followed]_<<vars, run, done>>
=============================================================================
