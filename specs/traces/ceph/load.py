#!/usr/bin/env python3
"""Traffic for a Ceph OSD whose log is recorded. `README.md` says how it is run.

    /usr/bin/python3 load.py

Three clients of librados, each with a connection of its own, write and read (fast) and send commands (queued); a fourth
changes the maps and the configuration, which makes the monitor send to the OSD (queued, with another priority). librados
gives each command the same priority, so two more connections are made by hand: they send the same command with priorities
of all kinds, several at once. That part of msgr2 (revision 0, no authentication, checksums only) is in `Plain`.
"""

import json
import random
import socket
import struct
import threading

import rados

CONF, FSID = "/tmp/ceph/ceph.conf", bytes.fromhex("11111111222233334444555555555555")
ROUNDS, CHANGES = 5, 5
VERSION = json.dumps({"prefix": "version"}).encode()
PRIORITIES = [10, 63, 64, 100, 127, 127, 196, 196, 255]
FEATURES = 0x3f01cfbffffdffff
HELLO, AUTH_REQUEST, AUTH_DONE, AUTH_SIGNATURE, CLIENT_IDENT, SERVER_IDENT, MESSAGE = 1, 2, 6, 7, 8, 9, 17
COMMAND, COMMAND_REPLY = 97, 98


def crc32c(data, crc=0xffffffff):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


def text(data):
    return struct.pack("<I", len(data)) + data


def address(kind, host, port, nonce):
    where = struct.pack("<H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_aton(host) + bytes(8)
    return b"\1\1\1" + text(struct.pack("<III", kind, nonce, len(where)) + where)


def frame(tag, *segments):
    while len(segments) > 1 and not segments[-1]:
        segments = segments[:-1]
    head = struct.pack("<BB", tag, len(segments))
    for i in range(4):
        head += struct.pack("<IH", len(segments[i]) if i < len(segments) else 0, 8)
    head += bytes(2)
    tail = b"\0" + b"".join(struct.pack("<I", crc32c(segments[i]) if i < len(segments) else 0) for i in range(4))
    return head + struct.pack("<I", crc32c(head, 0)) + b"".join(segments) + tail


class Plain:
    """A connection to an OSD that sends commands with any priority."""

    def __init__(self, host, port, osd, nonce):
        self.socket, self.seq = socket.create_connection((host, port)), 0
        self.stream = self.socket.makefile("rb")
        self.socket.sendall(b"ceph v2\n" + struct.pack("<HQQ", 16, 0, 0))
        assert self.stream.read(8) == b"ceph v2\n"
        self.stream.read(struct.unpack("<H", self.stream.read(2))[0])
        self.exchange(HELLO, b"\x08" + address(2, host, port, osd), HELLO)
        who = b"\1" + struct.pack("<I", 8) + text(b"admin") + struct.pack("<Q", nonce)
        self.exchange(AUTH_REQUEST, struct.pack("<III", 1, 1, 1) + text(who), AUTH_DONE)
        self.exchange(AUTH_SIGNATURE, bytes(32), AUTH_SIGNATURE)
        me = b"\2" + struct.pack("<I", 1) + address(3, "127.0.0.1", 0, nonce)
        self.exchange(CLIENT_IDENT, me + address(2, host, port, osd)
                      + struct.pack("<QQQQQQ", nonce, 1, FEATURES, 0, 1, 0), SERVER_IDENT)

    def exchange(self, tag, payload, expected):
        self.socket.sendall(frame(tag, payload))
        tag, _ = self.read()
        assert tag == expected, tag

    def read(self):
        head = self.stream.read(32)
        segments = [self.stream.read(struct.unpack_from("<I", head, 2 + 6 * i)[0]) for i in range(4)]
        self.stream.read(17)
        return head[0], segments

    def commands(self, priorities):
        sent = b""
        for priority in priorities:
            self.seq += 1
            header = struct.pack("<QQHHHIHQBHH", self.seq, self.seq, COMMAND, priority, 1, 0, 0, 0, 0, 1, 0)
            sent += frame(MESSAGE, header, FSID + struct.pack("<I", 1) + text(VERSION))
        self.socket.sendall(sent)
        left = len(priorities)
        while left:
            tag, segments = self.read()
            if tag == MESSAGE and struct.unpack_from("<H", segments[0], 16)[0] == COMMAND_REPLY:
                left -= 1


def plain(number, start):
    numbers = random.Random(number)
    with rados.Rados(conffile=CONF) as cluster:
        _, dump, _ = cluster.mon_command(json.dumps({"prefix": "osd dump", "format": "json"}), b"")
    at = next(at for at in json.loads(dump)["osds"][0]["public_addrs"]["addrvec"] if at["type"] == "v2")
    host, port = at["addr"].split(":")
    connection = Plain(host, int(port), at["nonce"], 1000 + number)
    start.wait()
    for _ in range(ROUNDS):
        connection.commands(numbers.sample(PRIORITIES, len(PRIORITIES)))


def client(number, start):
    with rados.Rados(conffile=CONF) as cluster, cluster.open_ioctx("r") as pool:
        start.wait()
        for turn in range(ROUNDS):
            commands = [threading.Thread(target=cluster.osd_command, args=(0, VERSION.decode(), b"")) for _ in range(4)]
            for command in commands:
                command.start()
            for write in [pool.aio_write_full(f"{number}.{turn}.{i}", b"x" * 64) for i in range(8)]:
                write.wait_for_complete()
            for i in range(8):
                pool.read(f"{number}.{turn}.{i}")
            for command in commands:
                command.join()


def changes(_, start):
    with rados.Rados(conffile=CONF) as cluster:
        start.wait()
        for i in range(CHANGES):
            for command in [{"prefix": "osd pool set", "pool": "p", "var": "scrub_priority", "val": str(i + 1)},
                            {"prefix": "config set", "who": "osd", "name": "osd_max_scrubs", "value": str(1 + i % 2)}]:
                code, _, why = cluster.mon_command(json.dumps(command), b"")
                assert code == 0, why


if __name__ == "__main__":
    jobs = [(client, 0), (client, 1), (client, 2), (plain, 3), (plain, 4), (changes, 5)]
    start = threading.Barrier(len(jobs))
    threads = [threading.Thread(target=job, args=(number, start), daemon=True) for job, number in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "no answer"
