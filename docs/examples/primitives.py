"""The primitives of SST version 1 in plain Python, for worked examples. Slow; never for real use.

Sources: X25519 is RFC 7748, ChaCha20-Poly1305 is RFC 8439, BLAKE2s is RFC 7693 (from hashlib),
HKDF and the handshake are the Noise Protocol Framework, revision 34. `self_test` runs the RFCs'
own vectors. The Noise cipher, DH and hash are fixed: 25519, ChaChaPoly, BLAKE2s.
"""

import hashlib
import hmac as hmac_module

P = 2**255 - 19
BASE_POINT = (9).to_bytes(32, "little")


def hash32(*parts):
    """BLAKE2s-256 of the parts, one after the other."""
    return hashlib.blake2s(b"".join(parts)).digest()


def mac16(key, *parts):
    """Keyed BLAKE2s with a 16-byte output (RFC 7693 section 2.9); this is not HMAC."""
    return hashlib.blake2s(b"".join(parts), key=key, digest_size=16).digest()


def hmac32(key, data):
    """HMAC-BLAKE2s-256 (RFC 2104; block length 64)."""
    return hmac_module.new(key, data, hashlib.blake2s).digest()


def hkdf(chaining_key, material, count):
    """The first `count` (1 to 3) outputs of Noise's HKDF."""
    extracted = hmac32(chaining_key, material)
    outputs, last = [], b""
    for number in range(1, count + 1):
        last = hmac32(extracted, last + bytes([number]))
        outputs.append(last)
    return outputs


def expand_label(secret, label, context=b""):
    """PROTOCOL.md section 6.2: a key for one purpose."""
    return hkdf(secret, label + b"\x00" + context, 1)[0]


