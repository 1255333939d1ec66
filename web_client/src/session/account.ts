/** Who is signed in on this page: an account, nobody yet, or a product that was never set up. */
import { computed, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue';

import type { Account } from '@/signalling/protocol';

import { ApiError, rest } from './rest';

export type AccountRole = Account['roles'][number];

/** `unreachable`: the server did not answer; `retry()` asks again. */
export type AccountState = 'loading' | 'unreachable' | 'setup' | 'signed_out' | 'signed_in';

export interface AccountAccess {
  state: Readonly<Ref<AccountState>>;
  account: Readonly<ShallowRef<Account | null>>;
  /** The account may do what one of these roles may; `admin` may everything. */
  may: (...roles: AccountRole[]) => boolean;
  error: Readonly<ShallowRef<unknown>>;
  refresh: () => Promise<void>;
  signIn: (username: string, password: string) => Promise<void>;
  setUp: (token: string, username: string, password: string) => Promise<void>;
  signOut: () => Promise<void>;
  /** A call failed with `not_signed_in`: show the sign-in form again. True when it was that. */
  expire: (error: unknown) => boolean;
  name: ComputedRef<string>;
}

/** Starts in `loading` and asks the server at once. */
export function useAccount(): AccountAccess {
  const state = ref<AccountState>('loading');
  const account = shallowRef<Account | null>(null);
  const error = shallowRef<unknown>(null);

  function enter(found: Account | null): void {
    account.value = found;
    state.value = found ? 'signed_in' : 'signed_out';
  }

  async function refresh(): Promise<void> {
    try {
      const me = await rest.me();
      enter(me.account ?? null);
      if (!me.account && me.setup_needed) state.value = 'setup';
    } catch (problem) {
      error.value = problem;
      if (expire(problem)) return;
      state.value = 'unreachable';
    }
  }

  function expire(problem: unknown): boolean {
    if (!(problem instanceof ApiError) || problem.code !== 'not_signed_in') return false;
    enter(null);
    return true;
  }

  void refresh();
  return {
    state,
    account,
    error,
    refresh,
    expire,
    may: (...roles) =>
      account.value?.roles.some((role) => role === 'admin' || roles.includes(role)) ?? false,
    signIn: async (username, password) => enter(await rest.login({ username, password })),
    setUp: async (token, username, password) =>
      enter(await rest.setup({ token, username, password })),
    signOut: async () => {
      await rest.logout();
      enter(null);
    },
    name: computed(() => account.value?.username ?? ''),
  };
}
