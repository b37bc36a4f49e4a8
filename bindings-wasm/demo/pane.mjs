// A page of pictures: tiles that fill as bytes come, and know whether they are in view.

import { COUNT } from './pictures.mjs';

export class Pane {
  /** Called when what is in view has changed. */
  onview = () => {};
  #grid;
  #ghost;
  #tiles;

  constructor(side) {
    this.element = document.querySelector(`[data-side="${side}"] .pane`);
    this.#grid = this.element.querySelector('.grid');
    this.#ghost = this.element.querySelector('.ghost');
    this.#tiles = Array.from({ length: COUNT }, (_, number) => {
      const tile = document.createElement('div');
      tile.innerHTML = `<span>${number + 1}</span><i></i>`;
      this.#grid.append(tile);
      return { element: tile, is: 'empty' };
    });
    this.clear();
    this.#grid.addEventListener('scroll', () => this.onview());
    addEventListener('resize', () => this.onview());
  }

  /** Two panes show the same place. */
  static scrollTogether(one, other) {
    for (const [from, to] of [[one, other], [other, one]]) {
      from.#grid.addEventListener('scroll', () => {
        const { scrollTop } = from.#grid;
        if (Math.abs(to.#grid.scrollTop - scrollTop) > 1) to.#grid.scrollTop = scrollTop;
      });
    }
  }

  clear() {
    for (const tile of this.#tiles) {
      tile.element.className = 'tile';
      tile.element.querySelector('img')?.remove();
      tile.element.lastElementChild.style.width = '0';
      tile.is = 'empty';
    }
  }

  /** `view`, `near` (a screen away at most) or `far`. */
  band(number) {
    const { element } = this.#tiles[number];
    const { scrollTop, clientHeight } = this.#grid;
    const [top, bottom] = [element.offsetTop - scrollTop, element.offsetTop + element.offsetHeight - scrollTop];
    if (bottom > 0 && top < clientHeight) return 'view';
    return bottom > -clientHeight && top < 2 * clientHeight ? 'near' : 'far';
  }

  /** From 9 for what comes first in its band to 0: rows come one after the other. */
  rank(number) {
    const { element } = this.#tiles[number];
    const { scrollTop, clientHeight } = this.#grid;
    const screens = (element.offsetTop - scrollTop) / clientHeight;
    const within = screens - Math.floor(screens);
    return 9 - Math.floor(Math.min(0.99, screens < 0 && screens > -0.5 ? 0 : within) * 10);
  }

  /** Marks a tile that is not done. */
  mark(number, name) {
    const tile = this.#tiles[number];
    if (tile.is !== 'done') tile.element.className = `tile ${name}`;
  }

  progress(number, share) {
    this.#tiles[number].element.lastElementChild.style.width = `${share * 100}%`;
  }

  async show(number, parts) {
    const tile = this.#tiles[number];
    tile.is = 'done';
    const image = new Image();
    const url = URL.createObjectURL(new Blob(parts, { type: 'image/jpeg' }));
    image.src = url;
    await image.decode();
    URL.revokeObjectURL(url);
    if (tile.is !== 'done') return;
    tile.element.querySelector('img')?.remove();
    tile.element.prepend(image);
    tile.element.className = 'tile done';
  }

  /** How many of those in view are done, of how many; the first of them. */
  inView() {
    const seen = this.#tiles.filter((_, number) => this.band(number) === 'view');
    const first = this.#tiles.indexOf(seen[0]);
    return { done: seen.filter(({ is }) => is === 'done').length, all: seen.length, first };
  }

  get done() {
    return this.#tiles.filter(({ is }) => is === 'done').length;
  }

  scrollTo(share) {
    const { scrollHeight, clientHeight } = this.#grid;
    this.#grid.scrollTop = share * (scrollHeight - clientHeight);
  }

  /** Where an event of the pointer is, in shares of the pane. */
  place({ clientX, clientY }) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    return { x: (clientX - left) / width, y: (clientY - top) / height };
  }

  showGhost(x, y) {
    const { clientWidth, clientHeight } = this.element;
    this.#ghost.style.display = 'block';
    this.#ghost.style.transform = `translate(${x * clientWidth}px, ${y * clientHeight}px)`;
  }
}
