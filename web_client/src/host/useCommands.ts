/** The host's commands: sent, their refusals told, and the way back kept where there is one. */
import { ElMessage } from 'element-plus';
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue';

import { t } from '@/i18n';
import { errorText } from '@/i18n/errorText';
import type { LiveSession } from '@/session/live';
import type { CommandMethod, CommandParams } from '@/signalling/types';

import { silencedByMuteAll } from './venues';

export interface Undo {
  /** What was done. */
  text: string;
  /** What the button does. */
  label: string;
  run: () => Promise<void>;
}

const UNDO_SECONDS = 12;

export interface Commands {
  /** Commands under way: buttons that must not be pressed twice look at it. */
  busy: Readonly<Ref<number>>;
  undo: Readonly<ShallowRef<Undo | null>>;
  /** True when the server accepted; a refusal has been shown. */
  send: <M extends CommandMethod>(method: M, params: CommandParams<M>) => Promise<boolean>;
  revoke: (venueId: string) => Promise<void>;
  muteAll: () => Promise<void>;
  setMuted: (venueId: string, muted: boolean) => Promise<void>;
  unmuteAll: () => Promise<void>;
  takeBack: () => Promise<void>;
  dismiss: () => void;
}

export function useCommands(live: LiveSession): Commands {
  const busy = ref(0);
  const undo = shallowRef<Undo | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function send<M extends CommandMethod>(
    method: M,
    params: CommandParams<M>,
  ): Promise<boolean> {
    busy.value += 1;
    try {
      await live.client.command(method, params);
      return true;
    } catch (error) {
      ElMessage({ type: 'error', message: errorText(error), duration: 6000, showClose: true });
      return false;
    } finally {
      busy.value -= 1;
    }
  }

  function offer(next: Undo): void {
    clearTimeout(timer);
    undo.value = next;
    timer = setTimeout(dismiss, UNDO_SECONDS * 1000);
  }

  function dismiss(): void {
    clearTimeout(timer);
    undo.value = null;
  }

  async function takeBack(): Promise<void> {
    const last = undo.value;
    dismiss();
    await last?.run();
  }

  const nameOf = (venueId: string): string => live.view.value?.venues[venueId]?.name ?? venueId;

  async function revoke(venueId: string): Promise<void> {
    if (!(await send('floor.revoke', { venue_id: venueId }))) return;
    offer({
      text: t('host.undo.revoked', { venue: nameOf(venueId) }),
      label: t('host.undo.grantAgain'),
      run: async () => void (await send('floor.grant', { venue_id: venueId })),
    });
  }

  async function unmute(venues: readonly string[]): Promise<void> {
    for (const venueId of venues) {
      if (!(await send('venue.audio', { venue_id: venueId, muted: false }))) return;
    }
  }

  async function muteAll(): Promise<void> {
    const view = live.view.value;
    if (!view) return;
    const silenced = silencedByMuteAll(view);
    if (!(await send('floor.mute_all', {}))) return;
    offer({
      text: t('host.undo.mutedAll', { n: silenced.length }),
      label: t('host.undo.restore'),
      run: () => unmute(silenced),
    });
  }

  async function unmuteAll(): Promise<void> {
    const venues = Object.values(live.view.value?.venues ?? {});
    await unmute(venues.filter((venue) => venue.muted).map((venue) => venue.venue_id));
  }

  async function setMuted(venueId: string, muted: boolean): Promise<void> {
    if (!(await send('venue.audio', { venue_id: venueId, muted }))) return;
    if (!muted) return;
    offer({
      text: t('host.undo.muted', { venue: nameOf(venueId) }),
      label: t('host.grid.unmute'),
      run: () => unmute([venueId]),
    });
  }

  onScopeDispose(() => clearTimeout(timer));
  return { busy, undo, send, revoke, muteAll, setMuted, unmuteAll, takeBack, dismiss };
}
