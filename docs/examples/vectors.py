#!/usr/bin/env python3
"""The worked examples of docs/PROTOCOL.md, computed from the specification alone.

    python3 docs/examples/vectors.py            write the JSON files and section 14
    python3 docs/examples/vectors.py --check    compare them with what stands there; exit 1 if not

Nothing but Python 3.9 is needed. Every key comes from a text by BLAKE2s, so each run gives the
same bytes. The JSON files lie in sst-nostd/tests/vectors/protocol/, one for each topic, named
after the section they illustrate; all byte strings in them are lower-case hex.
"""

import base64
import json
import sys
from pathlib import Path

import aes
from primitives import (
    Noise, expand_label, hash32, mac16, open_sealed, public_key, seal, self_test,
)

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "sst-nostd/tests/vectors/protocol"
SPEC = ROOT / "docs/PROTOCOL.md"
BEGIN, END = "<!-- examples: begin -->\n", "<!-- examples: end -->\n"

INITIATOR_CHANNEL = bytes.fromhex("11223344")
RESPONDER_CHANNEL = bytes.fromhex("a1b2c3d4")
INSTANCE = bytes.fromhex("5354a1b2c3d4e5f6")
PROCESS = bytes.fromhex("e0e1e2e3e4e5e6e7")


# ---- encoding (sections 2, 3, 4, 5.6, 10) ----

def varint(value):
    assert 0 <= value < 1 << 62
    for more in range(8):
        if value < 1 << 7 * (more + 1):
            prefix = 0xFF << (8 - more) & 0xFF
            return (value | prefix << 8 * more).to_bytes(more + 1, "big")
    return b"\xff" + value.to_bytes(8, "big")


def read_varint(data):
    """(value, length). Refuses what section 2.3 refuses."""
    if not data:
        raise ValueError("truncated")
    more = 8 - (data[0] ^ 0xFF).bit_length()
    if len(data) <= more:
        raise ValueError("truncated")
    value = int.from_bytes(data[: more + 1], "big") & (1 << (64 if more == 8 else 7 * more + 7)) - 1
    if value >= 1 << 62:
        raise ValueError("too large")
    if len(varint(value)) != more + 1:
        raise ValueError("not minimal")
    return value, more + 1


def host_text(key):
    whole = key + hash32(b"SST1 identity", key)[:3]
    return base64.b32encode(whole).decode().lower()


def parameter(kind, value):
    return varint(kind) + varint(len(value)) + value


def sealed_header(channel, number, largest_acked, phase=0, length=None):
    if length is None:
        length = next(n for n in (1, 2, 3, 4) if 2 * (number - largest_acked) < 1 << 8 * n)
    low = number & (1 << 8 * length) - 1
    return bytes([phase << 6 | length - 1]) + channel + low.to_bytes(length, "big")


def widen(truncated, length, largest_opened):
    window, expected = 1 << 8 * length, largest_opened + 1
    candidate = expected & ~(window - 1) | truncated
    if candidate + window // 2 <= expected and candidate + window < 1 << 62:
        return candidate + window
    if candidate > expected + window // 2 and candidate >= window:
        return candidate - window
    return candidate


def frame_ack(largest, delay, ranges, counts=None):
    """`ranges` is the first length, then (gap, length) pairs."""
    out = bytes([2 if counts is None else 3]) + varint(largest) + varint(delay)
    out += varint(len(ranges) - 1) + varint(ranges[0])
    for gap, length in ranges[1:]:
        out += varint(gap) + varint(length)
    return out + b"".join(varint(count) for count in counts or ())


def frame_stream(stream, data, offset=0, fin=False, mark=False, length=True, opening=None):
    """`opening` is (parent, attributes without the priority bit, priority or None)."""
    kind = 0x20 | fin | length << 1 | mark << 2 | (opening is not None) << 3 | (offset > 0) << 4
    out = bytes([kind]) + varint(stream)
    if offset:
        out += varint(offset)
    if opening:
        out += opened_by(*opening)
    if length:
        out += varint(len(data))
    return out + data


def opened_by(parent, attributes, priority):
    if priority is None:
        return varint(parent) + bytes([attributes])
    return varint(parent) + bytes([attributes | 2, priority & 0xFF])


def service_record(service, protocol):
    return b"".join(varint(len(text)) + text for text in (service, protocol))


