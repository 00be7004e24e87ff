(* The inbox, for any number of producers and of messages: what `specs/Inbox.tla` says of a few.

   The actions are those of the specification, with the same names. Producers have no names here: any of them may push, and
   what matters of those who have to ring is how many they are. Messages are of any type, and are kept in the order in which
   they were accepted. *)

Require Import List Arith Lia Bool.
Import ListNotations.

Section Inbox.

Variable message : Type.

Inductive place := Up | Waits | Stopped.

Record state := {
  arrived : list message;   (* under the lock *)
  asleep : bool;            (* under the lock *)
  closed : bool;            (* under the lock *)
  rung : bool;
  ringing : nat;            (* threads that have found it asleep, and have yet to ring *)
  consumer : place;
  hand : list message;
  sent : list message;      (* all that were accepted *)
  handled : list message
}.

Definition init : state :=
  {| arrived := []; asleep := false; closed := false; rung := false; ringing := 0;
     consumer := Up; hand := []; sent := []; handled := [] |}.

(* Whoever changes the state while the consumer sleeps has to ring. *)
Definition wake (s : state) : nat := if asleep s then S (ringing s) else ringing s.

Inductive step : state -> state -> Prop :=
| Push : forall s m, closed s = false ->
    step s {| arrived := arrived s ++ [m]; asleep := false; closed := false; rung := rung s; ringing := wake s;
              consumer := consumer s; hand := hand s; sent := sent s ++ [m]; handled := handled s |}
| Close : forall s,
    step s {| arrived := arrived s; asleep := false; closed := true; rung := rung s; ringing := wake s;
              consumer := consumer s; hand := hand s; sent := sent s; handled := handled s |}
| Ring : forall s n, ringing s = S n ->
    step s {| arrived := arrived s; asleep := asleep s; closed := closed s; rung := true; ringing := n;
              consumer := consumer s; hand := hand s; sent := sent s; handled := handled s |}
| Take : forall s, consumer s = Up ->
    step s {| arrived := []; asleep := asleep s; closed := closed s; rung := rung s; ringing := ringing s;
              consumer := Up; hand := hand s ++ arrived s; sent := sent s; handled := handled s |}
| Take_LieDown : forall s, consumer s = Up -> hand s = [] -> arrived s = [] -> closed s = false ->
    step s {| arrived := []; asleep := true; closed := false; rung := rung s; ringing := ringing s;
              consumer := Waits; hand := []; sent := sent s; handled := handled s |}
| Take_Stop : forall s, consumer s = Up -> hand s = [] -> arrived s = [] -> closed s = true ->
    step s {| arrived := []; asleep := asleep s; closed := true; rung := rung s; ringing := ringing s;
              consumer := Stopped; hand := []; sent := sent s; handled := handled s |}
| Wait : forall s, consumer s = Waits -> rung s = true ->
    step s {| arrived := arrived s; asleep := asleep s; closed := closed s; rung := false; ringing := ringing s;
              consumer := Up; hand := hand s; sent := sent s; handled := handled s |}
| Handle : forall s m rest, consumer s = Up -> hand s = m :: rest ->
    step s {| arrived := arrived s; asleep := asleep s; closed := closed s; rung := rung s; ringing := ringing s;
              consumer := Up; hand := rest; sent := sent s; handled := handled s ++ [m] |}.

Inductive reachable : state -> Prop :=
| reach_init : reachable init
| reach_step : forall s t, reachable s -> step s t -> reachable t.

(* One, if it is so. *)
Definition one (b : bool) : nat := if b then 1 else 0.

(* The invariant. Of a consumer that waits, exactly one knows: the inbox, one thread that has to ring, or its bell. *)
Record good (s : state) : Prop := {
  in_order : sent s = handled s ++ hand s ++ arrived s;
  known : consumer s = Waits -> one (asleep s) + ringing s + one (rung s) = 1;
  up : consumer s <> Waits -> asleep s = false /\ ringing s = 0 /\ rung s = false;
  empty : asleep s = true -> arrived s = [] /\ closed s = false;
  idle : consumer s <> Up -> hand s = [];
  over : consumer s = Stopped -> closed s = true /\ arrived s = []
}.

Lemma init_good : good init.
Proof. constructor; simpl; intros; try discriminate; auto; congruence. Qed.

Ltac by_cases s :=
  destruct (asleep s) eqn:?; destruct (rung s) eqn:?; destruct (consumer s) eqn:?; simpl in *.

