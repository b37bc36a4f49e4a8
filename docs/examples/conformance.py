#!/usr/bin/env python3
"""The conformance table: what a host must do with a packet, row by row.

    python3 docs/examples/conformance.py            write the JSON files
    python3 docs/examples/conformance.py --check    compare them with what stands there

The rows and what they expect are written here by hand, from docs/PROTOCOL.md (appendix A); only
the bytes are computed. What the files hold is explained in the README beside them. Two readers of
the specification run them: the Rust implementation and docs/examples/receiver.py.
"""

import json
import sys

from primitives import Noise, hash32, mac16, public_key
from vectors import (
    INITIATOR_CHANNEL, INSTANCE, RESPONDER_CHANNEL, ROOT, check_key, frame_ack, frame_stream,
    opened_by, parameter, to_hex, varint,
)

FOLDER = ROOT / "sst-nostd/tests/vectors/conformance"

# What the host under test announces, unless a row says otherwise.
ANNOUNCED = {"session_window": 1500, "stream_window": 1000, "root_children": 4, "children": 2,
             "id_window": 8, "largest_datagram": 100}
(FLOW_CONTROL, STREAM_STATE, CHILD_LIMIT, FINAL_SIZE, FRAME_ENCODING, PROTOCOL, ACK_INVALID) = (
    range(2, 9))
MANDATORY_EXTENSION, SUITE, PARAMETERS, STREAM_ID = 14, 15, 16, 17
DROPPED, NO_CAPACITY, PARENT_GONE = 1 << 32, (1 << 32) + 2, (1 << 32) + 3
LARGEST = (1 << 62) - 1
DATAGRAM, PRIORITY, SERVICE = 1, 2, 4


# ---- frames ----

def stream(number, data=b"", offset=0, fin=False, mark=False, parent=None, attributes=0,
           priority=None):
    opening = None if parent is None else (parent, attributes, priority)
    return frame_stream(number, data, offset, fin, mark, opening=opening)


def opened(number, parent=0, attributes=0, **more):
    return stream(number, parent=parent, attributes=attributes, **more)


def reset(number, code=7, final=0, parent=None, attributes=0):
    end = b"" if parent is None else opened_by(parent, attributes, None)
    return bytes([0x10 + (parent is not None)]) + varint(number) + varint(code) + varint(final) + end


def two(kind, number, value):
    return bytes([kind]) + varint(number) + varint(value)


def stop(number, code=7):
    return two(0x12, number, code)


def close(kind=4, code=0, reason=b""):
    return bytes([kind]) + varint(code) + varint(len(reason)) + reason


def datagram(parent, data):
    return b"\x1b" + varint(parent) + varint(len(data)) + data


def about(number):
    """One frame of each kind that names a stream, without opening it."""
    return [("STREAM", stream(number, b"x")), ("RESET", reset(number)), ("STOP", stop(number)),
            ("STREAM_LIMIT", two(0x13, number, 5000)), ("STREAM_BLOCKED", two(0x14, number, 1000)),
            ("CHILD_LIMIT", two(0x15, number, 9)), ("CHILD_BLOCKED", two(0x16, number, 4)),
            ("PRIORITY", b"\x19" + varint(number) + b"\x05")]


PING, CHALLENGE = b"\x01", b"\x06" + bytes(range(1, 9))


# ---- steps ----

def receive(*frames, then="acknowledge", **more):
    return {"receive": b"".join(frames), "then": then} | more


def closes(code, *frames):
    return receive(*frames, then="close", code=code)


def finish(*frames, then="acknowledge", **more):
    return {"finish": b"".join(frames), "then": then} | more


def opens(parent, number):
    return {"open": parent, "stream": number}


# The peer's stream 2 and the host's stream 3, begun, ended and forgotten.
PEERS_FINISHED = [receive(opened(2, fin=True)), {"accept": 0},
                  {"drop": 2, "sends": [reset(2, DROPPED)]}, {"acknowledge": True}]
OWN_FINISHED = [opens(0, 3), {"acknowledge": True},
                receive(stop(3), reset(3), sends=[reset(3)]), {"drop": 3}, {"acknowledge": True}]


# ---- rows of frames ----

