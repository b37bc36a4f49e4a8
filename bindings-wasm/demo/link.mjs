// A link as slow as in the world outside: so many bytes a second, some packets lost.

const STEP = 5;
/** What a link that was idle may send at once, in milliseconds of its rate. */
const BURST = 20;

/** What every link of this tab is like. May be changed at any time. */
export const conditions = { megabits: 3, loss: 0.01 };

/** `carrier`, slowed down to the conditions. */
export function slow(carrier) {
  let room = 0;
  let refilled = performance.now();
  let events = null;
  const refill = () => {
    const now = performance.now();
    const bytesPerMs = conditions.megabits * 125;
    room = Math.min(room + (now - refilled) * bytesPerMs, BURST * bytesPerMs);
    refilled = now;
    if (room > 0) events?.room();
  };
  const timer = setInterval(refill, STEP);
  return {
    maxPacketBytes: carrier.maxPacketBytes,
    start(listener) {
      events = listener;
      carrier.start(listener);
    },
    hasRoom: () => room > 0 && carrier.hasRoom(),
    send(packet) {
      room -= packet.length;
      if (Math.random() >= conditions.loss) carrier.send(packet);
    },
    close() {
      clearInterval(timer);
      carrier.close();
    },
  };
}
