// The SST way: a substream for each picture, all asked for at once. What is in view is urgent, and
// the receiver says so while the bytes are on their way.

import { COUNT } from './pictures.mjs';
import { BANDS, TALK, next, pack, unpack } from './talk.mjs';

export async function fetchAsTree(session, pane, figures) {
  /** Pictures under way. */
  const streams = new Map();
  // Datagrams of the session go with the urgency of its root.
  session.sendOrder = TALK;
  const chat = await session.createSubstream({ sendOrder: TALK });
  chat.requestSendOrder(TALK);
  const way = {
    onPing() {},
    onText() {},
    onPointer() {},
    // What fails here fails because the session is over, and that is told elsewhere.
    say: (message) => chat.writeRecord(pack(message)).catch(() => {}),
    point: (bytes) => session.sendDatagram(bytes, { lifetime: 200 }).catch(() => {}),
    load() {
      for (const stream of streams.values()) stream.release();
      streams.clear();
      pane.clear();
      for (let number = 0; number < COUNT; number += 1) fetchPicture(number).catch(() => {});
    },
  };

  const urge = () => {
    for (const [number, stream] of streams) {
      urgeOne(number, stream);
    }
  };
  pane.onview = urge;

  /** Asks the album to send a picture as urgently as it is wanted now. */
  function urgeOne(number, stream) {
    stream.band = pane.band(number);
    pane.mark(number, stream.band);
    const order = BANDS[stream.band] + pane.rank(number);
    if (stream.asked !== order) stream.requestSendOrder(order);
    stream.asked = order;
  }

  async function fetchPicture(number) {
    const stream = await session.createSubstream();
    streams.set(number, stream);
    urgeOne(number, stream);
    figures.opened(1);
    try {
      await stream.writeRecord(pack({ picture: number, order: stream.asked }));
      const finished = stream.finish();
      const parts = [];
      let length = 0;
      for await (const part of stream.readable) {
        parts.push(part);
        length += part.length;
        figures.came(part.length, stream.band);
        pane.progress(number, Math.min(1, length / 60_000));
      }
      await finished;
      await pane.show(number, parts);
    } finally {
      figures.opened(-1);
      if (streams.get(number) === stream) streams.delete(number);
    }
  }

  const listen = async () => {
    for (let message = await next(chat); message; message = await next(chat)) {
      if (message.ping !== undefined) {
        figures.lost = message.lost;
        way.onPing(message.ping);
      }
      if (message.text && message.ping === undefined) way.onText(message.text);
    }
  };
  listen().catch(() => {});
  const watch = async () => {
    for (;;) way.onPointer(unpack(await session.recvDatagram()).pointer);
  };
  watch().catch(() => {});
  return way;
}