# ---- keys (sections 5.4, 5.5, 6.2) ----

def check_key(responder_public):
    return hash32(b"SST1 check", responder_public)


def reset_token(static_secret, channel, process=b""):
    """`process` is e of section 6.14: empty for a host that accepts."""
    return mac16(hash32(b"SST1 reset", static_secret), channel, process)


def cookie(secret, epoch, address, port, ephemeral, scope=b""):
    """`scope` is that of a link-local address: four bytes, or none."""
    mac = mac16(secret, address, port.to_bytes(2, "big"), ephemeral, scope)
    return bytes([mac[0] & 0xFE | epoch & 1]) + mac[1:]


def epoch_keys(split_key, suite, epochs):
    secret = expand_label(split_key, b"sst secret", bytes([suite]))
    keys = []
    for epoch in range(epochs):
        keys.append({
            "epoch": epoch,
            "secret": secret,
            "key": expand_label(secret, b"sst key"),
            "iv": expand_label(secret, b"sst iv")[:12],
        })
        secret = expand_label(secret, b"sst next")
    return keys


def packet_nonce(iv, number):
    return bytes(a ^ b for a, b in zip(iv, bytes(4) + number.to_bytes(8, "big")))


def seal_packet(keys, channel, number, largest_acked, frames, suite=1):
    header = sealed_header(channel, number, largest_acked, keys["epoch"] & 1)
    sealer = {1: seal, 2: aes.seal}[suite]
    return header + sealer(keys["key"], packet_nonce(keys["iv"], number), header, frames)


# ---- the examples ----

def example_varint():
    values = [0, 1, 127, 128, 16383, 16384, (1 << 21) - 1, 1 << 21, 1 << 28, (1 << 35) - 1,
              1 << 35, 1 << 42, 1 << 49, (1 << 56) - 1, 1 << 56, (1 << 62) - 1]
    valid = [{"value": value, "bytes": varint(value)} for value in values]
    for entry in valid:
        assert read_varint(entry["bytes"]) == (entry["value"], len(entry["bytes"]))
    invalid = []
    for text in ("", "80", "8000", "807f", "c00000", "c03fff", "ff00000000000000",
                 "fe00000000000001", "ff00ffffffffffffff", "ff4000000000000000",
                 "ffffffffffffffffff"):
        try:
            read_varint(bytes.fromhex(text))
            raise AssertionError(text)
        except ValueError as error:
            invalid.append({"bytes": text, "reason": str(error)})
    return {"section": "2.3", "valid": valid, "invalid": invalid}


def example_identity():
    secrets = [hash32(b"SST example initiator static"), hash32(b"SST example responder static")]
    entries = []
    for secret in secrets:
        public = public_key(secret)
        checksum = hash32(b"SST1 identity", public)[:3]
        entries.append({"secret": secret, "public": public, "checksum": checksum,
                        "text": host_text(public),
                        "url": f"sst://{host_text(public)}@192.0.2.7:8661/echo/1"})
    return {"section": "3.2", "vectors": entries}


def example_header():
    cases = [(1, 0, 0), (127, 0, 0), (128, 0, 0), (0x12345, 0x12340, 1), (0x12345, 0x12200, 0),
             (0xABE8B3, 0xAB0000, 0), (1 << 32, (1 << 32) - (1 << 24), 1)]
    entries = []
    for number, acked, phase in cases:
        header = sealed_header(RESPONDER_CHANNEL, number, acked, phase)
        entries.append({"packet_number": number, "largest_acked": acked, "key_phase": phase,
                        "channel": RESPONDER_CHANNEL, "header": header})
        assert widen(int.from_bytes(header[5:], "big"), len(header) - 5, number - 1) == number
    widened = []
    for largest, low, length in [(0, 1, 1), (0xFE, 2, 1), (0xA82F30EA, 0x9B32, 2),
                                 (0x100, 0xFF, 1), (0x17F, 0x00, 1), (0x17E, 0xFF, 1)]:
        widened.append({"largest_opened": largest, "truncated": low, "length": length,
                        "packet_number": widen(low, length, largest)})
    return {"section": "4.3", "vectors": entries, "widening": widened}


