// A carrier that loses, repeats and reorders, by a seed.

/** Numbers from 0 to 1 that come again with the same seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `carrier`, with the given shares of packets lost, sent twice, and held back a little. */
export function lossy(carrier, { seed = 1, loss = 0.1, twice = 0.02, late = 0.1 } = {}) {
  const next = random(seed);
  const send = (packet) => carrier.send(packet);
  return {
    ...carrier,
    send(packet) {
      if (next() < loss) return;
      const copy = packet.slice();
      if (next() < late) setTimeout(() => send(copy), next() * 20);
      else send(copy);
      if (next() < twice) send(copy);
    },
  };
}
