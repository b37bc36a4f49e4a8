// Small things both tabs need: texts as bytes, lines of a conversation.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A tab that was killed says nothing: its peer soon notices. In milliseconds. */
export const PATIENCE = { idleTimeout: 10_000, keepAlive: 3_000 };

/** Says goodbye when the tab is closed. */
export function leaveWithTab(session) {
  addEventListener('pagehide', () => session.abort({ reason: 'the tab was closed' }));
}

/** A value as the bytes of a record, and back. */
export const pack = (value) => encoder.encode(JSON.stringify(value));
export const unpack = (record) => JSON.parse(decoder.decode(record));

/** The next that comes on a stream of records, unpacked; `null` at the end. */
export async function next(stream) {
  const record = await stream.readRecord();
  return record && unpack(record);
}

/** Adds a line to a conversation; returns where notes to it go. */
export function addLine(list, who, text) {
  const line = document.createElement('li');
  const words = document.createElement('span');
  words.textContent = `${who}: ${text}`;
  line.append(words);
  list.append(line);
  list.scrollTop = list.scrollHeight;
  return line;
}

/** How urgent a picture is: in view, soon in view, far away. */
export const BANDS = { view: 50, near: 10, far: -50 };
/** Sessions and chats go before every picture: they carry little, and soon. */
export const TALK = 100;

export const bandOf = (order) => (order >= BANDS.view ? 'view' : order >= BANDS.near ? 'near' : 'far');