def example_cookie():
    public = public_key(hash32(b"SST example responder static"))
    secret, ephemeral = hash32(b"SST example cookie secret"), hash32(b"SST example ephemeral")
    address, port = bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 33]), 40000
    value = cookie(secret, 7, address, port, ephemeral)
    before = b"\xC4" + INITIATOR_CHANNEL + value
    global_6 = bytes.fromhex("20010db8000000000000000000000021")
    local_6, scope = bytes.fromhex("fe800000000000000000000000000021"), (3).to_bytes(4, "big")
    key, init_check = check_key(public), hash32(b"SST example check")[:16]
    versions = b"\xC5" + INITIATOR_CHANNEL + b"\x01\x01"
    static = hash32(b"SST example responder static")
    return {
        "section": "5.4",
        "check": {"responder_public": public, "check_key": key,
                  "xx_check_key": check_key(bytes(32))},
        "cookie": {"secret": secret, "epoch": 7, "address": address, "port": port,
                   "ephemeral": ephemeral, "cookie": value, "init_check": init_check,
                   "packet": before + mac16(key, b"cookie", before, init_check)},
        "cookies": [
            {"address": address, "port": port, "scope": b"", "cookie": value},
            {"address": global_6, "port": port, "scope": b"",
             "cookie": cookie(secret, 7, global_6, port, ephemeral)},
            {"address": local_6, "port": port, "scope": scope,
             "cookie": cookie(secret, 7, local_6, port, ephemeral, scope)},
        ],
        "version": {"init_check": init_check,
                    "packet": versions + mac16(key, b"version", versions, init_check)},
        "lost": {"static_secret": static, "channel": RESPONDER_CHANNEL,
                 "token": reset_token(static, RESPONDER_CHANNEL),
                 "packet": b"\xC6" + RESPONDER_CHANNEL + reset_token(static, RESPONDER_CHANNEL)},
        "lost_of_process": {"static_secret": static, "channel": RESPONDER_CHANNEL,
                            "process": PROCESS,
                            "token": reset_token(static, RESPONDER_CHANNEL, PROCESS)},
    }


def example_keys():
    split = bytes(range(32))
    return {"section": "6.2", "split_key": split, "suites": [
        {"suite": suite, "epochs": epoch_keys(split, suite, 3)} for suite in (1, 2)]}


def example_packet():
    suites = {suite: epoch_keys(bytes(range(32)), suite, 2) for suite in (1, 2)}
    entries = []
    mixed = frame_ack(9, 1500, [3, (0, 1)]) + frame_stream(6, b"hello", offset=1000, length=False)
    for suite, epoch, number, acked, frames in [
        (1, 0, 1, 0, b"\x01"), (1, 0, 300, 10, mixed), (1, 1, 0x12345, 0x12340, b"\x01" + bytes(19)),
        (2, 0, 1, 0, b"\x01"), (2, 0, 300, 10, mixed), (2, 1, 0x12345, 0x12340, b"\x01" + bytes(19)),
    ]:
        keys = suites[suite]
        packet = seal_packet(keys[epoch], RESPONDER_CHANNEL, number, acked, frames, suite)
        header_len = len(packet) - len(frames) - 16
        nonce = packet_nonce(keys[epoch]["iv"], number)
        assert suite == 2 or open_sealed(keys[epoch]["key"], nonce, packet[:header_len],
                                         packet[header_len:]) == frames
        entries.append({"suite": suite, "epoch": epoch, "packet_number": number,
                        "largest_acked": acked, "channel": RESPONDER_CHANNEL,
                        "key": keys[epoch]["key"], "iv": keys[epoch]["iv"], "nonce": nonce,
                        "header": packet[:header_len], "frames": frames, "packet": packet})
    return {"section": "6.3", "vectors": entries}


