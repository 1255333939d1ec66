/**
 * One connection of this page to one session: JSON-RPC 2.0 over a WebSocket that comes back.
 *
 * - Commands carry an idempotency key and are kept until answered: after a lost connection they
 *   are sent again with the same key, so that nothing is lost and nothing is done twice.
 * - Calls (media, monitoring) belong to one connection: they fail with `closed` when it is lost.
 * - The view is the server's projection, kept current by merge patches; a returning client names
 *   the version that it has and gets what it missed.
 * - A dead link is noticed by silence, not by the socket's own close, which can take minutes.
 */
import { backoffMs } from './backoff';
import { isFinal, SignallingError } from './errors';
import { mergePatch } from './patch';
import type { EventFrame, Joined, MethodParams, MethodResults, Notifications } from './protocol';
import type {
  CallMethod,
  CommandMethod,
  CommandParams,
  CommandResult,
  NotificationName,
} from './types';
import type { SessionView } from './protocol';
import type { ErrorCode } from '@/session/rest';

export const SIGNALLING_PROTOCOL = 1;
/** Close codes of the server after which coming back is of no use. */
const FINAL_CLOSE: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [4401, 'not_signed_in'],
  [4403, 'link_revoked'],
  [4404, 'no_such_session'],
]);
/** "Too many messages: come back after 5 s." */
const CLOSED_TOO_MANY = 4429;
const TOO_MANY_WAIT_MS = 5_500;
const PING_EVERY_MS = 4_000;
const SILENCE_LIMIT_MS = 10_000;
const OFFLINE_ANSWER_MS = 3_000;
const JOIN_LIMIT_MS = 8_000;
const CALL_LIMIT_MS = 15_000;
/** After so many tries that never opened, ask why (an upgrade refused by HTTP says nothing). */
const DIAGNOSE_AFTER = 2;

/**
 * `connecting`: first try, or trying again at this moment; `open`: joined; `waiting`: lost, the
 * next try comes by itself; `closed`: ended for good, `failure` says why.
 */
export type LinkState = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';

export interface SignallingOptions {
  sessionId: string;
  /** For a join link's cookie; absent for accounts. */
  venueId?: string;
  clientId: string;
  language: 'zh-CN' | 'en';
  /** Whether this page wants to publish for its venue. Default: true with a venue. */
  publish?: boolean;
  /** Called when connecting fails without a word: the reason, or null when it may be tried on. */
  diagnose?: () => Promise<ErrorCode | null>;
  /** For tests. */
  createSocket?: (url: string) => WebSocket;
  random?: () => number;
}

/** Local events of the client, beside the server's notifications. */
export interface ClientEvents {
  /** Link state, publisher or occupied changed. */
  state: LinkState;
  /** A connection was joined (again): media must be set up when the generation changed. */
  joined: Joined;
  /** The view changed; also after `joined`. */
  view: SessionView;
  /** Frames as they were applied, for announcements. */
  frame: EventFrame;
}

type AnyEvents = ClientEvents & Notifications;

interface Pending {
  method: string;
  params: unknown;
  /** Commands outlive a connection. */
  durable: boolean;
  resolve: (result: never) => void;
  reject: (error: SignallingError) => void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

interface Answer {
  id?: number | string | null;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: { reason?: ErrorCode } };
}

export class SignallingClient {
  private readonly options: SignallingOptions;
  private readonly listeners = new Map<string, Set<(value: never) => void>>();
  private readonly pending = new Map<number, Pending>();
  private socket: WebSocket | null = null;
  private nextId = 1;
  private attempt = 0;
  private silentAttempts = 0;
  private lastHeard = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pulseTimer: ReturnType<typeof setInterval> | undefined;
  private joinTimer: ReturnType<typeof setTimeout> | undefined;
  private takeOverNext = false;
  private wantsToPublish: boolean;

  /** Where the connection stands. */
  state: LinkState = 'idle';
  /** Why the client is `closed` for good. */
  failure: ErrorCode | null = null;
  /** The present view; null before the first join. Never changed in place. */
  view: SessionView | null = null;
  version: number | null = null;
  /** This connection publishes for its venue. */
  publisher = false;
  /** Another connection publishes for this venue: `takeOver()` or only watch. */
  occupied = false;
  generation = 0;
  mediaReady = false;
  /** Server clock minus this machine's, in milliseconds. */
  clockOffsetMs = 0;

  constructor(options: SignallingOptions) {
    this.options = options;
    this.wantsToPublish = options.publish ?? options.venueId !== undefined;
  }

  /** Connect and stay connected until `stop()`. */
  start(): void {
    if (this.state !== 'idle' && this.state !== 'closed') return;
    this.failure = null;
    globalThis.addEventListener?.('online', this.onOnline);
    globalThis.addEventListener?.('offline', this.onOffline);
    this.connect();
  }

  /** End for good. Idempotent; whatever still waits fails with `closed`. */
  stop(): void {
    this.finish('closed');
  }

