// The tab that looks: the same pictures twice, by a tree of streams and by one ordered stream, and
// figures of both.

import { SstSession } from '/sst/index.js';
import { Figures } from './figures.mjs';
import { fetchInOrder } from './line.mjs';
import { Pane } from './pane.mjs';
import { PATIENCE, addLine, leaveWithTab, pack } from './talk.mjs';
import { fetchAsTree } from './tree.mjs';

const $ = (name) => document.getElementById(name);
/** How often the delay of a message is measured, in milliseconds. */
const PING = 400;
/** How often the pointer is told, in milliseconds. */
const POINT = 30;

export async function becomeViewer(identity, peerId, channels, peer) {
  const options = { identity, peerId, ...PATIENCE };
  const [tree, line] = await Promise.all([
    SstSession.connect(channels.tree, options), SstSession.connect(channels.line, options),
  ]);
  const panes = { tree: new Pane('tree'), line: new Pane('line') };
  Pane.scrollTogether(panes.tree, panes.line);
  const figures = new Figures(panes, { tree, line });
  const ways = {
    tree: await fetchAsTree(tree, panes.tree, figures.of('tree')),
    line: await fetchInOrder(line, panes.line, figures.of('line')),
  };
  const load = () => {
    figures.restart();
    for (const way of Object.values(ways)) way.load();
  };
  measure(ways, figures);
  chat(ways);
  point(ways, panes, figures);
  controls(ways, panes, load);
  for (const session of [tree, line]) {
    leaveWithTab(session);
    session.closed.then(({ reason }) => {
      $('lead').textContent = `The other tab is gone (${reason || 'closed'}). Reload both to begin again.`;
    });
  }
  // Kept for as long as the page: a forgotten peer connection may be collected.
  globalThis.demo = { peer, tree, line, panes, figures };
  load();
}

/** Asks both ways, again and again, how long a message takes there and back. */
function measure(ways, figures) {
  let number = 0;
  const sent = new Map();
  for (const [side, way] of Object.entries(ways)) {
    way.onPing = (ping) => figures.delay(side, performance.now() - sent.get(ping), true);
  }
  setInterval(() => {
    number += 1;
    sent.set(number, performance.now());
    sent.delete(number - 500);
    for (const way of Object.values(ways)) way.say({ ping: number });
    for (const side of Object.keys(ways)) figures.waiting(side, number);
  }, PING);
}

function chat(ways) {
  let number = -1;
  const lines = new Map();
  $('chat').addEventListener('submit', (event) => {
    event.preventDefault();
    const { text } = event.target.elements;
    if (!text.value) return;
    number -= 1;
    lines.set(number, { line: addLine($('talk'), 'you', text.value), at: performance.now() });
    for (const way of Object.values(ways)) way.say({ ping: number, text: text.value });
    text.value = '';
  });
  for (const [side, way] of Object.entries(ways)) {
    const onPing = way.onPing;
    way.onPing = (ping) => {
      if (ping > 0) {
        onPing(ping);
        return;
      }
      const { line, at } = lines.get(ping);
      const note = document.createElement('em');
      note.className = side;
      note.textContent = `${Math.round(performance.now() - at)} ms`;
      line.append(note);
    };
    way.onText = (text) => addLine($('talk'), 'album', text);
  }
}

/** Tells where the pointer is, and shows where it was when that came back. */
function point(ways, panes, figures) {
  let latest = null;
  let number = 0;
  const moved = (pane) => (event) => { latest = pane.place(event); };
  for (const pane of Object.values(panes)) {
    pane.element.addEventListener('pointermove', moved(pane));
    pane.element.addEventListener('pointerleave', () => { latest = null; });
  }
  setInterval(() => {
    if (!latest) return;
    number += 1;
    const pointer = { pointer: { ...latest, number, at: performance.now() } };
    for (const way of Object.values(ways)) way.point(pack(pointer), pointer);
  }, POINT);
  for (const [side, way] of Object.entries(ways)) {
    let shown = 0;
    way.onPointer = ({ x, y, at, number: came }) => {
      if (came < shown) return;
      shown = came;
      panes[side].showGhost(x, y);
      figures.pointer(side, performance.now() - at);
    };
  }
}

function controls(ways, panes, load) {
  const told = () => {
    const megabits = Number($('rate').value);
    const loss = Number($('loss').value) / 100;
    $('rate-told').textContent = `${megabits} Mbit/s`;
    $('loss-told').textContent = `${(loss * 100).toFixed(1)} %`;
    ways.tree.say({ conditions: { megabits, loss } });
  };
  for (const name of ['rate', 'loss']) $(name).addEventListener('input', told);
  $('again').addEventListener('click', load);
  $('jump').addEventListener('click', () => panes.tree.scrollTo(1));
  told();
}
