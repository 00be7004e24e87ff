-------------------------------- MODULE Bell --------------------------------
(***************************************************************************)
(* How a thread sleeps: `src/lane/bell.rs`. A flag under a lock, and a      *)
(* condition variable. The one specification here that knows of locks and  *)
(* of wakes that nobody asked for; all others take its actions Ring and    *)
(* Hear for atomic, which is what `Refines` says.                          *)
(*                                                                         *)
(* Left out: a wait with a deadline (its sleeper may leave at any moment;  *)
(* Baton has it), and more than one sleeper (a bell has one).              *)
(*                                                                         *)
(* To break it: set StrongLock to FALSE (models/Bell_weak_lock.cfg), or    *)
(* let the sleeper lie down without a look (bell_waits_without_a_look).    *)
(***************************************************************************)
EXTENDS Naturals

CONSTANTS
    Rings,      \* how often it is rung
    StrongLock  \* whether who asks for the lock again and again gets it

ASSUME Rings \in Nat /\ StrongLock \in BOOLEAN

VARIABLES
    rung,       \* rung since the last wait
    holder,     \* who has the lock
    sleeper,    \* where the sleeper is
    ringer,     \* where the ringer is
    rings,      \* how often it was rung
    heard       \* how many waits are over

vars == <<rung, holder, sleeper, ringer, rings, heard>>

Types ==
    /\ rung \in BOOLEAN
    /\ holder \in {"nobody", "sleeper"}
    /\ sleeper \in {"up", "looks", "waits", "woken"}
    /\ ringer \in {"idle", "notifies"}
    /\ rings \in 0..Rings
    /\ heard \in 0..Rings

Init ==
    /\ rung = FALSE
    /\ holder = "nobody"
    /\ sleeper = "up"
    /\ ringer = "idle"
    /\ rings = 0
    /\ heard = 0

-----------------------------------------------------------------------------
(* The ringer. It rings once for each wait, at the latest when the wait has *)
(* begun and at the earliest when the one before is over.                   *)

\* One critical section: nobody can see its inside.
Ring ==
    /\ ringer = "idle"
    /\ rings < Rings
    /\ rings = heard
    /\ holder = "nobody"
    /\ rung' = TRUE
    /\ rings' = rings + 1
    /\ ringer' = "notifies"
    /\ UNCHANGED <<holder, sleeper, heard>>

\* After the lock is free. If nobody waits, nobody is woken.
Ring_Notify ==
    /\ ringer = "notifies"
    /\ ringer' = "idle"
    /\ sleeper' = IF sleeper = "waits" THEN "woken" ELSE sleeper
    /\ UNCHANGED <<rung, holder, rings, heard>>

-----------------------------------------------------------------------------
(* The sleeper. Its critical section has an inside, because it may be told  *)
(* to wait again, and because it is what others may starve for.             *)

Wait_Lock ==
    /\ sleeper = "up"
    /\ heard < Rings
    /\ holder = "nobody"
    /\ holder' = "sleeper"
    /\ sleeper' = "looks"
    /\ UNCHANGED <<rung, ringer, rings, heard>>

\* The condition variable lets go of the lock and waits in one step.
Wait_Sleep ==
    /\ sleeper = "looks"
    /\ ~rung
    /\ holder' = "nobody"
    /\ sleeper' = "waits"
    /\ UNCHANGED <<rung, ringer, rings, heard>>

Hear ==
    /\ sleeper = "looks"
    /\ rung
    /\ rung' = FALSE
    /\ heard' = heard + 1
    /\ holder' = "nobody"
    /\ sleeper' = "up"
    /\ UNCHANGED <<ringer, rings>>

\* Nobody has notified: the system may do that as often as it likes.
Spurious ==
    /\ sleeper = "waits"
    /\ sleeper' = "woken"
    /\ UNCHANGED <<rung, holder, ringer, rings, heard>>

Wait_Relock ==
    /\ sleeper = "woken"
    /\ holder = "nobody"
    /\ holder' = "sleeper"
    /\ sleeper' = "looks"
    /\ UNCHANGED <<rung, ringer, rings, heard>>

-----------------------------------------------------------------------------
Next ==
    \/ Ring
    \/ Ring_Notify
    \/ Wait_Lock
    \/ Wait_Sleep
    \/ Hear
    \/ Spurious
    \/ Wait_Relock

(* Each thread goes on if it can. Whoever asks for the lock gets it in the  *)
(* end, though others have it again and again: neither std nor parking_lot  *)
(* promise that to the letter. With weak fairness alone, a sleeper that     *)
(* wakes for nothing again and again starves the ringer: Bell_weak_lock.    *)
Fairness ==
    /\ WF_vars(Ring_Notify)
    /\ WF_vars(Wait_Sleep)
    /\ WF_vars(Hear)
    /\ IF StrongLock
       THEN SF_vars(Ring) /\ SF_vars(Wait_Lock) /\ SF_vars(Wait_Relock)
       ELSE WF_vars(Ring) /\ WF_vars(Wait_Lock) /\ WF_vars(Wait_Relock)

Spec == Init /\ [][Next]_vars /\ Fairness

-----------------------------------------------------------------------------
(* No wait is over that nobody has rung for, and no ring counts twice.      *)
OneRingOneWait == heard <= rings /\ rings <= heard + 1 /\ (rung <=> rings = heard + 1)

(* What the others take it for: a token. *)
Token == INSTANCE AbstractBell
Refines == Token!Init /\ [][Token!Next]_(Token!vars)

(* No ring is lost, and nobody waits for ever for the lock. *)
AllHeard == <>(heard = Rings)
=============================================================================
