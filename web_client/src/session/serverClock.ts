/** The server's time for clocks on the page: one tick a second, whatever this machine's clock says. */
import { onScopeDispose, readonly, ref, type Ref } from 'vue';

import type { LiveSession } from './live';

/** Unix seconds of the server's clock; ends with the scope that called it. */
export function serverClock(live: LiveSession): Readonly<Ref<number>> {
  const now = ref(live.client.serverNow() / 1000);
  const tick = (): void => {
    now.value = live.client.serverNow() / 1000;
  };
  const timer = setInterval(tick, 1000);
  const stop = live.client.on('view', tick);
  onScopeDispose(() => {
    clearInterval(timer);
    stop();
  });
  return readonly(now);
}
