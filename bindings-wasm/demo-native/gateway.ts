// How a page reaches an SST host through `sst gateway` (docs/GATEWAY.md): one offer, one answer,
// and a data channel that carries sealed packets.

import { DATA_CHANNEL } from '@sst-transport/sst';

/** A way to a host. */
export interface Way {
  channel: RTCDataChannel;
  /** Lets go of it; the gateway hears that. */
  end(): void;
  /** The same when the page itself ends, and has no time for WebRTC's goodbye. */
  leave(): void;
}

/** The gateway refused, or is not there. `words` is what it said, if it said anything. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';

  constructor(readonly status: number, words: string) {
    super(words);
  }
}

/** How long the data channel may take to open once the gateway has answered. */
const OPEN_MILLISECONDS = 10_000;

/** Opens a way through the gateway at `base` to the host `id`, if the gateway leads there. */
export async function openWay(base: URL, id: string): Promise<Way> {
  const connection = new RTCPeerConnection();
  const end = (): void => connection.close();
  let leave = end;
  try {
    const channel = connection.createDataChannel('sst', DATA_CHANNEL);
    await connection.setLocalDescription(await connection.createOffer());
    // The gateway needs none of this page's addresses: no waiting for them.
    const place = new URL(`/sst?to=${encodeURIComponent(id)}`, base);
    const answer = await post(place, connection.localDescription!.sdp);
    const peer = new URL(answer.headers.get('location') ?? '', base);
    leave = () => void fetch(peer, { method: 'DELETE', keepalive: true }).catch(() => {});
    await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    await opened(connection, channel);
    return { channel, end, leave };
  } catch (thrown) {
    leave();
    end();
    throw thrown;
  }
}

/** The hosts that the gateway leads to. Only a list: a host proves itself, the gateway cannot. */
export async function hostsOf(base: URL): Promise<string[]> {
  const answer = await fetch(new URL('/sst', base));
  if (!answer.ok) throw new GatewayError(answer.status, (await answer.text()).trim());
  return (await answer.json() as { hosts: string[] }).hosts;
}

async function post(place: URL, offer: string): Promise<Response> {
  const headers = { 'content-type': 'application/sdp' };
  let answer;
  try {
    answer = await fetch(place, { method: 'POST', headers, body: offer });
  } catch {
    throw new GatewayError(0, `no gateway answers at ${place.origin}`);
  }
  if (answer.status === 201) return answer;
  throw new GatewayError(answer.status, (await answer.text()).trim());
}

function opened(connection: RTCPeerConnection, channel: RTCDataChannel): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      const why = 'the gateway answered, but no packets get through to it (a firewall?)';
      reject(new GatewayError(0, why));
    };
    const timer = setTimeout(fail, OPEN_MILLISECONDS);
    channel.addEventListener('open', () => { clearTimeout(timer); resolve(); }, { once: true });
    connection.addEventListener('connectionstatechange', () => {
      if (connection.connectionState === 'failed') fail();
    });
  });
}
