// The page: from the identity in its link to a directory full of verified files.

import { SstEndpoint, SstError, SstIdentity, isHostId, type SstSession } from '@sst-transport/sst';
import { FilesError } from './files.js';
import { GatewayError, hostsOf, openWay, type Way } from './gateway.js';
import { Tree, type TreeFile } from './tree.js';
import { Cards, at, showFigures, showFlow, showPath, showTrouble, tell, type Figures } from './view.js';

/** Where this browser keeps its key. Only pages of this origin can read it. */
const KEY = 'sst-demo-key';
/** How long to wait for proof: a host of another identity is silent. */
const CONNECT_MILLISECONDS = 5_000;
/** Between attempts to find a way again. */
const PAUSE_MILLISECONDS = 500;
const FIGURES_MILLISECONDS = 250;

const gateway = new URL(new URLSearchParams(location.search).get('gateway') ?? '/', location.href);
const figures: Figures = {
  readyMilliseconds: null, stats: null, megabitsNow: 0, megabitsAverage: 0, paths: 0, tree: null,
};

let endpoint: SstEndpoint | null = null;
let session: SstSession | null = null;
let way: Way | null = null;

/** How far the fetching is, in words: on the page again once a broken way is replaced. */
let progress = '';

/** What tests look at. */
const demo = { phase: 'starting', tree: null as Tree | null, figures };
Object.assign(window, { demo });

function identityInLink(): string {
  return decodeURIComponent(location.hash.slice(1)).replace(/^sst:\/\//, '').replace(/@.*$/, '');
}

async function start(): Promise<void> {
  at('gateway-at').textContent = gateway.host;
  const id = identityInLink();
  if (id === '') return ask();
  at('peer-id').textContent = id;
  if (!await isHostId(id)) {
    return fail('This is not an identity', `“${id}” has a typing error, or is cut off.`,
      'The link should end in # and the 56 characters that sst serve prints between sst:// and @.');
  }
  endpoint = await SstEndpoint.create({
    identity: await ownIdentity(), outliveCarriers: true, keepAlive: 5_000,
    connectTimeout: CONNECT_MILLISECONDS,
  });
  at('local-id').textContent = endpoint.id;
  await connect(endpoint, id, id);
}

/** Makes a session with `id`, through the gateway's way to the host `target`. */
async function connect(from: SstEndpoint, id: string, target: string): Promise<void> {
  demo.phase = 'connecting';
  at('peer-id').textContent = id;
  const begun = performance.now();
  try {
    showPath('good', 'busy', '', '');
    tell('Asking the gateway for a way to the host …');
    way = await openWay(gateway, target);
    figures.paths = 1;
    showPath('good', 'good', 'busy', 'asking for proof');
    tell('The gateway carries packets. Is it the right host? …');
    session = await from.connect(way.channel, { peerId: id });
  } catch (thrown) {
    way?.end();
    return explain(thrown, id);
  }
  figures.readyMilliseconds = performance.now() - begun;
  showPath('good', 'good', 'good', '✓ identity proved');
  at('peer-id').textContent = session.peerId;
  void watchEnd(session);
  keepWay(session, way, target);
  await fetchAll(session);
}

async function fetchAll(from: SstSession): Promise<void> {
  demo.phase = 'fetching';
  setButtons(true, false);
  tellProgress('The host has proved who it is. Fetching what it shares …');
  const begun = performance.now();
  const tree: Tree = new Tree({
    found: (file) => cards.add(file),
    changed: (file) => cards.update(file),
  });
  const cards = new Cards((file: TreeFile) => tree.first(file));
  figures.tree = demo.tree = tree;
  try {
    await tree.fetch(from);
  } catch (thrown) {
    if (demo.phase !== 'ended') explain(thrown, from.peerId);
    return;
  }
  const milliseconds = performance.now() - begun;
  const bytes = tree.files.reduce((sum, file) => sum + file.received, 0);
  figures.megabitsAverage = bytes * 8 / 1_000 / milliseconds;
  // Whoever reads that it is done, reads figures of all of it.
  await refresh();
  if (session !== from || demo.tree !== tree) return;
  const failed = tree.files.filter((file) => file.failure).length;
  const rest = failed > 0 ? `; ${failed} failed` : ', each with the hash that the host sent';
  tellProgress(`${tree.files.length - failed} files in ${(milliseconds / 1_000).toFixed(2)} s${rest}.`);
  demo.phase = failed > 0 ? 'incomplete' : 'done';
  setButtons(true, true);
}

function tellProgress(words: string): void {
  progress = words;
  tell(words);
}

/** A way that breaks is replaced; the session and its streams go on. */
function keepWay(of: SstSession, first: Way, target: string): void {
  const watch = (current: Way): void => {
    current.channel.addEventListener('close', async () => {
      if (demo.phase === 'ended' || session !== of) return;
      current.end();
      showPath('good', 'bad', 'busy', 'out of reach');
      tell('The connection broke. Looking for another way; the session waits …');
      const next = await another(of, target);
      if (!next || session !== of) return;
      way = next;
      of.replaceCarrier(next.channel);
      figures.paths += 1;
      showPath('good', 'good', 'good', '✓ identity proved');
      tell(progress);
      watch(next);
    }, { once: true });
  };
  watch(first);
}

async function another(of: SstSession, target: string): Promise<Way | null> {
  while (session === of && demo.phase !== 'ended') {
    try {
      return await openWay(gateway, target);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
    }
  }
  return null;
}

async function watchEnd(of: SstSession): Promise<void> {
  const { source, reason } = await of.closed;
  if (session !== of) return;
  const words = source === 'timeout' ? 'Nothing was heard of the host for long.'
    : source === 'local' ? 'This page ended it.' : `The host ended it${reason ? `: ${reason}` : '.'}`;
  fail('The session has ended', words, 'Start over to begin another.');
}

function explain(thrown: unknown, id: string): void {
  if (thrown instanceof GatewayError && thrown.status === 404) {
    fail('The gateway does not lead there', thrown.message,
      'It leads only to the hosts it was started with (--to). Is the link right?', 'gateway');
  } else if (thrown instanceof GatewayError) {
    fail('The gateway did not help', thrown.message,
      'Is sst gateway running, and does it serve this page or allow its origin?', 'gateway');
  } else if (thrown instanceof SstError && thrown.code === 'no-answer') {
    fail('Wrong host, or none', `Nobody at that address proved to be ${id}.`,
      'Either nothing runs there, or somebody who does not have this key: another host, an impostor,'
      + ' or the same host with a new key. It was asked for nothing.', 'host');
  } else if (thrown instanceof SstError && thrown.code === 'refused') {
    fail('The host refuses this browser', thrown.message,
      `sst serve was started with --allow; this browser is ${endpoint?.id ?? 'unknown'}.`, 'host');
  } else if (thrown instanceof FilesError || thrown instanceof SstError) {
    fail('The files could not be fetched', thrown.message, 'Does sst serve run there?', 'host');
  } else {
    fail('Something went wrong', String(thrown), 'The browser’s console may say more.');
    console.error(thrown);
  }
}

/** Clears what a session has left on the page. */
function forget(): void {
  at('trouble').hidden = true;
  at('files').replaceChildren();
  demo.tree = null;
  Object.assign(figures, {
    readyMilliseconds: null, stats: null, megabitsAverage: 0, paths: 0, tree: null,
  });
}

function fail(title: string, words: string, help: string, where: 'gateway' | 'host' | '' = ''): void {
  demo.phase = 'ended';
  session = null;
  showPath('good', where === 'gateway' ? 'bad' : where === 'host' ? 'good' : '',
    where === 'host' ? 'bad' : '', where === 'host' ? '✗ not proved' : '');
  showTrouble(title, words, help);
  tell('No session.');
  setButtons(false, false);
}

function ask(): void {
  demo.phase = 'asking';
  showPath('good', '', '', '');
  tell('Which host?');
  at('ask').hidden = false;
  setButtons(false, false);
  hostsOf(gateway).then(
    (hosts) => { at('ask-known').textContent = hosts.join(', '); },
    () => { at('ask-known').textContent = 'nowhere: no gateway answers'; },
  );
  at<HTMLFormElement>('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    location.hash = at<HTMLInputElement>('ask-id').value.trim();
  });
}