def example_frames():
    request = service_record(b"echo", b"1")
    listed = [
        ("PADDING", {}, b"\x00"),
        ("PING", {}, b"\x01"),
        ("ACK", {"largest": 9, "delay_micros": 1500, "acknowledged": [[9, 6], [4, 3]]},
         frame_ack(9, 1500, [3, (0, 1)])),
        ("ACK_ECN", {"largest": 300, "delay_micros": 0, "acknowledged": [[300, 1]],
                     "ect0": 298, "ect1": 0, "ce": 2}, frame_ack(300, 0, [299], [298, 0, 2])),
        ("CLOSE", {"code": 19, "reason": "going away"},
         b"\x04" + varint(19) + varint(10) + b"going away"),
        ("CLOSE", {"code": 300, "reason": ""}, b"\x05" + varint(300) + varint(0)),
        ("PATH_CHALLENGE", {"data": "0011223344556677"},
         b"\x06" + bytes.fromhex("0011223344556677")),
        ("PATH_RESPONSE", {"data": "0011223344556677"},
         b"\x07" + bytes.fromhex("0011223344556677")),
        ("RESET", {"stream": 7, "code": 4294967296, "final_position": 20000},
         b"\x10" + varint(7) + varint(1 << 32) + varint(20000)),
        ("RESET", {"stream": 9, "code": 4294967297, "final_position": 0, "parent": 0,
                   "attributes": 1},
         b"\x11" + varint(9) + varint((1 << 32) + 1) + varint(0) + opened_by(0, 1, None)),
        ("STOP", {"stream": 7, "code": 5}, b"\x12" + varint(7) + varint(5)),
        ("STREAM_LIMIT", {"stream": 7, "limit": 65536}, b"\x13" + varint(7) + varint(65536)),
        ("STREAM_BLOCKED", {"stream": 7, "at": 16384}, b"\x14" + varint(7) + varint(16384)),
        ("CHILD_LIMIT", {"stream": 0, "count": 24}, b"\x15" + varint(0) + varint(24)),
        ("CHILD_BLOCKED", {"stream": 0, "at": 16}, b"\x16" + varint(0) + varint(16)),
        ("SESSION_LIMIT", {"limit": 131072}, b"\x17" + varint(131072)),
        ("SESSION_BLOCKED", {"at": 65536}, b"\x18" + varint(65536)),
        ("PRIORITY", {"stream": 7, "priority": -5}, b"\x19" + varint(7) + b"\xfb"),
        ("DATAGRAM", {"parent": 7, "data": "cafe", "to_end": True},
         b"\x1a" + varint(7) + b"\xca\xfe"),
        ("DATAGRAM", {"parent": 0, "data": "cafe"}, b"\x1b" + varint(0) + varint(2) + b"\xca\xfe"),
        ("STREAM", {"stream": 3, "offset": 0, "data": request.hex(), "mark": True, "fin": False,
                    "parent": 0, "attributes": 6, "priority": 10},
         frame_stream(3, request, mark=True, opening=(0, 4, 10))),
        ("STREAM", {"stream": 300, "offset": 70000, "data": "68656c6c6f", "mark": False,
                    "fin": True, "to_end": True},
         frame_stream(300, b"hello", offset=70000, fin=True, length=False)),
        ("STREAM", {"stream": 4, "offset": 5, "data": "", "mark": True, "fin": True},
         frame_stream(4, b"", offset=5, mark=True, fin=True)),
        ("STREAM", {"stream": 130, "offset": 0, "data": "", "mark": False, "fin": False,
                    "parent": 7, "attributes": 0},
         frame_stream(130, b"", opening=(7, 0, None))),
    ]
    invalid = [
        ("08", "reserved type"), ("40", "unknown type"), ("ff", "unknown type"),
        ("0204", "truncated"), ("060011", "truncated"), ("100700", "truncated"),
        ("2206056869", "truncated"), ("1b000568", "truncated"), ("1b0080", "truncated"),
        ("0201000002", "range below zero"), ("02090001070100", "range below zero"),
        ("0280c8002000", "more than 31 ranges"),
        ("10010000", "stream id 1"), ("220100", "stream id 1"), ("28030100", "stream id 1"),
        ("28030008", "reserved attribute"), ("110900000010", "reserved attribute"),
        ("04000181", "reason is not UTF-8"), ("04008081" + "61" * 129, "reason too long"),
        ("22800600", "not minimal"), ("10ff4000000000000000", "too large"),
        ("1907fb" * 17, "more than 16 frames"), ("0209000001" * 2, "a second ACK"),
        ("020900000103812c0000812b812a0002", "a second ACK"),
    ]
    # A run of PING is one frame, and so is a run of PADDING.
    counted = [("1907fb" * 16, 16), ("1907fb" * 14 + "01" * 9 + "00" * 9, 16),
               ("01" * 40, 1), ("00" * 40, 1), ("0001" * 8, 16)]
    return {
        "section": "10",
        "valid": [{"frame": name, "fields": fields, "bytes": data}
                  for name, fields, data in listed],
        "invalid": [{"bytes": data, "reason": reason} for data, reason in invalid],
        "counted": [{"bytes": data, "frames": count} for data, count in counted],
        "service_request": {"service": "echo", "protocol": "1", "record": request},
    }