def encoding_rows():
    """Faults that parsing finds: nothing of the packet takes effect."""
    rows = []

    def row(name, numbers, *frames, code=FRAME_ENCODING):
        rows.append((name, "encoding", numbers, [closes(code, *frames)]))

    row("an empty packet", ["R-4.3-6"], code=PROTOCOL)
    for kind in [*range(0x08, 0x10), *range(0x1C, 0x20), 0x40, 0x80, 0xFF]:
        named = "reserved" if kind < 0x10 else "unknown"
        numbers = ["R-9.6-3", "R-10.1-1"] if kind < 0x10 else ["R-10.1-1"]
        row(f"{named} type {kind:02x}", numbers, bytes([kind]) + bytes(8))
    whole = [
        ("ACK", frame_ack(0, 0, [0])), ("ACK with ranges", frame_ack(9, 0, [0, (0, 0)])),
        ("ACK_ECN", frame_ack(0, 0, [0], [0, 0, 0])), ("CLOSE", close(reason=b"why")),
        ("PATH_CHALLENGE", CHALLENGE), ("PATH_RESPONSE", b"\x07" + bytes(8)),
        ("RESET", reset(2)), ("RESET with OPEN", reset(2, parent=0)), ("STOP", stop(2)),
        ("STREAM_LIMIT", two(0x13, 2, 5000)), ("STREAM_BLOCKED", two(0x14, 2, 5000)),
        ("CHILD_LIMIT", two(0x15, 0, 9)), ("CHILD_BLOCKED", two(0x16, 0, 9)),
        ("SESSION_LIMIT", b"\x17" + varint(5000)), ("SESSION_BLOCKED", b"\x18" + varint(5000)),
        ("PRIORITY", b"\x19\x02\x05"), ("DATAGRAM", datagram(0, b"abc")),
        ("STREAM", stream(2, b"abc")), ("the priority of OPEN", opened(2, priority=5)[:-1]),
    ]
    for name, frame in whole:
        row(f"{name} cut short", ["R-10.1-1"], frame[:-1])
    row("a type and nothing else", ["R-10.1-1"], b"\x20")
    for name, frame in about(1):
        row(f"{name} of stream 1", ["R-10.1-1"], frame)
    row("DATAGRAM of stream 1", ["R-10.1-1"], datagram(1, b"x"))
    row("stream 1 opened", ["R-10.1-1"], opened(1))
    row("a child of stream 1", ["R-10.1-1"], opened(2, parent=1))
    row("RESET with OPEN of a child of stream 1", ["R-10.1-1"], reset(2, parent=1))
    for name, frame in about(0):
        if not name.startswith("CHILD"):
            row(f"{name} of the root", ["R-10.1-4"], frame, code=STREAM_ID)
    row("the root opened", ["R-10.1-4"], opened(0), code=STREAM_ID)
    row("the root opened by RESET", ["R-10.1-4"], reset(0, parent=0), code=STREAM_ID)
    row("a varint longer than needed", ["R-2.3-2", "R-10.1-1"], bytes.fromhex("12800207"))
    row("a varint of 2^62", ["R-2.3-3", "R-10.1-1"], bytes.fromhex("17ff4000000000000000"))
    row("an ACK range below 0", ["R-10.6-1"], frame_ack(1, 0, [2]))
    row("a second ACK range below 0", ["R-10.6-1"], frame_ack(9, 0, [7, (1, 0)]))
    row("a gap of an ACK below 0", ["R-10.6-1"], frame_ack(9, 0, [9, (0, 0)]))
    row("33 ACK ranges", ["R-10.6-1"], frame_ack(99, 0, [0] + [(0, 0)] * 32))
    row("a reserved attribute", ["R-10.16-2"], opened(2, attributes=8))
    row("the last reserved attribute", ["R-10.16-2"], opened(2, attributes=0x80))
    row("a reserved attribute in RESET", ["R-10.16-2"], reset(2, parent=0, attributes=0x10))
    row("a reason of 129 bytes", ["R-9.2-1"], close(reason=b"a" * 129))
    row("a reason that is not UTF-8", ["R-9.2-1"], close(5, 1, b"\x80"))
    row("a byte at position 2^62 - 1", ["R-10.16-1"], opened(2, offset=LARGEST, data=b"x"))
    row("a mark at position 2^62 - 1", ["R-10.16-1"], opened(2, offset=LARGEST, mark=True))
    row("a good frame before garbage", ["R-10.1-2"], opened(2), b"\x40")
    row("garbage behind CLOSE", ["R-10.1-2", "R-6.12-3"], close(), b"\x40")
    row("garbage behind a frame of a stream never opened", ["R-10.1-2"], stop(2), b"\x40")
    row("garbage behind an ACK of what was never sent", ["R-10.1-2"], frame_ack(1 << 20, 0, [0]),
        b"\x40")
    row("a 17th frame", ["R-10.1-8", "R-10.1-2"], opened(2), *[CHALLENGE] * 16, code=PROTOCOL)
    row("padding behind 16 frames", ["R-10.1-8"], *[CHALLENGE] * 16, bytes(9), code=PROTOCOL)
    row("garbage as the 17th frame", ["R-10.1-8"], *[CHALLENGE] * 16, b"\x40", code=PROTOCOL)
    row("a second ACK that does not parse", ["R-10.1-8", "R-10.6-1"], frame_ack(0, 0, [0]),
        frame_ack(9, 0, [7, (1, 0)]))
    row("a second ACK", ["R-10.1-8"], *[frame_ack(0, 0, [0])] * 2, code=PROTOCOL)
    row("an ACK and an ACK_ECN", ["R-10.1-8"], frame_ack(0, 0, [0]),
        frame_ack(0, 0, [0], [0, 0, 0]), code=PROTOCOL)
    row("garbage as the 16th frame", ["R-10.1-2"], *[CHALLENGE] * 15, b"\x40", CHALLENGE)
    row("the root's fault before garbage", ["R-10.1-1"], stop(0), b"\x40", code=STREAM_ID)
    row("garbage before the root's fault", ["R-10.1-1"], b"\x40", stop(0))
    return rows


def plain_rows():
    """Frames that are not about streams, and packets that are good."""
    response = b"\x07" + CHALLENGE[1:]
    answered = receive(CHALLENGE, sends=[response])
    return [
        ("PING", "good", ["R-6.5-2"], [receive(PING)]),
        ("padding alone asks for nothing", "good", ["R-6.5-4"], [receive(bytes(30), then="accept")]),
        ("PING and padding", "good", ["R-10.5-1"], [receive(PING, bytes(30))]),
        ("PATH_CHALLENGE on the path in use", "path", ["R-6.10-5"], [answered]),
        ("of two PATH_CHALLENGEs the newer is answered", "path", ["R-6.10-5"],
         [receive(b"\x06" + bytes(8), CHALLENGE, sends=[response])]),
        ("PATH_RESPONSE that nobody asked for", "path", ["R-6.10-6"],
         [receive(b"\x07" + bytes(8))]),
        ("ACK of a number never sent", "acknowledgement", ["R-6.5-7"],
         [closes(ACK_INVALID, frame_ack(1 << 20, 0, [0]))]),
        ("ACK_ECN of a number never sent", "acknowledgement", ["R-6.5-7"],
         [closes(ACK_INVALID, frame_ack(1 << 20, 0, [0], [1, 0, 0]))]),
        ("ACK of 0, which the responder never sends", "acknowledgement", ["R-6.3-2", "R-6.5-7"],
         [closes(ACK_INVALID, frame_ack(0, 0, [0]))]),
        ("a good ACK range above a false one", "acknowledgement", ["R-6.5-7"],
         [receive(PING), closes(ACK_INVALID, frame_ack(1 << 20, 0, [1 << 20]))]),
        ("CLOSE", "close", ["R-6.12-2"], [receive(close(), then="silence")]),
        ("CLOSE of the application", "close", ["R-6.12-2", "R-9.2-1"],
         [receive(close(5, 300, b"a" * 128), then="silence")]),
        ("CLOSE with an unknown code", "close", ["R-9.2-2"],
         [receive(close(4, 99999), then="silence")]),
        ("frames behind CLOSE have no effect", "close", ["R-6.12-3"],
         [receive(close(), stop(2), then="silence")]),
        ("a fault before CLOSE takes effect first", "close", ["R-6.12-3", "R-10.1-3"],
         [closes(STREAM_STATE, stop(2), close())]),
    ]


