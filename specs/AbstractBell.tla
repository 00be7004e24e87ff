---------------------------- MODULE AbstractBell ----------------------------
(***************************************************************************)
(* A bell as the other specifications have it: whoever rings leaves a      *)
(* token, whoever waits takes it, and each is one step.                    *)
(***************************************************************************)
EXTENDS Naturals

CONSTANTS Rings
VARIABLES rung, rings, heard

vars == <<rung, rings, heard>>

Init == rung = FALSE /\ rings = 0 /\ heard = 0

Ring ==
    /\ ~rung
    /\ rings < Rings
    /\ rung' = TRUE
    /\ rings' = rings + 1
    /\ heard' = heard

Hear ==
    /\ rung
    /\ rung' = FALSE
    /\ heard' = heard + 1
    /\ rings' = rings

Next == Ring \/ Hear
=============================================================================
