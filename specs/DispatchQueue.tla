---------------------------- MODULE DispatchQueue ----------------------------
(***************************************************************************)
(* The queue: `src/dispatch/`, with the lanes, the roster and the inboxes   *)
(* of `src/lane/` and the throttle. Connections deliver, fast on their own  *)
(* thread or queued; one thread dispatches what is queued, another what was *)
(* sent to oneself; a connection may be reset; and in the end the queue is  *)
(* shut down, from a thread of its own, which waits until all is over.      *)
(*                                                                         *)
(* An action is one atomic operation, one critical section, or one callback *)
(* (whose end is the next action of its thread).                            *)
(*                                                                         *)
(* Left out: which connection's turn it is within a priority (any), and the *)
(* weighted band; costs (each message counts one); async waits and          *)
(* deadlines of the throttle; connections that come and go; panics.         *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Conns,
    Messages,   \* how many each of them delivers
    Locals,     \* how many are sent to oneself
    Priorities,
    FastToo,    \* whether messages may qualify for fast dispatch
    Ordered,    \* whether the connections are ordered
    Limit,      \* how many messages may be under way; 0: any number
    Few,        \* the dispatch thread may keep fewer permits than this of messages that are over, to give them back together
    MayReset,
    MayDiscard, \* whether what they have queued may be discarded, once
    How,        \* "never", "run" or "back": how it is shut down
    Me,         \* who sends to oneself
    NoMessage

Dispatch == "dispatch"
Local == "local"
Sender == "sender"
Boss == "boss"
Threads == Conns \cup {Dispatch, Local, Sender, Boss}
Message == [from : Conns \cup {Me}, number : Nat, priority : Priorities, fast : BOOLEAN]

VARIABLES
    lane,       \* by connection, one word: visiting, closed, done
    sent,       \* by connection: how many messages its owner has expected; nobody else sees it
    roster,     \* under its lock: closed, how many visits it waits for, and how far closing has come
    quiet,      \* the bell of whoever waits for the last visit
    throttle,   \* under its lock: reserved, who waits for room, closed
    box,        \* by post ("dispatch" or "local"), under its lock: arrived, asleep, door
    bell,       \* by post
    ringing,    \* by post: threads that have to ring
    where,      \* by thread: what it does next
    hand,       \* by connection: the message that it delivers; by dispatch and local thread: whose callback runs
    backlog,    \* by post: what its thread has taken in, in order
    events,     \* of the dispatch thread: what it has yet to tell
    known,      \* under the lock of its box: lines on which something has arrived that it has not told to be lost
    news,       \* a word beside that lock: since it took in last, something has arrived that it must look at
    keeps,       \* its own: how many permits it keeps of messages that are over
    lost,       \* its own: lines that have become empty since it took in last, by picks and by what was discarded
    dropping,   \* of it too, before it does anything else: whose discarded messages it has in hand yet, by connection and
                \* in order, and whether the first of them is over
    fate,       \* by message that was accepted: what has become of it
    delivered,  \* by connection, and of those to oneself: how many were begun
    reset,      \* connections that have been reset
    emptied,    \* by connection: how many it had delivered when it was discarded or reset
    told        \* resets that have been told of

lanes == <<lane, sent, roster, quiet>>
announced == <<known, news>>
posts == <<box, bell, ringing, announced>>
consumers == <<backlog, events, dropping, keeps, lost>>
ends == <<fate, delivered, reset, emptied, told>>
vars == <<lanes, throttle, posts, where, hand, consumers, ends>>

Post == {Dispatch, Local}

Init ==
    /\ lane = [c \in Conns |-> [visiting |-> FALSE, closed |-> FALSE, done |-> 0]]
    /\ sent = [c \in Conns |-> 0]
    /\ roster = [closing |-> FALSE, left |-> Conns, visiting |-> 0]
    /\ quiet = FALSE
    /\ throttle = [reserved |-> 0, line |-> <<>>, closed |-> FALSE]
    /\ box = [p \in Post |-> [arrived |-> <<>>, asleep |-> FALSE, door |-> "open"]]
    /\ bell = [p \in Post |-> FALSE]
    /\ ringing = [p \in Post |-> {}]
    /\ where = [t \in Threads |-> IF t \in Post THEN "steps" ELSE "idle"]
    /\ hand = [t \in Conns \cup Post |-> NoMessage]
    /\ backlog = [p \in Post |-> <<>>]
    /\ events = <<>>
    /\ known = {}
    /\ news = FALSE
    /\ lost = {}
    /\ keeps = 0
    /\ dropping = [of |-> <<>>, over |-> FALSE]
    /\ fate = <<>>
    /\ delivered = [c \in Conns \cup {Me} |-> 0]
    /\ reset = {}
    /\ emptied = [c \in Conns |-> 0]
    /\ told = {}

Range(q) == {q[i] : i \in 1..Len(q)}
Go(t, place) == where' = [where EXCEPT ![t] = place]
Met(message, what) == fate' = [m \in DOMAIN fate \cup {message} |-> IF m = message THEN what ELSE fate[m]]

-----------------------------------------------------------------------------
(* Posts: an inbox and the bell of its consumer. See Inbox.                 *)
(*                                                                         *)
(* A line is what has come of one connection in one priority. Whatever      *)
(* comes on a line that holds something already goes to its end, and what   *)
(* is next stays next: the dispatch thread need not hear of it. All else is *)
(* news. (In the code a known line has the number of the take in which      *)
(* something came on it last, and a take asks for no more than whether it   *)
(* is the last one: here that is whether something of it is in the box.)    *)

Free(t) == \A p \in Post : t \notin ringing[p]

Discards(a) == a.number = 0
Letters(arrived) == {a \in Range(arrived) : ~Discards(a)}
Lines(arrived) == {<<a.from, a.priority>> : a \in Letters(arrived)}
OnNewLine(arrived) == ~(Lines(arrived) \subseteq known)
Happens(arrived) == \E a \in Range(arrived) : Discards(a)

\* The box is this; if its consumer was asleep, the thread has to ring.
Put(t, p, arrived, door) ==
    /\ box' = [box EXCEPT ![p] = [arrived |-> arrived, asleep |-> FALSE, door |-> door]]
    /\ ringing' = [ringing EXCEPT ![p] = IF box[p].asleep THEN @ \cup {t} ELSE @]
    /\ bell' = bell
    /\ IF p = Dispatch
       THEN /\ known' = known \cup Lines(arrived)
            /\ news' = (news \/ OnNewLine(arrived) \/ Happens(arrived) \/ door = "back")
       ELSE UNCHANGED announced

Ring(t) ==
    \E p \in Post :
        /\ t \in ringing[p]
        /\ ringing' = [ringing EXCEPT ![p] = @ \ {t}]
        /\ bell' = [bell EXCEPT ![p] = TRUE]
        /\ UNCHANGED <<lanes, throttle, box, announced, where, hand, consumers, ends>>

Closed(p) == box[p].door \in {"run", "back"}

\* Everything is swapped out, and lost lines on which nothing has come are not known any more. That what
\* is left is to come back stays news. (That it is to run is none.)
Swap(p, lieDown) ==
    /\ box' = [box EXCEPT ![p].arrived = <<>>,
                          ![p].asleep = @ \/ (lieDown /\ box[p].arrived = <<>> /\ ~Closed(p))]
    /\ IF p = Dispatch
       THEN /\ known' = known \ (lost \ Lines(box[Dispatch].arrived))
            /\ news' = (box[Dispatch].door = "back")
       ELSE UNCHANGED announced
    /\ UNCHANGED <<bell, ringing>>

Sleep(p) ==
    /\ where[p] = "sleeps"
    /\ p = Dispatch => dropping.of = <<>>
    /\ bell[p]
    /\ bell' = [bell EXCEPT ![p] = FALSE]
    /\ Go(p, "steps")
    /\ UNCHANGED <<lanes, throttle, box, ringing, announced, hand, consumers, ends>>

-----------------------------------------------------------------------------
(* The throttle. *)

Fits(reserved) == Limit = 0 \/ reserved < Limit

RECURSIVE Serve(_)
Serve(state) ==
    IF state.line # <<>> /\ Fits(state.reserved)
    THEN Serve([state EXCEPT !.line = Tail(@), !.reserved = @ + 1])
    ELSE state

\* Some come back: those in front of the line who fit are served.
ReleaseSome(count, t, place) ==
    LET back == [throttle EXCEPT !.reserved = @ - count]
        served == Range(back.line) \ Range(Serve(back).line)
    IN  /\ throttle' = Serve(back)
        /\ where' = [u \in Threads |-> IF u = t THEN place ELSE IF u \in served THEN "has" ELSE where[u]]

Release(t, place) == ReleaseSome(1, t, place)

-----------------------------------------------------------------------------
(* A connection. *)

Idle(c) == where[c] = "idle" /\ Free(c)

Deliver(c) ==
    /\ Idle(c)
    /\ c \notin reset
    /\ delivered[c] < Messages
    /\ delivered' = [delivered EXCEPT ![c] = @ + 1]
    /\ \E priority \in Priorities, fast \in BOOLEAN :
        /\ fast => FastToo
        /\ hand' = [hand EXCEPT ![c] = [from |-> c, number |-> delivered[c] + 1, priority |-> priority, fast |-> fast]]
    /\ IF throttle.closed
       THEN Go(c, "gone") /\ throttle' = throttle
       ELSE IF throttle.line = <<>> /\ Fits(throttle.reserved)
       THEN Go(c, "has") /\ throttle' = [throttle EXCEPT !.reserved = @ + 1]
       ELSE Go(c, "waits for room") /\ throttle' = [throttle EXCEPT !.line = Append(@, c)]
    /\ UNCHANGED <<lanes, posts, consumers, fate, reset, emptied, told>>

\* One read-modify-write. It tells what was there before.
Enter(c) ==
    /\ where[c] = "has"
    /\ hand[c].fast
    /\ lane' = [lane EXCEPT ![c].visiting = TRUE]
    /\ IF lane[c].closed
       THEN Go(c, "refused") /\ fate' = fate
       ELSE IF Ordered /\ lane[c].done # sent[c]
       THEN Go(c, "turned away") /\ fate' = fate
       ELSE Go(c, "visits") /\ Met(hand[c], "fast")
    /\ UNCHANGED <<sent, roster, quiet, throttle, posts, hand, consumers, delivered, reset, emptied, told>>

\* The callback has returned, or there was none.
VisitDrop(c) ==
    /\ where[c] \in {"visits", "turned away"}
    /\ lane' = [lane EXCEPT ![c].visiting = FALSE]
    /\ Go(c, CASE lane[c].closed /\ where[c] = "visits" -> "departs"
               [] lane[c].closed /\ where[c] = "turned away" -> "departs to queue"
               [] ~lane[c].closed /\ where[c] = "visits" -> "returns"
               [] ~lane[c].closed /\ where[c] = "turned away" -> "queues")
    /\ UNCHANGED <<sent, roster, quiet, throttle, posts, hand, consumers, ends>>

\* Under the roster's lock: so not while it is closing.
Depart(c) ==
    /\ where[c] \in {"departs", "departs to queue"}
    /\ ~roster.closing
    /\ roster' = [roster EXCEPT !.visiting = @ - 1]
    /\ quiet' = (quiet \/ roster.visiting = 1)
    /\ Go(c, IF where[c] = "departs" THEN "returns" ELSE "queues")
    /\ UNCHANGED <<lane, sent, throttle, posts, hand, consumers, ends>>

\* Counts the message, which is its own business, and pushes it.
Push(c) ==
    /\ where[c] = "queues" \/ (where[c] = "has" /\ ~hand[c].fast)
    /\ sent' = [sent EXCEPT ![c] = @ + 1]
    /\ IF box[Dispatch].door = "open"
       THEN /\ Put(c, Dispatch, Append(box[Dispatch].arrived, hand[c]), box[Dispatch].door)
            /\ Met(hand[c], "queued")
            /\ hand' = [hand EXCEPT ![c] = NoMessage]
            /\ Go(c, "idle")
       ELSE /\ Go(c, "drops pending")
            /\ UNCHANGED <<posts, fate, hand>>
    /\ UNCHANGED <<lane, roster, quiet, throttle, consumers, delivered, reset, emptied, told>>

DropPending(c) ==
    /\ where[c] = "drops pending"
    /\ lane' = [lane EXCEPT ![c].done = @ + 1]
    /\ Go(c, "refused")
    /\ UNCHANGED <<sent, roster, quiet, throttle, posts, hand, consumers, ends>>

\* The permit goes back. Once refused, always refused.
Return(c) ==
    /\ where[c] \in {"returns", "refused"}
    /\ Release(c, IF where[c] = "refused" THEN "gone" ELSE "idle")
    /\ hand' = [hand EXCEPT ![c] = NoMessage]
    /\ UNCHANGED <<lanes, posts, consumers, ends>>

\* Its owner may come to that when it has been refused, too.
MayEmpty(c) ==
    /\ where[c] \in {"idle", "gone"} /\ Free(c)
    /\ c \notin reset
    /\ ~Closed(Dispatch)

\* Takes the connection away from its owner: nothing of it is delivered any more. What it discards, and that it is told
\* of, is one arrival.
Reset(c) ==
    /\ MayReset
    /\ MayEmpty(c)
    /\ reset' = reset \cup {c}
    /\ emptied' = [emptied EXCEPT ![c] = delivered[c]]
    /\ Put(c, Dispatch, Append(box[Dispatch].arrived, [from |-> c, number |-> 0, event |-> TRUE]), box[Dispatch].door)
    /\ UNCHANGED <<lanes, throttle, where, hand, consumers, fate, delivered, told>>

\* The same without an event, and the connection goes on.
Discard(c) ==
    /\ MayDiscard
    /\ MayEmpty(c)
    /\ emptied[c] < delivered[c]
    /\ emptied' = [emptied EXCEPT ![c] = delivered[c]]
    /\ Put(c, Dispatch, Append(box[Dispatch].arrived, [from |-> c, number |-> 0, event |-> FALSE]), box[Dispatch].door)
    /\ UNCHANGED <<lanes, throttle, where, hand, consumers, fate, delivered, reset, told>>

-----------------------------------------------------------------------------
(* Messages to oneself. *)

Send ==
    /\ where[Sender] = "idle" /\ Free(Sender)
    /\ delivered[Me] < Locals
    /\ box[Local].door = "open"
    /\ delivered' = [delivered EXCEPT ![Me] = @ + 1]
    /\ \E priority \in Priorities, fast \in BOOLEAN :
        LET m == [from |-> Me, number |-> delivered[Me] + 1, priority |-> priority, fast |-> fast] IN
        /\ fast => FastToo
        /\ Put(Sender, Local, Append(box[Local].arrived, m), "open")
        /\ Met(m, "queued")
    /\ UNCHANGED <<lanes, throttle, where, hand, consumers, reset, emptied, told>>

\* The local thread takes in what has arrived, and delivers the oldest.
Local_Step ==
    /\ where[Local] = "steps" /\ Free(Local)
    /\ Swap(Local, FALSE)
    /\ LET all == backlog[Local] \o box[Local].arrived IN
       IF box[Local].door = "back"
       THEN /\ Go(Local, "stopped")
            /\ backlog' = [backlog EXCEPT ![Local] = all]
            /\ UNCHANGED <<hand, fate>>
       ELSE IF all = <<>>
       THEN /\ Go(Local, IF Closed(Local) THEN "ends the queue" ELSE "lies down")
            /\ UNCHANGED <<backlog, hand, fate>>
       ELSE /\ Go(Local, IF Head(all).fast THEN "runs" ELSE "passes on")
            /\ backlog' = [backlog EXCEPT ![Local] = Tail(all)]
            /\ hand' = [hand EXCEPT ![Local] = Head(all)]
            /\ IF Head(all).fast THEN Met(Head(all), "fast") ELSE fate' = fate
    /\ UNCHANGED <<lanes, throttle, events, dropping, keeps, lost, delivered, reset, emptied, told>>

Local_Return ==
    /\ where[Local] = "runs"
    /\ Go(Local, "steps")
    /\ hand' = [hand EXCEPT ![Local] = NoMessage]
    /\ UNCHANGED <<lanes, throttle, posts, consumers, ends>>

\* From inside: a queue that is sealed takes it. If it is closed, the letter is handed back with the rest.
Local_PassOn ==
    /\ where[Local] = "passes on"
    /\ hand' = [hand EXCEPT ![Local] = NoMessage]
    /\ IF Closed(Dispatch)
       THEN /\ backlog' = [backlog EXCEPT ![Local] = <<hand[Local]>> \o @]
            /\ Go(Local, "stopped")
            /\ UNCHANGED posts
       ELSE /\ Put(Local, Dispatch, Append(box[Dispatch].arrived, hand[Local]), box[Dispatch].door)
            /\ Go(Local, "steps")
            /\ UNCHANGED backlog
    /\ UNCHANGED <<lanes, throttle, events, dropping, keeps, lost, ends>>

\* Everything accepted here has been passed on: the queue may end.
Local_EndQueue ==
    /\ where[Local] = "ends the queue"
    /\ IF Closed(Dispatch) THEN UNCHANGED posts ELSE Put(Local, Dispatch, box[Dispatch].arrived, "run")
    /\ Go(Local, "stopped")
    /\ UNCHANGED <<lanes, throttle, hand, consumers, ends>>

\* A look with the wish to lie down. Whether it sleeps is what the inbox says, and nothing else.
Rests(p) == IF box[p].arrived = <<>> /\ ~Closed(p) THEN "sleeps" ELSE "steps"

Local_LieDown ==
    /\ where[Local] = "lies down"
    /\ Swap(Local, TRUE)
    /\ Go(Local, Rests(Local))
    /\ backlog' = [backlog EXCEPT ![Local] = @ \o box[Local].arrived]
    /\ UNCHANGED <<lanes, throttle, hand, events, dropping, keeps, lost, ends>>

-----------------------------------------------------------------------------
(* The dispatch thread. *)

Events(all) == SelectSeq(all, LAMBDA a : a.number = 0 /\ a.event)

\* What is left when whatever discards, of what has arrived, has discarded what came before it.
RECURSIVE TakenIn(_, _)
TakenIn(kept, arrived) ==
    IF arrived = <<>> THEN kept
    ELSE LET a == Head(arrived)
         IN  TakenIn(IF Discards(a) THEN SelectSeq(kept, LAMBDA m : m.from # a.from) ELSE Append(kept, a), Tail(arrived))

\* What was discarded on the way. (Of one connection the code drops the highest priority first: here none is told from others.)
RECURSIVE Discarded(_, _)
Discarded(kept, arrived) ==
    IF arrived = <<>> THEN <<>>
    ELSE LET a == Head(arrived)
             gone == IF Discards(a) THEN SelectSeq(kept, LAMBDA m : m.from = a.from) ELSE <<>>
         IN  gone \o Discarded(TakenIn(kept, <<a>>), Tail(arrived))

Discarding(gone) == [m \in DOMAIN fate |-> IF m \in Range(gone) THEN "discarded" ELSE fate[m]]
Drops(gone) == dropping' = [of |-> [i \in 1..Len(gone) |-> gone[i].from], over |-> FALSE]

\* It goes on when it has dropped what was discarded.
Dispatch_At(place) == where[Dispatch] = place /\ dropping.of = <<>>

\* In each connection and priority the first; of these, of the highest priority (D2, D3). Which connection's, is open.
MayPick(all, i) ==
    /\ \A j \in 1..Len(all) : all[j].priority <= all[i].priority
    /\ \A j \in 1..(i - 1) : ~(all[j].from = all[i].from /\ all[j].priority = all[i].priority)

WithoutAt(all, i) == SubSeq(all, 1, i - 1) \o SubSeq(all, i + 1, Len(all))

\* Of what it has had, and what has come to it, this is left.
Loses(had, left) == lost' = Lines(had) \ Lines(left)

\* Takes in what has arrived. Then drops what was discarded, and tells of an event, or begins the callback of a message. Before it
\* looks it has given back what it kept.
Dispatch_Step ==
    /\ Dispatch_At("steps")
    /\ keeps = 0
    /\ Swap(Dispatch, FALSE)
    /\ LET arrived == box[Dispatch].arrived
           all == TakenIn(backlog[Dispatch], arrived)
           toTell == events \o Events(arrived)
           gone == Discarded(backlog[Dispatch], arrived)
           place ==
               CASE box[Dispatch].door = "back" -> "stopped"
                 [] box[Dispatch].door # "back" /\ toTell # <<>> -> "tells"
                 [] box[Dispatch].door # "back" /\ toTell = <<>> /\ all # <<>> -> "runs"
                 [] box[Dispatch].door = "run" /\ toTell = <<>> /\ all = <<>> -> "stopped"
                 [] OTHER -> "lies down"
       IN  /\ Go(Dispatch, place)
           /\ Drops(gone)
           /\ events' = toTell
           /\ IF place = "runs"
              THEN \E i \in 1..Len(all) :
                    /\ MayPick(all, i)
                    /\ hand' = [hand EXCEPT ![Dispatch] = all[i]]
                    /\ backlog' = [backlog EXCEPT ![Dispatch] = WithoutAt(all, i)]
                    /\ fate' = [m \in DOMAIN fate |-> IF m = all[i] THEN "dispatched" ELSE Discarding(gone)[m]]
              ELSE /\ hand' = hand
                   /\ backlog' = [backlog EXCEPT ![Dispatch] = all]
                   /\ fate' = Discarding(gone)
           /\ Loses(backlog[Dispatch] \o arrived, backlog'[Dispatch])
    /\ UNCHANGED <<lanes, throttle, keeps, delivered, reset, emptied, told>>

\* Goes on without a look: nothing has come that it must look at, and no line has become empty. It tells the oldest event in
\* hand, or begins the callback of a message in hand. (That it looks now and then all the same is a step as above. If it finds
\* news, that is the next thing that it does, so this has no action.)
MayGoOn == lost = {} /\ ~news

Dispatch_GoOn ==
    /\ Dispatch_At("steps")
    /\ MayGoOn
    /\ IF events # <<>>
       THEN /\ Go(Dispatch, "tells")
            /\ UNCHANGED <<hand, backlog, lost, fate>>
       ELSE /\ Go(Dispatch, "runs")
            /\ \E i \in 1..Len(backlog[Dispatch]) :
                /\ MayPick(backlog[Dispatch], i)
                /\ hand' = [hand EXCEPT ![Dispatch] = backlog[Dispatch][i]]
                /\ backlog' = [backlog EXCEPT ![Dispatch] = WithoutAt(@, i)]
                /\ Met(backlog[Dispatch][i], "dispatched")
            /\ Loses(backlog[Dispatch], backlog'[Dispatch])
    /\ UNCHANGED <<lanes, throttle, posts, events, dropping, keeps, delivered, reset, emptied, told>>

\* One discarded message after the other: it is over,
Dispatch_DropDiscarded ==
    /\ dropping.of # <<>>
    /\ ~dropping.over
    /\ lane' = [lane EXCEPT ![Head(dropping.of)].done = @ + 1]
    /\ dropping' = [dropping EXCEPT !.over = TRUE]
    /\ UNCHANGED <<sent, roster, quiet, throttle, posts, where, hand, backlog, events, keeps, lost, ends>>

\* and its permit goes back.
Dispatch_ReturnDiscarded ==
    /\ dropping.over
    /\ Release(Dispatch, where[Dispatch])
    /\ dropping' = [of |-> Tail(dropping.of), over |-> FALSE]
    /\ UNCHANGED <<lanes, posts, hand, backlog, events, keeps, lost, ends>>

Tell ==
    /\ Dispatch_At("tells")
    /\ told' = told \cup {Head(events).from}
    /\ events' = Tail(events)
    /\ Go(Dispatch, "steps")
    /\ UNCHANGED <<lanes, throttle, posts, hand, backlog, dropping, keeps, lost, fate, delivered, reset, emptied>>

\* The callback has returned: an ordered connection may dispatch fast again,
Dispatch_DropPending ==
    /\ Dispatch_At("runs")
    /\ LET c == hand[Dispatch].from IN
       lane' = IF c \in Conns THEN [lane EXCEPT ![c].done = @ + 1] ELSE lane
    /\ Go(Dispatch, "returns")
    /\ UNCHANGED <<sent, roster, quiet, throttle, posts, hand, consumers, ends>>

\* and its permit goes back, together with those that were kept. (One to oneself has none.)
Dispatch_Return ==
    /\ Dispatch_At("returns")
    /\ IF hand[Dispatch].from \in Conns
       THEN /\ ReleaseSome(keeps + 1, Dispatch, "steps")
            /\ keeps' = 0
       ELSE /\ Go(Dispatch, "steps")
            /\ UNCHANGED <<throttle, keeps>>
    /\ hand' = [hand EXCEPT ![Dispatch] = NoMessage]
    /\ UNCHANGED <<lanes, posts, backlog, events, dropping, lost, ends>>

\* Or it is kept, if there are few.
Dispatch_Keep ==
    /\ Dispatch_At("returns")
    /\ hand[Dispatch].from \in Conns
    /\ keeps + 1 < Few
    /\ keeps' = keeps + 1
    /\ Go(Dispatch, "steps")
    /\ hand' = [hand EXCEPT ![Dispatch] = NoMessage]
    /\ UNCHANGED <<lanes, throttle, posts, backlog, events, dropping, lost, ends>>

\* What was kept goes back, since it is about to look.
Dispatch_ReturnKept ==
    /\ Dispatch_At("steps")
    /\ keeps > 0
    /\ ReleaseSome(keeps, Dispatch, "steps")
    /\ keeps' = 0
    /\ UNCHANGED <<lanes, posts, hand, backlog, events, dropping, lost, ends>>

Dispatch_LieDown ==
    /\ Dispatch_At("lies down")
    /\ Swap(Dispatch, TRUE)
    /\ LET arrived == box[Dispatch].arrived
           gone == Discarded(backlog[Dispatch], arrived)
       IN  /\ Go(Dispatch, Rests(Dispatch))
           /\ Drops(gone)
           /\ backlog' = [backlog EXCEPT ![Dispatch] = TakenIn(@, arrived)]
           /\ Loses(backlog[Dispatch] \o arrived, backlog'[Dispatch])
           /\ events' = events \o Events(arrived)
           /\ fate' = Discarding(gone)
    /\ UNCHANGED <<lanes, throttle, hand, keeps, delivered, reset, emptied, told>>

-----------------------------------------------------------------------------
(* Shutdown, and the wait for the end. *)

Boss_At(place, next) == where[Boss] = place /\ Free(Boss) /\ Go(Boss, next)

\* Who waits for room is refused, and so is who comes for it.
Shutdown_CloseThrottle ==
    /\ How # "never"
    /\ where[Boss] = "idle"
    /\ where' = [t \in Threads |-> IF t = Boss THEN "closes lanes" ELSE IF t \in Range(throttle.line) THEN "gone" ELSE where[t]]
    /\ throttle' = [throttle EXCEPT !.line = <<>>, !.closed = TRUE]
    /\ UNCHANGED <<lanes, posts, hand, consumers, ends>>

\* Lane by lane, with the roster's lock in hand. The code begins with the oldest; nothing depends on that.
Shutdown_CloseLane(c) ==
    /\ where[Boss] = "closes lanes"
    /\ c \in roster.left
    /\ lane' = [lane EXCEPT ![c].closed = TRUE]
    /\ roster' = [closing |-> TRUE, left |-> roster.left \ {c},
                  visiting |-> IF lane[c].visiting THEN roster.visiting + 1 ELSE roster.visiting]
    /\ UNCHANGED <<sent, quiet, throttle, posts, where, hand, consumers, ends>>

\* All are closed: lets go of it.
Shutdown_CloseRoster ==
    /\ where[Boss] = "closes lanes"
    /\ roster.left = {}
    /\ roster' = [roster EXCEPT !.closing = FALSE]
    /\ Go(Boss, "seals")
    /\ UNCHANGED <<lane, sent, quiet, throttle, posts, hand, consumers, ends>>

Shutdown_Seal ==
    /\ Boss_At("seals", "closes local")
    /\ box' = [box EXCEPT ![Dispatch].door = IF @ = "open" THEN "sealed" ELSE @]
    /\ UNCHANGED <<lanes, throttle, bell, ringing, announced, hand, consumers, ends>>

Shutdown_CloseLocal ==
    /\ Boss_At("closes local", IF How = "back" THEN "closes queue" ELSE "joins")
    /\ Put(Boss, Local, box[Local].arrived, How)
    /\ UNCHANGED <<lanes, throttle, hand, consumers, ends>>

Shutdown_CloseQueue ==
    /\ Boss_At("closes queue", "joins")
    /\ Put(Boss, Dispatch, box[Dispatch].arrived, How)
    /\ UNCHANGED <<lanes, throttle, hand, consumers, ends>>

\* Both threads have ended. If a visit is under way, waits until the last one rings.
Join_Threads ==
    /\ where[Local] = "stopped" /\ Dispatch_At("stopped")
    /\ Boss_At("joins", IF roster.visiting > 0 THEN "waits for quiet" ELSE "reclaims")
    /\ UNCHANGED <<lanes, throttle, posts, hand, consumers, ends>>

Join_Hear ==
    /\ quiet
    /\ Boss_At("waits for quiet", "reclaims")
    /\ quiet' = FALSE
    /\ UNCHANGED <<lane, sent, roster, throttle, posts, hand, consumers, ends>>

\* What has not been dispatched comes back: one after the other, but by now nobody waits for room, and no lane is open.
Reclaim ==
    /\ Boss_At("reclaims", "joined")
    /\ LET all == TakenIn(backlog[Dispatch], box[Dispatch].arrived)
           gone == Discarded(backlog[Dispatch], box[Dispatch].arrived)
           left == Range(all) \cup Range(backlog[Local] \o box[Local].arrived)
           Over(c) == Cardinality({m \in Range(gone) \cup left : m.from = c})
       IN  /\ fate' = [m \in DOMAIN fate |-> IF m \in left THEN "back" ELSE Discarding(gone)[m]]
           /\ throttle' = [throttle EXCEPT !.reserved = @ - Cardinality({m \in Range(gone) \cup left : m.from # Me})]
           /\ lane' = [c \in Conns |-> [lane[c] EXCEPT !.done = @ + Over(c)]]
    /\ backlog' = [p \in Post |-> <<>>]
    /\ box' = [box EXCEPT ![Dispatch].arrived = <<>>, ![Local].arrived = <<>>]
    /\ known' = {}
    /\ lost' = {}
    /\ UNCHANGED <<sent, roster, quiet, bell, ringing, news, hand, events, dropping, keeps, delivered, reset, emptied, told>>

-----------------------------------------------------------------------------
Next ==
    \/ \E t \in Threads : Ring(t)
    \/ \E p \in Post : Sleep(p)
    \/ \E c \in Conns : Deliver(c)
    \/ \E c \in Conns : Enter(c)
    \/ \E c \in Conns : VisitDrop(c)
    \/ \E c \in Conns : Depart(c)
    \/ \E c \in Conns : Push(c)
    \/ \E c \in Conns : DropPending(c)
    \/ \E c \in Conns : Return(c)
    \/ \E c \in Conns : Reset(c)
    \/ \E c \in Conns : Discard(c)
    \/ Send
    \/ Local_Step
    \/ Local_Return
    \/ Local_PassOn
    \/ Local_EndQueue
    \/ Local_LieDown
    \/ Dispatch_Step
    \/ Dispatch_GoOn
    \/ Dispatch_DropDiscarded
    \/ Dispatch_ReturnDiscarded
    \/ Tell
    \/ Dispatch_DropPending
    \/ Dispatch_Return
    \/ Dispatch_Keep
    \/ Dispatch_ReturnKept
    \/ Dispatch_LieDown
    \/ Shutdown_CloseThrottle
    \/ \E c \in Conns : Shutdown_CloseLane(c)
    \/ Shutdown_CloseRoster
    \/ Shutdown_Seal
    \/ Shutdown_CloseLocal
    \/ Shutdown_CloseQueue
    \/ Join_Threads
    \/ Join_Hear
    \/ Reclaim

(* Callbacks return, and whoever has begun goes on. No action here holds a  *)
(* lock that another waits for, but one: closing the lanes, which ends. The *)
(* dispatch thread may look whenever it may go on without, so it owes no    *)
(* more than that.                                                          *)
Fairness ==
    /\ \A t \in Threads : WF_vars(Ring(t))
    /\ \A p \in Post : WF_vars(Sleep(p))
    /\ \A c \in Conns :
        /\ WF_vars(Enter(c)) /\ WF_vars(VisitDrop(c)) /\ WF_vars(Depart(c))
        /\ WF_vars(Push(c)) /\ WF_vars(DropPending(c)) /\ WF_vars(Return(c))
    /\ WF_vars(Local_Step) /\ WF_vars(Local_Return) /\ WF_vars(Local_PassOn)
    /\ WF_vars(Local_EndQueue) /\ WF_vars(Local_LieDown)
    /\ WF_vars(Dispatch_Step) /\ WF_vars(Dispatch_DropDiscarded) /\ WF_vars(Dispatch_ReturnDiscarded)
    /\ WF_vars(Tell) /\ WF_vars(Dispatch_DropPending)
    /\ WF_vars(Dispatch_Return) /\ WF_vars(Dispatch_ReturnKept) /\ WF_vars(Dispatch_LieDown)
    /\ \A c \in Conns : WF_vars(Shutdown_CloseLane(c))
    /\ WF_vars(Shutdown_CloseRoster) /\ WF_vars(Shutdown_Seal) /\ WF_vars(Shutdown_CloseLocal)
    /\ WF_vars(Shutdown_CloseQueue) /\ WF_vars(Join_Threads) /\ WF_vars(Join_Hear) /\ WF_vars(Reclaim)

Spec == Init /\ [][Next]_vars /\ Fairness

-----------------------------------------------------------------------------
Joined == where[Boss] = "joined"

\* What waits somewhere, of what was accepted.
InFlight ==
    Letters(box[Dispatch].arrived) \cup Range(backlog[Dispatch])
        \cup Range(box[Local].arrived) \cup Range(backlog[Local])
        \cup (IF where[Local] = "passes on" THEN {hand[Local]} ELSE {})

\* D1: what is accepted waits in one place, or has met its fate.
Fate == \A m \in DOMAIN fate : fate[m] = "queued" <=> m \in InFlight

\* D3, D2: at a pick, of what had arrived by then.
Picks == where[Dispatch] = "steps" /\ where'[Dispatch] = "runs"
StillWaits == Range(backlog'[Dispatch]) \cup Letters(box'[Dispatch].arrived)
StrictFirst == [][Picks => \A m \in StillWaits : m.priority <= hand'[Dispatch].priority]_vars
LaneOrder ==
    [][Picks => \A m \in StillWaits :
        m.from = hand'[Dispatch].from /\ m.priority = hand'[Dispatch].priority =>
            m.number > hand'[Dispatch].number]_vars

\* A line that is known holds something, unless the dispatch thread has yet to tell that it is lost. So what comes on it and is
\* no news has something before it.
KnownIsThere == known \subseteq Lines(backlog[Dispatch]) \cup Lines(box[Dispatch].arrived) \cup lost

\* D3, D7, D9, D10: who goes on without a look may pick what a look would let it pick, and nothing else: no other message, none
\* that was discarded, none before an event, and none that is to be handed back.
GoesOnAsAfterALook ==
    MayGoOn /\ where[Dispatch] = "steps" =>
        LET had == backlog[Dispatch]
            all == TakenIn(had, box[Dispatch].arrived)
        IN  /\ \A i \in 1..Len(all) : MayPick(all, i) <=> (i <= Len(had) /\ all[i] = had[i] /\ MayPick(had, i))
            /\ Events(box[Dispatch].arrived) = <<>>
            /\ box[Dispatch].door # "back"

\* D5: ordered, a fast callback runs when nothing that was queued before is left.
OrderedWaits ==
    Ordered => \A c \in Conns : where[c] = "visits" =>
        /\ \A m \in InFlight : m.from # c
        /\ where[Dispatch] = "runs" => hand[Dispatch].from # c

\* D5: what was pushed waits, runs, is being dropped, or has been counted as over.
NotOver(c) ==
    Cardinality({m \in InFlight : m.from = c})
    + (IF where[Dispatch] = "runs" /\ hand[Dispatch].from = c THEN 1 ELSE 0)
    + Cardinality({i \in 1..Len(dropping.of) : dropping.of[i] = c /\ ~(i = 1 /\ dropping.over)})
    + (IF where[c] = "drops pending" THEN 1 ELSE 0)
OverIsCounted == \A c \in Conns : lane[c].done + NotOver(c) = sent[c]

\* D7, D9: nothing is picked that was discarded before; of a reset is told once, and last.
DiscardedIsNotPicked ==
    [][Picks /\ hand'[Dispatch].from # Me => hand'[Dispatch].number > emptied[hand'[Dispatch].from]]_vars
ToldOnce == \A c \in told : c \in reset /\ \A e \in Range(events) : e.from # c

\* D8: reserved is what is under way, and with a limit no more than that.
UnderWay ==
    Cardinality({m \in InFlight : m.from # Me})
    + Cardinality({c \in Conns : where[c] \in {"has", "visits", "turned away", "departs", "departs to queue",
                                               "queues", "drops pending", "returns", "refused"}})
    + (IF where[Dispatch] \in {"runs", "returns"} /\ hand[Dispatch].from # Me THEN 1 ELSE 0)
    + keeps + Len(dropping.of)
Reserved == throttle.reserved = UnderWay /\ (Limit > 0 => throttle.reserved <= Limit)

\* D8: nobody waits who would fit, and the dispatch thread does not sleep on what it keeps.
NobodyWaitsForNothing == throttle.line # <<>> => ~Fits(throttle.reserved)
SleepsOnNothing == keeps > 0 => where[Dispatch] \in {"steps", "tells", "runs", "returns"}

\* D10: then no callback runs, nothing waits, and what was accepted has met its fate.
JoinedIsQuiet ==
    Joined => /\ \A c \in Conns : where[c] # "visits"
              /\ where[Dispatch] = "stopped" /\ where[Local] = "stopped"
              /\ InFlight = {}

\* D10: when shutdown has returned, nobody gets in any more; once it is to hand back what waits, nothing of that is picked; and
\* what runs the rest leaves nothing.
RefusedAfter ==
    [][where[Boss] \in {"joins", "waits for quiet", "reclaims", "joined"} => DOMAIN fate' = DOMAIN fate]_vars
BackPicksNothing == [][Picks => box[Dispatch].door # "back"]_vars
RunRunsAll == How = "run" /\ Joined => \A m \in DOMAIN fate : fate[m] # "back"

\* D11
NoneWaitsAsleep ==
    \A p \in Post : box[p].asleep => box[p].arrived = <<>> /\ backlog[p] = <<>> /\ (p = Dispatch => events = <<>>)
SleepIsKnown == \A p \in Post : where[p] = "sleeps" => box[p].asleep \/ bell[p] \/ ringing[p] # {}

\* D8: nobody waits for room for ever.
RoomIsMade == \A c \in Conns : where[c] = "waits for room" ~> where[c] # "waits for room"

AllFates == <>[](\A m \in DOMAIN fate : fate[m] # "queued")
AllTold == \A c \in Conns : c \in reset ~> c \in told \/ Closed(Dispatch)
Ends == where[Boss] = "closes lanes" ~> Joined
=============================================================================
