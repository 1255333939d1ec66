/** Errors of signalling; `code` is what `errorText` translates. */
import type { ErrorCode } from '@/session/rest';

export class SignallingError extends Error {
  override readonly name = 'SignallingError';

  constructor(
    readonly code: ErrorCode,
    message: string = code,
  ) {
    super(message);
  }
}

/** Reasons after which trying again cannot help: the client stops and says why. */
const FINAL: ReadonlySet<string> = new Set<ErrorCode>([
  'link_invalid',
  'link_expired',
  'link_revoked',
  'not_signed_in',
  'not_permitted',
  'no_such_session',
  'no_such_venue',
  'origin_refused',
  'unknown_method',
]);

export function isFinal(code: ErrorCode): boolean {
  return FINAL.has(code);
}
