// Web Streams over calls that wait.

/**
 * A stream of what `next` answers, one thing asked for at a time and only when it is wanted. Ends
 * when `next` answers `null`.
 */
export function pulled<T>(
  next: (signal: AbortSignal) => Promise<T | null>,
  cancelled?: (reason: unknown) => void,
): ReadableStream<T> {
  const giveUp = new AbortController();
  return new ReadableStream<T>({
    async pull(controller) {
      const value = await next(giveUp.signal);
      if (value === null) controller.close();
      else controller.enqueue(value);
    },
    cancel(reason) {
      giveUp.abort(reason);
      cancelled?.(reason);
    },
  }, { highWaterMark: 0 });
}

/** A byte stream over a call that answers at most so many bytes, `null` at the end. */
export function pulledBytes(
  next: (maxBytes: number, signal: AbortSignal) => Promise<Uint8Array | null>,
  cancelled: (reason: unknown) => void,
  chunkBytes: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const giveUp = new AbortController();
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      const request = controller.byobRequest;
      const view = request?.view ?? null;
      const bytes = await next(view?.byteLength ?? chunkBytes, giveUp.signal);
      if (bytes === null) {
        controller.close();
        request?.respond(0);
      } else if (request && view) {
        new Uint8Array(view.buffer, view.byteOffset, bytes.length).set(bytes);
        request.respond(bytes.length);
      } else {
        controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
      }
    },
    cancel(reason) {
      giveUp.abort(reason);
      cancelled(reason);
    },
  }, { highWaterMark: 0 });
}