def finish_rows():
    def row(name, numbers, *steps):
        return (name, "finish", ["R-5.7-1", *numbers], list(steps))

    def refused(name, frame):
        return row(name, ["R-10.3-1"], finish(frame, then="close", code=PROTOCOL))

    return [
        row("an empty FINISH", ["R-5.7-2"], finish()),
        row("padding in FINISH", ["R-5.7-2"], finish(bytes(9))),
        row("PING in FINISH", [], finish(PING)),
        row("a stream in FINISH", [], finish(opened(2, data=b"hello"))),
        row("a datagram in FINISH", ["R-8.1-2"], finish(datagram(0, b"hello"))),
        row("PATH_CHALLENGE in FINISH", ["R-6.10-5"],
            finish(CHALLENGE, sends=[b"\x07" + CHALLENGE[1:]])),
        refused("ACK in FINISH", frame_ack(0, 0, [0])),
        refused("ACK_ECN in FINISH", frame_ack(0, 0, [0], [0, 0, 0])),
        refused("PATH_RESPONSE in FINISH", b"\x07" + bytes(8)),
        refused("PATH_RESPONSE behind PING in FINISH", PING + b"\x07" + bytes(8)),
        row("garbage in FINISH", ["R-10.1-1"],
            finish(b"\x40", then="close", code=FRAME_ENCODING)),
        row("ACK and garbage in FINISH", ["R-10.1-2"],
            finish(frame_ack(0, 0, [0]), b"\x40", then="close", code=FRAME_ENCODING)),
        row("frame 0F in FINISH", ["R-9.6-3"],
            finish(b"\x0f" + bytes(30), then="close", code=FRAME_ENCODING)),
        row("CLOSE in FINISH", ["R-5.7-12"], finish(close(4, 9), then="silence")),
        row("a stream and CLOSE in FINISH", ["R-5.7-12"],
            finish(opened(2), close(4, 9), then="silence")),
        row("CLOSE and garbage in FINISH", ["R-5.7-12"],
            finish(close(4, 9), b"\x40", then="silence")),
        row("ACK and CLOSE in FINISH", ["R-5.7-12"],
            finish(frame_ack(0, 0, [0]), close(4, 9), then="silence")),
        row("garbage and CLOSE in FINISH", ["R-5.7-12", "R-10.1-2"],
            finish(b"\x40", close(4, 9), then="close", code=FRAME_ENCODING)),
        row("an id beyond the window in FINISH", ["R-7.2-3"],
            finish(opened(18), then="close", code=STREAM_ID)),
        row("FINISH beyond the stream's credit", ["R-7.5-1"],
            finish(opened(2, data=b"x" * 1001), then="close", code=FLOW_CONTROL)),
    ]


def place_rows():
    """Which stream a frame may name."""
    rows = []
    for name, frame in about(3):
        rows.append((f"{name} of a stream that the host has not opened", "unknown", ["R-7.2-4"],
                     [closes(STREAM_STATE, frame)]))
    for name, frame in about(2):
        rows.append((f"{name} of a stream that the peer has not opened", "unknown", ["R-7.2-4"],
                     [closes(STREAM_STATE, frame)]))
    for name, frame in about(2):
        rows.append((f"{name} of a stream of the peer that is finished", "finished", ["R-7.2-5"],
                     [*PEERS_FINISHED, receive(frame)]))
    for name, frame in about(3):
        rows.append((f"{name} of a stream of the host that is finished", "finished", ["R-7.2-5"],
                     [*OWN_FINISHED, receive(frame)]))
    for name, number, before in [("the host has not opened", 3, []),
                                 ("the peer has not opened", 2, []),
                                 ("is finished", 2, PEERS_FINISHED)]:
        rows.append((f"DATAGRAM of a stream that {name}", "datagram", ["R-8.1-2"],
                     [*before, receive(datagram(number, b"x"))]))
    own = [opens(0, 3), {"acknowledge": True}]
    rows += [
        ("OPEN of an id of the host's side", "side", ["R-7.2-6"], [closes(STREAM_ID, opened(3))]),
        ("RESET with OPEN of an id of the host's side", "side", ["R-7.2-6"],
         [closes(STREAM_ID, reset(3, parent=0))]),
        ("OPEN of a stream that the host has opened", "side", ["R-7.3-3"],
         [*own, closes(STREAM_STATE, opened(3))]),
        ("RESET with OPEN of a stream that the host has opened", "side", ["R-7.3-3"],
         [*own, closes(STREAM_STATE, reset(3, parent=0))]),
        ("OPEN of a stream of the host that is finished", "finished", ["R-7.2-5", "R-7.3-3"],
         [*OWN_FINISHED, receive(opened(3))]),
        ("OPEN of a stream of the peer that is finished", "finished", ["R-7.2-5", "R-7.3-4"],
         [*PEERS_FINISHED, receive(opened(2, attributes=SERVICE))]),
        ("the last id of the window", "window", ["R-7.2-3"], [receive(opened(16))]),
        ("the first id beyond the window", "window", ["R-7.2-3"], [closes(STREAM_ID, opened(18))]),
        ("RESET with OPEN beyond the window", "window", ["R-7.2-3"],
         [closes(STREAM_ID, reset(18, parent=0))]),
        ("the last id there is", "window", ["R-7.2-3"], [closes(STREAM_ID, opened(LARGEST - 1))]),
        ("the window moves with the lowest id", "window", ["R-7.2-3"],
         [receive(opened(2)), receive(opened(18))]),
        ("the window moves by one", "window", ["R-7.2-3"],
         [receive(opened(2)), closes(STREAM_ID, opened(20))]),
        ("the window waits for the lowest id", "window", ["R-7.2-3"],
         [receive(opened(4), opened(6)), closes(STREAM_ID, opened(18))]),
        ("CHILD_LIMIT of the root", "good", ["R-10.1-4"], [receive(two(0x15, 0, 9))]),
        ("data of a stream that the host has opened", "good", ["R-7.1-1"],
         [*own, receive(stream(3, b"answer", fin=True))]),
    ]
    return rows


