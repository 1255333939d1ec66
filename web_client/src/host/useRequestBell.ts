/** Tells the host of new floor requests: to screen readers always, by a sound when wished. */
import { ref, watch, type Ref } from 'vue';

import { t } from '@/i18n';
import type { SessionView } from '@/signalling/protocol';

import { newRequests } from './queue';

const STORED_AS = 'plenary.host.bell';

export interface RequestBell {
  /** What an `aria-live` region should say. */
  announcement: Readonly<Ref<string>>;
  /** Play a sound; remembered on this machine. */
  audible: Ref<boolean>;
}

export function useRequestBell(view: Readonly<Ref<SessionView | null>>): RequestBell {
  const announcement = ref('');
  const audible = ref(read());
  watch(audible, (on) => {
    write(on);
    if (on) ring();
  });
  watch(view, (next, before) => {
    if (!next || !before) return;
    const fresh = newRequests(before.floor.queue, next.floor.queue);
    const names = fresh
      .map((id) => next.floor.requests[id])
      .flatMap((request) => (request ? [next.venues[request.venue_id]?.name ?? ''] : []));
    if (names.length === 0) return;
    announcement.value = t('host.floor.newRequest', { venue: names.join(', ') });
    if (audible.value) ring();
  });
  return { announcement, audible };
}

let context: AudioContext | null = null;

/** Two soft tones; silently nothing where the browser does not let pages sound. */
function ring(): void {
  try {
    context ??= new AudioContext();
    const start = context.currentTime;
    for (const [offset, frequency] of [
      [0, 660],
      [0.16, 880],
    ] as const) {
      const tone = context.createOscillator();
      const gain = context.createGain();
      tone.frequency.value = frequency;
      gain.gain.setValueAtTime(0.0001, start + offset);
      gain.gain.exponentialRampToValueAtTime(0.12, start + offset + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.0001, start + offset + 0.3);
      tone.connect(gain).connect(context.destination);
      tone.start(start + offset);
      tone.stop(start + offset + 0.32);
    }
  } catch (error) {
    console.warn('the bell could not sound', error);
  }
}

function read(): boolean {
  try {
    return localStorage.getItem(STORED_AS) === 'on';
  } catch {
    return false;
  }
}

function write(on: boolean): void {
  try {
    localStorage.setItem(STORED_AS, on ? 'on' : 'off');
  } catch {
    // Not remembered on this machine.
  }
}