Ltac close :=
  repeat match goal with
  | H : ?c = ?c -> _ |- _ => specialize (H eq_refl)
  | H : ?a <> ?b -> _ |- _ => specialize (H ltac:(discriminate))
  | H : _ /\ _ |- _ => destruct H
  end;
  repeat split; intros; try congruence; try lia; auto.

Lemma step_good : forall s t, good s -> step s t -> good t.
Proof.
  intros s t [order know upp emp idl ovr] st.
  destruct st; constructor; simpl in *; unfold wake in *; intros; simpl in *.
  (* The order. *)
  all: try (rewrite order; rewrite <- ?app_assoc; simpl; rewrite ?app_nil_r; reflexivity).
  all: try (rewrite order; match goal with H : hand _ = _ |- _ => rewrite H | _ => idtac end;
            match goal with H : arrived _ = _ |- _ => rewrite H | _ => idtac end;
            rewrite <- ?app_assoc; simpl; rewrite ?app_nil_r; reflexivity).
  (* All else. *)
  all: by_cases s; close.
Qed.

Theorem invariant : forall s, reachable s -> good s.
Proof. induction 1; eauto using init_good, step_good. Qed.

(* D1, D2: what was accepted has been handled, or is in hand, or waits: each once, and in that order. *)
Theorem each_once_in_order : forall s, reachable s -> sent s = handled s ++ hand s ++ arrived s.
Proof. intros s r. apply (in_order s (invariant s r)). Qed.

(* D11: while something waits and the consumer waits too, one thread is about to ring, or the bell has been rung. *)
Theorem no_lost_wake_up : forall s, reachable s -> consumer s = Waits -> arrived s <> [] ->
  ringing s = 1 /\ rung s = false \/ ringing s = 0 /\ rung s = true.
Proof.
  intros s r w a. destruct (invariant s r) as [_ know _ emp _ _]. specialize (know w).
  destruct (asleep s) eqn:e; [destruct (emp eq_refl); contradiction |].
  destruct (rung s); simpl in *; lia.
Qed.

(* And one at most: each sleep costs one wake. *)
Theorem one_wake : forall s, reachable s -> ringing s <= 1.
Proof.
  intros s r. destruct (invariant s r) as [_ know upp _ _ _].
  destruct (consumer s) eqn:c; try (destruct (upp ltac:(discriminate)) as [_ [z _]]; lia).
  specialize (know eq_refl). lia.
Qed.

(* D10: nothing is left when it has stopped, and nothing gets in any more. *)
Theorem stopped_has_handled_all : forall s, reachable s -> consumer s = Stopped -> handled s = sent s /\ closed s = true.
Proof.
  intros s r st. destruct (invariant s r) as [order _ _ _ idl ovr].
  destruct (ovr st) as [cl ar]. rewrite ar in order. rewrite (idl ltac:(congruence)) in order.
  rewrite !app_nil_r in order. auto.
Qed.

(* Nobody is stuck: as long as something is not handled, the consumer can go on, or somebody has to ring. (That who can go on
   does is fairness, and not proved here.) *)
Theorem never_stuck : forall s, reachable s -> handled s <> sent s ->
  consumer s = Up /\ (hand s <> [] \/ arrived s <> []) \/ consumer s = Waits /\ (rung s = true \/ ringing s = 1).
Proof.
  intros s r h. destruct (invariant s r) as [order know _ emp idl ovr].
  destruct (consumer s) eqn:c.
  - left. split; auto. destruct (hand s); [| left; discriminate].
    destruct (arrived s); [| right; discriminate].
    rewrite !app_nil_r in order. congruence.
  - right. split; auto. specialize (know eq_refl). rewrite (idl ltac:(discriminate)) in order. simpl in order.
    destruct (asleep s) eqn:e.
    + destruct (emp eq_refl) as [a _]. rewrite a, app_nil_r in order. congruence.
    + destruct (rung s); simpl in *; [left | right]; auto; lia.
  - destruct (ovr eq_refl) as [_ a]. rewrite (idl ltac:(discriminate)), a, !app_nil_r in order. congruence.
Qed.

End Inbox.

Print Assumptions each_once_in_order.
Print Assumptions no_lost_wake_up.
Print Assumptions one_wake.
Print Assumptions stopped_has_handled_all.
Print Assumptions never_stuck.