def opening_rows():
    """What an OPEN may say."""
    refused = [reset(4, PARENT_GONE), stop(4, PARENT_GONE)]
    again = [receive(opened(2, data=b"abc"))]
    rows = [
        ("a stream that is its own parent", ["R-7.3-6"], [closes(STREAM_STATE, opened(2, 2))]),
        ("a parent that is opened later", ["R-7.3-7"], [closes(STREAM_STATE, opened(2, 4))]),
        ("a parent far beyond the window", ["R-7.3-7"],
         [closes(STREAM_STATE, opened(2, LARGEST - 1))]),
        ("a parent that the host has not opened", ["R-7.2-4"],
         [closes(STREAM_STATE, opened(2, 3))]),
        ("a parent that is a datagram", ["R-7.3-6"],
         [receive(opened(2, 0, DATAGRAM, data=b"x")), closes(STREAM_STATE, opened(4, 2))]),
        ("a parent that the host has opened", ["R-7.1-1"],
         [opens(0, 3), {"acknowledge": True}, receive(opened(2, 3))]),
        ("a parent of the peer", ["R-7.1-1"], [receive(opened(2), opened(4, 2))]),
        ("a parent that is not there yet", ["R-7.4-1"],
         [receive(opened(4, 2), then="acknowledge or withhold")]),
        ("a parent that is finished", ["R-7.4-4"],
         [*PEERS_FINISHED, receive(opened(4, 2), sends=refused)]),
        ("RESET with OPEN under a parent that is finished", ["R-7.4-4"],
         [*PEERS_FINISHED, receive(reset(4, parent=2), sends=refused)]),
        ("a datagram under a parent that is finished", ["R-7.4-4", "R-8.2-1"],
         [*PEERS_FINISHED, receive(opened(4, 2, DATAGRAM, data=b"x"), sends=[refused[1]])]),
        ("a parent of the host that is finished", ["R-7.4-4"],
         [*OWN_FINISHED,
          receive(opened(2, 3), sends=[reset(2, PARENT_GONE), stop(2, PARENT_GONE)])]),
        ("SERVICE under another stream", ["R-7.12-6"],
         [receive(opened(2)), closes(STREAM_STATE, opened(4, 2, SERVICE))]),
        ("SERVICE and DATAGRAM", ["R-7.12-6"],
         [closes(STREAM_STATE, opened(2, 0, SERVICE | DATAGRAM))]),
        ("OPEN again, the same", ["R-7.3-4"], [*again, receive(opened(2, data=b"abc"))]),
        ("OPEN again with another priority", ["R-7.3-4"],
         [*again, receive(opened(2, data=b"abc", priority=9))]),
        ("OPEN again with another parent", ["R-7.3-4"],
         [receive(opened(2), opened(4)), closes(STREAM_STATE, opened(4, 2))]),
        ("OPEN again as a datagram", ["R-7.3-4"],
         [*again, closes(STREAM_STATE, opened(2, 0, DATAGRAM, data=b"abc"))]),
        ("OPEN again as a service", ["R-7.3-4"],
         [*again, closes(STREAM_STATE, opened(2, 0, SERVICE, data=b"abc"))]),
        ("RESET with OPEN and another parent", ["R-7.3-4"],
         [receive(opened(2), opened(4)), closes(STREAM_STATE, reset(4, parent=2))]),
        ("RESET with OPEN opens", ["R-7.3-1", "R-10.9-1"],
         [receive(reset(2, parent=0)), receive(stop(2), sends=[reset(2)])]),
        ("a child after its parent's FIN", ["R-7.1-2"],
         [receive(opened(2, fin=True)), receive(opened(4, 2))]),
    ]
    return [(name, "parent", numbers, steps) for name, numbers, steps in rows]


def credit_rows():
    small = {"session_window": 500}
    four = [opened(number) for number in (2, 4, 6, 8)]
    rows = [
        ("all children of the root", ["R-7.5-1"], [receive(*four)]),
        ("one child of the root too many", ["R-7.5-1"],
         [receive(*four), closes(CHILD_LIMIT, opened(10))]),
        ("one child too many in one packet", ["R-7.5-1"], [closes(CHILD_LIMIT, *four, opened(10))]),
        ("RESET with OPEN counts as a child", ["R-7.5-7"],
         [receive(*(reset(number, parent=0) for number in (2, 4, 6, 8))),
          closes(CHILD_LIMIT, opened(10))]),
        ("RESET with OPEN of one child too many", ["R-7.5-7"],
         [receive(*four), closes(CHILD_LIMIT, reset(10, parent=0))]),
        ("a datagram stream counts as a child", ["R-8.2-2"],
         [receive(*(opened(number, 0, DATAGRAM, data=b"x") for number in (2, 4, 6, 8))),
          closes(CHILD_LIMIT, opened(10, 0, DATAGRAM))]),
        ("OPEN again counts once", ["R-7.3-4"], [receive(*four), receive(*four)]),
        ("all children of a stream", ["R-7.5-1"], [receive(opened(2), opened(4, 2), opened(6, 2))]),
        ("one child of a stream too many", ["R-7.5-1"],
         [receive(opened(2), opened(4, 2), opened(6, 2)), closes(CHILD_LIMIT, opened(8, 2))]),
        ("children of the host's stream", ["R-7.5-1"],
         [opens(0, 3), {"acknowledge": True}, receive(opened(2, 3), opened(4, 3)),
          closes(CHILD_LIMIT, opened(6, 3))]),
        ("all of a stream's credit", ["R-7.5-1"], [receive(opened(2, data=b"x" * 1000))]),
        ("a byte beyond a stream's credit", ["R-7.5-1"],
         [closes(FLOW_CONTROL, opened(2, data=b"x" * 1001))]),
        ("the last position, far from the first", ["R-7.5-1"],
         [receive(opened(2, data=b"x", offset=999))]),
        ("a mark beyond a stream's credit", ["R-7.5-2"],
         [closes(FLOW_CONTROL, opened(2, data=b"x" * 1000, mark=True))]),
        ("FIN takes no position", ["R-7.5-2"], [receive(opened(2, data=b"x" * 1000, fin=True))]),
        ("FIN beyond a stream's credit", ["R-7.5-2"],
         [closes(FLOW_CONTROL, opened(2, offset=1001, fin=True))]),
        ("RESET at a stream's credit", ["R-7.5-2"], [receive(reset(2, final=1000, parent=0))]),
        ("RESET beyond a stream's credit", ["R-7.5-2"],
         [closes(FLOW_CONTROL, reset(2, final=1001, parent=0))]),
        ("RESET at the last position there is", ["R-7.5-8"],
         [closes(FLOW_CONTROL, reset(2, final=LARGEST, parent=0))]),
        ("positions that come again count once", ["R-7.5-2"],
         [receive(opened(2, data=b"x" * 900)), receive(opened(2, data=b"x" * 900))]),
        ("credit of the host's stream", ["R-7.5-1"],
         [opens(0, 3), {"acknowledge": True}, closes(FLOW_CONTROL, stream(3, b"x", 1000))]),
        ("an empty frame names no position", ["R-10.16-4"],
         [receive(opened(2)), receive(stream(2, offset=5000)),
          receive(stream(2, b"x", fin=True))]),
        ("all of the session's credit", ["R-7.5-1"], [receive(opened(2, data=b"x" * 500))], small),
        ("a byte beyond the session's credit", ["R-7.5-1"],
         [closes(FLOW_CONTROL, opened(2, data=b"x" * 501))], small),
        ("RESET beyond the session's credit", ["R-7.5-2"],
         [closes(FLOW_CONTROL, reset(2, final=501, parent=0))], small),
        ("a datagram stream beyond the session's credit", ["R-8.2-2"],
         [closes(FLOW_CONTROL, opened(2, 0, DATAGRAM, data=b"x" * 51))],
         {"session_window": 50}),
        ("stateless datagrams use no credit", ["R-7.5-7"],
         [receive(*[datagram(0, b"x" * 100)] * 6), receive(opened(2, data=b"x" * 500))], small),
        ("a smaller limit", ["R-7.5-3"],
         [opens(0, 3), {"acknowledge": True},
          receive(two(0x13, 3, 0), two(0x15, 0, 0), b"\x17\x00")]),
        ("STREAM_BLOCKED at a limit that was raised", ["R-7.5-6"],
         [receive(opened(2)),
          receive(two(0x14, 2, 500), limits=[["STREAM_LIMIT", 2, 1000]])]),
        ("CHILD_BLOCKED at a limit that was raised", ["R-7.5-6"],
         [receive(two(0x16, 0, 2), limits=[["CHILD_LIMIT", 0, 4]])]),
        ("SESSION_BLOCKED at a limit that was raised", ["R-7.5-6"],
         [receive(b"\x18" + varint(100), limits=[["SESSION_LIMIT", None, 1500]])]),
    ]
    return [(name, "credit", *rest) for name, *rest in rows]


