/** An error as a sentence for people that says what to do. */
import { tOr } from './index';

/** `code` is a stable reason of the server, or `network` or `timeout` from the client itself. */
export function errorCode(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error) {
    const code = error.code;
    if (typeof code === 'string') return code;
  }
  return 'unknown';
}

/** The translated text of `errors.<code>`; unknown codes name themselves for support. */
export function errorText(error: unknown): string {
  const code = errorCode(error);
  return tOr(`errors.${code}`, 'errors.unknown', { code });
}
