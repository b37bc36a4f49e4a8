#!/usr/bin/env python3
"""A small SST peer, written from docs/PROTOCOL.md alone: a second reading of the specification.

    python3 docs/examples/peer.py check                 frames of section_10_frames.json
    python3 docs/examples/peer.py conformance           the conformance table (receiver.py)
    python3 docs/examples/peer.py self                  two peers on the loopback
    python3 docs/examples/peer.py listen [PORT]         serve "echo"; prints the URL
    python3 docs/examples/peer.py dial URL TEXT         send TEXT to a service, print the answer

It does XK in both roles, one channel, suite 1, service streams in both directions, credit, and
acknowledgements. It leaves out what interoperability does not need: congestion control (it keeps
at most 8 packets in flight), key update, cookies as responder, changes of address, datagrams.
"""

import base64
import hmac
import json
import os
import secrets
import socket
import sys
import threading
import time
from urllib.parse import unquote, urlsplit

from primitives import Noise, mac16, open_sealed, public_key
import vectors as wire

FIN, LEN, MARK, OPEN, OFFSET = 1, 2, 4, 8, 16
WINDOW = 65536


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        if self.at + length > len(self.data):
            raise ValueError("truncated")
        self.at += length
        return self.data[self.at - length : self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value, length = wire.read_varint(self.data[self.at :])
        self.at += length
        return value

    def parent(self):
        value = self.varint()
        if value == 1:
            raise ValueError("stream id 1")
        return value

    def stream(self):
        value = self.parent()
        if value == 0:
            raise ValueError("the root")
        return value

    def rest(self):
        return self.take(len(self.data) - self.at)

    def signed(self):
        return int.from_bytes(self.take(1), "big", signed=True)


def parse_opening(reader, out):
    out["parent"], out["attributes"] = reader.parent(), reader.byte()
    if out["attributes"] & ~7:
        raise ValueError("reserved attribute")
    if out["attributes"] & 2:
        out["priority"] = reader.signed()


def parse_ack(reader, kind):
    out = {"frame": "ACK_ECN" if kind == 3 else "ACK"}
    out["largest"], out["delay_micros"], count = (reader.varint() for _ in range(3))
    if count > 31:
        raise ValueError("more than 31 ranges")
    high = out["largest"]
    out["acknowledged"] = []
    for index in range(count + 1):
        if index:
            high -= reader.varint() + 2
        low = high - reader.varint()
        if low < 0:
            raise ValueError("range below zero")
        out["acknowledged"].append([high, low])
        high = low
    if kind == 3:
        out["ect0"], out["ect1"], out["ce"] = (reader.varint() for _ in range(3))
    return out


def parse_frame(reader):
    """One frame as the fields of section_10_frames.json; ValueError if malformed."""
    kind = reader.byte()
    two = {0x12: ("STOP", "code"), 0x13: ("STREAM_LIMIT", "limit"), 0x14: ("STREAM_BLOCKED", "at"),
           0x15: ("CHILD_LIMIT", "count"), 0x16: ("CHILD_BLOCKED", "at")}
    one = {0x17: ("SESSION_LIMIT", "limit"), 0x18: ("SESSION_BLOCKED", "at")}
    if kind in (0, 1):
        return {"frame": ("PADDING", "PING")[kind]}
    if kind in (2, 3):
        return parse_ack(reader, kind)
    if kind in (4, 5):
        code, length = reader.varint(), reader.varint()
        if length > 128:
            raise ValueError("reason too long")
        try:
            return {"frame": "CLOSE", "code": code, "reason": reader.take(length).decode()}
        except UnicodeDecodeError:
            raise ValueError("reason is not UTF-8") from None
    if kind in (6, 7):
        name = ("PATH_CHALLENGE", "PATH_RESPONSE")[kind - 6]
        return {"frame": name, "data": reader.take(8).hex()}
    if kind in (0x10, 0x11):
        out = {"frame": "RESET", "stream": reader.stream(), "code": reader.varint(),
               "final_position": reader.varint()}
        if kind == 0x11:
            parse_opening(reader, out)
        return out
    if kind in two:
        number = reader.parent() if kind in (0x15, 0x16) else reader.stream()
        return {"frame": two[kind][0], "stream": number, two[kind][1]: reader.varint()}
    if kind in one:
        return {"frame": one[kind][0], one[kind][1]: reader.varint()}
    if kind == 0x19:
        return {"frame": "PRIORITY", "stream": reader.stream(), "priority": reader.signed()}
    if kind in (0x1A, 0x1B):
        out = {"frame": "DATAGRAM", "parent": reader.parent()}
        data = reader.take(reader.varint()) if kind == 0x1B else reader.rest()
        return out | {"data": data.hex()} | ({"to_end": True} if kind == 0x1A else {})
    if 0x20 <= kind <= 0x3F:
        out = {"frame": "STREAM", "stream": reader.stream(), "mark": bool(kind & MARK),
               "fin": bool(kind & FIN)}
        out["offset"] = reader.varint() if kind & OFFSET else 0
        if kind & OPEN:
            parse_opening(reader, out)
        data = reader.take(reader.varint()) if kind & LEN else reader.rest()
        if out["offset"] + len(data) + out["mark"] >= 1 << 62:
            raise ValueError("position beyond 2^62 - 1")
        return out | {"data": data.hex()} | ({} if kind & LEN else {"to_end": True})
    raise ValueError("reserved type" if 8 <= kind <= 15 else "unknown type")


def parse_frames(data, frames=None):
    """The frames of a packet; `frames`, an empty list, has those before a fault, too."""
    reader, frames = Reader(data), [] if frames is None else frames
    runs = {"PADDING": 0, "PING": 1}
    while reader.at < len(data):
        if frames and data[reader.at] == runs.get(frames[-1]["frame"]):
            reader.at += 1
            continue
        if len(frames) == 16:
            raise ValueError("more than 16 frames")
        frames.append(parse_frame(reader))
        if sum(frame["frame"].startswith("ACK") for frame in frames) > 1:
            raise ValueError("a second ACK")
    return frames


def parse_parameters(data):
    reader, out = Reader(data), {}
    while reader.at < len(data):
        kind = reader.varint()
        if kind == 0:
            break
        value = reader.take(reader.varint())
        if kind in out:
            raise ValueError("parameter twice")
        if kind == 0x1E and (len(value) != 8 or not any(value)):
            raise ValueError("instance out of range")
        if kind % 2 and kind not in (0x01, 0x13, 0x17):
            raise ValueError("mandatory extension")
        out[kind] = value
    return out


class Half:
    """Both directions of one stream, as far as this peer needs them."""

    def __init__(self):
        self.sent_items, self.finished = [], False     # bytes of length 1, or "mark"
        self.items, self.final, self.answered = {}, None, False

    def whole(self):
        return self.final is not None and len(self.items) >= self.final


class Peer:
    def __init__(self, port=0, secret=None):
        self.secret = secret or os.urandom(32)
        self.public = public_key(self.secret)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.socket.settimeout(0.05)
        self.reset()

    def reset(self):
        self.state, self.address, self.streams = "idle", None, {}
        self.number, self.largest_acked, self.in_flight = 1, 0, {}
        self.seen, self.ack_wanted, self.outbox = set(), False, []
        self.channel = os.urandom(3) + b"\1"
        self.finish = self.last_init = self.reply = self.error = None
        self.granted = self.received = 0
        self.instance = None

    def parameters(self):
        named = wire.parameter(0x1E, self.instance) if self.instance else b""
        return (wire.parameter(0x06, wire.varint(WINDOW)) + wire.parameter(0x08, wire.varint(WINDOW))
                + named)

    def side_as(self, initiator):
        """0 or 1, by the identities, or by who dialled if they are one."""
        if self.public == self.noise.rs:
            return 0 if initiator else 1
        return 0 if self.public < self.noise.rs else 1

    def keys(self, initiator):
        split = self.noise.split()
        mine, theirs = split if initiator else split[::-1]
        self.seal_keys = wire.epoch_keys(mine, 1, 1)[0]
        self.open_keys = wire.epoch_keys(theirs, 1, 1)[0]

    # ---- initiator ----

    def dial(self, peer_public, address, frames_for):
        self.address, self.frames_for = address, frames_for
        self.instance = os.urandom(7) + b"\1"
        offer = self.parameters()
        start = b"\xC1\x01\x01\x00" + self.channel + (len(offer) + 48).to_bytes(2, "big")
        self.noise = Noise("XK", True, b"SST1" + start, self.secret, os.urandom(32),
                           peer_public)
        self.check_key = wire.check_key(peer_public)
        self.init_body = (start + self.noise.write(offer)).ljust(480, b"\0")
        self.reply_key = self.noise.side_key(b"SST1 reply")
        self.state, self.cookies, self.turn = "waiting", [], 2
        self.obeyed, self.since_init = 0, 0
        self.send_init(bytes(16))

    def send_init(self, cookie):
        body = self.init_body + cookie
        self.last_init = body + mac16(self.check_key, body)
        self.since_init = 0
        self.socket.sendto(self.last_init, self.address)

    def on_cookie(self, packet, source):
        if self.state != "waiting" or packet[1:5] != self.channel or source != self.address:
            return
        cookie, plain = packet[5:21], self.init_body + bytes(16)
        checks = self.last_init[-16:], mac16(self.check_key, plain)
        answers = [mac16(self.check_key, b"cookie", packet[:21], check) for check in checks]
        if packet[21:] not in answers:
            return
        if cookie in self.cookies[:1]:
            self.since_init = max(self.since_init, 1)
            return
        # The newest, and by chance one of the others that came since the last INIT.
        is_copy, others = cookie in self.cookies, self.since_init
        self.since_init += 1
        is_chosen = len(self.cookies) < 2 or others and secrets.randbelow(others) == 0
        self.cookies = [cookie] + (self.cookies[:1] if is_chosen else self.cookies[1:])
        self.obeyed += not is_copy
        if not is_copy and self.obeyed <= 4:
            self.send_init(cookie)

    def next_cookie(self):
        """What an INIT by the timer carries: anybody who sees one can forge COOKIEs."""
        turns = self.cookies + [bytes(16)]
        if len(self.cookies) < 2:
            return turns[0]
        self.turn = (self.turn + 1) % 3
        return turns[self.turn]

    def on_reply(self, packet, source):
        if self.state != "waiting" or packet[1:5] != self.channel or source != self.address:
            return
        if not hmac.compare_digest(mac16(self.reply_key, packet[:-16]), packet[-16:]):
            return
        theirs = parse_parameters(self.noise.read(packet[5:-16]))
        if 0x17 in theirs:
            raise ConnectionError(f"refused: {theirs[0x17]}")
        if theirs.get(0x1E, self.instance) != self.instance:
            raise ConnectionError("another instance than that asked for")
        if 0x1E not in theirs and self.public == self.noise.rs:
            raise ConnectionError("the same identity, and no instance")
        self.peer_channel = theirs[0x01]
        frames = self.frames_for(self.side_as(True))
        self.finish = b"\xC3" + self.peer_channel + self.noise.write(frames)
        self.keys(True)
        self.state = "unconfirmed"
        self.socket.sendto(self.finish, self.address)

    # ---- responder ----

    def on_init(self, packet, source):
        if not 512 <= len(packet) <= 1200 or packet[1:4] != b"\x01\x01\x00":
            return
        if not hmac.compare_digest(mac16(wire.check_key(self.public), packet[:-16]), packet[-16:]):
            return
        length = int.from_bytes(packet[8:10], "big")
        first = packet[10 : 10 + length]
        if self.state == "half-open" and first == self.first:
            self.socket.sendto(self.reply, source)
            return
        if self.state != "idle" or any(packet[10 + length : -32]):
            return
        self.noise = Noise("XK", False, b"SST1" + packet[:10], self.secret, os.urandom(32))
        self.instance = parse_parameters(self.noise.read(first)).get(0x1E)
        self.first, self.peer_channel = first, packet[4:8]
        answer = (wire.parameter(0x01, self.channel) + wire.parameter(0x13, b"\1")
                  + self.parameters())
        reply_key = self.noise.side_key(b"SST1 reply")
        self.reply = b"\xC2" + self.peer_channel + self.noise.write(answer)
        self.reply += mac16(reply_key, self.reply)
        self.state = "half-open"
        self.socket.sendto(self.reply, source)

    def on_finish(self, packet, source):
        if packet[1:5] != self.channel:
            return
        if self.state == "established":
            self.ack_wanted = True
        if self.state != "half-open":
            return
        frames = self.noise.read(packet[5:])
        if self.instance is None and self.public == self.noise.rs:
            raise ValueError("the same identity, and no instance")
        self.keys(False)
        self.state, self.address = "established", source
        self.seen.add(0)
        self.ack_wanted = True
        self.on_frames(frames)

    # ---- channel ----

    def on_sealed(self, packet):
        if packet[1:5] != self.channel or packet[0] & 0xBC:
            return
        length = (packet[0] & 3) + 1
        low = int.from_bytes(packet[5 : 5 + length], "big")
        number = wire.widen(low, length, max(self.seen, default=0))
        if self.state not in ("established", "unconfirmed") or number in self.seen:
            return
        header, sealed = packet[: 5 + length], packet[5 + length :]
        nonce = wire.packet_nonce(self.open_keys["iv"], number)
        frames = open_sealed(self.open_keys["key"], nonce, header, sealed)
        self.state, self.finish = "established", None
        self.seen.add(number)
        self.on_frames(frames)

    def on_frames(self, data):
        for frame in parse_frames(data):
            kind = frame["frame"]
            self.ack_wanted |= kind not in ("PADDING", "ACK", "ACK_ECN", "CLOSE")
            if kind.startswith("ACK"):
                self.largest_acked = max(self.largest_acked, frame["largest"])
                for high, low in frame["acknowledged"]:
                    for number in [n for n in self.in_flight if low <= n <= high]:
                        del self.in_flight[number]
            elif kind == "CLOSE":
                self.state, self.error = "closed", frame
            elif kind == "STREAM":
                self.on_stream(frame)
            elif kind in ("RESET", "STOP"):
                self.error = frame
            elif kind == "PATH_CHALLENGE":
                self.outbox.append(b"\x07" + bytes.fromhex(frame["data"]))

    def on_stream(self, frame):
        half = self.streams.setdefault(frame["stream"], Half())
        at = frame["offset"]
        for byte in bytes.fromhex(frame["data"]):
            half.items[at] = byte
            at += 1
        if frame["mark"]:
            half.items[at] = "mark"
            at += 1
        if frame["fin"]:
            half.final = at

    def send_packet(self, frames):
        packet = wire.seal_packet(self.seal_keys, self.peer_channel, self.number,
                                  self.largest_acked, frames)
        self.number += 1
        self.socket.sendto(packet, self.address)

    def acknowledge(self):
        ranges, low = [], None
        numbers = sorted(self.seen, reverse=True)
        for number in numbers:
            if low is not None and number == low - 1:
                ranges[-1][1] = low = number
            elif len(ranges) < 32:
                ranges.append([number, number])
                low = number
        coded = [ranges[0][0] - ranges[0][1]]
        coded += [(last[1] - this[0] - 2, this[0] - this[1])
                  for last, this in zip(ranges, ranges[1:])]
        self.ack_wanted = False
        return wire.frame_ack(numbers[0], 0, coded)

    def flush(self):
        if self.state != "established":
            return
        ack = self.acknowledge() if self.ack_wanted else b""
        while self.outbox and len(self.in_flight) < 8:
            frames = self.outbox.pop(0)
            self.in_flight[self.number] = (time.monotonic(), frames)
            self.send_packet(ack + frames)
            ack = b""
        if ack:
            self.send_packet(ack)

    def on_time(self):
        now = time.monotonic()
        if self.state == "waiting":
            self.send_init(self.next_cookie())
        elif self.state == "unconfirmed":
            self.socket.sendto(self.finish, self.address)
        for number in [n for n, (at, _) in self.in_flight.items() if now - at > 0.3]:
            self.outbox.insert(0, self.in_flight.pop(number)[1])

    def step(self):
        try:
            packet, source = self.socket.recvfrom(65536)
        except (socket.timeout, ConnectionError):
            if time.monotonic() - getattr(self, "ticked", 0) > 0.25:
                self.ticked = time.monotonic()
                self.on_time()
            self.flush()
            return
        try:
            first = packet[0] if packet else 0xFF
            if first == 0xC1:
                self.on_init(packet, source)
            elif first == 0xC2:
                self.on_reply(packet, source)
            elif first == 0xC3:
                self.on_finish(packet, source)
            elif first == 0xC4:
                self.on_cookie(packet, source)
            elif first < 0x80:
                self.on_sealed(packet)
        except ValueError as error:
            print("dropped:", error, file=sys.stderr)
        self.flush()

    # ---- service streams ----

    def send_stream(self, stream, data, offset=0, opening=None):
        """Queues data and FIN in pieces that fit packets. At most a window of it."""
        for at in range(0, max(len(data), 1), 1000):
            piece = data[at : at + 1000]
            self.outbox.append(wire.frame_stream(stream, piece, offset + at,
                                                 fin=at + 1000 >= len(data), opening=opening))

    def serve_echo(self):
        for stream, half in self.streams.items():
            if half.whole() and not half.answered:
                half.answered = True
                items = [half.items[at] for at in range(half.final)]
                mark = items.index("mark")
                record = bytes(items[:mark])
                if record.startswith(wire.service_record(b"echo", b"")[:-1]):
                    data = bytes(item for item in items[mark + 1 :] if item != "mark")
                    self.send_stream(stream, data)
                else:
                    unknown = wire.varint((1 << 32) + 4)
                    self.outbox.append(b"\x10" + wire.varint(stream) + unknown + b"\0"
                                       + b"\x12" + wire.varint(stream) + unknown)


def request(peer, key, address, service, protocol, data):
    """Dials, sends data to a service, and returns what comes back."""
    record = wire.service_record(service, protocol)
    opened = {}

    def frames_for(side):
        opened["id"] = 1 << 1 | side
        opening = (0, 4, None)
        first = wire.frame_stream(opened["id"], record, mark=True, opening=opening)
        return first + wire.frame_stream(opened["id"], data[:900], len(record) + 1,
                                         fin=len(data) <= 900, opening=opening)

    peer.dial(key, address, frames_for)
    deadline = time.monotonic() + 10
    rest_sent = len(data) <= 900
    while time.monotonic() < deadline and not peer.error:
        peer.step()
        if peer.state == "established" and not rest_sent:
            rest_sent = True
            peer.send_stream(opened["id"], data[900:], len(record) + 901, (0, 4, None))
        half = peer.streams.get(opened.get("id"))
        if half and half.whole():
            peer.flush()
            peer.send_packet(b"\x04\x00\x00")
            return bytes(half.items[at] for at in range(half.final) if half.items[at] != "mark")
    raise ConnectionError(peer.error or "no answer")


def check():
    data = json.loads((wire.VECTORS / "section_10_frames.json").read_text())
    for entry in data["valid"]:
        found = parse_frames(bytes.fromhex(entry["bytes"]))
        assert len(found) == 1, entry
        wanted = {"frame": entry["frame"]} | entry["fields"]
        assert found[0] == wanted, (found[0], wanted)
    for entry in data["invalid"]:
        try:
            parse_frames(bytes.fromhex(entry["bytes"]))
        except ValueError as error:
            assert str(error) == entry["reason"], (entry, error)
            continue
        raise AssertionError(entry)
    for entry in data["counted"]:
        assert len(parse_frames(bytes.fromhex(entry["bytes"]))) == entry["frames"], entry
    print(len(data["valid"]), "valid and", len(data["invalid"]), "invalid frames agree")


def serve(peer, until=lambda: False):
    while not until():
        peer.step()
        peer.serve_echo()
        peer.flush()
        if peer.state == "closed":
            peer.reset()


def main():
    command = sys.argv[1] if len(sys.argv) > 1 else "check"
    if command == "check":
        check()
    elif command == "conformance":
        import receiver  # It reads frames with this module.
        receiver.run()
    elif command == "listen":
        peer = Peer(int(sys.argv[2]) if len(sys.argv) > 2 else 8661)
        host, port = peer.socket.getsockname()
        print(f"sst://{wire.host_text(peer.public)}@{host}:{port}/echo/1", flush=True)
        serve(peer)
    elif command == "dial":
        url = urlsplit(sys.argv[2])
        key = base64.b32decode(url.username.upper())[:32]
        assert wire.host_text(key) == url.username, "checksum of the host id"
        names = [unquote(part).encode() for part in url.path.strip("/").split("/")] + [b""]
        answer = request(Peer(), key, (url.hostname, url.port or 8661), names[0], names[1],
                         sys.argv[3].encode())
        print(answer.decode())
    else:
        done = []
        server = Peer()
        thread = threading.Thread(target=serve, args=(server, lambda: bool(done)))
        thread.start()
        try:
            for data in (b"", b"hello", os.urandom(20000)):
                answer = request(Peer(), server.public, server.socket.getsockname(), b"echo", b"1",
                                 data)
                assert answer == data
                print(len(data), "bytes echoed")
            twin = Peer(secret=server.secret)
            answer = request(twin, server.public, server.socket.getsockname(), b"echo", b"1", b"me")
            assert answer == b"me"
            print("and with the same key")
        finally:
            done.append(True)
            thread.join()


if __name__ == "__main__":
    main()
