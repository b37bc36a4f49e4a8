// The first tab of a room has the pictures, the second looks at them.

import { SstIdentity } from '/sst/index.js';
import { becomeAlbum } from './album.mjs';
import { answerCalls, call, enter } from './signal.mjs';
import { becomeViewer } from './viewer.mjs';

const $ = (name) => document.getElementById(name);
const KEY = 'sst-demo-key';

/** This tab's key, kept as long as the tab: two tabs of one browser must be two hosts. */
async function identity() {
  const kept = sessionStorage.getItem(KEY);
  if (kept) return SstIdentity.import(kept);
  const made = await SstIdentity.generate();
  sessionStorage.setItem(KEY, made.export());
  return made;
}

function introduce(own, peer) {
  const short = (id) => (id ? `${id.slice(0, 8)}…${id.slice(-8)}` : '–');
  $('own-id').textContent = short(own);
  $('own-id').title = own;
  $('peer-id').textContent = short(peer);
  $('peer-id').title = peer ?? '';
}

async function begin() {
  const me = await identity();
  introduce(me.id, null);
  const room = await enter(location.hash.slice(1) || 'demo');
  $('other').href = location.href;
  if (room.members.length === 0) {
    $('lead').textContent = 'This tab has the pictures.';
    const album = await becomeAlbum(me, (peer) => {
      introduce(me.id, peer);
      $('waiting').hidden = true;
      $('album').hidden = false;
    });
    answerCalls(room, me.id, album.answer);
    document.body.dataset.state = 'waiting';
    return;
  }
  $('lead').textContent = 'This tab looks at the pictures of the other one. Scroll: what is in view '
    + 'comes first on the left.';
  $('waiting').hidden = true;
  $('viewer').hidden = false;
  const { peer, channels, peerId } = await call(room, me.id, ['tree', 'line']);
  introduce(me.id, peerId);
  await becomeViewer(me, peerId, { tree: channels[0], line: channels[1] }, peer);
  document.body.dataset.state = 'viewing';
}

begin().catch((error) => {
  $('lead').textContent = `That did not work: ${error.message}`;
  throw error;
});
