"""What docs/PROTOCOL.md has a host do with what it receives: a second reading, for the conformance
table of sst-nostd/tests/vectors/conformance. `python3 docs/examples/peer.py conformance` runs it.

It keeps of a session what decides about the next frame, and no data. Its application never reads;
it does what the table's steps say.
"""

import json

from peer import Reader, parse_frames
from primitives import Noise, mac16, public_key
import vectors as wire

FOLDER = wire.ROOT / "sst-nostd/tests/vectors/conformance"
(FLOW_CONTROL, STREAM_STATE, CHILD_LIMIT, FINAL_SIZE, FRAME_ENCODING, PROTOCOL, ACK_INVALID) = (
    range(2, 9))
MANDATORY_EXTENSION, SUITE, PARAMETERS, STREAM_ID = 14, 15, 16, 17
DROPPED, NO_CAPACITY, PARENT_GONE = 1 << 32, (1 << 32) + 2, (1 << 32) + 3
DATAGRAM, PRIORITY, SERVICE = 1, 2, 4
QUIET = ("PADDING", "ACK", "ACK_ECN", "CLOSE")


class Fault(Exception):
    """The host closes with this code."""

    def __init__(self, code):
        super().__init__(f"close with {code}")
        self.code = code


class Stream:
    def __init__(self, number, is_own, parent, attributes):
        self.number, self.is_own, self.parent = number, is_own, parent
        self.attributes = attributes & ~PRIORITY
        self.is_datagram = bool(attributes & DATAGRAM)
        self.seen, self.highest, self.final = set(), 0, None
        # Each half: "open", "ended" (it waits for an acknowledgement or a reader), "done".
        self.sending = "done" if self.is_datagram and not is_own else "open"
        self.receiving = "done" if self.is_datagram and is_own else "open"
        self.is_stopped, self.sent, self.children = False, 0, 0
        self.is_known = not is_own  # The peer acknowledged that it is open.


