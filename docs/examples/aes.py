"""AES-256-GCM in plain Python (FIPS 197, NIST SP 800-38D), for worked examples of suite 2. Slow, and
its time depends on secrets; never for real use."""


def _times(a, b):
    """The product in GF(2^8)."""
    product = 0
    while b:
        product ^= a * (b & 1)
        a, b = a << 1 ^ 0x11B * (a >> 7), b >> 1
    return product


def _substitute(byte):
    inverse = next((x for x in range(1, 256) if _times(byte, x) == 1), 0)
    turned = inverse * 0x101
    return (inverse ^ turned >> 7 ^ turned >> 6 ^ turned >> 5 ^ turned >> 4) & 0xFF ^ 0x63


SBOX = [_substitute(byte) for byte in range(256)]


def _round_keys(key):
    words = [list(key[at : at + 4]) for at in range(0, 32, 4)]
    constant = 1
    for index in range(8, 60):
        word = list(words[-1])
        if index % 8 == 0:
            word = [SBOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = _times(constant, 2)
        elif index % 8 == 4:
            word = [SBOX[byte] for byte in word]
        words.append([a ^ b for a, b in zip(word, words[-8])])
    return [sum(words[at : at + 4], []) for at in range(0, 60, 4)]


def _encrypt(keys, block):
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        state = [SBOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]
        if number < 14:
            columns = [state[at : at + 4] for at in range(0, 16, 4)]
            state = [_times(c[row], 2) ^ _times(c[(row + 1) % 4], 3) ^ c[(row + 2) % 4]
                     ^ c[(row + 3) % 4] for c in columns for row in range(4)]
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


def _ghash(subkey, *parts):
    total = 0
    data = b"".join(part + bytes(-len(part) % 16) for part in parts)
    data += b"".join((8 * len(part)).to_bytes(8, "big") for part in parts)
    for at in range(0, len(data), 16):
        total ^= int.from_bytes(data[at : at + 16], "big")
        product, other = 0, subkey
        for bit in range(127, -1, -1):
            product ^= other * (total >> bit & 1)
            other = other >> 1 ^ 0xE1 << 120 if other & 1 else other >> 1
        total = product
    return total.to_bytes(16, "big")


def seal(key, nonce, associated, text):
    """The ciphertext with its 16-byte tag behind it."""
    keys = _round_keys(key)

    def block(counter):
        return _encrypt(keys, nonce + counter.to_bytes(4, "big"))

    stream = b"".join(block(2 + index) for index in range((len(text) + 15) // 16))
    sealed = bytes(a ^ b for a, b in zip(text, stream))
    subkey = int.from_bytes(_encrypt(keys, bytes(16)), "big")
    tag = bytes(a ^ b for a, b in zip(_ghash(subkey, associated, sealed), block(1)))
    return sealed + tag


def self_test():
    key = bytes(range(32))
    found = _encrypt(_round_keys(key), bytes.fromhex("00112233445566778899aabbccddeeff"))
    assert found.hex() == "8ea2b7ca516745bfeafc49904b496089", "FIPS 197, appendix C.3"
    empty = seal(bytes(32), bytes(12), b"", b"")
    assert empty.hex() == "530f8afbc74536b9a963b4f1c4cb738b", "GCM specification, test case 13"
    zeros = seal(bytes(32), bytes(12), b"", bytes(16))
    assert zeros.hex() == ("cea7403d4d606b6e074ec5d3baf39d18"
                           "d0d1c8a799996bf0265b98b5d48ab919"), "test case 14"
