// What may be given where bytes are wanted.

/**
 * The bytes of an `ArrayBuffer` or of any view of one, which are not copied.
 *
 * @throws `TypeError` for everything else: a text, say, has no bytes before somebody encodes it
 */
export function bytesOf(from: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (ArrayBuffer.isView(from)) {
    if (from instanceof Uint8Array) return from;
    return new Uint8Array(from.buffer, from.byteOffset, from.byteLength);
  }
  // Not `instanceof`: a frame's buffers have a class of their own.
  if (Object.prototype.toString.call(from) === '[object ArrayBuffer]') return new Uint8Array(from);
  const given = from === null ? 'null' : typeof from;
  throw new TypeError(`bytes are expected, an ArrayBuffer or a view of one: this is ${given}`);
}
