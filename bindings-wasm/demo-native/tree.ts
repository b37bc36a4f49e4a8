// A whole directory tree: lists it, gets its files so many at a time, and tells what happens.

import type { SstSession } from '@sst-transport/sst';
import { Getting, listBelow, listRoot, type Directory, type Entry, type Got } from './files.js';

/** Files on their way at once: each is a stream, and waits for a round trip. */
const FILES_AT_ONCE = 64;
/** Up to here a file goes before larger ones, as `sst serve` sends it. */
const SMALL_BYTES = 65_536;

/** For what somebody asked for. */
const FIRST_ORDER = 120;
/** What `sst serve` gives small files by itself: above everything that was not asked for. */
const SMALL_ORDER = 8;
/** Pictures come one after the other, so that there is something to see soon. */
const PICTURE_ORDER = 7;
const LAST_PICTURE_ORDER = -100;
const OTHER_ORDER = -110;

/** What a {@link Tree} tells. */
export interface TreeEvents {
  found(file: TreeFile): void;
  changed(file: TreeFile): void;
}

/** A file of the tree. */
export class TreeFile {
  received = 0;
  /** Of a picture, how many are before it. */
  rank = 0;
  isFirst = false;
  got: Got | null = null;
  failure: unknown = null;
  getting: Getting | null = null;

  constructor(readonly entry: Entry, readonly directory: Directory) {}

  get isPicture(): boolean {
    return /\.(png|jpe?g|gif|webp|svg)$/i.test(this.entry.name);
  }

  get isWaiting(): boolean {
    return this.getting === null;
  }

  get isOver(): boolean {
    return this.got !== null || this.failure !== null;
  }

  /** How urgent it is. */
  get order(): number {
    if (this.isFirst) return FIRST_ORDER;
    if (this.entry.size <= SMALL_BYTES) return SMALL_ORDER;
    if (!this.isPicture) return OTHER_ORDER;
    return Math.max(LAST_PICTURE_ORDER, PICTURE_ORDER - this.rank);
  }
}

/** One fetching of everything that the host shares. */
export class Tree {
  readonly files: TreeFile[] = [];
  directories = 0;
  active = 0;
  readonly #events: TreeEvents;

  constructor(events: TreeEvents) {
    this.#events = events;
  }

  get streamsOpen(): number {
    return this.directories + this.active;
  }

  /** Resolves when every file is here, or has failed. */
  async fetch(session: SstSession): Promise<void> {
    const root = await listRoot(session);
    await this.#listAll(root);
    const pictures = this.files.filter((file) => file.isPicture);
    for (const [rank, file] of pictures.entries()) file.rank = rank;
    this.files.sort((a, b) => b.order - a.order);
    const workers = Array.from({ length: FILES_AT_ONCE }, () => this.#work());
    await Promise.all(workers);
    // The directories' streams were open for their files' sake.
    const ends = [...new Set(this.files.map((file) => file.directory.stream)), root.stream];
    for (const stream of ends) void stream.finish().catch(() => {});
    this.directories = 0;
  }

  /** Gets a file before all others. */
  first(file: TreeFile): void {
    if (file.isOver) return;
    file.isFirst = true;
    file.getting?.setOrder(file.order);
    this.#events.changed(file);
  }

  async #listAll(root: Directory): Promise<void> {
    const waiting = [root];
    for (let directory = waiting.shift(); directory; directory = waiting.shift()) {
      this.directories += 1;
      for (const entry of directory.entries.filter((one) => !one.isDirectory)) {
        const file = new TreeFile(entry, directory);
        this.files.push(file);
        this.#events.found(file);
      }
      const below = directory.entries.filter((one) => one.isDirectory);
      const here = directory;
      waiting.push(...await Promise.all(below.map((one) => listBelow(here, one.path))));
    }
  }

  /** Gets one file after the other, the most urgent that waits. */
  async #work(): Promise<void> {
    for (;;) {
      const waiting = this.files.filter((file) => file.isWaiting);
      const file = waiting.find((one) => one.isFirst) ?? waiting[0];
      if (!file) return;
      this.active += 1;
      file.getting = new Getting(file.directory, file.entry, file.order, (received) => {
        file.received = received;
        this.#events.changed(file);
      });
      this.#events.changed(file);
      try {
        file.got = await file.getting.done;
      } catch (thrown) {
        file.failure = thrown;
      }
      this.active -= 1;
      this.#events.changed(file);
    }
  }
}
