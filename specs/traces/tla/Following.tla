------------------------------- MODULE Following -------------------------------
(***************************************************************************)
(* What all specifications of recorded runs have in common. Such a one      *)
(* extends the module that the run is of, and this one. It says which       *)
(* action each event is, with all that the module leaves open (which        *)
(* message, which epoch). Then a run is followed or it is not: there are    *)
(* no steps that were not recorded, and none of them has two ends.          *)
(*                                                                         *)
(* And it says where a run may end, as AtRest: where all threads have done  *)
(* what they do in it, and nothing is left over. Else a run that stops too  *)
(* early would be one too.                                                  *)
(*                                                                         *)
(* TraceData is written by `cargo xtask specs --trace` from lines of JSON.  *)
(* It has Runs, each a sequence of events; and Named, what the sets of      *)
(* the constants consist of, in the order in which the events number it.    *)
(***************************************************************************)
EXTENDS Naturals, Sequences, TLC, TraceData

VARIABLES
    run,        \* which run it is; chosen in the beginning
    followed    \* how many of its events have been taken

Begins == run \in 1..Len(Runs) /\ followed = 0

Event == Runs[run][followed + 1]

\* The next event is this action; what it says besides is told where this is used.
Is(action) ==
    /\ followed < Len(Runs[run])
    /\ Event.action = action
    /\ followed' = followed + 1
    /\ run' = run

Has(field) == field \in DOMAIN Event

(* Violated if the run is a behaviour of the module: the last event could be *)
(* taken, and it may end there.                                             *)
Accepted(rests) == followed = Len(Runs[run]) /\ rests

\* A constraint that is always true, and says of each state how far its run has been followed.
Told == PrintT(<<"followed", run, followed>>)
=============================================================================
