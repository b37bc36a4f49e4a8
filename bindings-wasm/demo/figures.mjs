// Figures of both ways, measured here: rates by what the bytes were for, delays, what is in view.

const $ = (name) => document.getElementById(name);
const LOOK = 250;
/** How much of the past the drawing shows, in milliseconds. */
const SPAN = 30_000;
const SIDES = ['tree', 'line'];

class Side {
  streams = 0;
  delay = null;
  pointer = null;
  /** The share of the album's packets that was lost, as it says. */
  lost = null;
  /** Since the last look, by band. */
  bytes = { view: 0, near: 0, far: 0 };
  rate = { view: 0, near: 0, far: 0 };
  /** When everything in view was there, since when it was not. */
  viewSince = 0;
  viewTook = null;
  /** The first picture in view. */
  first = 0;

  came(length, band) {
    this.bytes[band] += length;
  }

  opened(count) {
    this.streams += count;
  }
}

export class Figures {
  #sides = { tree: new Side(), line: new Side() };
  #panes;
  #sessions;
  #delays = [];
  #waiting = { tree: null, line: null };
  #elements = {};

  constructor(panes, sessions) {
    this.#panes = panes;
    this.#sessions = sessions;
    for (const side of SIDES) this.#elements[side] = makeElements(side);
    setInterval(() => this.#look(), LOOK);
  }

  of(side) {
    return this.#sides[side];
  }

  restart() {
    for (const side of Object.values(this.#sides)) {
      side.viewSince = performance.now();
      side.viewTook = null;
    }
  }

  /** A message was sent, and is not back yet. */
  waiting(side, number) {
    this.#waiting[side] ??= { number, at: performance.now() };
  }

  delay(side, milliseconds) {
    this.#sides[side].delay = milliseconds;
    this.#waiting[side] = null;
    this.#delays.push({ side, at: performance.now(), milliseconds });
    while (this.#delays[0]?.at < performance.now() - SPAN) this.#delays.shift();
  }

  pointer(side, milliseconds) {
    this.#sides[side].pointer = milliseconds;
  }

  async #look() {
    for (const name of SIDES) {
      const [side, pane] = [this.#sides[name], this.#panes[name]];
      for (const band of Object.keys(side.bytes)) {
        const now = (side.bytes[band] * 8) / LOOK / 1000;
        side.rate[band] += (now - side.rate[band]) * 0.4;
        side.bytes[band] = 0;
      }
      this.#lookAtView(side, pane);
      const stats = await this.#sessions[name].getStats().catch(() => null);
      show(this.#elements[name], side, pane, stats);
    }
    this.#draw();
  }

  /** Times from when something in view was missing to when nothing is; scrolling begins anew. */
  #lookAtView(side, pane) {
    const { done, all, first } = pane.inView();
    if (first !== side.first && done < all) side.viewSince = null;
    side.first = first;
    if (done === all && side.viewSince !== null) {
      side.viewTook = performance.now() - side.viewSince;
      side.viewSince = null;
    } else if (done < all && side.viewSince === null) {
      side.viewSince = performance.now();
      side.viewTook = null;
    }
  }

  #draw() {
    const canvas = $('delays');
    const context = canvas.getContext('2d');
    const { width, height } = canvas;
    const style = getComputedStyle(document.documentElement);
    const now = performance.now();
    const top = Math.max(200, ...this.#delays.map(({ milliseconds }) => milliseconds)) * 1.1;
    const y = (milliseconds) => height - 22 - (height - 34) * Math.sqrt(milliseconds / top);
    context.clearRect(0, 0, width, height);
    context.font = '22px system-ui, "DejaVu Sans", sans-serif';
    context.lineWidth = 1;
    for (const mark of [50, 200, 1000, 3000, 10_000].filter((mark) => mark < top)) {
      context.strokeStyle = style.getPropertyValue('--rule');
      context.fillStyle = style.getPropertyValue('--dim');
      context.beginPath();
      context.moveTo(0, y(mark));
      context.lineTo(width - 90, y(mark));
      context.stroke();
      context.fillText(mark < 1000 ? `${mark} ms` : `${mark / 1000} s`, width - 82, y(mark) + 7);
    }
    for (const side of SIDES) {
      context.strokeStyle = style.getPropertyValue(`--${side}`);
      context.lineWidth = 4;
      context.beginPath();
      for (const { at, milliseconds } of this.#delays.filter((one) => one.side === side)) {
        context.lineTo(((at - now + SPAN) / SPAN) * (width - 90), y(milliseconds));
      }
      context.stroke();
    }
  }
}

const NAMES = {
  view: 'in view', delay: 'echo of a message', pointer: 'echo of the pointer', rate: 'arriving',
  all: 'pictures here', rtt: 'round trip', loss: 'packets lost', streams: 'streams open',
};

function makeElements(side) {
  const root = document.querySelector(`[data-side="${side}"] .figures`);
  const found = {};
  for (const [name, label] of Object.entries(NAMES)) {
    const cell = document.createElement('div');
    cell.className = ['view', 'delay', 'pointer'].includes(name) ? 'first' : '';
    cell.innerHTML = `<b>–</b><small>${label}</small>`;
    root.append(cell);
    found[name] = cell.firstChild;
    found[`${name}Label`] = cell.lastChild;
  }
  const bands = document.createElement('div');
  bands.className = 'bands';
  bands.title = 'what the arriving bytes are for: in view, soon in view, far away';
  bands.innerHTML = '<i class="view"></i><i class="near"></i><i class="far"></i>';
  root.append(bands);
  return { ...found, bands: [...bands.children] };
}

function show(elements, side, pane, stats) {
  const { done, all } = pane.inView();
  const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;
  elements.view.textContent = side.viewTook === null ? `${done} of ${all}` : seconds(side.viewTook);
  elements.viewLabel.textContent = side.viewTook === null ? 'in view' : 'until all in view';
  elements.delay.textContent = time(side.delay);
  elements.pointer.textContent = time(side.pointer);
  const rate = Object.values(side.rate).reduce((sum, one) => sum + one, 0);
  elements.rate.textContent = `${rate.toFixed(1)} Mbit/s`;
  elements.all.textContent = `${pane.done}`;
  elements.streams.textContent = side.streams;
  if (stats) {
    elements.rtt.textContent = time(stats.smoothedRtt);
  }
  elements.loss.textContent = side.lost === null ? '–' : `${(100 * side.lost).toFixed(1)} %`;
  for (const bar of elements.bands) bar.style.flexGrow = (side.rate[bar.className] * 1000).toFixed(0);
}

function time(milliseconds) {
  if (milliseconds === null) return '–';
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