class Host:
    """One session of the host under test."""

    def __init__(self, side, announced):
        self.side, self.announced = side, announced
        self.streams, self.waiting = {}, {}
        self.next_own, self.seen, self.root_children, self.used = 1, set(), 0, 0
        self.sends, self.limits = [], []

    # ---- what the application does ----

    def open(self, parent, attributes=0, data=b""):
        number = self.next_own << 1 | self.side
        self.next_own += 1
        self.streams[number] = stream = Stream(number, True, parent, attributes)
        stream.sent = len(data)
        if attributes & DATAGRAM:
            stream.sending = "ended"
        return number

    def drop(self, number):
        stream = self.streams[number]
        if stream.sending == "open":
            self.send_reset(stream, DROPPED)
        if stream.receiving == "open":
            self.send_stop(stream, DROPPED)
        else:
            stream.receiving = "done"
        self.forget(stream)

    def acknowledge(self):
        for stream in list(self.streams.values()):
            stream.is_known = True
            if stream.sending == "ended":
                stream.sending = "done"
            self.forget(stream)

    def send_reset(self, stream, code):
        stream.sending = "ended"
        kind, opening = b"\x10", b""
        if not stream.is_known:
            kind, opening = b"\x11", wire.opened_by(stream.parent, stream.attributes, None)
        self.sends.append(kind + wire.varint(stream.number) + wire.varint(code)
                          + wire.varint(stream.sent) + opening)

    def send_stop(self, stream, code):
        stream.is_stopped = True
        self.sends.append(b"\x12" + wire.varint(stream.number) + wire.varint(code))

    def forget(self, stream):
        if stream.sending == stream.receiving == "done":
            self.streams.pop(stream.number, None)

    # ---- packets ----

    def on_finish(self, payload):
        """False: there is no session."""
        frames, fault = [], None
        try:
            parse(payload, frames)
        except Fault as found:
            fault = found
        if any(frame["frame"] == "CLOSE" for frame in frames):
            return False
        if fault:
            raise fault
        if any(frame["frame"] in ("ACK", "ACK_ECN", "PATH_RESPONSE") for frame in frames):
            raise Fault(PROTOCOL)
        self.take(frames)
        return True

    def on_packet(self, payload):
        """What becomes of it: acknowledge, accept or silence; [`Fault`] if the host closes."""
        frames = parse(payload)
        if not frames:
            raise Fault(PROTOCOL)
        if not self.take(frames):
            return "silence"
        return "accept" if all(frame["frame"] in QUIET for frame in frames) else "acknowledge"

    def take(self, frames):
        challenge = None
        for frame in frames:
            kind = frame["frame"]
            if kind == "CLOSE":
                return False
            if kind in ("ACK", "ACK_ECN") and any(
                    high > 1000 or low == 0 for high, low in frame["acknowledged"]):
                # The host is a responder, which sends no number 0, and has not sent as many.
                raise Fault(ACK_INVALID)
            if kind == "PATH_CHALLENGE":
                challenge = b"\x07" + bytes.fromhex(frame["data"])
            if kind == "SESSION_BLOCKED" and frame["at"] < self.announced["session_window"]:
                self.limits.append(["SESSION_LIMIT", None, self.announced["session_window"]])
            if kind == "DATAGRAM" and len(frame["data"]) // 2 > self.announced["largest_datagram"]:
                raise Fault(PROTOCOL)
            if kind in ("STREAM", "RESET"):
                self.on_positions(frame)
            elif "stream" in frame:
                self.on_control(frame)
        self.sends += [challenge] if challenge else []
        return True

    def place(self, number, is_opening):
        """The stream; "gone"; or "new", to be opened by this frame."""
        if number in self.streams:
            return self.streams[number]
        counter, is_own = number >> 1, number & 1 == self.side
        if counter < self.next_own if is_own else counter in self.seen:
            return "gone"
        if not is_opening:
            raise Fault(STREAM_STATE)
        if is_own:
            raise Fault(STREAM_ID)
        return "new"

    def on_control(self, frame):
        kind, number = frame["frame"], frame["stream"]
        if number == 0:
            if kind == "CHILD_BLOCKED" and frame["at"] < self.announced["root_children"]:
                self.limits.append(["CHILD_LIMIT", 0, self.announced["root_children"]])
            return
        stream = self.place(number, False)
        if stream == "gone":
            return
        about_sending = kind in ("STOP", "STREAM_LIMIT", "PRIORITY")
        if stream.is_datagram and not kind.startswith("CHILD") and stream.is_own != about_sending:
            raise Fault(STREAM_STATE)
        if kind == "STOP" and (stream.sending == "open" or stream.is_datagram):
            self.send_reset(stream, frame["code"])
        if kind == "STREAM_BLOCKED" and frame["at"] < self.announced["stream_window"]:
            if stream.final is None and not stream.is_stopped:
                limit = self.announced["stream_window"]
                self.limits.append(["STREAM_LIMIT", number, limit])

    def on_positions(self, frame):
        number, is_opening = frame["stream"], "parent" in frame
        stream = self.place(number, is_opening)
        if stream == "new":
            stream = self.on_open(number, frame["parent"], frame["attributes"])
        elif stream != "gone":
            if stream.is_datagram and stream.is_own:
                raise Fault(STREAM_STATE)
            opening = (frame.get("parent"), frame.get("attributes", 0) & ~PRIORITY)
            is_same = not stream.is_own and opening == (stream.parent, stream.attributes)
            if is_opening and not is_same:
                raise Fault(STREAM_STATE)
        if stream == "gone":
            return
        if frame["frame"] == "RESET":
            return self.on_end(stream, frame["final_position"], True)
        data, is_end = bytes.fromhex(frame["data"]), frame["fin"]
        if frame["mark"] and stream.is_datagram:
            raise Fault(PROTOCOL)
        end = frame["offset"] + len(data) + frame["mark"]
        if end == frame["offset"] and not is_end:
            return
        self.check_end(stream, end, is_end)
        stream.seen.update(range(frame["offset"], end))
        self.count(stream, end)
        if stream.is_datagram and end > self.announced["largest_datagram"]:
            self.send_stop(stream, NO_CAPACITY)
        if is_end:
            stream.final = end
        if stream.final is not None and len(stream.seen) == stream.final:
            stream.receiving = "done" if stream.is_stopped else "ended"
        self.forget(stream)

    def on_end(self, stream, final, is_end):
        self.check_end(stream, final, is_end)
        self.count(stream, final)
        stream.final = final
        stream.receiving = "done" if stream.is_stopped else "ended"
        self.forget(stream)

    def check_end(self, stream, end, is_end):
        if stream.final is not None and (end != stream.final if is_end else end > stream.final):
            raise Fault(FINAL_SIZE)
        if is_end and end < stream.highest:
            raise Fault(FINAL_SIZE)
        more = max(end - stream.highest, 0)
        beyond = end > self.announced["stream_window"] and not stream.is_stopped
        if beyond or self.used + more > self.announced["session_window"]:
            raise Fault(FLOW_CONTROL)

    def count(self, stream, end):
        self.used += max(end - stream.highest, 0)
        stream.highest = max(stream.highest, end)

    # ---- opening ----

    def on_open(self, number, parent_number, attributes):
        counter = number >> 1
        lowest = next(count for count in range(1, len(self.seen) + 2) if count not in self.seen)
        if counter >= lowest + self.announced["id_window"]:
            raise Fault(STREAM_ID)
        if parent_number and parent_number & 1 == number & 1 and parent_number >> 1 >= counter:
            raise Fault(STREAM_STATE)
        if attributes & SERVICE and (parent_number or attributes & DATAGRAM):
            raise Fault(STREAM_STATE)
        child = Stream(number, False, parent_number, attributes)
        parent = self.parent(parent_number)
        if parent == "waited for":
            self.waiting.setdefault(parent_number, []).append(child)
        elif parent == "gone":
            self.seen.add(counter)
            if not child.is_datagram:
                self.send_reset(child, PARENT_GONE)
            self.send_stop(child, PARENT_GONE)
            return "gone"
        else:
            self.adopt(parent)
        self.seen.add(counter)
        self.streams[number] = child
        for _ in self.waiting.pop(number, []):
            self.adopt(child)
        return child

    def parent(self, number):
        if number == 0:
            return None
        if number in self.streams:
            return self.streams[number]
        counter = number >> 1
        if number & 1 == self.side:
            if counter >= self.next_own:
                raise Fault(STREAM_STATE)
            return "gone"
        return "gone" if counter in self.seen else "waited for"

    def adopt(self, parent):
        if parent is None:
            self.root_children += 1
            if self.root_children > self.announced["root_children"]:
                raise Fault(CHILD_LIMIT)
            return
        if parent.is_datagram:
            raise Fault(STREAM_STATE)
        parent.children += 1
        if parent.children > self.announced["children"]:
            raise Fault(CHILD_LIMIT)


