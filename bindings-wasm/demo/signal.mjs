// How two tabs find each other: a few messages by way of the server, then a peer connection of the
// browser. The SST identities are told along: the session proves them, so the server could lie.

import { DATA_CHANNEL } from '/sst/index.js';

/** A room on the server. Resolves with who is there already. */
export async function enter(room) {
  const name = crypto.randomUUID();
  const url = `/signal/${room}/${name}`;
  const source = new EventSource(url);
  const heard = new EventTarget();
  const members = await new Promise((resolve) => {
    source.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.members) resolve(message.members);
      else heard.dispatchEvent(new CustomEvent('message', { detail: message }));
    };
  });
  const say = (message) => fetch(url, { method: 'POST', body: JSON.stringify(message) });
  const listen = (hear) => heard.addEventListener('message', ({ detail }) => hear(detail));
  return { members, say, listen, leave: () => source.close() };
}

/** The one who comes second calls: with a channel for each of `names`. */
export async function call(room, id, names) {
  const peer = new RTCPeerConnection();
  const channels = names.map((name) => peer.createDataChannel(name, DATA_CHANNEL));
  const answered = new Promise((resolve) => {
    trade(room, peer, async (message) => {
      await peer.setRemoteDescription(message.answer);
      resolve(message.id);
    });
  });
  await peer.setLocalDescription();
  await room.say({ offer: peer.localDescription, id });
  return { peer, channels, peerId: await answered };
}

/** The one who came first waits for calls; each becomes a peer with its channels, by name. */
export function answerCalls(room, id, answered) {
  let peer = null;
  room.listen(async (message) => {
    if (message.offer) {
      peer = new RTCPeerConnection();
      peer.ondatachannel = ({ channel }) => answered(channel, message.id);
      peer.onicecandidate = ({ candidate }) => candidate && room.say({ candidate });
      await peer.setRemoteDescription(message.offer);
      await peer.setLocalDescription();
      await room.say({ answer: peer.localDescription, id });
    } else if (message.candidate) {
      await peer?.addIceCandidate(message.candidate);
    }
  });
}

function trade(room, peer, onAnswer) {
  const early = [];
  peer.onicecandidate = ({ candidate }) => candidate && room.say({ candidate });
  room.listen(async (message) => {
    if (message.answer) {
      await onAnswer(message);
      for (const candidate of early.splice(0)) await peer.addIceCandidate(candidate);
    } else if (message.candidate) {
      if (peer.remoteDescription) await peer.addIceCandidate(message.candidate);
      else early.push(message.candidate);
    }
  });
}
