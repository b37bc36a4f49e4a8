// The other way: one ordered stream for everything, as over a WebSocket. Pictures come in the order
// asked for; what else is said goes between their parts, but behind what is under way already.

import { COUNT } from './pictures.mjs';
import { pack } from './talk.mjs';

export async function fetchInOrder(session, pane, figures) {
  const stream = await session.createSubstream();
  /** A reload does not unsend what was asked for: what still comes for it is thrown away. */
  let [round, ends] = [0, 0];
  const way = {
    onPing() {},
    onText() {},
    onPointer() {},
    // What fails here fails because the session is over, and that is told elsewhere.
    say: (message) => stream.writeRecord(pack(message)).catch(() => {}),
    point: (_, message) => stream.writeRecord(pack(message)).catch(() => {}),
    load() {
      round += 1;
      pane.clear();
      figures.opened(1 - figures.streams);
      for (let number = 0; number < COUNT; number += 1) {
        pane.mark(number, 'asked');
        stream.writeRecord(pack({ picture: number })).catch(() => {});
      }
    },
  };

  async function receive() {
    let picture = null;
    for (let record = await stream.readRecord(); record; record = await stream.readRecord()) {
      // A JSON text begins with a brace; a part of a JPEG may, too, but then it does not parse.
      const message = record[0] === 0x7b && record.length < 300 ? parsed(record) : null;
      if (message?.picture !== undefined) {
        picture = { number: message.picture, length: message.length, got: 0, parts: [] };
      } else if (message?.pointer) {
        way.onPointer(message.pointer);
      } else if (message?.ping !== undefined) {
        figures.lost = message.lost;
        way.onPing(message.ping);
      } else if (picture) {
        picture.parts.push(record);
        picture.got += record.length;
        figures.came(record.length, pane.band(picture.number));
        if (ends === round - 1) pane.progress(picture.number, picture.got / picture.length);
        if (picture.got < picture.length) continue;
        if (ends === round - 1) pane.show(picture.number, picture.parts).catch(() => {});
        if (picture.number === COUNT - 1) ends += 1;
        picture = null;
      }
    }
  }
  receive().catch(() => {});
  return way;
}

function parsed(record) {
  try {
    return JSON.parse(new TextDecoder().decode(record));
  } catch {
    return null;
  }
}