def parse(payload, frames=None):
    try:
        return parse_frames(payload, frames)
    except ValueError as error:
        codes = {"the root": STREAM_ID, "more than 16 frames": PROTOCOL, "a second ACK": PROTOCOL}
        raise Fault(codes.get(str(error), FRAME_ENCODING)) from None


# ---- parameters (5.9) ----

RANGES = {0x04: (0, 16_000_000), 0x0E: (1200, 65535), 0x1C: (0, 1)}
NUMBERS = {0x02, 0x06, 0x08, 0x0A, 0x0C, 0x10, 0x14, *RANGES}
WRONG_PLACE = {"INIT": {0x01, 0x13, 0x17}, "REPLY": {0x12, 0x1C}}


def check_entry(kind, value, carrier):
    if kind in WRONG_PLACE[carrier]:
        raise Fault(PARAMETERS)
    if kind in NUMBERS:
        number, length = wire.read_varint(value)
        low, high = RANGES.get(kind, (0, 1 << 62))
        if length != len(value) or not low <= number <= high:
            raise Fault(PARAMETERS)
    elif kind in (0x01, 0x1E):
        if len(value) != (4 if kind == 1 else 8) or not any(value):
            raise Fault(PARAMETERS)
    elif kind == 0x12 and not 1 <= len(value) <= 8 or kind == 0x13 and len(value) != 1:
        raise Fault(PARAMETERS)
    elif kind == 0x16 and len(value) != 16:
        raise Fault(PARAMETERS)
    elif kind == 0x17:
        _, length = wire.read_varint(value)
        if len(value) - length > 64:
            raise Fault(PARAMETERS)
        value[length:].decode()
    elif kind % 2 and kind not in (0x01, 0x13):
        raise Fault(MANDATORY_EXTENSION)


def read_list(content, carrier):
    """The entries, or the fault that comes first."""
    reader, found = Reader(content), {}
    try:
        while reader.at < len(content):
            kind = reader.varint()
            if kind == 0:
                break
            value = reader.take(reader.varint())
            if kind in found or len(found) == 32:
                raise Fault(PARAMETERS)
            check_entry(kind, value, carrier)
            found[kind] = value
    except ValueError:
        raise Fault(PARAMETERS) from None
    if carrier == "REPLY" and 0x17 not in found and not {0x01, 0x13} <= set(found):
        raise Fault(PARAMETERS)
    return found


