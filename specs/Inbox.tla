-------------------------------- MODULE Inbox --------------------------------
(***************************************************************************)
(* Where messages arrive: `src/lane/inbox.rs`, with one consumer and its   *)
(* bell. The consumer swaps everything out at once; that it sleeps is part *)
(* of the state that a producer changes to get its message in. So a        *)
(* wake-up cannot be lost, and each sleep costs one.                       *)
(*                                                                         *)
(* It refines AbstractQueue: what the consumer has in hand, and behind it  *)
(* what has arrived, are one line.                                         *)
(*                                                                         *)
(* Left out: the tally; the sealed door, and the ways to stop              *)
(* (DispatchQueue has them); how a bell works (Bell). Each action that     *)
(* changes what the lock guards is one critical section.                   *)
(*                                                                         *)
(* To break it: mutants.toml, or two lines of your own.                    *)
(***************************************************************************)
EXTENDS Naturals, Sequences

CONSTANTS
    Producers,
    Messages,   \* how many each of them brings
    Closer      \* who closes it, another thread

ASSUME Messages \in Nat /\ Closer \notin Producers

VARIABLES
    arrived,    \* under the lock
    asleep,     \* under the lock: the consumer needs waking
    door,       \* under the lock
    rung,       \* the consumer's bell
    ringing,    \* threads that have found it asleep, and have yet to ring
    consumer,   \* where it is
    hand,       \* what the consumer has taken and not handled
    sent,
    handled

vars == <<arrived, asleep, door, rung, ringing, consumer, hand, sent, handled>>

Threads == Producers \cup {Closer}

Types ==
    /\ asleep \in BOOLEAN
    /\ door \in {"open", "closed"}
    /\ rung \in BOOLEAN
    /\ ringing \subseteq Threads
    /\ consumer \in {"up", "waits", "stopped"}
    /\ sent \in [Producers -> 0..Messages]
    /\ handled \in [Producers -> 0..Messages]

Init ==
    /\ arrived = <<>>
    /\ asleep = FALSE
    /\ door = "open"
    /\ rung = FALSE
    /\ ringing = {}
    /\ consumer = "up"
    /\ hand = <<>>
    /\ sent = [p \in Producers |-> 0]
    /\ handled = [p \in Producers |-> 0]

-----------------------------------------------------------------------------
(* Whoever changes the state finds out whether the consumer sleeps, and     *)
(* clears that in the same step: then it is the one to ring.                *)

Wake(thread) ==
    /\ ringing' = IF asleep THEN ringing \cup {thread} ELSE ringing
    /\ asleep' = FALSE

Push(p) ==
    /\ p \notin ringing
    /\ door = "open"
    /\ sent[p] < Messages
    /\ arrived' = Append(arrived, [from |-> p, number |-> sent[p] + 1])
    /\ sent' = [sent EXCEPT ![p] = @ + 1]
    /\ Wake(p)
    /\ UNCHANGED <<door, rung, consumer, hand, handled>>

Close ==
    /\ door = "open"
    /\ door' = "closed"
    /\ Wake(Closer)
    /\ UNCHANGED <<arrived, rung, consumer, hand, sent, handled>>

Ring(thread) ==
    /\ thread \in ringing
    /\ ringing' = ringing \ {thread}
    /\ rung' = TRUE
    /\ UNCHANGED <<arrived, asleep, door, consumer, hand, sent, handled>>

-----------------------------------------------------------------------------
(* The consumer. *)

\* Takes what there is, with something in hand still.
Take ==
    /\ consumer = "up"
    /\ hand # <<>>
    /\ arrived # <<>>
    /\ hand' = hand \o arrived
    /\ arrived' = <<>>
    /\ UNCHANGED <<asleep, door, rung, ringing, consumer, sent, handled>>

\* Takes what there is. If that is nothing, and more may come, it sleeps from here on.
Take_LieDown ==
    /\ consumer = "up"
    /\ hand = <<>>
    /\ hand' = arrived
    /\ arrived' = <<>>
    /\ asleep' = (asleep \/ (arrived = <<>> /\ door = "open"))
    /\ consumer' = CASE arrived # <<>> -> "up"
                     [] arrived = <<>> /\ door = "open" -> "waits"
                     [] arrived = <<>> /\ door = "closed" -> "stopped"
    /\ UNCHANGED <<door, rung, ringing, sent, handled>>

Wait ==
    /\ consumer = "waits"
    /\ rung
    /\ rung' = FALSE
    /\ consumer' = "up"
    /\ UNCHANGED <<arrived, asleep, door, ringing, hand, sent, handled>>

Handle ==
    /\ consumer = "up"
    /\ hand # <<>>
    /\ handled' = [handled EXCEPT ![Head(hand).from] = Head(hand).number]
    /\ hand' = Tail(hand)
    /\ UNCHANGED <<arrived, asleep, door, rung, ringing, consumer, sent>>

-----------------------------------------------------------------------------
Next ==
    \/ \E p \in Producers : Push(p)
    \/ Close
    \/ \E t \in Threads : Ring(t)
    \/ Take
    \/ Take_LieDown
    \/ Wait
    \/ Handle

(* Who has to ring rings, and the consumer goes on. That anybody pushes, or *)
(* closes, is not asked for; nor that the consumer takes with full hands.   *)
Fairness ==
    /\ \A t \in Threads : WF_vars(Ring(t))
    /\ WF_vars(Take_LieDown)
    /\ WF_vars(Wait)
    /\ WF_vars(Handle)

Spec == Init /\ [][Next]_vars /\ Fairness

-----------------------------------------------------------------------------
Abstract == INSTANCE AbstractQueue WITH line <- hand \o arrived, closed <- (door = "closed")

\* The half that both checkers know, and the whole.
Refines == Abstract!Init /\ [][Abstract!Next]_(Abstract!vars)
RefinesAll == Abstract!Spec

(* One wake for each sleep: at most one thread is to ring, and only while   *)
(* the consumer waits and has not heard.                                    *)
OneWake == ringing # {} => consumer = "waits" /\ ~rung /\ \A s, t \in ringing : s = t

(* Of a consumer that waits, somebody will find out. *)
SleepIsKnown == consumer = "waits" => asleep \/ rung \/ ringing # {}

(* Nobody sleeps while something waits that nobody rings for (D11). *)
NoneWaitsAsleep == asleep => arrived = <<>> /\ hand = <<>> /\ door = "open"

AllHandled == <>[](\A p \in Producers : handled[p] = sent[p])
Stops == door = "closed" ~> consumer = "stopped"
=============================================================================
