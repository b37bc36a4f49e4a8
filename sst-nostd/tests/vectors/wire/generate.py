"""Writes the vectors of the wire format beside this file. Standard library only."""

import base64
import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).parent
MAX = 2**62 - 1


def varint(value):
    """Prefix-coded: n leading one bits say that n more bytes follow."""
    for extra in range(8):
        bits = 7 + 7 * extra
        if value < 1 << bits:
            prefix = ((1 << extra) - 1) << (8 - extra)
            raw = bytearray(value.to_bytes(extra + 1, "big"))
            raw[0] |= prefix
            return bytes(raw)
    return b"\xff" + value.to_bytes(8, "big")


def mac16(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def check_key(responder):
    return hashlib.blake2s(b"SST1 check" + responder).digest()


def write(name, cases):
    for case in cases:
        case["hex"] = case["hex"].hex() if isinstance(case["hex"], bytes) else case["hex"]
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n")


def good(section, name, data, fields, canonical=True):
    case = {"section": section, "name": name, "hex": data, "fields": fields}
    if not canonical:
        case["canonical"] = False
    return case


def bad(section, name, data, error):
    return {"section": section, "name": name, "hex": data, "error": error}


def varints():
    section = "Integers"
    values = [0, 1, 0x7F, MAX]
    for bits in (7, 14, 21, 28, 35, 42, 49, 56):
        values += [(1 << bits) - 1, 1 << bits]
    values += [0x1234, 0x0102_0304, 0x0001_0203_0405_0607]
    for value in sorted(set(values)):
        yield good(section, f"value {value}", varint(value), {"value": str(value)})
    for data, why in [
        (b"", "Truncated"),
        (b"\x80", "Truncated"),
        (b"\xff" + bytes(7), "Truncated"),
        (b"\xfe\xff\xff\xff\xff\xff\xff", "Truncated"),
        (b"\x80\x00", "NotMinimal"),
        (b"\x80\x7f", "NotMinimal"),
        (b"\xc0\x3f\xff", "NotMinimal"),
        (b"\xe0\x1f\xff\xff", "NotMinimal"),
        (b"\xf0\x0f\xff\xff\xff", "NotMinimal"),
        (b"\xf8\x07\xff\xff\xff\xff", "NotMinimal"),
        (b"\xfc\x03\xff\xff\xff\xff\xff", "NotMinimal"),
        (b"\xfe\x01\xff\xff\xff\xff\xff\xff", "NotMinimal"),
        (b"\xff\x00\xff\xff\xff\xff\xff\xff\xff", "NotMinimal"),
        (b"\xff\x40\x00\x00\x00\x00\x00\x00\x00", "TooLarge"),
        (b"\xff" * 9, "TooLarge"),
    ]:
        yield bad(section, f"{why} {data.hex() or 'empty'}", data, why)


def opened(parent, datagram=False, service=False, priority=None):
    attributes = datagram | (priority is not None) << 1 | service << 2
    data = varint(parent) + bytes([attributes])
    if priority is not None:
        data += priority.to_bytes(1, "big", signed=True)
    fields = {"parent": str(parent), "datagram": datagram, "service": service, "priority": priority}
    return data, fields


def stream(name, ident, data, offset=0, mark=False, fin=False, start=None, length=True, flag=None):
    with_offset = offset != 0 if flag is None else flag
    first = 0x20 | fin | length << 1 | mark << 2 | (start is not None) << 3 | with_offset << 4
    raw = bytes([first]) + varint(ident)
    raw += varint(offset) if with_offset else b""
    raw += start[0] if start else b""
    raw += varint(len(data)) if length else b""
    fields = {"frame": "STREAM", "id": str(ident), "offset": str(offset), "data": data.hex()}
    fields |= {"mark": mark, "fin": fin, "open": start[1] if start else None}
    canonical = length and with_offset == (offset != 0)
    return good("STREAM", name, raw + data, fields, canonical)


def streams():
    big = bytes(range(200))
    yield stream("whole", 2, b"hello")
    yield stream("to the end", 2, b"hello", length=False)
    yield stream("offset 0 said", 2, b"hello", flag=True)
    yield stream("empty fin", 3, b"", offset=7, fin=True)
    yield stream("mark alone", 2, b"", offset=5, mark=True)
    yield stream("two-byte length", 16000, big, offset=1 << 34, mark=True, fin=True)
    yield stream("opens from the root", 4, b"x", start=opened(0))
    yield stream("opens a service", 4, b"x", mark=True, start=opened(0, service=True, priority=-128))
    yield stream("a datagram", 5, big, fin=True, start=opened(4, datagram=True, priority=127))
    yield stream("last position", MAX, b"abc", offset=MAX - 3)
    yield stream("last position is a mark", MAX, b"abc", offset=MAX - 4, mark=True)
    yield stream("all flags", 9, b"z", 1, True, True, opened(MAX, True, True, 0))
    head = b"\x36" + varint(2) + varint(MAX - 2)
    yield bad("STREAM", "beyond the last position", head + b"\x03abc", "Offset")
    yield bad("STREAM", "mark beyond it", b"\x36" + varint(2) + varint(MAX) + b"\x00", "Offset")
    yield bad("STREAM", "the root", b"\x22\x00\x00", "Root")
    yield bad("STREAM", "no such stream", b"\x22\x01\x00", "StreamId")
    yield bad("STREAM", "data cut short", b"\x22\x02\x03ab", "Truncated")
    yield bad("STREAM", "unknown attribute", b"\x2a\x02\x00\x08\x00", "Attributes")
    yield bad("STREAM", "parent is no stream", b"\x2a\x02\x01\x00\x00", "StreamId")
    yield bad("STREAM", "priority missing", b"\x28\x02\x00\x02", "Truncated")


def acks():
    def ack(name, ranges, delay, ecn=None):
        (low, high), *more = ranges
        raw = bytes([3 if ecn else 2]) + varint(high) + varint(delay)
        raw += varint(len(more)) + varint(high - low)
        smallest = low
        for low, high in more:
            raw += varint(smallest - high - 2) + varint(high - low)
            smallest = low
        raw += b"".join(varint(count) for count in ecn or [])
        fields = {"frame": "ACK", "delay_micros": str(delay)}
        fields |= {"ranges": [[str(low), str(high)] for low, high in ranges]}
        fields |= {"ecn": [str(count) for count in ecn] if ecn else None}
        return good("ACK", name, raw, fields)

    yield ack("one packet", [(0, 0)], 0)
    yield ack("one range", [(1, 1000)], 25000)
    yield ack("gaps", [(90, 100), (88, 88), (10, 86), (0, 1)], 127)
    yield ack("the largest numbers", [(MAX - 1, MAX), (0, MAX - 3)], MAX)
    yield ack("32 ranges", [(n * 300, n * 300 + n) for n in range(31, -1, -1)], 1)
    yield ack("with counts", [(5, 9), (1, 3)], 128, [1, 0, MAX])
    yield bad("ACK", "33 ranges", b"\x02\x40\x00\x20\x00" + b"\x00\x00" * 32, "AckRange")
    yield bad("ACK", "first range below 0", b"\x02\x05\x00\x00\x06", "AckRange")
    yield bad("ACK", "gap below 0", b"\x02\x05\x00\x01\x00\x04\x00", "AckRange")
    yield bad("ACK", "length below 0", b"\x02\x05\x00\x01\x00\x01\x03", "AckRange")
    yield bad("ACK", "range missing", b"\x02\x05\x00\x02\x00\x00\x00", "Truncated")
    yield bad("ACK", "counts missing", b"\x03\x05\x00\x00\x00\x01\x01", "Truncated")


def control():
    yield good("PADDING", "one", b"\x00", {"frame": "PADDING"})
    yield good("PADDING", "a run", bytes(20), {"frame": "PADDING"}, canonical=False)
    yield good("PING", "ping", b"\x01", {"frame": "PING"})
    for first, who in [(4, "transport"), (5, "application")]:
        for code, reason in [(0, ""), (6, "frame 0x99"), (MAX, "r" * 128), (200, "zu spät")]:
            raw = reason.encode()
            data = bytes([first]) + varint(code) + varint(len(raw)) + raw
            fields = {"frame": "CLOSE", "by": who, "code": str(code), "reason": reason}
            yield good("CLOSE", f"{who} {code}", data, fields)
    yield bad("CLOSE", "reason too long", b"\x04\x00" + varint(129) + b"r" * 129, "Reason")
    yield bad("CLOSE", "not UTF-8", b"\x05\x00\x01\xff", "Reason")
    for first, name in [(6, "PATH_CHALLENGE"), (7, "PATH_RESPONSE")]:
        data = bytes(range(0xF0, 0xF8))
        yield good(name, "eight bytes", bytes([first]) + data, {"frame": name, "data": data.hex()})
        yield bad(name, "seven bytes", bytes([first]) + data[1:], "Truncated")
    for ident, value in [(0, 0), (2, 127), (3, 128), (MAX, MAX)]:
        both = varint(ident) + varint(value)
        for first, name in [
            (0x12, "STOP"),
            (0x13, "STREAM_LIMIT"),
            (0x14, "STREAM_BLOCKED"),
            (0x15, "CHILD_LIMIT"),
            (0x16, "CHILD_BLOCKED"),
        ]:
            if ident == 0 and not name.startswith("CHILD"):
                yield bad(name, "the root", bytes([first]) + both, "Root")
                continue
            fields = {"frame": name, "id": str(ident), "value": str(value)}
            yield good(name, f"{ident} {value}", bytes([first]) + both, fields)
        for first, name in [(0x17, "SESSION_LIMIT"), (0x18, "SESSION_BLOCKED")]:
            fields = {"frame": name, "value": str(value)}
            yield good(name, f"{value}", bytes([first]) + varint(value), fields)
        if ident == 0:
            yield bad("RESET", "the root", b"\x10" + both + varint(value), "Root")
            continue
        fields = {"frame": "RESET", "id": str(ident), "code": str(value), "final": str(value)}
        data = b"\x10" + both + varint(value)
        yield good("RESET", f"{ident} {value}", data, fields | {"open": None})
        raw, start = opened(4, service=True, priority=-1)
        data = b"\x11" + both + varint(value) + raw
        yield good("RESET", f"{ident} {value} opening", data, fields | {"open": start})
    for priority in (-128, -1, 0, 127):
        data = b"\x19" + varint(300) + priority.to_bytes(1, "big", signed=True)
        fields = {"frame": "PRIORITY", "id": "300", "priority": priority}
        yield good("PRIORITY", f"{priority}", data, fields)
    for parent, data in [(0, b""), (0, b"ping"), (300, bytes(range(200)))]:
        fields = {"frame": "DATAGRAM", "parent": str(parent), "data": data.hex()}
        body = varint(parent) + varint(len(data)) + data
        yield good("DATAGRAM", f"{len(data)} bytes", b"\x1b" + body, fields)
        body = varint(parent) + data
        yield good("DATAGRAM", f"{len(data)} bytes to the end", b"\x1a" + body, fields, False)
    for first in [0x08, 0x0F, 0x1C, 0x1F, 0x40, 0x80, 0xC1, 0xFF]:
        yield bad("Frames", f"type {first:#x}", bytes([first]) + bytes(40), "Type")
    yield bad("Frames", "nothing", b"", "Truncated")
    yield bad("Frames", "a number in a longer form", b"\x17\x80\x05", "Varint")


def sealed():
    section = "Sealed packets"
    tag = bytes(range(16))
    for phase in (False, True):
        for length, number in [(1, 0), (1, 255), (2, 0x1234), (3, 0xABCDEF), (4, 0xFFFFFFFF)]:
            first = phase << 6 | length - 1
            data = bytes([first]) + b"\x01\x02\x03\x04" + number.to_bytes(length, "big")
            fields = {"key_phase": phase, "channel": 0x01020304, "number": number}
            fields |= {"number_len": length}
            yield good(section, f"{length} bytes of number {number}", data + b"body" + tag, fields)
    yield good(section, "no frames", b"\x00\x00\x00\x00\x01\x07" + tag,
               {"key_phase": False, "channel": 1, "number": 7, "number_len": 1})
    yield bad(section, "shorter than a tag", b"\x00\x00\x00\x00\x01\x07" + tag[1:], "Length")
    yield bad(section, "channel 0", bytes(6) + tag, "Channel")
    for first in (0x04, 0x10, 0x20, 0x80, 0xC0, 0xC1, 0xC7, 0xFF):
        yield bad(section, f"first byte {first:#x}", bytes([first]) + bytes(30), "Kind")


def widening():
    def nearest(low, length, highest):
        """By search, not by the algorithm of the RFC."""
        window = 1 << 8 * length
        expected = highest + 1
        base = expected // window * window + low
        near = [n for n in (base - window, base, base + window) if 0 <= n <= MAX]
        return min(near, key=lambda n: (abs(n - expected), -n))

    cases = [(0x9B32, 2, 0xA82F30EA), (1, 1, 0), (0, 1, 0), (255, 1, 0), (128, 1, 0), (129, 1, 0)]
    cases += [(130, 1, 0), (0, 1, 255), (0, 1, 254), (255, 1, 256), (0xFFFF, 2, 0x10000)]
    cases += [(5, 3, 0xFFFFFE), (0xFFFFFFFF, 4, 1 << 40), (0, 4, (1 << 40) - 1), (0xFF, 1, MAX - 1)]
    for low, length, highest in cases:
        fields = {"highest": str(highest), "number": str(nearest(low, length, highest))}
        fields |= {"number_len": length}
        data = low.to_bytes(length, "big")
        yield good("Packet numbers", f"{low} after {highest}", data, fields)


def parameters():
    section = "Parameters"

    def entry(kind, value):
        return varint(kind) + varint(len(value)) + value

    defaults = {
        "channel": None, "idle_millis": "30000", "ack_delay_micros": "25000",
        "session_window": "65536", "stream_window": "16384", "root_child_credit": "16",
        "child_credit": "4", "max_packet": 1200, "max_datagram": "0", "suites": "01",
        "suite": None, "id_window": "64", "reset_token": None, "took_call": False,
        "instance": None, "refusal": None,
    }

    def case(name, carrier, data, canonical=True, **fields):
        fields = {"carrier": carrier} | defaults | fields
        return good(section, name, data, fields, canonical)

    token = bytes(range(16))
    yield case("nothing", "INIT", b"")
    every = (
        entry(0x12, b"\x02\x01") + entry(0x02, varint(0)) + entry(0x04, varint(1))
        + entry(0x06, varint(1 << 20)) + entry(0x08, varint(MAX)) + entry(0x0A, varint(0))
        + entry(0x0C, varint(127)) + entry(0x0E, varint(1452)) + entry(0x10, varint(1 << 16))
        + entry(0x14, varint(1)) + entry(0x16, token)
    )
    fields = dict(
        suites="0201", idle_millis="0", ack_delay_micros="1", session_window=str(1 << 20),
        stream_window=str(MAX), root_child_credit="0", child_credit="127", max_packet=1452,
        max_datagram=str(1 << 16), id_window="1", reset_token=token.hex(),
    )
    yield case("everything", "INIT", every, **fields)
    yield case("took a call", "INIT", entry(0x1C, b"\x01"), took_call=True)
    yield case("an instance", "INIT", entry(0x1E, bytes(7) + b"\x01"), instance="0000000000000001")
    least = entry(0x01, b"\xde\xad\xbe\xef") + entry(0x13, b"\x01")
    answer = dict(channel=0xDEADBEEF, suite=1)
    yield case("least", "REPLY", least, **answer)
    name = bytes(range(0x60, 0x68))
    echoed = least + entry(0x1E, name)
    yield case("an instance, echoed", "REPLY", echoed, instance=name.hex(), **answer)
    yield case("other order", "REPLY", least[6:] + least[:6], False, **answer)
    yield case("a default said", "INIT", entry(0x0C, varint(4)), False)
    yield case("unknown even", "INIT", entry(0x70, b"abc") + entry(0x0C, b"\x05"), False, child_credit="5")
    yield case("after the end", "INIT", b"\x00\xff\xff\xff", False)
    refused = entry(0x17, varint(9) + "nobody I know".encode())
    yield case("refused", "REPLY", refused, refusal={"code": "9", "reason": "nobody I know"})
    longest = entry(0x17, varint(19) + b"r" * 64)
    yield case("refused at length", "REPLY", longest, refusal={"code": "19", "reason": "r" * 64})
    yield case("32 entries", "INIT", b"".join(entry(0x80 + 2 * n, b"") for n in range(32)), False)
    too_long = entry(0x17, varint(19) + b"r" * 65)
    for name, carrier, data, why in [
        ("unknown odd", "INIT", entry(0x71, b""), "Mandatory"),
        ("twice", "INIT", entry(0x0C, b"\x05") * 2, "Duplicate"),
        ("unknown twice", "INIT", entry(0x70, b"") * 2, "Duplicate"),
        ("33 entries", "INIT", b"".join(entry(0x80 + 2 * n, b"") for n in range(33)), "TooMany"),
        ("packet of 1199", "INIT", entry(0x0E, varint(1199)), "Illegal"),
        ("packet of 65536", "INIT", entry(0x0E, varint(65536)), "Illegal"),
        ("acknowledgement after 17 s", "INIT", entry(0x04, varint(17_000_000)), "Illegal"),
        ("no suites", "INIT", entry(0x12, b""), "Illegal"),
        ("9 suites", "INIT", entry(0x12, bytes(9)), "Illegal"),
        ("two numbers", "INIT", entry(0x06, b"\x01\x01"), "Encoding"),
        ("a longer form", "INIT", entry(0x06, b"\x80\x01"), "Encoding"),
        ("value cut short", "INIT", entry(0x06, b"\x01")[:-1], "Encoding"),
        ("short token", "INIT", entry(0x16, token[1:]), "Encoding"),
        ("took a call and a half", "INIT", entry(0x1C, b"\x02"), "Illegal"),
        ("took a call in REPLY", "REPLY", least + entry(0x1C, b"\x01"), "Misplaced"),
        ("short instance", "INIT", entry(0x1E, name[1:]), "Encoding"),
        ("long instance", "REPLY", least + entry(0x1E, name + b"\0"), "Encoding"),
        ("instance 0", "INIT", entry(0x1E, bytes(8)), "Illegal"),
        ("instance 0 in REPLY", "REPLY", least + entry(0x1E, bytes(8)), "Illegal"),
        ("two instances", "INIT", entry(0x1E, name) * 2, "Duplicate"),
        ("channel in INIT", "INIT", entry(0x01, b"\x00\x00\x00\x01"), "Misplaced"),
        ("suite in INIT", "INIT", entry(0x13, b"\x01"), "Misplaced"),
        ("refusal in INIT", "INIT", refused, "Misplaced"),
        ("suites in REPLY", "REPLY", least + entry(0x12, b"\x01"), "Misplaced"),
        ("no suite", "REPLY", least[:6], "Missing"),
        ("no channel", "REPLY", least[6:], "Missing"),
        ("channel 0", "REPLY", entry(0x01, bytes(4)) + least[6:], "Illegal"),
        ("refused at too great length", "REPLY", too_long, "Illegal"),
    ]:
        case_ = bad(section, name, data, why)
        case_["carrier"] = carrier
        yield case_


def negotiation():
    channel = 0x0A0B0C0D
    name = channel.to_bytes(4, "big")
    responder = bytes(range(32))
    cookie = bytes(range(0x80, 0x90))
    noise = bytes(range(1, 97))
    checks = []
    for pattern, total, key, cookie_ in [
        (1, 512, responder, bytes(16)),
        (2, 512, bytes(32), cookie),
        (3, 1200, responder, cookie),
    ]:
        head = b"\xc1\x01" + bytes([pattern, 0]) + name + len(noise).to_bytes(2, "big")
        body = head + noise
        covered = body + bytes(total - len(body) - 32) + cookie_
        check = mac16(check_key(key), covered)
        checks.append((key, check))
        fields = {"packet": "INIT", "pattern": pattern, "channel": channel, "noise": noise.hex()}
        fields |= {"cookie": cookie_.hex(), "check": check.hex(), "check_for": key.hex()}
        fields |= {"packet_bytes": total, "prologue": head.hex()}
        yield good("INIT", f"pattern {pattern}", covered + check, fields)
    plain = bytearray(covered + check)

    def changed(at, byte):
        return bytes(plain[:at]) + bytes([byte]) + bytes(plain[at + 1:])

    yield bad("INIT", "version 2", changed(1, 2), "Version")
    yield bad("INIT", "pattern 0", changed(2, 0), "Pattern")
    yield bad("INIT", "pattern 4", changed(2, 4), "Pattern")
    yield bad("INIT", "reserved byte", changed(3, 1), "Reserved")
    yield bad("INIT", "padding", changed(500, 1), "Padding")
    yield bad("INIT", "message of 95 bytes", changed(9, 95), "Length")
    yield bad("INIT", "message cut short", changed(2, 1)[:9] + b"\x30" + changed(2, 1)[10:], "Padding")
    yield bad("INIT", "message beyond the packet", changed(8, 9), "Length")
    yield bad("INIT", "511 bytes", bytes(plain[:511]), "Length")
    yield bad("INIT", "1201 bytes", bytes(plain) + b"\x00", "Length")
    yield bad("INIT", "channel 0", bytes(plain[:4]) + bytes(4) + bytes(plain[8:]), "Channel")

    for kind, first, least in [("REPLY", 0xC2, 48), ("FINISH", 0xC3, 64)]:
        head = bytes([first]) + name
        fields = {"packet": kind, "channel": channel, "noise": noise.hex()}
        end = bytes(range(0xE0, 0xF0)) if kind == "REPLY" else b""
        fields |= {"check": end.hex()} if end else {}
        yield good(kind, "a message", head + noise + end, fields)
        yield bad(kind, "too short", head + noise[: least - 1] + end, "Length")
        yield bad(kind, "1201 bytes", head + bytes(1196), "Length")
        yield bad(kind, "channel 0", bytes([first]) + bytes(4) + noise + end, "Channel")

    key, init_check = checks[0]
    head = b"\xc4" + name + cookie
    check = mac16(check_key(key), b"cookie" + head + init_check)
    fields = {"packet": "COOKIE", "channel": channel, "cookie": cookie.hex(), "check": check.hex()}
    fields |= {"check_for": key.hex(), "init_check": init_check.hex()}
    yield good("COOKIE", "a cookie", head + check, fields)
    yield bad("COOKIE", "short", (head + check)[:-1], "Length")
    yield bad("COOKIE", "long", head + check + b"\x00", "Length")

    for versions in (b"\x01", bytes(range(1, 9))):
        head = b"\xc5" + name + bytes([len(versions)]) + versions
        check = mac16(check_key(key), b"version" + head + init_check)
        fields = {"packet": "VERSION", "channel": channel, "versions": versions.hex()}
        fields |= {"check": check.hex(), "check_for": key.hex(), "init_check": init_check.hex()}
        yield good("VERSION", f"{len(versions)} versions", head + check, fields)
        yield bad("VERSION", f"{len(versions)} and a byte", head + check + b"\x00", "Length")
    yield bad("VERSION", "none", b"\xc5" + name + b"\x00" + bytes(16), "Length")
    yield bad("VERSION", "9 versions", b"\xc5" + name + b"\x09" + bytes(25), "Length")

    secret = bytes(range(100, 132))
    token = mac16(hashlib.blake2s(b"SST1 reset" + secret).digest(), name)
    fields = {"packet": "LOST", "channel": channel, "token": token.hex(), "secret": secret.hex()}
    yield good("LOST", "a token", b"\xc6" + name + token, fields)
    yield bad("LOST", "short", b"\xc6" + name + token[1:], "Length")
    yield bad("LOST", "long", b"\xc6" + name + token + b"\x00", "Length")


def host_ids():
    section = "Identity"

    def text(key):
        checksum = hashlib.blake2s(b"SST1 identity" + key).digest()[:3]
        return base64.b32encode(key + checksum).decode().lower().rstrip("=")

    sample = bytes((n * 37 + 5) % 256 for n in range(32))
    for key in (bytes(32), b"\xff" * 32, bytes(range(32)), sample):
        yield good(section, key.hex()[:8], key, {"text": text(key)})
    right = text(sample)
    other = "b" if right[20] == "a" else "a"
    for name, wrong, why in [
        ("empty", "", "Length"),
        ("55 characters", right[1:], "Length"),
        ("57 characters", right + "a", "Length"),
        ("upper case", right.upper(), "Character"),
        ("a zero", "0" + right[1:], "Character"),
        ("an umlaut", right[:-1] + "ä", "Character"),
        ("one letter wrong", right[:20] + other + right[21:], "Checksum"),
        ("two letters swapped", right[1] + right[0] + right[2:], "Checksum"),
    ]:
        yield bad(section, name, b"", why) | {"text": wrong}


if __name__ == "__main__":
    write("varints", list(varints()))
    write("frames", [*control(), *acks(), *streams()])
    write("sealed", list(sealed()))
    write("widening", list(widening()))
    write("parameters", list(parameters()))
    write("negotiation", list(negotiation()))
    write("host_ids", list(host_ids()))