def handshake(pattern, name="", instance=b"", statics=(b"initiator", b"responder"),
              channels=(INITIATOR_CHANNEL, RESPONDER_CHANNEL)):
    """A whole negotiation and one packet each way. `name` tells negotiations of one pattern apart,
    `statics` whose keys are used."""
    label = f"SST example {pattern} {name}".encode()
    static_i, static_r = (hash32(b"SST example ", who, b" static") for who in statics)
    channel_i, channel_r = channels
    ephemeral_i, ephemeral_r = hash32(label, b"initiator"), hash32(label, b"responder")
    public_i, public_r = public_key(static_i), public_key(static_r)
    number = {"XK": 1, "XX": 2, "IK": 3}[pattern]
    offer = (parameter(0x02, varint(30000)) + parameter(0x04, varint(25000))
             + parameter(0x06, varint(65536)) + parameter(0x12, b"\x01"))
    named = parameter(0x1E, instance) if instance else b""
    offer += named
    if pattern != "XX":
        offer += parameter(0x16, reset_token(static_i, channel_i, PROCESS if instance else b""))
    overhead = {"XK": 48, "XX": 32, "IK": 96}[pattern]
    start = (bytes([0xC1, 1, number, 0]) + channel_i
             + (len(offer) + overhead).to_bytes(2, "big"))
    prologue = b"SST1" + start
    known = None if pattern == "XX" else public_r
    initiator = Noise(pattern, True, prologue, static_i, ephemeral_i, known)
    responder = Noise(pattern, False, prologue, static_r, ephemeral_r)
    first = initiator.write(offer)
    assert len(first) == len(offer) + overhead
    key = check_key(known or bytes(32))

    def init(cookie_bytes):
        body = (start + first).ljust(512 - 32, b"\0") + cookie_bytes
        return body + mac16(key, body)

    assert responder.read(first) == offer
    answer = (parameter(0x01, channel_r) + parameter(0x06, varint(65536))
              + parameter(0x13, b"\x01") + named
              + parameter(0x16, reset_token(static_r, channel_r)))
    reply_key = responder.side_key(b"SST1 reply")
    assert initiator.side_key(b"SST1 reply") == reply_key
    second = responder.write(answer)
    reply = b"\xC2" + channel_i + second
    reply += mac16(reply_key, reply)
    assert initiator.read(second) == answer and len(reply) < 512
    side = 0 if public_i <= public_r else 1
    stream = 1 << 1 | side
    opening = frame_stream(stream, service_record(b"echo", b"1"), mark=True, opening=(0, 4, None))
    frames = opening + frame_stream(stream, b"hello", offset=8, fin=True, opening=(0, 4, None))
    entry = {
        "protocol": f"Noise_{pattern}_25519_ChaChaPoly_BLAKE2s",
        "initiator_static_secret": static_i, "initiator_static_public": public_i,
        "initiator_ephemeral_secret": ephemeral_i,
        "initiator_ephemeral_public": public_key(ephemeral_i),
        "responder_static_secret": static_r, "responder_static_public": public_r,
        "responder_ephemeral_secret": ephemeral_r,
        "responder_ephemeral_public": public_key(ephemeral_r),
        "prologue": prologue, "parameters_1": offer, "noise_1": first, "init": init(bytes(16)),
        "cookie": bytes(range(0xA0, 0xB0)), "init_with_cookie": init(bytes(range(0xA0, 0xB0))),
        "parameters_2": answer, "noise_2": second, "reply_key": reply_key, "reply": reply,
    }
    largest_received = 0
    if pattern != "IK":
        third = initiator.write(frames)
        assert responder.read(third) == frames
        entry |= {"frames_0": frames, "noise_3": third,
                  "finish": b"\xC3" + channel_r + third}
    assert initiator.h == responder.h and initiator.split() == responder.split()
    to_responder, to_initiator = initiator.split()
    send_i = epoch_keys(to_responder, 1, 1)[0]
    send_r = epoch_keys(to_initiator, 1, 1)[0]
    entry |= {"handshake_hash": initiator.h, "key_initiator_to_responder": to_responder,
              "key_responder_to_initiator": to_initiator}
    if pattern == "IK":
        entry["initiator_packet_1"] = seal_packet(send_i, channel_r, 1, 0, frames)
        entry["initiator_frames_1"] = frames
        largest_received = 1
    back = (frame_ack(largest_received, 800, [0])
            + frame_stream(stream, b"hello", fin=True, length=False))
    entry["responder_frames_1"] = back
    entry["responder_packet_1"] = seal_packet(send_r, channel_i, 1, 0, back)
    last = frame_ack(1, 25000, [0])
    number = largest_received + 1
    entry[f"initiator_frames_{number}"] = last
    entry[f"initiator_packet_{number}"] = seal_packet(send_i, channel_r, number,
                                                      largest_received, last)
    return entry


