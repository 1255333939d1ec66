/** The REST API, typed: every call resolves to the body or throws an `ApiError`. */
import type {
  Account,
  AddVenues,
  JoinedVenue,
  Login,
  Me,
  NewAccount,
  NewSession,
  ParsedVenues,
  ReasonCode,
  RecordingDetail,
  RecordingList,
  SessionDetail,
  SessionList,
  Setup,
  VenueLink,
  Verification,
} from '@/signalling/protocol';

/** What failed, as a stable code: a reason of the server, or `network` when it was not reached. */
export type ErrorCode = ReasonCode | 'network' | 'timeout' | 'closed' | 'unknown';

export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly status: number,
    readonly details: readonly Record<string, unknown>[] = [],
  ) {
    super(message);
  }
}

interface ErrorEnvelope {
  error?: { code?: ErrorCode; message?: string; details?: Record<string, unknown>[] | null };
}

const TIMEOUT_MS = 20_000;
/** Every byte of a recording is read: hours of many venues take minutes. */
const VERIFY_TIMEOUT_MS = 30 * 60_000;

async function request<T>(
  method: string,
  path: string,
  body?: unknown,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
    throw new ApiError(timedOut ? 'timeout' : 'network', String(error), 0);
  }
  const parsed = (await response.json().catch(() => null)) as unknown;
  if (response.ok && parsed !== null) return parsed as T;
  const problem = (parsed as ErrorEnvelope | null)?.error;
  throw new ApiError(
    problem?.code ?? (response.ok ? 'unknown' : codeOfStatus(response.status)),
    problem?.message ?? `${method} ${path}: HTTP ${response.status}`,
    response.status,
    problem?.details ?? [],
  );
}

/** For answers that did not come from the product itself but from a proxy before it. */
function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'not_signed_in';
  if (status === 403) return 'not_permitted';
  if (status === 404) return 'not_found';
  if (status === 413) return 'too_large';
  if (status === 429) return 'rate_limited';
  return status === 502 || status === 503 || status === 504 ? 'unavailable' : 'unknown';
}

const part = encodeURIComponent;

export const rest = {
  me: () => request<Me>('GET', '/api/me'),
  setup: (body: Setup) => request<Account>('POST', '/api/setup', body),
  login: (body: Login) => request<Account>('POST', '/api/login', body),
  logout: () => request<Record<string, never>>('POST', '/api/logout', {}),

  accounts: () => request<{ accounts: Account[] }>('GET', '/api/accounts'),
  createAccount: (body: NewAccount) => request<Account>('POST', '/api/accounts', body),

  sessions: () => request<SessionList>('GET', '/api/sessions'),
  session: (id: string) => request<SessionDetail>('GET', `/api/sessions/${part(id)}`),
  createSession: (body: NewSession) => request<SessionDetail>('POST', '/api/sessions', body),
  addVenues: (id: string, body: AddVenues) =>
    request<SessionDetail>('POST', `/api/sessions/${part(id)}/venues`, body),
  parseVenues: (text: string) => request<ParsedVenues>('POST', '/api/venues/csv', { text }),
  renewLink: (id: string, venue: string) =>
    request<VenueLink>('POST', `/api/sessions/${part(id)}/venues/${part(venue)}/link`, {}),
  qrUrl: (id: string, venue: string) => `/api/sessions/${part(id)}/venues/${part(venue)}/qr.svg`,

  join: (token: string) => request<JoinedVenue>('POST', '/api/join', { token }),
  venue: (session: string, venue: string) =>
    request<JoinedVenue>('GET', `/api/venue?session=${part(session)}&venue=${part(venue)}`),

  recordings: () => request<RecordingList>('GET', '/api/recordings'),
  recording: (id: string) => request<RecordingDetail>('GET', `/api/recordings/${part(id)}`),
  finalize: (id: string) =>
    request<Record<string, unknown>>('POST', `/api/recordings/${part(id)}/finalize`, {}),
  verify: (id: string) =>
    request<Verification>('POST', `/api/recordings/${part(id)}/verify`, {}, VERIFY_TIMEOUT_MS),
  fileUrl: (id: string, name: string) => `/api/recordings/${part(id)}/files/${part(name)}`,
};