def final_rows():
    ten = opened(2, data=b"0123456789")
    ended = receive(opened(2, data=b"0123456789", fin=True))
    gone = receive(reset(2, final=10, parent=0))
    rows = [
        ("FIN comes again", [ended, ended]),
        ("FIN comes again, alone", [ended, receive(stream(2, offset=10, fin=True))]),
        ("a byte behind FIN", [ended, closes(FINAL_SIZE, stream(2, b"x", 10))]),
        ("a mark behind FIN", [ended, closes(FINAL_SIZE, stream(2, offset=10, mark=True))]),
        ("a second FIN that is later", [ended, closes(FINAL_SIZE, stream(2, b"xy", 10, fin=True))]),
        ("a second FIN that is earlier", [ended, closes(FINAL_SIZE, stream(2, b"x", 7, fin=True))]),
        ("FIN below what came", [receive(ten), closes(FINAL_SIZE, stream(2, b"x", 5, fin=True))]),
        ("a mark counts for FIN",
         [receive(opened(2, data=b"x" * 9, mark=True, fin=True)),
          receive(stream(2, offset=10, fin=True))]),
        ("RESET below what came", [receive(ten), closes(FINAL_SIZE, reset(2, final=9))]),
        ("RESET above what came", [receive(ten), receive(reset(2, final=20))]),
        ("RESET at FIN", [ended, receive(reset(2, final=10))]),
        ("RESET above FIN", [ended, closes(FINAL_SIZE, reset(2, final=11))]),
        ("RESET below FIN", [ended, closes(FINAL_SIZE, reset(2, final=9))]),
        ("RESET again with another code", [gone, receive(reset(2, 8, final=10))]),
        ("RESET again, ending elsewhere", [gone, closes(FINAL_SIZE, reset(2, final=11))]),
        ("late data below RESET", [gone, receive(stream(2, b"x", 9))]),
        ("data above RESET", [gone, closes(FINAL_SIZE, stream(2, b"x", 10))]),
        ("FIN at RESET", [gone, receive(stream(2, b"x", 9, fin=True))]),
        ("FIN elsewhere than RESET", [gone, closes(FINAL_SIZE, stream(2, b"x", 8, fin=True))]),
        ("FIN below what came of the host's stream",
         [opens(0, 3), {"acknowledge": True}, receive(stream(3, b"0123456789")),
          closes(FINAL_SIZE, stream(3, b"x", 5, fin=True))]),
    ]
    return [(name, "final", ["R-7.7-2"], steps) for name, steps in rows]


