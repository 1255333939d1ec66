/** A session for a desk page: joined with the account's cookie, left with the component. */
import {
  effectScope,
  onScopeDispose,
  shallowRef,
  watch,
  type EffectScope,
  type ShallowRef,
} from 'vue';

import { i18n } from '@/i18n';
import { SignallingClient } from '@/signalling/client';

import type { AccountAccess } from './account';
import { liveSession, type LiveSession } from './live';
import { ApiError, rest } from './rest';
import { tabClientId } from './tab';

/** Null while connecting for the first time; another id leaves the former session. */
export function useSession(
  sessionId: () => string | null,
  access: AccountAccess,
): Readonly<ShallowRef<LiveSession | null>> {
  const live = shallowRef<LiveSession | null>(null);
  let scope: EffectScope | null = null;
  let turn = 0;

  function leave(): void {
    turn += 1;
    scope?.stop();
    scope = null;
    live.value = null;
  }

  async function enter(id: string): Promise<void> {
    const mine = turn;
    const clientId = await tabClientId();
    if (mine !== turn) return;
    scope = effectScope(true);
    live.value =
      scope.run(() =>
        liveSession(
          new SignallingClient({
            sessionId: id,
            clientId,
            language: i18n.global.locale.value,
            publish: false,
            diagnose: () => whyNot(id, access),
          }),
        ),
      ) ?? null;
  }

  watch(
    sessionId,
    (id) => {
      leave();
      if (id !== null) void enter(id);
    },
    { immediate: true },
  );
  onScopeDispose(leave);
  return live;
}

/** The reason that a refused WebSocket could not tell. */
async function whyNot(id: string, access: AccountAccess): Promise<ApiError['code'] | null> {
  try {
    const { sessions } = await rest.sessions();
    return sessions.some((session) => session.session_id === id) ? null : 'no_such_session';
  } catch (error) {
    access.expire(error);
    return error instanceof ApiError ? error.code : null;
  }
}
