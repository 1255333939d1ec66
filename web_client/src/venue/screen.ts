/** The screen itself: kept awake, and filled. */
import { onScopeDispose, readonly, ref, type Ref } from 'vue';

/** Keeps the screen awake while the scope lives, where the browser can (HTTPS or this machine). */
export function useWakeLock(): void {
  let lock: WakeLockSentinel | null = null;
  let ended = false;

  async function take(): Promise<void> {
    if (!('wakeLock' in navigator) || document.visibilityState !== 'visible') return;
    try {
      lock = await navigator.wakeLock.request('screen');
      if (ended) await lock.release();
    } catch {
      // Low battery, or not allowed: nothing that a page could do.
    }
  }
  // The browser takes the lock away whenever the page is hidden.
  const onVisible = () => void take();
  document.addEventListener('visibilitychange', onVisible);
  void take();
  onScopeDispose(() => {
    ended = true;
    document.removeEventListener('visibilitychange', onVisible);
    void lock?.release().catch(() => undefined);
  });
}

export interface Fullscreen {
  /** iPhones have no full screen for pages. */
  possible: boolean;
  active: Readonly<Ref<boolean>>;
  toggle: () => Promise<void>;
}

export function useFullscreen(): Fullscreen {
  const active = ref(
    document.fullscreenElement !== null && document.fullscreenElement !== undefined,
  );
  const onChange = () => (active.value = document.fullscreenElement !== null);
  document.addEventListener('fullscreenchange', onChange);
  onScopeDispose(() => document.removeEventListener('fullscreenchange', onChange));

  async function toggle(): Promise<void> {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await document.documentElement.requestFullscreen({ navigationUI: 'hide' });
    } catch {
      // Refused without a gesture, or by the device's policy.
    }
  }
  return {
    possible: typeof document.documentElement.requestFullscreen === 'function',
    active: readonly(active),
    toggle,
  };
}