def half_rows():
    part = receive(opened(2, 0, DATAGRAM, data=b"part"))
    own = [{"send": 0, "data": b"mine", "stream": 3}, {"acknowledge": True}]
    many = opened(2, 0, DATAGRAM, data=b"x" * 101)
    rows = [
        ("STOP is answered by RESET", "stop", ["R-7.7-6"],
         [receive(opened(2)), receive(stop(2, 5), sends=[reset(2, 5)])]),
        ("STOP comes again", "stop", ["R-7.7-6", "R-10.1-5"],
         [receive(opened(2)), receive(stop(2, 5), sends=[reset(2, 5)]),
          {"acknowledge": True}, receive(stop(2, 5))]),
        ("STOP and OPEN in one packet", "stop", ["R-10.1-3"],
         [receive(opened(2), stop(2, 5), sends=[reset(2, 5)])]),
        ("STOP before OPEN in one packet", "stop", ["R-10.1-3", "R-7.2-4"],
         [closes(STREAM_STATE, stop(2, 5), opened(2))]),
        ("a stream that nobody wants", "stop", ["R-7.7-8"],
         [receive(opened(2)), {"accept": 0},
          {"drop": 2, "sends": [reset(2, DROPPED), stop(2, DROPPED)]}]),
        ("data of a stopped half count against the session", "credit", ["R-7.7-7"],
         [receive(opened(2)), {"accept": 0},
          {"drop": 2, "sends": [reset(2, DROPPED), stop(2, DROPPED)]},
          receive(stream(2, b"x" * 900)), closes(FLOW_CONTROL, stream(2, b"x", 100_000))]),
        ("PRIORITY of a stream", "good", ["R-7.8-5"],
         [receive(opened(2)), receive(b"\x19\x02\x80")]),
        ("a mark in a datagram stream", "datagram", ["R-8.2-2"],
         [closes(PROTOCOL, opened(2, 0, DATAGRAM, data=b"x", mark=True))]),
        ("a datagram stream", "datagram", ["R-8.2-3"],
         [receive(opened(2, 0, DATAGRAM, data=b"x", fin=True))]),
        ("an empty datagram stream", "datagram", ["R-8.3-8"],
         [receive(opened(2, 0, DATAGRAM, fin=True))]),
        ("an empty DATAGRAM", "datagram", ["R-8.3-8"], [receive(datagram(0, b""))]),
        ("DATAGRAM to the end", "datagram", ["R-8.1-1"], [receive(b"\x1a\x00" + b"x" * 100)]),
        ("DATAGRAM of the largest size", "datagram", ["R-8.3-5"], [receive(datagram(0, b"x" * 100))]),
        ("DATAGRAM above the largest size", "datagram", ["R-8.3-5"],
         [closes(PROTOCOL, datagram(0, b"x" * 101))]),
        ("DATAGRAM above the largest size of a stream never opened", "datagram", ["R-8.3-5"],
         [closes(PROTOCOL, datagram(2, b"x" * 101))]),
        ("a datagram stream above the largest size", "datagram", ["R-8.3-5", "R-8.2-1"],
         [receive(many, sends=[stop(2, NO_CAPACITY)])]),
        ("STOP of a datagram stream from its opener", "datagram", ["R-8.2-1"],
         [part, closes(STREAM_STATE, stop(2))]),
        ("STREAM_LIMIT of a datagram stream from its opener", "datagram", ["R-8.2-1"],
         [part, closes(STREAM_STATE, two(0x13, 2, 5000))]),
        ("PRIORITY of a datagram stream from its opener", "datagram", ["R-8.2-1"],
         [part, closes(STREAM_STATE, b"\x19\x02\x05")]),
        ("RESET of a datagram stream from its opener", "datagram", ["R-8.2-3"],
         [part, receive(reset(2, final=4))]),
        ("STREAM_BLOCKED of a datagram stream from its opener", "datagram", ["R-8.2-1"],
         [part, receive(two(0x14, 2, 1000))]),
        ("STREAM of the host's datagram stream", "datagram", ["R-8.2-1"],
         [*own[:1], closes(STREAM_STATE, stream(3, b"x"))]),
        ("RESET of the host's datagram stream", "datagram", ["R-8.2-1"],
         [*own[:1], closes(STREAM_STATE, reset(3))]),
        ("STREAM_BLOCKED of the host's datagram stream", "datagram", ["R-8.2-1"],
         [*own[:1], closes(STREAM_STATE, two(0x14, 3, 0))]),
        ("STOP of the host's datagram stream", "datagram", ["R-8.4-1"],
         [*own[:1], receive(stop(3, 5), sends=[reset(3, 5, 4, parent=0, attributes=DATAGRAM)])]),
        ("STREAM of the host's datagram stream once it is finished", "finished", ["R-7.2-5"],
         [*own, receive(stream(3, b"x"))]),
    ]
    return rows


def other_side_rows():
    """The same rules at a host with side 0: sides are those of identities."""
    return [
        (name, "side", numbers, steps, None, 0) for name, numbers, steps in [
            ("side 0: the peer opens odd ids", ["R-7.2-6"], [receive(opened(3))]),
            ("side 0: OPEN of an even id", ["R-7.2-6"], [closes(STREAM_ID, opened(2))]),
            ("side 0: STOP of an even id", ["R-7.2-4"], [closes(STREAM_STATE, stop(2))]),
            ("side 0: the host opens even ids", ["R-7.3-3"],
             [opens(0, 2), {"acknowledge": True}, closes(STREAM_STATE, opened(2))]),
            ("side 0: beyond the window", ["R-7.2-3"], [closes(STREAM_ID, opened(19))]),
        ]
    ]


def frame_row(name, situation, numbers, steps, announced=None, side=1):
    if "finish" not in steps[0]:
        steps = [finish(), *steps]
    return {"name": name, "situation": situation, "requirements": numbers, "side": side,
            "announced": announced or {}, "steps": steps}


def frame_rows():
    return [frame_row(*row) for row in (
        *encoding_rows(), *plain_rows(), *finish_rows(), *place_rows(), *opening_rows(),
        *credit_rows(), *final_rows(), *half_rows(), *other_side_rows())]


# ---- rows of parameter lists ----

def number(kind, value):
    return parameter(kind, varint(value))


NUMBERS = [(0x02, "idle timeout", 0, LARGEST), (0x04, "max ack delay", 0, 16_000_000),
           (0x06, "session window", 0, LARGEST), (0x08, "stream window", 0, LARGEST),
           (0x0A, "root child credit", 0, LARGEST), (0x0C, "child credit", 0, LARGEST),
           (0x0E, "largest packet", 1200, 65535), (0x10, "largest datagram", 0, LARGEST),
           (0x14, "id window", 0, LARGEST)]


