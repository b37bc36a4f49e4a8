// The tab that has the pictures. It answers two sessions of the viewer, over links equally slow: one
// asks for each picture on a substream, the other for all of them on one stream.

import { SstSession, dataChannelCarrier } from '/sst/index.js';
import { conditions, slow } from './link.mjs';
import { COUNT, paint } from './pictures.mjs';
import { PATIENCE, TALK, addLine, bandOf, leaveWithTab, next, pack } from './talk.mjs';

const $ = (name) => document.getElementById(name);
/** Written to the ordered stream at a time. */
const CHUNK = 16_384;
/** Not more of the ordered stream is under way, as a careful program has it: it goes no slower. */
const UNDER_WAY = 131_072;
/** How often the shelf shows what is going on, in milliseconds. */
const LOOK = 150;

/** Paints, then answers. `met` is told who the viewer is. */
export async function becomeAlbum(identity, met) {
  const pictures = [];
  for (let number = 0; number < COUNT; number += 1) {
    pictures.push(await paint(number));
    $('painted').textContent = pictures.length;
  }
  const shelf = makeShelf(pictures);
  return {
    async answer(channel, peerId) {
      const carrier = slow(dataChannelCarrier(channel));
      const session = await SstSession.accept(carrier, { identity, allow: [peerId], ...PATIENCE });
      leaveWithTab(session);
      met(session.peerId);
      if (channel.label === 'tree') serveTree(session, pictures, shelf);
      else serveLine(session, pictures);
    },
  };
}

/** Every substream is a picture, or the chat; its first record says which. */
async function serveTree(session, pictures, shelf) {
  session.sendOrder = TALK;
  echoPointers(session).catch(() => {});
  for await (const stream of session.incomingSubstreams) {
    serveStream(session, stream, pictures, shelf).catch(() => stream.release());
  }
}

async function serveStream(session, stream, pictures, shelf) {
  const order = await next(stream);
  if (order?.picture === undefined) {
    stream.sendOrder = TALK;
    await serveChat(session, stream);
    return;
  }
  // What is more urgent by now, the viewer says while the bytes are on their way.
  stream.sendOrder = order.order;
  const bytes = pictures[order.picture];
  const shown = shelf.begin(order.picture, stream, bytes.length);
  try {
    await stream.write(bytes);
    await stream.finish();
  } finally {
    shown.end();
  }
}

async function serveChat(session, stream) {
  const say = (message) => stream.writeRecord(pack(message)).catch(() => {});
  $('album-chat').onsubmit = (event) => {
    event.preventDefault();
    const { text } = event.target.elements;
    if (text.value) {
      addLine($('album-talk'), 'you', text.value);
      say({ text: text.value });
    }
    text.value = '';
  };
  for (let message = await next(stream); message; message = await next(stream)) {
    if (message.conditions) Object.assign(conditions, message.conditions);
    if (message.text) addLine($('album-talk'), 'viewer', message.text);
    if (message.ping !== undefined) say({ ping: message.ping, lost: await lost(session) });
  }
}

/** Pointers come as datagrams and go back as datagrams: one that is late is worth nothing. */
async function echoPointers(session) {
  for (;;) {
    const pointer = await session.recvDatagram();
    await session.sendDatagram(pointer, { lifetime: 200 });
  }
}

/** One stream for all: pictures in the order asked for, and between them whatever else is asked. */
async function serveLine(session, pictures) {
  const stream = await session.acceptSubstream();
  const asked = [];
  let wake = () => {};
  const listen = async () => {
    for (let message = await next(stream); message; message = await next(stream)) {
      if (message.picture === undefined) asked.unshift({ answer: message });
      else asked.push({ picture: message.picture });
      wake();
    }
  };
  listen().catch(() => {});
  for (;;) {
    while (asked.length === 0) await new Promise((resolve) => { wake = resolve; });
    const { answer, picture } = asked.shift();
    if (answer) {
      await stream.writeRecord(pack({ ...answer, lost: await lost(session) }));
      continue;
    }
    const bytes = pictures[picture];
    await stream.writeRecord(pack({ picture, length: bytes.length }));
    for (let at = 0; at < bytes.length; at += CHUNK) {
      await stream.writeRecord(bytes.subarray(at, at + CHUNK));
      await drained(stream);
      while (asked[0]?.answer) {
        await stream.writeRecord(pack({ ...asked.shift().answer, lost: await lost(session) }));
      }
    }
  }
}

/** The share of this side's packets that was lost. */
async function lost(session) {
  const { lostPackets, sentPackets } = await session.getStats() ?? {};
  return sentPackets ? lostPackets / sentPackets : null;
}

async function drained(stream) {
  for (;;) {
    const { written, acknowledged } = await stream.getStats() ?? { written: 0, acknowledged: 0 };
    if (written - acknowledged < UNDER_WAY) return;
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
}

/** The pictures, with what is being sent of them, and how urgently. */
function makeShelf(pictures) {
  const tiles = pictures.map((bytes) => {
    const tile = document.createElement('div');
    tile.className = 'tile';
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' }));
    tile.append(image, document.createElement('i'));
    $('shelf').append(tile);
    return tile;
  });
  const sending = new Map();
  const look = async () => {
    for (const [number, { stream, length }] of sending) {
      const stats = await stream.getStats().catch(() => null);
      if (!stats || !sending.has(number)) continue;
      const tile = tiles[number];
      tile.className = `tile ${bandOf(stats.sendOrder)}`;
      tile.lastChild.style.width = `${(100 * stats.acknowledged) / length}%`;
    }
  };
  setInterval(look, LOOK);
  return {
    begin(number, stream, length) {
      sending.set(number, { stream, length });
      return {
        end() {
          sending.delete(number);
          tiles[number].className = 'tile done';
        },
      };
    },
  };
}

