---------------------------- MODULE KeyedExecutor ----------------------------
(***************************************************************************)
(* What a pool is for: for each key one line, from which items start one    *)
(* after the other; a key that is busy starts nothing. Which key is next is *)
(* left open here: that is a scheduler's business (sequential code, tested  *)
(* as such).                                                                *)
(*                                                                         *)
(* Items are numbered as they are accepted.                                 *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS Keys

VARIABLES
    accepted,   \* how many items there have been
    line,       \* by key: those that wait, in order
    coming,     \* by key: those that are to come later
    busy,       \* by key: the item that has it, or 0
    closed      \* keys that accept nothing any more

vars == <<accepted, line, coming, busy, closed>>

Init ==
    /\ accepted = 0
    /\ line = [k \in Keys |-> <<>>]
    /\ coming = [k \in Keys |-> {}]
    /\ busy = [k \in Keys |-> 0]
    /\ closed = {}

Accept(k) == k \notin closed /\ accepted' = accepted + 1

\* P2
Submit(k) ==
    /\ Accept(k)
    /\ line' = [line EXCEPT ![k] = Append(@, accepted + 1)]
    /\ coming' = coming /\ busy' = busy /\ closed' = closed

SubmitFront(k) ==
    /\ Accept(k)
    /\ line' = [line EXCEPT ![k] = <<accepted + 1>> \o @]
    /\ coming' = coming /\ busy' = busy /\ closed' = closed

SubmitAfter(k) ==
    /\ Accept(k)
    /\ coming' = [coming EXCEPT ![k] = @ \cup {accepted + 1}]
    /\ line' = line /\ busy' = busy /\ closed' = closed

\* P10: the time of some has come. They queue up, in whatever order their times were.
Come ==
    /\ \A k \in Keys :
        LET new == SubSeq(line'[k], Len(line[k]) + 1, Len(line'[k]))
            items == {new[i] : i \in 1..Len(new)}
        IN  /\ line'[k] = line[k] \o new
            /\ items \subseteq coming[k] /\ Cardinality(items) = Len(new)
            /\ coming'[k] = coming[k] \ items
    /\ accepted' = accepted /\ busy' = busy /\ closed' = closed

\* P3
Start(k) ==
    /\ busy[k] = 0
    /\ line[k] # <<>>
    /\ busy' = [busy EXCEPT ![k] = Head(line[k])]
    /\ line' = [line EXCEPT ![k] = Tail(@)]
    /\ accepted' = accepted /\ coming' = coming /\ closed' = closed

Finish(k) ==
    /\ busy[k] # 0
    /\ busy' = [busy EXCEPT ![k] = 0]
    /\ accepted' = accepted /\ line' = line /\ coming' = coming /\ closed' = closed

\* P9, P8: what has not started comes back, of some keys all of it, of others what was to come.
TakeBack(all, some) ==
    /\ line' = [k \in Keys |-> IF k \in all THEN <<>> ELSE line[k]]
    /\ coming' = [k \in Keys |-> IF k \in all \cup some THEN {} ELSE coming[k]]
    /\ accepted' = accepted /\ busy' = busy /\ closed' = closed

Close(keys) ==
    /\ closed' = closed \cup keys
    /\ accepted' = accepted /\ line' = line /\ coming' = coming /\ busy' = busy

Next ==
    \/ \E k \in Keys :
        Submit(k) \/ SubmitFront(k) \/ SubmitAfter(k) \/ Start(k) \/ Finish(k)
    \/ Come
    \/ \E all, some \in SUBSET Keys : TakeBack(all, some)
    \/ \E keys \in SUBSET Keys : Close(keys)
=============================================================================