def list_rows(carrier):
    """Rows that hold for both lists; `base` makes a REPLY whole."""
    reply = carrier == "REPLY"
    base = parameter(0x01, RESPONDER_CHANNEL) + parameter(0x13, b"\x01") if reply else b""
    entries = 2 if reply else 0
    rows = []

    def row(name, numbers, content, code=None, **more):
        rows.append({"name": name, "requirements": numbers, "carrier": carrier, "list": content,
                     "code": code} | more)

    def bad(name, content, numbers=("R-5.9-3",), code=PARAMETERS):
        row(name, list(numbers), base + content, code)

    row("nothing but what must be there", ["R-5.9-3"], base)
    for kind, name, least, most in NUMBERS:
        for value in (least, most):
            row(f"{name} of {value}", ["R-5.9-3"], base + number(kind, value))
        if least:
            bad(f"{name} of {least - 1}", number(kind, least - 1))
        if most < LARGEST:
            bad(f"{name} of {most + 1}", number(kind, most + 1))
        bad(f"{name} without a value", parameter(kind, b""))
    bad("a number and a byte behind it", parameter(0x06, b"\x05\x05"))
    bad("a number longer than needed", parameter(0x06, b"\x80\x05"), ["R-2.3-2", "R-5.9-3"])
    bad("a number of 2^62", parameter(0x06, bytes.fromhex("ff4000000000000000")),
        ["R-2.3-3", "R-5.9-3"])
    bad("a value cut short", varint(0x06) + b"\x02\x05")
    bad("a type and nothing else", varint(0x06))
    bad("a type longer than needed", b"\x80\x06\x01\x05", ["R-2.3-2", "R-5.9-3"])
    bad("an entry twice", number(0x06, 5) * 2)
    bad("an unknown entry twice", parameter(0x1000, b"") * 2)
    row("an unknown even entry", ["R-5.9-1"], base + parameter(0x1000, b"greased"))
    bad("an unknown odd entry", parameter(0x1001, b""), ["R-5.9-2"], MANDATORY_EXTENSION)
    bad("an unknown odd entry of a small type", parameter(0x1B, b""), ["R-5.9-2"],
        MANDATORY_EXTENSION)
    many = b"".join(parameter(0x1000 + 2 * index, b"") for index in range(33 - entries))
    row("32 entries", ["R-5.9-3"], base + many[:-3])
    bad("33 entries", many)
    row("type 0 ends the list", ["R-5.9-1"], base + b"\x00" + parameter(0x1001, b"") + b"\xff")
    bad("a reset token of 15 bytes", parameter(0x16, bytes(15)))
    bad("a reset token of 17 bytes", parameter(0x16, bytes(17)))
    bad("an instance of 7 bytes", parameter(0x1E, INSTANCE[:7]))
    bad("an instance of zeros", parameter(0x1E, bytes(8)))
    row("of two faults the first counts", ["R-5.9-15"],
        base + parameter(0x1001, b"") + number(0x0E, 1), MANDATORY_EXTENSION)
    row("of two faults the first counts, the other way", ["R-5.9-15"],
        base + number(0x0E, 1) + parameter(0x1001, b""), PARAMETERS)
    return rows, row, bad, base


def parameter_rows():
    init_rows, row, bad, _ = list_rows("INIT")
    row("suites 2 and 1 offered", ["R-5.9-6"], parameter(0x12, b"\x02\x01"))
    row("an unknown suite and 1", ["R-5.9-6"], parameter(0x12, b"\x7f\x01"))
    row("8 suites", ["R-5.9-3"], parameter(0x12, bytes(range(1, 9))))
    bad("9 suites", parameter(0x12, bytes(range(1, 10))))
    bad("no suites", parameter(0x12, b""))
    row("no suite in common", ["R-5.9-6"], parameter(0x12, b"\x7f"), SUITE)
    row("took a call", ["R-5.11-7"], number(0x1C, 1))
    row("took no call", ["R-5.11-7"], number(0x1C, 0))
    bad("took two calls", number(0x1C, 2))
    bad("a channel id in INIT", parameter(0x01, RESPONDER_CHANNEL))
    bad("a chosen suite in INIT", parameter(0x13, b"\x01"))
    bad("a refusal in INIT", parameter(0x17, b"\x00"))
    row("an instance is repeated", ["R-5.9-12"], parameter(0x1E, INSTANCE))
    reply_rows, row, bad, base = list_rows("REPLY")
    channel, suite = parameter(0x01, RESPONDER_CHANNEL), parameter(0x13, b"\x01")
    row("no channel id", ["R-5.9-3", "R-5.9-4"], suite, PARAMETERS, silent=True)
    row("no suite", ["R-5.9-3"], channel, PARAMETERS)
    row("channel id 0", ["R-5.9-3", "R-5.9-4"], parameter(0x01, bytes(4)) + suite, PARAMETERS,
        silent=True)
    row("a channel id of 3 bytes", ["R-5.9-3", "R-5.9-4"], parameter(0x01, b"abc") + suite,
        PARAMETERS, silent=True)
    row("a fault before the channel id", ["R-5.9-4"],
        parameter(0x1001, b"") + base, MANDATORY_EXTENSION)
    row("a list cut short before the channel id", ["R-5.9-4"], b"\x06\x7f" + base, PARAMETERS,
        silent=True)
    row("a suite that was not offered", ["R-5.9-6"], channel + parameter(0x13, b"\x7f"), SUITE)
    row("a suite of 2 bytes", ["R-5.9-3"], channel + parameter(0x13, b"\x01\x01"), PARAMETERS)
    bad("suites offered in REPLY", parameter(0x12, b"\x01"))
    bad("took a call in REPLY", number(0x1C, 1))
    row("an instance that INIT did not name", ["R-5.9-12"], base + parameter(0x1E, INSTANCE),
        PARAMETERS)
    row("another instance than INIT's", ["R-5.9-12"], base + parameter(0x1E, bytes(range(8))),
        PARAMETERS, instance=INSTANCE)
    row("the instance of INIT", ["R-5.9-12"], base + parameter(0x1E, INSTANCE), instance=INSTANCE)
    row("no instance though INIT named one", ["R-5.9-12"], base, instance=INSTANCE)
    for name, value in (("without a reason", b""), ("of 64 bytes", b"a" * 64)):
        row(f"a refusal {name}", ["R-5.9-5"], parameter(0x17, varint(12) + value), refused=12)
    row("a refusal with a reason of 65 bytes", ["R-5.9-3", "R-5.9-4"],
        parameter(0x17, varint(12) + b"a" * 65), PARAMETERS, silent=True)
    row("a refusal that is not UTF-8", ["R-5.9-3", "R-5.9-4"],
        parameter(0x17, varint(12) + b"\x80"), PARAMETERS, silent=True)
    row("a refusal without a code", ["R-5.9-3", "R-5.9-4"], parameter(0x17, b""), PARAMETERS,
        silent=True)
    row("a refusal and a fault", ["R-5.9-3", "R-5.9-4"],
        parameter(0x17, varint(12)) + parameter(0x06, b""), PARAMETERS, silent=True)
    return init_rows + reply_rows


# ---- rows of packets ----

RESPONDER = hash32(b"SST example responder static")
INITIATOR = hash32(b"SST example initiator static")


