// WorkerCore: the transport in a worker, so that a busy page does not hold up packets. The data
// channel is transferred there; calls are posted.

import type { CarrierLike } from './carrier.js';
import type { CallName, Calls, CommandName, Commands, Core, Handle } from './core.js';
import type { EndpointOptions } from './endpoint.js';
import { SstError, type SstFault } from './errors.js';

/** What the page posts. */
export type ToWorker =
  | { kind: 'start'; key: string; options: EndpointOptions }
  | { kind: 'attach'; carrier: RTCDataChannel | MessagePort }
  | { kind: 'replace'; path: number; carrier: RTCDataChannel | MessagePort }
  | { kind: 'call'; id: number; name: CallName; handle: Handle; args: unknown[] }
  | { kind: 'giveUp'; id: number }
  | { kind: 'tell'; name: CommandName; handle: Handle; args: unknown[] };

/** What the worker posts: its answers, by the number of the call; 0 is the start. */
export type FromWorker =
  | { id: number; answer: unknown }
  | { id: number; fault: SstFault }
  | { id: number; thrown: unknown };

interface Waiter {
  resolve(answer: unknown): void;
  reject(why: unknown): void;
}

export class WorkerCore implements Core {
  id = '';
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiter>();
  readonly #numbers = new WeakMap<CarrierLike, number>();
  #lastCall = 0;
  #paths = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => this.#on(data));
    worker.addEventListener('error', ({ message }) => this.#fail(message));
  }

  /** An endpoint in a worker that runs `worker.ts`. */
  static async start(
    worker: Worker,
    key: string,
    options: EndpointOptions,
  ): Promise<WorkerCore> {
    const core = new WorkerCore(worker);
    const { worker: _worker, identity: _identity, ...rest } = options;
    const started = core.#wait(0);
    core.#post({ kind: 'start', key, options: rest });
    core.id = await started as string;
    return core;
  }

  attach(carrier: CarrierLike): number {
    const known = this.#numbers.get(carrier);
    if (known !== undefined) return known;
    const transferred = transferable(carrier);
    this.#post({ kind: 'attach', carrier: transferred }, [transferred]);
    const number = this.#paths;
    this.#paths += 1;
    this.#numbers.set(carrier, number);
    return number;
  }

  replace(path: number, carrier: CarrierLike): void {
    const transferred = transferable(carrier);
    this.#post({ kind: 'replace', path, carrier: transferred }, [transferred]);
  }

  async call<K extends CallName>(
    name: K,
    handle: Handle,
    args: Calls[K]['args'],
    signal?: AbortSignal,
  ): Promise<Calls[K]['answer']> {
    signal?.throwIfAborted();
    this.#lastCall += 1;
    const id = this.#lastCall;
    const giveUp = () => this.#post({ kind: 'giveUp', id });
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      const answer = this.#wait(id);
      this.#post({ kind: 'call', id, name, handle, args });
      return await answer as Calls[K]['answer'];
    } catch (thrown) {
      // The worker's word decides whether something was taken before the wait was given up.
      throw signal?.aborted && !(thrown instanceof SstError) ? signal.reason : thrown;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  tell<K extends CommandName>(name: K, handle: Handle, ...args: Commands[K]): void {
    this.#post({ kind: 'tell', name, handle, args });
  }

  #wait(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #post(message: ToWorker, transfer: unknown[] = []): void {
    this.#worker.postMessage(message, transfer as Transferable[]);
  }

  #on(message: FromWorker): void {
    const waiter = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('answer' in message) waiter?.resolve(message.answer);
    else if ('fault' in message) waiter?.reject(new SstError(message.fault));
    else waiter?.reject(message.thrown);
  }

  /** The worker could not be loaded, or failed in a way that is not ours. */
  #fail(message: string): void {
    const why = new SstError({
      code: 'endpoint-closed', scope: 'endpoint', message: `the worker failed: ${message}`,
    });
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
  }
}

/** Whether a data channel can be given to a worker here. */
export function canTransferChannels(): boolean {
  if (typeof RTCPeerConnection === 'undefined' || typeof Worker === 'undefined') return false;
  const peer = new RTCPeerConnection();
  const { port1 } = new MessageChannel();
  try {
    const channel = peer.createDataChannel('');
    port1.postMessage(null, [channel as unknown as Transferable]);
    return true;
  } catch {
    return false;
  } finally {
    peer.close();
    port1.close();
  }
}

function transferable(carrier: CarrierLike): RTCDataChannel | MessagePort {
  if (carrier instanceof MessagePort || carrier instanceof RTCDataChannel) return carrier;
  throw new TypeError('only a data channel or a message port can be given to a worker');
}