async function ownIdentity(): Promise<SstIdentity> {
  const kept = localStorage.getItem(KEY);
  if (kept) return SstIdentity.import(kept);
  const identity = await SstIdentity.generate();
  localStorage.setItem(KEY, identity.export());
  return identity;
}

function setButtons(hasSession: boolean, isIdle: boolean): void {
  const again = at<HTMLButtonElement>('again');
  again.textContent = hasSession ? 'Fetch again' : 'Start over';
  again.disabled = hasSession && !isIdle;
  at<HTMLButtonElement>('cut').disabled = !hasSession;
  at<HTMLButtonElement>('wrong').disabled = endpoint === null || (hasSession && !isIdle);
}

at('again').addEventListener('click', () => {
  if (session) void fetchAll(session);
  else location.reload();
});
at('cut').addEventListener('click', () => way?.channel.close());
at('wrong').addEventListener('click', async () => {
  const target = identityInLink();
  const old = session;
  session = null;
  forget();
  void old?.close();
  way?.end();
  const stranger = await SstIdentity.generate();
  if (endpoint) await connect(endpoint, stranger.id, target);
});
window.addEventListener('hashchange', () => location.reload());
window.addEventListener('pagehide', () => { session?.abort(); way?.leave(); });

/** Brings the figures on the page up to date. */
async function refresh(): Promise<void> {
  figures.stats = await session?.getStats().catch(() => null) ?? figures.stats;
  showFigures(figures);
}

let lastBytes = 0;
let lastAt = performance.now();
setInterval(() => {
  const now = performance.now();
  const bytes = figures.tree?.files.reduce((sum, file) => sum + file.received, 0) ?? 0;
  figures.megabitsNow = Math.max(0, bytes - lastBytes) * 8 / 1_000 / (now - lastAt);
  showFlow(bytes !== lastBytes);
  [lastBytes, lastAt] = [bytes, now];
  void refresh();
}, FIGURES_MILLISECONDS);

start().catch((thrown) => explain(thrown, identityInLink()));