def example_ends():
    """Negotiations that come to nothing: a refusal, and FINISH with CLOSE."""
    static_i, static_r = (hash32(b"SST example ", who, b" static")
                          for who in (b"initiator", b"responder"))
    entries = []
    for case, answer, frames in [
        ("refused for want of a suite", parameter(0x17, varint(15) + b"no common suite"), None),
        ("an unknown odd entry in REPLY", parameter(0x01, RESPONDER_CHANNEL)
         + parameter(0x13, b"\x01") + parameter(0x1001, b""), b"\x04" + varint(14) + varint(0)),
    ]:
        label = b"SST example end " + case.encode()
        ephemerals = [hash32(label, who) for who in (b"initiator", b"responder")]
        start = bytes([0xC1, 1, 1, 0]) + INITIATOR_CHANNEL + (48).to_bytes(2, "big")
        prologue, known = b"SST1" + start, public_key(static_r)
        initiator = Noise("XK", True, prologue, static_i, ephemerals[0], known)
        responder = Noise("XK", False, prologue, static_r, ephemerals[1])
        first = initiator.write(b"")
        body = (start + first).ljust(512 - 16, b"\0")
        responder.read(first)
        reply_key = responder.side_key(b"SST1 reply")
        second = responder.write(answer)
        reply = b"\xC2" + INITIATOR_CHANNEL + second
        assert initiator.read(second) == answer
        entry = {"case": case, "initiator_static_secret": static_i,
                 "responder_static_secret": static_r,
                 "initiator_ephemeral_secret": ephemerals[0],
                 "responder_ephemeral_secret": ephemerals[1],
                 "init": body + mac16(check_key(known), body), "parameters_2": answer,
                 "reply": reply + mac16(reply_key, reply)}
        if frames:
            third = initiator.write(frames)
            assert responder.read(third) == frames
            entry |= {"frames_0": frames, "finish": b"\xC3" + RESPONDER_CHANNEL + third}
        entries.append(entry)
    return {"section": "5.9", "vectors": entries}


