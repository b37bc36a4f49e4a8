// What is on the page: the path of the packets, the figures, and a card for each file.

import type { SstSessionStats } from '@sst-transport/sst';
import type { Tree, TreeFile } from './tree.js';

/** How a node of the path is. */
export type Mood = '' | 'busy' | 'good' | 'bad';

/** More text than fits a card is not decoded. */
const PREVIEW_BYTES = 600;

const PICTURES: Record<string, string> = {
  gif: 'image/gif', jpeg: 'image/jpeg', jpg: 'image/jpeg', png: 'image/png', svg: 'image/svg+xml',
  webp: 'image/webp',
};

/** The element with this id. */
export function at<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

/** Says in a sentence what is going on. */
export function tell(words: string): void {
  at('state').textContent = words;
}

/** Shows how the parts of the path are, and what the host's badge says. */
export function showPath(page: Mood, gateway: Mood, host: Mood, badge: string): void {
  at('node-page').className = `node ${page}`;
  at('node-gateway').className = `node ${gateway}`;
  at('node-host').className = `node ${host}`;
  at('badge').textContent = badge;
  at('wire-page').classList.toggle('broken', gateway === 'bad');
  at('wire-host').classList.toggle('broken', host === 'bad');
}

/** Moves the wires while packets flow. */
export function showFlow(flows: boolean): void {
  at('wire-page').classList.toggle('flows', flows);
  at('wire-host').classList.toggle('flows', flows);
}

/** Says what went wrong, and what to do. */
export function showTrouble(title: string, words: string, help: string): void {
  at('trouble-title').textContent = title;
  at('trouble-words').textContent = words;
  at('trouble-help').textContent = help;
  at('trouble').hidden = false;
}

/** What the figures are made of. */
export interface Figures {
  readyMilliseconds: number | null;
  stats: SstSessionStats | null;
  megabitsNow: number;
  megabitsAverage: number;
  paths: number;
  tree: Tree | null;
}

export function showFigures(figures: Figures): void {
  const { readyMilliseconds, stats, tree } = figures;
  at('fig-ready').textContent = readyMilliseconds === null ? '–' : `${Math.round(readyMilliseconds)} ms`;
  at('fig-rtt').textContent = stats ? `${stats.smoothedRtt.toFixed(1)} ms` : '–';
  at('fig-rate').textContent = figures.megabitsNow.toFixed(1);
  at('fig-average').textContent = figures.megabitsAverage > 0
    ? `${figures.megabitsAverage.toFixed(1)} on average` : 'contents received';
  const files = tree?.files ?? [];
  const whole = files.filter((file) => file.got);
  const bytes = files.reduce((sum, file) => sum + file.received, 0);
  const wanted = files.reduce((sum, file) => sum + file.entry.size, 0);
  at('fig-files').textContent = `${whole.length} / ${files.length}`;
  at('fig-bytes').textContent = `${sizeText(bytes)} of ${sizeText(wanted)}`;
  at('fig-streams').textContent = `${tree?.streamsOpen ?? 0}`;
  at('fig-lost').textContent = stats ? `${stats.lostPackets}` : '–';
  const paths = figures.paths === 1 ? 'one connection' : `${figures.paths} connections`;
  at('fig-paths').textContent = stats ? `of ${stats.sentPackets} sent, ${paths}` : 'sent by this page';
}

/** The cards of the files, in the folders they are in. */
export class Cards {
  readonly #cards = new Map<TreeFile, Card>();
  readonly #grids = new Map<string, HTMLElement>();
  readonly #onFirst: (file: TreeFile) => void;

  constructor(onFirst: (file: TreeFile) => void) {
    this.#onFirst = onFirst;
    at('files').replaceChildren();
  }

  add(file: TreeFile): void {
    const card = new Card(file, () => this.#onFirst(file));
    this.#cards.set(file, card);
    this.#grid(file.entry.path.slice(0, -file.entry.name.length)).append(card.element);
  }

  update(file: TreeFile): void {
    this.#cards.get(file)?.update();
  }

  #grid(folder: string): HTMLElement {
    let grid = this.#grids.get(folder);
    if (!grid) {
      const heading = make('h2', 'folder', folder === '' ? 'shared directory' : folder);
      grid = make('div', 'grid');
      at('files').append(heading, grid);
      this.#grids.set(folder, grid);
    }
    return grid;
  }
}

class Card {
  readonly element: HTMLElement;
  readonly #file: TreeFile;
  readonly #preview: HTMLElement;
  readonly #fill = make('i');
  readonly #state = make('em');
  #isPreviewed = false;

  constructor(file: TreeFile, onFirst: () => void) {
    this.#file = file;
    const { name, size } = file.entry;
    const kind = name.includes('.') ? name.slice(name.lastIndexOf('.')) : 'file';
    this.#preview = make('div', 'preview');
    this.#preview.append(make('span', 'kind', kind));
    const bar = make('div', 'bar');
    bar.append(this.#fill);
    const facts = make('div', 'facts');
    facts.append(make('b', '', name), make('span', '', `${sizeText(size)} · `), this.#state);
    this.element = make('button', 'file');
    this.element.title = file.entry.path;
    this.element.append(this.#preview, bar, facts);
    this.element.addEventListener('click', onFirst);
    this.update();
  }

  update(): void {
    const { received, entry, got, failure, isFirst } = this.#file;
    const share = entry.size === 0 ? 0 : received / entry.size;
    this.#fill.style.width = `${got ? 100 : Math.round(share * 100)}%`;
    this.element.classList.toggle('whole', got !== null);
    this.element.classList.toggle('failed', failure !== null);
    this.element.classList.toggle('first', isFirst && got === null);
    this.#state.textContent = got ? `✓ ${got.hash.slice(0, 8)}`
      : failure ? `failed: ${failure instanceof Error ? failure.message : failure}`
        : this.#file.isWaiting ? 'waits' : `${Math.round(share * 100)} %${isFirst ? ', first' : ''}`;
    if (got && !this.#isPreviewed) this.#show(got.bytes);
  }

  #show(bytes: Uint8Array): void {
    this.#isPreviewed = true;
    const ending = this.#file.entry.name.split('.').pop()?.toLowerCase() ?? '';
    const type = PICTURES[ending];
    if (type) {
      const image = document.createElement('img');
      image.alt = this.#file.entry.name;
      // An image cannot run what an SVG may contain.
      image.src = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }));
      image.addEventListener('load', () => URL.revokeObjectURL(image.src), { once: true });
      this.#preview.replaceChildren(image);
      return;
    }
    const beginning = bytes.subarray(0, PREVIEW_BYTES);
    if (beginning.length > 0 && !beginning.includes(0)) {
      const text = new TextDecoder().decode(beginning);
      if (!text.slice(0, -1).includes('\ufffd')) {
        this.#preview.replaceChildren(make('pre', '', text));
      }
    }
  }
}

function make(tag: string, className = '', text = ''): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** A number of bytes for people. */
export function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
