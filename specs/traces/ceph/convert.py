#!/usr/bin/env python3
"""What an OSD's log says of arriving messages, as JSON lines: one for each step, in the order of the log.

    python3 convert.py osd.log > osd.jsonl

It understands the lines of Ceph 16.2 ("pacific", msgr2) with `debug ms = 20` and `log file = ...` in the OSD's section of
ceph.conf; other lines may be there or not. `record.sh` has the whole ceph.conf and all commands: ceph-osd -f -i 0, then
traffic, such as `load.py`, rados -p r bench 5 write, ceph tell osd.0 version, ceph osd pool set r min_size 1.

A step has these fields, and no others:

    step       "arrive"    read from the connection; nothing has been decided yet
               "fast"      its fast dispatch begins, on the thread that read it
               "queue"     put into the queue of its messenger, under the queue's lock
               "dispatch"  the dispatch thread begins it. It was taken out of the queue before that, and the lock
                           released: what others did in between may come first in the log
               "done"      the callback that "fast" or "dispatch" began has returned
    thread     a number for each thread, in the order of the log
    messenger  a number for each address that a messenger of the OSD has. Each messenger has a queue and a dispatch
               thread. The two with which an OSD sends its heartbeats have one address, and so one number here
    conn       a number for each connection; one that was made anew is another
    seq        the message's number on its connection
    type       as Ceph writes it: "osd_op"
    priority   of what is queued, from "queue" on. The log does not tell the priority of what is fast, nor at "arrive"

Not in the log: resets and other events in the queue, messages discarded with their connection (they have no "dispatch"),
and when exactly one is taken out of the queue. A message that an OSD sends to itself is an error: none was seen.

A line that speaks of a message, but not as expected, is an error; so is a step of a message that has not arrived, that is
on another connection or thread than before or was done already, and a step of a thread whose callback has not returned.
"""

import json
import re
import sys

LINE = re.compile(r"\S+ (?P<thread>[0-9a-f]{8,}) +-?\d+ (?P<text>--.*)")
TYPE = r"(?P<type>[\w ]+(?=\()|\w+)"
CONN = r"--2- (?P<messenger>\S+) >> \S* conn\((?P<conn>0x[0-9a-f]+) .*?\)\."
READY = re.compile(CONN + r"ready entity=.* in_seq=(?P<seq>\d+) out_seq=\d+")
ARRIVE = re.compile(CONN + r"handle_message received message m=(?P<message>0x[0-9a-f]+) seq=(?P<seq>\d+) "
                    r"from=\S+ type=\d+ " + TYPE + ".*")
BEGIN = re.compile(r"-- (?P<messenger>\S+) <== \S+ \S+ (?P<seq>\d+) ==== " + TYPE +
                   r".* ==== \d+\+\d+\+\d+ \(.*\) (?P<message>0x[0-9a-f]+) con (?P<conn>0x[0-9a-f]+)")
QUEUE = re.compile(r"-- (?P<messenger>\S+) queue (?P<message>0x[0-9a-f]+) prio (?P<priority>\d+)")
DONE = re.compile(r"-- (?P<messenger>\S+) done calling dispatch on (?P<message>0x[0-9a-f]+)")

# What a line of this kind has in it, whatever else is there.
KINDS = [
    (READY, re.compile(r"\)\.ready entity=")),
    (ARRIVE, re.compile(r"received message m=|--1- .*message")),
    (BEGIN, re.compile(r"^-- \S+ <== ")),
    (QUEUE, re.compile(r"^-- \S+ queue ")),
    (DONE, re.compile(r"done calling dispatch")),
    (None, re.compile(r"got old message|missed message|delayed_delivery|queuing message with delay|stop flag set")),
]
BROKEN = re.compile(r"--(2-)? \S+ (<==|queue|done|>>) ")


class Numbers(dict):
    """Small numbers for long names."""

    def __missing__(self, name):
        self[name] = len(self)
        return self[name]


class Log:
    def __init__(self):
        self.threads, self.messengers = Numbers(), Numbers()
        self.conns, self.many = {}, 0
        self.under_way = {}  # by address of the message: what is known of it, and what came last
        self.busy = set()  # threads whose callback has not returned

    def conn(self, address):
        if address not in self.conns:
            self.conns[address] = self.many
            self.many += 1
        return self.conns[address]

    def read(self, line):
        """The step that a line tells, or None."""
        head = LINE.fullmatch(line)
        if head is None:
            if BROKEN.search(line):
                raise ValueError("not a whole line")
            return None
        for kind, hint in KINDS:
            if hint.search(head["text"]):
                found = kind and kind.fullmatch(head["text"])
                if not found:
                    raise ValueError("a line about a message that is not understood")
                if kind is not READY:
                    return self.step(kind, found, self.threads[head["thread"]], self.messengers[found["messenger"]])
                if int(found["seq"]) == 0:
                    self.conns.pop(found["conn"], None)
        return None

    def step(self, kind, found, thread, messenger):
        address = found["message"]
        if kind in (ARRIVE, BEGIN):
            said = {"conn": self.conn(found["conn"]), "seq": int(found["seq"]), "type": found["type"]}
        if kind is ARRIVE:
            # One that was discarded leaves its address without a word.
            if address in self.under_way and self.under_way[address]["step"] != "queue":
                raise ValueError("another message is under way at this address")
            self.under_way[address] = {"step": None, "thread": thread, "messenger": messenger, "about": said}
        if address not in self.under_way:
            raise ValueError("a message that has not arrived")
        known = self.under_way[address]
        about = known["about"]

        if kind is ARRIVE:
            step, after = "arrive", None
        elif kind is QUEUE:
            step, after = "queue", "arrive"
            about["priority"] = int(found["priority"])
        elif kind is BEGIN:
            step, after = ("fast", "arrive") if thread == known["thread"] else ("dispatch", "queue")
            if said.items() - about.items():
                raise ValueError(f"this is {about}")
        else:
            step, after = "done", known["step"] if known["step"] in ("fast", "dispatch") else "its callback"
        if known["step"] != after:
            raise ValueError(f"{step}, but not after {after}")
        if messenger != known["messenger"] or (thread != known["thread"] and step != "dispatch"):
            raise ValueError("another messenger or thread than before")
        if (thread in self.busy) != (step == "done"):
            raise ValueError("a thread does one thing after the other")
        self.busy.symmetric_difference_update({thread} if kind in (BEGIN, DONE) else ())
        known.update(step=step, thread=thread)
        if step == "done":
            del self.under_way[address]
        return {"step": step, "thread": thread, "messenger": messenger, **about}


def main(path):
    log = Log()
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                step = log.read(line.rstrip("\n"))
            except ValueError as error:
                sys.exit(f"{path}:{number}: {error}: {line}")
            if step:
                print(json.dumps(step))


if __name__ == "__main__":
    main(*sys.argv[1:])