def example_traces():
    """Sealed packets of both hosts in the order they are sent: a loss, updates that cross."""
    to_responder, to_initiator = (hash32(b"SST example trace ", to) for to in (b"r", b"i"))
    keys = {"initiator": epoch_keys(to_responder, 1, 2), "responder": epoch_keys(to_initiator, 1, 2)}
    channels = {"initiator": RESPONDER_CHANNEL, "responder": INITIATOR_CHANNEL}

    def trace(*packets):
        return [{"from": who, "packet_number": number, "largest_acked": acked, "epoch": epoch,
                 "is_lost": is_lost, "frames": frames,
                 "packet": seal_packet(keys[who][epoch], channels[who], number, acked, frames)}
                for who, number, acked, epoch, is_lost, frames in packets]

    def part(text, offset, fin=False):
        return frame_stream(2, text, offset=offset, fin=fin)

    opening = frame_stream(2, b"", opening=(0, 0, None), fin=True)
    loss = trace(
        ("initiator", 1, 0, 0, False, opening),
        ("responder", 1, 0, 0, False, frame_ack(1, 0, [0]) + part(b"first, ", 0)),
        ("responder", 2, 0, 0, True, part(b"second, ", 7)),
        ("responder", 3, 0, 0, False, part(b"third, ", 15)),
        ("initiator", 2, 1, 0, False, frame_ack(3, 0, [0, (0, 0)])),
        ("responder", 4, 3, 0, False, part(b"fourth, ", 22)),
        ("responder", 6, 3, 0, False, part(b"fifth.", 30, True)),
        ("initiator", 3, 1, 0, False, frame_ack(6, 0, [0, (0, 1), (0, 0)])),
        ("responder", 7, 6, 0, False, part(b"second, ", 7)),
        ("initiator", 4, 1, 0, False, frame_ack(7, 0, [1, (0, 1), (0, 0)])
         + b"\x04" + varint(0) + varint(0)))
    ping = b"\x01"
    crossing = trace(
        ("initiator", 1, 0, 0, False, ping),
        ("responder", 1, 0, 0, False, frame_ack(1, 0, [0]) + ping),
        ("initiator", 2, 1, 0, False, frame_ack(1, 0, [0])),
        ("initiator", 3, 1, 1, False, ping),
        ("responder", 2, 1, 1, False, ping),
        ("responder", 3, 1, 1, False, frame_ack(3, 0, [2])),
        ("initiator", 4, 1, 1, False, frame_ack(3, 0, [2])))
    return {"section": "6", "suite": 1, "key_initiator_to_responder": to_responder,
            "key_responder_to_initiator": to_initiator, "stream": 2,
            "text": "first, second, third, fourth, fifth.", "skipped": [5],
            "loss": loss, "crossing_updates": crossing}


def example_instance():
    """0x1E in both lists; two hosts with one key; two that dial each other in one instance."""
    one, two = b"initiator", b"responder"
    smaller = min(one, two, key=lambda who: public_key(hash32(b"SST example ", who, b" static")))
    ways = [((one, two), (bytes.fromhex("11223344"), bytes.fromhex("a1b2c3d4"))),
            ((two, one), (bytes.fromhex("22334455"), bytes.fromhex("b2c3d4e5")))]
    crossing = [handshake("XK", f"crossing {statics[0].decode()} ", INSTANCE, statics, channels)
                for statics, channels in ways]
    return {
        "section": "5.11", "instance": INSTANCE, "process": PROCESS,
        "vectors": [
            {"case": f"{pattern} in an instance"} | handshake(pattern, "instance ", INSTANCE)
            for pattern in ("XK", "XX", "IK")
        ] + [
            {"case": f"{pattern} with one key"}
            | handshake(pattern, "one key ", INSTANCE, (two, two))
            for pattern in ("XK", "XX", "IK")
        ],
        "crossing": {"negotiations": crossing, "stays": [way[0][0] for way in ways].index(smaller)},
    }


def examples():
    return {
        "section_02_varint": example_varint(),
        "section_03_identity": example_identity(),
        "section_04_header": example_header(),
        "section_05_cookie": example_cookie(),
        "section_05_handshake": {"section": "5", "vectors": [
            handshake(pattern) for pattern in ("XK", "XX", "IK")]},
        "section_05_instance": example_instance(),
        "section_05_ends": example_ends(),
        "section_06_keys": example_keys(),
        "section_06_packet": example_packet(),
        "section_06_traces": example_traces(),
        "section_10_frames": example_frames(),
    }


# ---- output ----

