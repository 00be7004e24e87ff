---------------------------- MODULE AbstractQueue ----------------------------
(***************************************************************************)
(* What an inbox is for: one line for all producers, from which one        *)
(* consumer takes, until it is closed. What is in the line then is still    *)
(* handled; what comes later is refused.                                    *)
(***************************************************************************)
EXTENDS Naturals, Sequences

CONSTANTS
    Producers,
    Messages    \* how many each of them brings

VARIABLES
    line,       \* accepted and not handled, in order
    sent,       \* by producer: how many were accepted
    handled,    \* by producer: the number of the last one that was handled
    closed

vars == <<line, sent, handled, closed>>

Init ==
    /\ line = <<>>
    /\ sent = [p \in Producers |-> 0]
    /\ handled = [p \in Producers |-> 0]
    /\ closed = FALSE

Accept(p) ==
    /\ ~closed
    /\ sent[p] < Messages
    /\ line' = Append(line, [from |-> p, number |-> sent[p] + 1])
    /\ sent' = [sent EXCEPT ![p] = @ + 1]
    /\ handled' = handled /\ closed' = closed

\* The next one of its producer: none is left out, none comes twice.
Handle ==
    /\ line # <<>>
    /\ handled[Head(line).from] + 1 = Head(line).number
    /\ handled' = [handled EXCEPT ![Head(line).from] = Head(line).number]
    /\ line' = Tail(line)
    /\ sent' = sent /\ closed' = closed

Close ==
    /\ closed' = TRUE
    /\ line' = line /\ sent' = sent /\ handled' = handled

Next ==
    \/ \E p \in Producers : Accept(p)
    \/ Handle
    \/ Close

Spec == Init /\ [][Next]_vars /\ WF_vars(Handle)
=============================================================================