def init(version=1, pattern=1, zero=0, channel=INITIATOR_CHANNEL, length=None, padding=b"",
         size=512, cookie=bytes(16), key=None, check=None, noise=None):
    """An INIT to the responder; what is given differs from a good one."""
    if noise is None:
        names = {1: "XK", 2: "XX", 3: "IK"}
        name = names.get(pattern, "XK")
        overhead = {"XK": 48, "XX": 32, "IK": 96}[name]
        start = bytes([0xC1, version, pattern, zero]) + channel + overhead.to_bytes(2, "big")
        known = None if name == "XX" else public_key(RESPONDER)
        state = Noise(name, True, b"SST1" + start, INITIATOR, hash32(b"SST example packets"), known)
        noise = state.write(b"")
    start = bytes([0xC1, version, pattern, zero]) + channel
    start += (len(noise) if length is None else length).to_bytes(2, "big")
    body = (start + noise + padding).ljust(size - 32, b"\0")[: max(size - 32, 0)] + cookie
    key = check_key(bytes(32) if pattern == 2 else public_key(RESPONDER)) if key is None else key
    return body + (mac16(key, body) if check is None else check)


def packet_rows():
    good = init()
    noise = good[10:58]
    flipped = noise[:-1] + bytes([noise[-1] ^ 1])
    wrong = check_key(public_key(INITIATOR))
    rows = [
        ("a good INIT", ["R-5.6-3"], good, "reply"),
        ("the largest INIT", ["R-5.4-1"], init(size=1200), "reply"),
        ("an INIT with IK", ["R-5.2-3"], init(pattern=3), "reply or nothing"),
        ("an INIT with a cookie that nobody asked for", ["R-5.5-3"], init(cookie=b"c" * 16),
         "reply"),
        ("an INIT of 511 bytes", ["R-5.4-1"], init(size=511), "nothing"),
        ("an INIT of 1201 bytes", ["R-5.4-1"], init(size=1201), "nothing"),
        ("an INIT whose zero is not", ["R-5.4-3"], init(zero=1), "nothing"),
        ("an INIT with channel id 0", ["R-5.4-3"], init(channel=bytes(4)), "nothing"),
        ("an INIT with a wrong check", ["R-5.4-3"], init(check=bytes(16)), "nothing"),
        ("an INIT to another host", ["R-5.4-3", "R-13.5-2"], init(key=wrong), "nothing"),
        ("an INIT with pattern 0", ["R-5.4-4"], init(pattern=0), "nothing"),
        ("an INIT with pattern 4", ["R-5.4-4"], init(pattern=4), "nothing"),
        ("an INIT with XX, which is not served", ["R-5.4-4", "R-13.5-2"], init(pattern=2),
         "nothing"),
        ("a noise length below the pattern's", ["R-5.4-4"], init(length=47), "nothing"),
        ("a noise length beyond the packet", ["R-5.4-4"], init(length=471), "nothing"),
        ("the largest noise length, and no Noise message", ["R-5.4-6"], init(length=470),
         "nothing"),
        ("padding that is not zero", ["R-5.4-4"], init(padding=b"\x01"), "nothing"),
        ("padding that is not zero at its end", ["R-5.4-4"],
         init(padding=bytes(421) + b"\x01"), "nothing"),
        ("a Noise message that does not open", ["R-5.4-6"], init(noise=flipped), "nothing"),
        ("an ephemeral of zeros", ["R-5.3-1"], init(noise=bytes(48)), "nothing"),
        ("an INIT of version 2", ["R-5.8-1"], init(version=2), "version"),
        ("an INIT of version 0", ["R-5.8-1"], init(version=0), "version"),
        ("an INIT of version 2 of which nothing else is known", ["R-5.4-3"],
         init(version=2, pattern=9, padding=b"\x01", length=65535), "version"),
        ("an INIT of version 2 with a wrong check", ["R-5.8-1"], init(version=2, check=bytes(16)),
         "nothing"),
        ("an INIT of version 2 to whoever is there", ["R-13.5-2"], init(version=2, pattern=2),
         "nothing"),
        ("an INIT of version 2 with channel id 0", ["R-5.4-3"],
         init(version=2, channel=bytes(4)), "nothing"),
        ("an empty packet", ["R-4.1-1"], b"", "nothing"),
    ]
    for first in (0x80, 0xC0, 0xC7, 0xC8, 0xFF):
        rows.append((f"first byte {first:02x}", ["R-4.1-1"], bytes([first]) + good[1:], "nothing"))
    for first, size, name in ((0xC2, 80, "REPLY"), (0xC3, 80, "FINISH"), (0xC4, 37, "COOKIE"),
                              (0xC5, 23, "VERSION"), (0xC6, 21, "LOST")):
        rows.append((f"a {name} that nobody waits for", ["R-4.1-2"],
                     bytes([first]) + b"\x01" * (size - 1), "nothing"))
    for size, then in ((21, "nothing"), (39, "nothing"), (40, "lost or nothing")):
        rows.append((f"a sealed packet of {size} bytes of an unknown channel", ["R-6.14-1"],
                     b"\x00" + b"\x01" * (size - 1), then))
    rows += [
        ("a sealed packet with a reserved bit", ["R-4.3-1"], b"\x04" + b"\x01" * 60, "nothing"),
        ("a sealed packet with channel id 0", ["R-4.3-1"], bytes(60), "nothing"),
    ]
    return [{"name": name, "requirements": numbers, "packet": packet, "then": then}
            for name, numbers, packet, then in rows]


def files():
    return {
        "frames": {"section": "A.2", "announced": ANNOUNCED, "rows": frame_rows()},
        "parameters": {"section": "A.4", "rows": parameter_rows()},
        "packets": {"section": "A.1", "responder_static_secret": RESPONDER,
                    "initiator_static_secret": INITIATOR, "rows": packet_rows()},
    }


def main():
    count, stale = 0, []
    for name, content in files().items():
        path, rows = FOLDER / f"{name}.json", content.pop("rows")
        names = [row["name"] for row in rows]
        assert len(set(names)) == len(names) or name == "parameters", name
        lines = ",\n".join(json.dumps(to_hex(row)) for row in rows)
        head = json.dumps(to_hex(content))[:-1]
        text = f'{head}, "rows": [\n{lines}\n]}}\n'
        count += len(rows)
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(f"differs: {path.relative_to(ROOT)}")
    print("\n".join(stale) or f"{count} rows")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