def to_hex(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: to_hex(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [to_hex(inner) for inner in value]
    return value


def wrap(name, text, width=64):
    """One named hex string, cut into lines."""
    lines = []
    for piece in text.split("|"):
        lines += [piece[i : i + width] for i in range(0, len(piece), width)]
    return [f"{name:<22}{lines[0]}"] + [" " * 22 + line for line in lines[1:]]


def shorten(packet):
    """INIT with its run of padding zeros named, not printed."""
    cut = packet.find("00" * 40)
    end = cut
    while packet[end : end + 2] == "00":
        end += 2
    cut += cut % 2
    return packet[:cut] + f"|[{(end - cut) // 2} zero bytes]|" + packet[end:]


def chapter(data):
    """The text of section 14 between its two markers."""
    out = []

    def block(title, pairs):
        out.extend(["", f"### {title}", "", "```text"])
        for name, text in pairs:
            out.extend(wrap(name, text))
        out.append("```")

    block("14.1 Varints (2.3)", [(str(entry["value"]), entry["bytes"])
                                 for entry in data["section_02_varint"]["valid"]])
    who = data["section_03_identity"]["vectors"][1]
    block("14.2 HostId text (3.2)", [(key, who[key]) for key in
                                     ("secret", "public", "checksum", "text")])
    block("14.3 Header of a sealed packet (4.3)", [
        (f"{entry['packet_number']:#x}", f"{entry['header']}  "
         f"(largest acked {entry['largest_acked']:#x}, key phase {entry['key_phase']})")
        for entry in data["section_04_header"]["vectors"]])
    cases = data["section_05_cookie"]
    block("14.4 Check, cookie, version, lost (5.4, 5.5, 5.8)", [
        ("responder_public", cases["check"]["responder_public"]),
        ("check_key", cases["check"]["check_key"]),
        ("check_key for XX", cases["check"]["xx_check_key"]),
        ("cookie secret", cases["cookie"]["secret"]),
        ("address, port", cases["cookie"]["address"] + "9c40"),
        ("ephemeral", cases["cookie"]["ephemeral"]),
        ("cookie (epoch 7)", cases["cookie"]["cookie"]),
        ("INIT's check", cases["cookie"]["init_check"]),
        ("COOKIE", cases["cookie"]["packet"]),
        ("VERSION", cases["version"]["packet"]),
        ("LOST", cases["lost"]["packet"]),
        ("e of a process", cases["lost_of_process"]["process"]),
        ("its token", cases["lost_of_process"]["token"])])
    pairs = [("split key", data["section_06_keys"]["split_key"])]
    for suite in data["section_06_keys"]["suites"]:
        for epoch in suite["epochs"][: 2 if suite["suite"] == 1 else 1]:
            for key in ("secret", "key", "iv"):
                pairs.append((f"suite {suite['suite']} {key}_{epoch['epoch']}", epoch[key]))
    block("14.5 Key schedule (6.2)", pairs)
    entry = data["section_06_packet"]["vectors"][1]
    block("14.6 A whole sealed packet (6.3)", [
        ("packet number", f"{entry['packet_number']} (largest acked {entry['largest_acked']})"),
        *((key, entry[key]) for key in ("key", "iv", "nonce", "header", "frames", "packet"))])
    block("14.7 Frames (10)", [(entry["frame"], entry["bytes"])
                               for entry in data["section_10_frames"]["valid"]])
    entry = data["section_05_handshake"]["vectors"][0]
    block("14.8 A whole XK negotiation (5)", [
        (key, shorten(text) if key.startswith("init") and len(text) > 900 else text)
        for key, text in ((key.replace("initiator", "i").replace("responder", "r")
                           if not key.startswith("init_") and key != "init" else key, text)
                          for key, text in entry.items())])
    data = data["section_05_instance"]
    entry = data["vectors"][3]
    block("14.9 Two hosts with one key, in an instance (5.9, 5.11, 7.2)", [
        ("instance", data["instance"]),
        ("e of the initiator", data["process"]),
        *((short, entry[key]) for short, key in (
            ("static_secret", "initiator_static_secret"),
            ("static_public", "initiator_static_public"),
            ("i_ephemeral_secret", "initiator_ephemeral_secret"),
            ("r_ephemeral_secret", "responder_ephemeral_secret"),
            ("parameters_1", "parameters_1"), ("parameters_2", "parameters_2"),
            ("reply", "reply"), ("frames_0", "frames_0"), ("finish", "finish"),
            ("handshake_hash", "handshake_hash")))])
    return "\n".join(out) + "\n"


def main():
    self_test()
    aes.self_test()
    data = to_hex(examples())
    wanted = {VECTORS / f"{name}.json": json.dumps(content, indent=1) + "\n"
              for name, content in data.items()}
    spec = SPEC.read_text()
    before, _, rest = spec.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted[SPEC] = before + BEGIN + chapter(data) + END + after
    if "--check" in sys.argv:
        stale = [str(path.relative_to(ROOT)) for path, text in wanted.items()
                 if not path.exists() or path.read_text() != text]
        print("\n".join(f"differs: {path}" for path in stale) or f"{len(wanted)} files agree")
        return 1 if stale else 0
    VECTORS.mkdir(parents=True, exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
