// The service `files` of docs/FILES.md, as a client: an application of SST like any other. A
// directory that was listed is a stream that stays open; each thing in it is a substream of that.

import { blake3 } from '@noble/hashes/blake3.js';
import { CODE_SERVICE_UNKNOWN, SstError, type SstSession, type SstStream } from '@sst-transport/sst';

const LIST = 1;
const GET = 2;
const YES = 0;
const HASH_BYTES = 32;
/** No record of this service is longer. */
const MAX_RECORD_BYTES = 4_160;
/** How much is taken from the stream at a time. */
const CHUNK_BYTES = 65_536;

/** One thing in a directory. */
export interface Entry {
  /** From the shared directory down, the parts separated by `/`. */
  path: string;
  name: string;
  isDirectory: boolean;
  /** In bytes; 0 for a directory. */
  size: number;
}

/** A directory, and the stream below which its files and directories are asked for. */
export interface Directory {
  stream: SstStream;
  entries: Entry[];
}

/** What came of getting a file: its contents have the hash that the host sent. */
export interface Got {
  bytes: Uint8Array;
  /** BLAKE3, in hexadecimal. */
  hash: string;
}

/** The host refused, or did not keep to the protocol. */
export class FilesError extends Error {
  override readonly name = 'FilesError';
}

const REFUSALS: Record<number, string> = {
  1: 'the host does not allow this path',
  4: 'the host could not read it',
  5: 'there is no such thing',
  7: 'it is not what it was taken for',
};

/** Lists the shared directory itself. */
export async function listRoot(session: SstSession): Promise<Directory> {
  const stream = await session.openService('files', '1');
  try {
    return await list(stream, '');
  } catch (thrown) {
    if (thrown instanceof SstError && thrown.streamErrorCode === CODE_SERVICE_UNKNOWN) {
      throw new FilesError('the host shares no files: it offers no service “files”');
    }
    throw thrown;
  }
}

/** Lists a directory that `parent` has. */
export async function listBelow(parent: Directory, path: string): Promise<Directory> {
  return list(await parent.stream.createSubstream(), path);
}

async function list(stream: SstStream, path: string): Promise<Directory> {
  await stream.writeRecord(request(LIST, path));
  const answer = await answerOf(stream);
  if (String.fromCharCode(answer.getUint8(1)) !== 'd') {
    throw new FilesError('the host shares a single file, not a directory');
  }
  const entries: Entry[] = [];
  for (;;) {
    const record = await stream.readRecord({ maxBytes: MAX_RECORD_BYTES });
    if (record === null) throw new FilesError('the listing broke off');
    if (record.length === 0) return { stream, entries };
    entries.push(parseEntry(record, path));
  }
}

function parseEntry(record: Uint8Array, directory: string): Entry {
  if (record.length < 10) throw new FilesError('a listing with too short a line');
  const kind = String.fromCharCode(record[0]!);
  const name = new TextDecoder('utf-8', { fatal: true }).decode(record.subarray(9));
  // A host must not choose what a path on this side means.
  if (name === '.' || name === '..' || /[/\\\u0000-\u001f\u007f]/.test(name)) {
    throw new FilesError('a listing with a name that is not allowed');
  }
  const size = u64(new DataView(record.buffer, record.byteOffset), 1);
  const path = directory === '' ? name : `${directory}/${name}`;
  return { path, name, isDirectory: kind === 'd', size };
}

/** A file on its way: it can be made more or less urgent. */
export class Getting {
  readonly done: Promise<Got>;
  #stream: SstStream | null = null;
  #order: number;

  /** `progress` hears how many bytes there are, each time some have come. */
  constructor(parent: Directory, entry: Entry, order: number, progress: (bytes: number) => void) {
    this.#order = order;
    this.done = this.#get(parent, entry, progress);
  }

  /** Asks the host to send this file with another priority, from -128 to 127. */
  setOrder(order: number): void {
    this.#order = order;
    this.#stream?.requestSendOrder(order);
  }

  async #get(parent: Directory, entry: Entry, progress: (bytes: number) => void): Promise<Got> {
    const stream = await parent.stream.createSubstream({ sendOrder: this.#order });
    this.#stream = stream;
    // Nothing is here already: no bytes, and the hash of none.
    const have = new Uint8Array(8 + HASH_BYTES);
    have.set(blake3(new Uint8Array()), 8);
    await stream.writeRecord(request(GET, entry.path, have));
    const finished = stream.finish();
    const answer = await answerOf(stream);
    stream.requestSendOrder(this.#order);
    const size = u64(answer, 1);
    const bytes = new Uint8Array(size);
    const hasher = blake3.create();
    let filled = 0;
    while (filled < size) {
      const chunk = await stream.read(Math.min(CHUNK_BYTES, size - filled));
      if (chunk === null) throw new FilesError(`the file broke off after ${filled} bytes`);
      bytes.set(chunk, filled);
      hasher.update(chunk);
      filled += chunk.length;
      progress(filled);
    }
    const sent = await stream.readRecord({ maxBytes: MAX_RECORD_BYTES });
    const hash = hex(hasher.digest());
    if (sent === null || hex(sent) !== hash) {
      throw new FilesError('the contents do not have the hash that the host sent');
    }
    await finished;
    stream.release();
    return { bytes, hash };
  }
}

function request(kind: number, path: string, rest = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(path);
  const record = new Uint8Array(1 + rest.length + text.length);
  record[0] = kind;
  record.set(rest, 1);
  record.set(text, 1 + rest.length);
  return record;
}

/** The first record of an answer, if it says yes. */
async function answerOf(stream: SstStream): Promise<DataView> {
  const record = await stream.readRecord({ maxBytes: MAX_RECORD_BYTES });
  if (record === null || record.length === 0) throw new FilesError('no answer');
  const status = record[0]!;
  if (status !== YES) {
    const words = new TextDecoder().decode(record.subarray(1));
    const why = REFUSALS[status] ?? `the host refused with status ${status}`;
    throw new FilesError(words === '' ? why : `${why}: ${words}`);
  }
  if (record.length < 10) throw new FilesError('too short an answer');
  return new DataView(record.buffer, record.byteOffset, record.length);
}

/** 64 bits, big-endian. A page cannot hold more than a number can say. */
function u64(view: DataView, at: number): number {
  const value = view.getBigUint64(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FilesError('an impossible size');
  return Number(value);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