  /** End on purpose: the server frees the venue's place at once instead of waiting for it. */
  leave(): void {
    if (this.state === 'open') this.call('session.leave', {}).catch(() => undefined);
    this.finish('closed');
  }

  /** Take the venue's place from the connection that publishes for it now. */
  takeOver(): void {
    this.takeOverNext = true;
    this.wantsToPublish = true;
    if (this.socket && this.state === 'open') this.join();
    else this.reconnectNow();
  }

  /** Only watch from now on. */
  watchOnly(): void {
    this.wantsToPublish = false;
    this.occupied = false;
    this.emit('state', this.state);
  }

  on<E extends keyof AnyEvents>(event: E, listener: (value: AnyEvents[E]) => void): () => void {
    const all = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, all);
    all.add(listener);
    return () => all.delete(listener);
  }

  /**
   * Change the session. Resolves when the server has accepted it, however many connections that
   * takes; rejects with the server's reason. Safe to call while disconnected.
   */
  command<M extends CommandMethod>(method: M, params: CommandParams<M>): Promise<CommandResult<M>> {
    const withKey = { ...params, key: newKey() };
    return this.send(method, withKey, true) as Promise<CommandResult<M>>;
  }

  /** Ask the server over the present connection. Fails with `closed` when there is none. */
  call<M extends CallMethod>(method: M, params: MethodParams[M]): Promise<MethodResults[M]> {
    if (this.state !== 'open') return Promise.reject(new SignallingError('closed'));
    return this.send(method, params, false) as Promise<MethodResults[M]>;
  }

  /** Milliseconds of the server's clock. */
  serverNow(): number {
    return Date.now() + this.clockOffsetMs;
  }

  // --- the connection ----------------------------------------------------------------------

  private connect(): void {
    clearTimeout(this.retryTimer);
    this.setState('connecting');
    const socket = (this.options.createSocket ?? ((url) => new WebSocket(url)))(this.url());
    this.socket = socket;
    this.lastHeard = Date.now();
    let opened = false;
    this.joinTimer = setTimeout(() => this.lose(socket), JOIN_LIMIT_MS);
    socket.onopen = () => {
      opened = true;
      if (socket === this.socket) this.join();
    };
    socket.onmessage = (message: MessageEvent) => {
      if (socket === this.socket) this.receive(message.data);
    };
    socket.onclose = (event: CloseEvent) => {
      if (socket !== this.socket) return;
      const reason = FINAL_CLOSE.get(event.code);
      if (reason !== undefined) this.finish(reason);
      else this.lose(socket, !opened, event.code === CLOSED_TOO_MANY ? TOO_MANY_WAIT_MS : 0);
    };
  }

  private url(): string {
    const { protocol, host } = globalThis.location;
    const query = new URLSearchParams({ session: this.options.sessionId });
    if (this.options.venueId !== undefined) query.set('venue', this.options.venueId);
    return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/signal?${query.toString()}`;
  }

  private join(): void {
    const params: MethodParams['session.join'] = {
      protocol: SIGNALLING_PROTOCOL,
      client_id: this.options.clientId,
      publish: this.wantsToPublish,
      take_over: this.takeOverNext,
      last_version: this.view === null ? null : this.version,
      language: this.options.language,
      user_agent: navigator.userAgent.slice(0, 200),
    };
    const socket = this.socket;
    this.transmit(
      'session.join',
      params,
      false,
      (joined: Joined) => this.onJoined(joined),
      (error) => {
        if (isFinal(error.code)) this.finish(error.code);
        else if (socket) this.lose(socket);
      },
    );
  }

  private onJoined(joined: Joined): void {
    clearTimeout(this.joinTimer);
    this.takeOverNext = false;
    this.attempt = 0;
    this.silentAttempts = 0;
    this.clockOffsetMs = joined.server_time * 1000 - Date.now();
    if (joined.view != null) {
      this.view = joined.view;
      this.version = joined.version;
    } else {
      for (const frame of joined.frames) this.apply(frame);
      this.version = joined.version;
    }
    this.publisher = joined.publisher;
    this.occupied = joined.occupied;
    this.generation = joined.generation;
    this.mediaReady = joined.media_ready;
    this.beginPulse();
    this.setState('open');
    this.emit('joined', joined);
    if (this.view) this.emit('view', this.view);
    this.resend();
  }

  /** This socket is of no more use: forget it and try again after a while. */
  private lose(socket: WebSocket, silently = false, atLeastMs = 0): void {
    if (socket !== this.socket) return;
    this.drop();
    this.silentAttempts = silently ? this.silentAttempts + 1 : 0;
    const random = (this.options.random ?? Math.random)();
    const wait = Math.max(atLeastMs, backoffMs(this.attempt, random));
    this.attempt += 1;
    this.setState('waiting');
    if (this.silentAttempts >= DIAGNOSE_AFTER && this.options.diagnose) void this.askWhy();
    this.retryTimer = setTimeout(() => this.connect(), wait);
  }

  private async askWhy(): Promise<void> {
    const reason = await this.options.diagnose?.().catch(() => null);
    if (reason != null && isFinal(reason) && this.state !== 'open') this.finish(reason);
  }

  private finish(reason: ErrorCode): void {
    if (this.state === 'closed') return;
    this.drop();
    clearTimeout(this.retryTimer);
    globalThis.removeEventListener?.('online', this.onOnline);
    globalThis.removeEventListener?.('offline', this.onOffline);
    this.failure = reason;
    for (const request of this.pending.values()) {
      clearTimeout(request.timer);
      request.reject(new SignallingError(reason));
    }
    this.pending.clear();
    this.setState('closed');
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    clearTimeout(this.joinTimer);
    clearInterval(this.pulseTimer);
    this.publisher = false;
    for (const [id, request] of this.pending) {
      if (request.durable) continue;
      this.pending.delete(id);
      clearTimeout(request.timer);
      request.reject(new SignallingError('closed'));
    }
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }

  private readonly onOnline = (): void => this.reconnectNow();

  /** The machine says that its network is gone: believe it only after an unanswered ping. */
  private readonly onOffline = (): void => {
    const { socket } = this;
    const asked = Date.now();
    this.pulse();
    setTimeout(() => {
      if (socket && this.state === 'open' && this.lastHeard < asked) this.lose(socket);
    }, OFFLINE_ANSWER_MS);
  };

  private reconnectNow(): void {
    if (this.state !== 'waiting') return;
    this.attempt = 0;
    this.connect();
  }

  private beginPulse(): void {
    clearInterval(this.pulseTimer);
    this.pulseTimer = setInterval(() => this.pulse(), PING_EVERY_MS);
  }

  private pulse(): void {
    const socket = this.socket;
    if (!socket || this.state !== 'open') return;
    if (Date.now() - this.lastHeard > SILENCE_LIMIT_MS) {
      this.lose(socket);
      return;
    }
    this.call('client.ping', {}).catch(() => undefined);
  }

  // --- messages ----------------------------------------------------------------------------

  private send(method: string, params: unknown, durable: boolean): Promise<unknown> {
    if (this.state === 'closed') return Promise.reject(new SignallingError('closed'));
    return new Promise((resolve, reject) => {
      this.transmit(method, params, durable, resolve, reject);
    });
  }

  private transmit(
    method: string,
    params: unknown,
    durable: boolean,
    resolve: (result: never) => void,
    reject: (error: SignallingError) => void,
  ): void {
    const id = this.nextId++;
    const expire = () => {
      this.pending.delete(id);
      reject(new SignallingError('timeout', method));
    };
    const timer = durable ? undefined : setTimeout(expire, CALL_LIMIT_MS);
    this.pending.set(id, { method, params, durable, resolve, reject, timer });
    if (this.state === 'open' || method === 'session.join') this.write(id, method, params);
  }

  private write(id: number, method: string, params: unknown): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  }

  private resend(): void {
    for (const [id, { method, params, durable }] of this.pending) {
      if (durable) this.write(id, method, params);
    }
  }

  private receive(data: unknown): void {
    this.lastHeard = Date.now();
    let message: Answer;
    try {
      message = JSON.parse(String(data)) as Answer;
    } catch {
      console.error('signalling: the server sent something that is not JSON');
      return;
    }
    if (message.method !== undefined) this.notified(message.method, message.params);
    else if (typeof message.id === 'number') this.answered(message.id, message);
  }

  private answered(id: number, answer: Answer): void {
    const request = this.pending.get(id);
    if (!request) return;
    this.pending.delete(id);
    clearTimeout(request.timer);
    if (answer.error) {
      const { data, message } = answer.error;
      request.reject(new SignallingError(data?.reason ?? 'unknown', message));
    } else {
      request.resolve(answer.result as never);
    }
  }

  private notified(method: string, params: unknown): void {
    if (method === 'session.events') {
      this.apply(params as EventFrame);
      if (this.view) this.emit('view', this.view);
    } else if (method === 'session.superseded') {
      // Another page took the place: do not fight for it at the next reconnect.
      this.publisher = false;
      this.occupied = true;
      this.wantsToPublish = false;
      this.emit('state', this.state);
    } else if (method === 'media.reset') {
      const reset = params as Notifications['media.reset'];
      this.generation = reset.generation;
      this.mediaReady = reset.ready;
    } else if (method === 'session.link_revoked') {
      this.finish('link_revoked');
    }
    this.emit(method as NotificationName, params as never);
  }

  private apply(frame: EventFrame): void {
    if (this.version !== null && frame.version <= this.version) return;
    this.view = mergePatch(this.view, frame.patch) as SessionView;
    this.version = frame.version;
    this.emit('frame', frame);
  }

  private setState(state: LinkState): void {
    this.state = state;
    this.emit('state', state);
  }

  private emit<E extends keyof AnyEvents>(event: E, value: AnyEvents[E]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(value as never);
  }
}

/** A fresh idempotency key. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
