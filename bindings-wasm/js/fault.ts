// What the module throws, as an SstError.

import { SstError, type SstErrorCode, type SstErrorScope, type SstErrorSource } from './errors.js';

/** The module throws its facts as one array; anything else passes. */
export function faultOf(thrown: unknown): unknown {
  if (!Array.isArray(thrown)) return thrown;
  const [code, source, scope, streamErrorCode, closeCode, isTransportCode, reason, message] =
    thrown as [
      SstErrorCode, SstErrorSource, SstErrorScope, number | null, number | null, boolean, string,
      string,
    ];
  return new SstError({
    code, source, scope, streamErrorCode, closeCode, isTransportCode, reason, message,
  });
}
