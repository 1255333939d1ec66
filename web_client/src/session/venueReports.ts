/** The monitor's statistics of a session, asked for again after every reconnection. */
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue';

import type { MonitorStats } from '@/signalling/protocol';

import type { LiveSession } from './live';

/** The newest statistics, each second; null until the first. Host, technician and admin only. */
export function venueReports(live: LiveSession): Readonly<ShallowRef<MonitorStats | null>> {
  const stats = shallowRef<MonitorStats | null>(null);
  const subscribe = (): void => {
    live.client.call('monitor.subscribe', {}).catch((error: unknown) => {
      console.warn('monitor: not subscribed', error);
    });
  };
  const stops = [
    live.client.on('monitor.stats', (next) => (stats.value = next)),
    live.client.on('joined', subscribe),
  ];
  if (live.client.state === 'open') subscribe();
  onScopeDispose(() => {
    for (const stop of stops) stop();
    live.client.call('monitor.unsubscribe', {}).catch(() => undefined);
  });
  return stats;
}
