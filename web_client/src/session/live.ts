/** A session as Vue sees it: the signalling client's state in refs. */
import {
  effectScope,
  getCurrentScope,
  onScopeDispose,
  readonly,
  ref,
  shallowRef,
  type Ref,
  type ShallowRef,
} from 'vue';

import { i18n } from '@/i18n';
import { SignallingClient, type LinkState, type SignallingOptions } from '@/signalling/client';
import type { SessionView } from '@/signalling/protocol';

import { tabClientId } from './tab';
import type { ErrorCode } from './rest';

export interface LiveSession {
  /** Commands, calls and notifications: `client.command('floor.grant', {…})`, `client.on(…)`. */
  client: SignallingClient;
  /** The server's projection of the session for this viewer; null until joined. */
  view: Readonly<ShallowRef<SessionView | null>>;
  link: Readonly<Ref<LinkState>>;
  /** Why the connection ended for good. */
  failure: Readonly<Ref<ErrorCode | null>>;
  /** This page publishes for its venue. */
  publisher: Readonly<Ref<boolean>>;
  /** Another page publishes for this venue. */
  occupied: Readonly<Ref<boolean>>;
}

/** Connect to a session; ends with the component or scope that called it. */
export async function openSession(
  options: Omit<SignallingOptions, 'clientId' | 'language'>,
): Promise<LiveSession> {
  const scope = getCurrentScope();
  const clientId = await tabClientId();
  const client = new SignallingClient({
    ...options,
    clientId,
    language: i18n.global.locale.value,
  });
  if (!scope) return liveSession(client);
  const live = scope.run(() => liveSession(client));
  if (live) return live;
  // The scope ended while the tab's id was looked up.
  const ended = effectScope(true);
  const unused = ended.run(() => liveSession(client)) as LiveSession;
  ended.stop();
  return unused;
}

/** The refs of a client, and `start()`. Call it inside a scope (`setup`, `effectScope.run`). */
export function liveSession(client: SignallingClient): LiveSession {
  const view = shallowRef<SessionView | null>(client.view);
  const link = ref<LinkState>(client.state);
  const failure = ref<ErrorCode | null>(client.failure);
  const publisher = ref(client.publisher);
  const occupied = ref(client.occupied);
  client.on('view', (next) => (view.value = next));
  client.on('state', (state) => {
    link.value = state;
    failure.value = client.failure;
    publisher.value = client.publisher;
    occupied.value = client.occupied;
  });
  onScopeDispose(() => client.stop(), true);
  client.start();
  return { client, view, link: readonly(link), failure: readonly(failure), publisher, occupied };
}