def x25519(scalar, point):
    """The X25519 function, by the Montgomery ladder."""
    k = int.from_bytes(scalar, "little")
    k = k & ~7 & ((1 << 255) - 1) | (1 << 254)
    x1 = int.from_bytes(point, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for bit in range(254, -1, -1):
        now = k >> bit & 1
        if now != swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swap = now
        a, b, c, d = (x2 + z2) % P, (x2 - z2) % P, (x3 + z3) % P, (x3 - z3) % P
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        e = (aa - bb) % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public_key(secret):
    return x25519(secret, BASE_POINT)


def agree(secret, public):
    """X25519 that refuses an all-zero result, as PROTOCOL.md section 5.3 demands."""
    shared = x25519(secret, public)
    if shared == bytes(32):
        raise ValueError("public key of low order")
    return shared


def chacha20_block(key, counter, nonce):
    words = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
    for data in (key, counter.to_bytes(4, "little") + nonce):
        words += [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
    w = list(words)
    mask = 0xFFFFFFFF

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            w[x] = w[x] + w[y] & mask
            mixed = w[z] ^ w[x]
            w[z] = (mixed << turn | mixed >> 32 - turn) & mask

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        quarter(0, 5, 10, 15), quarter(1, 6, 11, 12), quarter(2, 7, 8, 13), quarter(3, 4, 9, 14)
    return b"".join((a + b & mask).to_bytes(4, "little") for a, b in zip(w, words))


def chacha20(key, nonce, data):
    out = bytearray()
    for index in range(0, len(data), 64):
        stream = chacha20_block(key, 1 + index // 64, nonce)
        out += bytes(a ^ b for a, b in zip(data[index : index + 64], stream))
    return bytes(out)


def poly1305(key, associated, sealed):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    s = int.from_bytes(key[16:], "little")
    data = b"".join(part + bytes(-len(part) % 16) for part in (associated, sealed))
    data += len(associated).to_bytes(8, "little") + len(sealed).to_bytes(8, "little")
    total = 0
    for index in range(0, len(data), 16):
        total = (total + int.from_bytes(data[index : index + 16] + b"\1", "little")) * r
        total %= 2**130 - 5
    return (total + s & (1 << 128) - 1).to_bytes(16, "little")


def seal(key, nonce, associated, text):
    """ChaCha20-Poly1305: the ciphertext with its 16-byte tag behind it."""
    sealed = chacha20(key, nonce, text)
    return sealed + poly1305(chacha20_block(key, 0, nonce)[:32], associated, sealed)


def open_sealed(key, nonce, associated, sealed):
    text, tag = sealed[:-16], sealed[-16:]
    if poly1305(chacha20_block(key, 0, nonce)[:32], associated, text) != tag:
        raise ValueError("wrong tag")
    return chacha20(key, nonce, text)


PATTERNS = {
    "XK": (["<s"], [["e", "es"], ["e", "ee"], ["s", "se"]]),
    "XX": ([], [["e"], ["e", "ee", "s", "es"], ["s", "se"]]),
    "IK": (["<s"], [["e", "es", "s", "ss"], ["e", "ee", "se"]]),
}


class Noise:
    """One side of a Noise handshake with fixed keys."""

    def __init__(self, pattern, initiator, prologue, static, ephemeral, peer_static=None):
        before, self.messages = PATTERNS[pattern]
        name = f"Noise_{pattern}_25519_ChaChaPoly_BLAKE2s".encode()
        self.h = name.ljust(32, b"\0") if len(name) <= 32 else hash32(name)
        self.ck, self.k, self.n = self.h, None, 0
        self.initiator, self.s, self.e = initiator, static, ephemeral
        self.rs, self.re = peer_static, None
        self.mix_hash(prologue)
        if before:
            self.mix_hash(peer_static if initiator else public_key(static))

    def mix_hash(self, data):
        self.h = hash32(self.h, data)

    def mix_key(self, material):
        self.ck, self.k = hkdf(self.ck, material, 2)
        self.n = 0

    def nonce(self):
        self.n += 1
        return bytes(4) + (self.n - 1).to_bytes(8, "little")

    def seal_and_hash(self, text):
        out = text if self.k is None else seal(self.k, self.nonce(), self.h, text)
        self.mix_hash(out)
        return out

    def open_and_hash(self, sealed):
        out = sealed if self.k is None else open_sealed(self.k, self.nonce(), self.h, sealed)
        self.mix_hash(sealed)
        return out

    def mix_dh(self, token):
        """`es` is the initiator's ephemeral with the responder's static key, and so on."""
        mine, theirs = token if self.initiator else token[::-1]
        secret = self.e if mine == "e" else self.s
        self.mix_key(agree(secret, self.re if theirs == "e" else self.rs))

    def write(self, payload):
        out = b""
        for token in self._next():
            if token == "e":
                own = public_key(self.e)
                self.mix_hash(own)
                out += own
            elif token == "s":
                out += self.seal_and_hash(public_key(self.s))
            else:
                self.mix_dh(token)
        return out + self.seal_and_hash(payload)

    def read(self, message):
        for token in self._next():
            if token == "e":
                self.re, message = message[:32], message[32:]
                self.mix_hash(self.re)
            elif token == "s":
                length = 32 if self.k is None else 48
                self.rs, message = self.open_and_hash(message[:length]), message[length:]
            else:
                self.mix_dh(token)
        return self.open_and_hash(message)

    def _next(self):
        tokens, self.messages = self.messages[0], self.messages[1:]
        return tokens

    def side_key(self, label):
        """A key for a purpose of its own, of those who know all that was agreed on so far."""
        return hmac32(self.ck, label + self.h)

    def split(self):
        """(initiator to responder, responder to initiator)."""
        return hkdf(self.ck, b"", 2)


def self_test():
    """The RFCs' own examples."""
    scalar = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    result = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    assert x25519(scalar, point).hex() == result, "RFC 7748 section 5.2"
    key, nonce = bytes(range(0x80, 0xA0)), bytes.fromhex("070000004041424344454647")
    text = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        b"future, sunscreen would be it."
    )
    sealed = seal(key, nonce, bytes.fromhex("50515253c0c1c2c3c4c5c6c7"), text)
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691", "RFC 8439 section 2.8.2"
    expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
    assert hash32(b"abc").hex() == expected, "RFC 7693 appendix B"