def channel_of(content):
    """The channel id in a list that has a fault, as far as it can be read."""
    reader = Reader(content)
    try:
        for _ in range(32):
            kind = reader.varint()
            value = reader.take(reader.varint()) if kind else b""
            if kind in (0, 1):
                return len(value) == 4 and any(value)
    except ValueError:
        pass
    return False


def judge_list(row):
    """(code or None, whether the peer cannot be told, the code of a refusal)."""
    content, carrier = bytes.fromhex(row["list"]), row["carrier"]
    instance = row.get("instance")
    try:
        found = read_list(content, carrier)
        if carrier == "INIT" and 1 not in found.get(0x12, b"\x01"):
            raise Fault(SUITE)
        if 0x17 in found:
            return None, False, wire.read_varint(found[0x17])[0]
        if carrier == "REPLY":
            if found[0x13] != b"\x01":
                raise Fault(SUITE)
            named = found.get(0x1E)
            if named and named.hex() != instance:
                raise Fault(PARAMETERS)
        return None, False, None
    except Fault as fault:
        return fault.code, carrier == "REPLY" and not channel_of(content), None


# ---- packets before a session (4, 5.4) ----

def judge_packet(packet, secret):
    if not packet or 0x80 <= packet[0] != 0xC1:
        return "nothing"
    if packet[0] < 0x80:
        is_whole = len(packet) >= 40 and not packet[0] & 0x3C and any(packet[1:5])
        return "lost or nothing" if is_whole else "nothing"
    if not 512 <= len(packet) <= 1200 or packet[3] or not any(packet[4:8]):
        return "nothing"
    is_unnamed = packet[2] == 2
    key = wire.check_key(bytes(32) if is_unnamed else public_key(secret))
    if mac16(key, packet[:-16]) != packet[-16:] or is_unnamed:
        return "nothing"
    if packet[1] != 1:
        return "version"
    if packet[2] not in (1, 3):
        return "nothing"
    length, least = int.from_bytes(packet[8:10], "big"), 48 if packet[2] == 1 else 96
    if not least <= length <= len(packet) - 42 or any(packet[10 + length : -32]):
        return "nothing"
    try:
        noise = Noise("XK" if packet[2] == 1 else "IK", False, b"SST1" + packet[:10], secret,
                      secret)
        read_list(noise.read(packet[10 : 10 + length]), "INIT")
    except ValueError:
        return "nothing"
    return "reply or nothing" if packet[2] == 3 else "reply"


# ---- the table ----

def step_of(host, step):
    """What becomes of it, as the row says it: (then, code)."""
    host.sends, host.limits = [], []
    try:
        if "finish" in step:
            has_session = host.on_finish(bytes.fromhex(step["finish"]))
            return ("acknowledge", None) if has_session else ("silence", None)
        if "receive" in step:
            return host.on_packet(bytes.fromhex(step["receive"])), None
    except Fault as fault:
        return "close", fault.code
    if "open" in step:
        assert host.open(step["open"]) == step["stream"], step
    elif "send" in step:
        number = host.open(step["send"], DATAGRAM, bytes.fromhex(step["data"]))
        assert number == step["stream"], step
    elif "drop" in step:
        host.drop(step["drop"])
    elif "acknowledge" in step:
        host.acknowledge()
    return None, None


def run_frames(table):
    for row in table["rows"]:
        host = Host(row["side"], table["announced"] | row["announced"])
        for step in row["steps"]:
            then, code = step_of(host, step)
            wanted = step.get("then")
            assert then == wanted or then in (wanted or "").split(" or "), (row, step, then, code)
            assert code == step.get("code"), (row, step, then, code)
            if then != "close":
                sends = [frame.hex() for frame in host.sends]
                assert sorted(sends) == sorted(step.get("sends", [])), (row, step, sends)
                assert all(limit in host.limits for limit in step.get("limits", [])), (row, step)


def run():
    tables = [json.loads((FOLDER / f"{name}.json").read_text())
              for name in ("frames", "parameters", "packets")]
    run_frames(tables[0])
    for row in tables[1]["rows"]:
        wanted = row["code"], row.get("silent", False), row.get("refused")
        assert judge_list(row) == wanted, (row, judge_list(row))
    secret = bytes.fromhex(tables[2]["responder_static_secret"])
    for row in tables[2]["rows"]:
        found = judge_packet(bytes.fromhex(row["packet"]), secret)
        assert found == row["then"], (row["name"], found)
    print(sum(len(table["rows"]) for table in tables), "rows of the conformance table agree")
