(* Drain, for any number of shards, items and other drains: what `specs/ShardedPool.tla` says of a few.

   One drain is looked at, with the number g. An item is *old* if it had been submitted before the drain began, or if an old
   item's handler submitted it. An item is in a shard's inbox, with its parent's generation if it has a parent; or the shard
   has taken it in, and then it has a generation of its own. Removed, handed back or run to its end, it is gone.

   Drains mark the shards one after the other under one lock, so the marks of two drains do not mix: before all of this one's
   marks come those of drains with smaller numbers, and after them those of drains with larger ones. *)

Require Import List Arith Lia.
Import ListNotations.

Section Drain.

Variable g : nat.   (* the number of this drain *)

Inductive place :=
| Inbox (parent : option nat)   (* the parent's generation *)
| Shard (generation : nat).

Record item := { shard : nat; old : bool; at_ : place }.

Record state := {
  items : list item;            (* that are alive *)
  now : nat -> nat;             (* by shard: the generation of what arrives from outside *)
  begun : bool;
  marked : nat -> bool          (* by shard: by this drain *)
}.

Definition init (n : nat -> nat) (small : forall s, n s <= g) : state :=
  {| items := []; now := n; begun := false; marked := fun _ => false |}.

(* What a shard takes in gets its generation: its parent's, or the shard's. *)
Definition taken_in (n : nat -> nat) (s : nat) (i : item) : item :=
  if Nat.eqb (shard i) s then
    match at_ i with
    | Inbox (Some p) => {| shard := shard i; old := old i; at_ := Shard p |}
    | Inbox None => {| shard := shard i; old := old i; at_ := Shard (n s) |}
    | Shard _ => i
    end
  else i.

Definition update {A : Type} (f : nat -> A) (s : nat) (a : A) : nat -> A :=
  fun r => if Nat.eqb r s then a else f r.

Inductive step : state -> state -> Prop :=
(* From outside: old, unless the drain has begun. *)
| Submit : forall st s,
    step st {| items := {| shard := s; old := negb (begun st); at_ := Inbox None |} :: items st;
               now := now st; begun := begun st; marked := marked st |}
(* By the handler of an item that has been taken in, to any shard. *)
| Handle_Submit : forall st p q s, In p (items st) -> at_ p = Shard q ->
    step st {| items := {| shard := s; old := old p; at_ := Inbox (Some q) |} :: items st;
               now := now st; begun := begun st; marked := marked st |}
| TakeIn : forall st s,
    step st {| items := map (taken_in (now st) s) (items st);
               now := now st; begun := begun st; marked := marked st |}
(* Something has run, was removed, or comes back. *)
| Gone : forall st before i after, items st = before ++ i :: after ->
    step st {| items := before ++ after; now := now st; begun := begun st; marked := marked st |}
| Begin : forall st, begun st = false ->
    step st {| items := items st; now := now st; begun := true; marked := marked st |}
| Mark : forall st s, begun st = true -> marked st s = false ->
    step st {| items := map (taken_in (now st) s) (items st);
               now := update (now st) s (S g); begun := true; marked := update (marked st) s true |}
(* Another drain's mark: an earlier one's, or, when this one has marked the shard, a later one's. *)
| Mark_Other : forall st s n, n <= g \/ marked st s = true ->
    step st {| items := map (taken_in (now st) s) (items st);
               now := update (now st) s (Nat.max (now st s) n); begun := begun st; marked := marked st |}.

Inductive reachable : state -> Prop :=
| reach_init : forall n small, reachable (init n small)
| reach_step : forall st st', reachable st -> step st st' -> reachable st'.

(* Where an old item may be: the drain will count it, or has. *)
Definition counted (st : state) (i : item) : Prop :=
  old i = true ->
  match at_ i with
  | Inbox None => now st (shard i) <= g
  | Inbox (Some p) => p <= g
  | Shard q => q <= g
  end.

Record good (st : state) : Prop := {
  all_counted : forall i, In i (items st) -> counted st i;
  unmarked : forall s, marked st s = false -> now st s <= g;
  not_begun : begun st = false -> forall s, marked st s = false
}.

(* After a shard has taken in, nothing of it is in its inbox: so its `now` may change. *)
Lemma taken_in_moved : forall (n m : nat -> nat) st s i,
  counted st i -> n = now st -> (forall r, r <> s -> m r = n r) ->
  forall its b k, counted {| items := its; now := m; begun := b; marked := k |} (taken_in n s i).
Proof.
  intros n m st s i c en em its b k. unfold taken_in. destruct (Nat.eqb_spec (shard i) s) as [e | e].
  - unfold counted in *. destruct (at_ i) as [[p |] | q] eqn:a; simpl; intros o; specialize (c o); rewrite ?a; auto.
    subst n. rewrite <- e. exact c.
  - unfold counted in *. intros o. specialize (c o). destruct (at_ i) as [[p |] | q]; auto. simpl.
    rewrite em by auto. subst n. exact c.
Qed.

Lemma update_other : forall (A : Type) (f : nat -> A) s a r, r <> s -> update f s a r = f r.
Proof. intros A f s a r ne. unfold update. destruct (Nat.eqb_spec r s); congruence. Qed.

Lemma update_same : forall (A : Type) (f : nat -> A) s a, update f s a s = a.
Proof. intros A f s a. unfold update. rewrite Nat.eqb_refl. reflexivity. Qed.

Lemma step_good : forall st st', good st -> step st st' -> good st'.
Proof.
  intros st st' [all un nb] S. destruct S; constructor; simpl in *.
  - intros i [e | i_in]; [subst i | apply (all i i_in)].
    unfold counted; simpl. intros o. destruct (begun st); [discriminate | apply un, nb; reflexivity].
  - exact un.
  - exact nb.
  - intros i [e | i_in]; [subst i | apply (all i i_in)].
    unfold counted; simpl. intros o. specialize (all p H). unfold counted in all. rewrite H0 in all. auto.
  - exact un.
  - exact nb.
  - intros i i_in. apply in_map_iff in i_in. destruct i_in as [j [e j_in]]. subst i.
    apply (taken_in_moved (now st) (now st) st); auto.
  - exact un.
  - exact nb.
  - intros j j_in. apply (all j). rewrite H. apply in_app_iff in j_in. apply in_app_iff. simpl. tauto.
  - exact un.
  - exact nb.
  - intros i i_in. apply (all i i_in).
  - exact un.
  - discriminate.
  - intros i i_in. apply in_map_iff in i_in. destruct i_in as [j [e j_in]]. subst i.
    apply (taken_in_moved (now st) (update (now st) s (S g)) st); auto using update_other.
  - intros r m. destruct (Nat.eq_dec r s) as [e | ne].
    + subst r. rewrite update_same in m. discriminate.
    + rewrite update_other in * by auto. auto.
  - discriminate.
  - intros i i_in. apply in_map_iff in i_in. destruct i_in as [j [e j_in]]. subst i.
    apply (taken_in_moved (now st) (update (now st) s (Nat.max (now st s) n)) st); auto using update_other.
  - intros r m. destruct (Nat.eq_dec r s) as [e | ne].
    + subst r. rewrite update_same. specialize (un s m). destruct H as [le | k]; [lia | congruence].
    + rewrite update_other by auto. auto.
  - exact nb.
Qed.

Theorem invariant : forall st, reachable st -> good st.
Proof.
  induction 1 as [n small | st st' r good_st S].
  - constructor; simpl; auto. intros i [].
  - eauto using step_good.
Qed.

(* The last look: every baton in hand, everything taken in, and no shard has anything of this generation or an earlier one. *)
Definition all_taken_in (st : state) : Prop := forall i, In i (items st) -> exists q, at_ i = Shard q.
Definition drained (st : state) : Prop := forall i q, In i (items st) -> at_ i = Shard q -> q > g.

(* P7: then nothing is left of what had been submitted before the drain began, nor of what that has submitted. *)
Theorem drained_is_done : forall st, reachable st -> all_taken_in st -> drained st ->
  forall i, In i (items st) -> old i = false.
Proof.
  intros st r taken done i i_in. destruct (old i) eqn:o; auto. exfalso.
  destruct (taken i i_in) as [q a]. specialize (done i q i_in a).
  pose proof (all_counted st (invariant st r) i i_in o) as c. rewrite a in c. lia.
Qed.

End Drain.

Print Assumptions drained_is_done.
