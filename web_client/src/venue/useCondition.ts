/** The page's own condition: quality of the connection, and the report of it to the server. */
import { onScopeDispose, ref, type Ref } from 'vue';

import type { CaptureState } from '@/media/capture';
import {
  interval,
  judge,
  shownQuality,
  type Interval,
  type Quality,
  type Sample,
} from '@/media/quality';
import { takeSample } from '@/media/stats';
import type { LiveSession } from '@/session/live';
import type { ClientReport } from '@/signalling/protocol';

import type { OwnDevices, VenueMedia } from './useVenue';

const SAMPLE_EVERY_MS = 2_500;
const REPORT_EVERY_MS = 5_000;
/** Before media ever connected, its absence is set-up, not loss. */
const SET_UP_MS = 12_000;

export interface Condition {
  quality: Ref<Quality>;
  report: () => ClientReport;
}

export function useCondition(live: LiveSession, media: VenueMedia, devices: OwnDevices): Condition {
  const quality = ref<Quality>('good');
  const startedAt = Date.now();
  const recent: Quality[] = [];
  let before: Sample | null = null;
  let measured: Interval | null = null;

  async function measure(): Promise<void> {
    const sample = await takeSample(media.link.peerConnections());
    // Counters start again with each new connection.
    const continues = before !== null && sample.packetsReceived >= before.packetsReceived;
    measured = continues && before ? interval(before, sample) : null;
    before = sample;
    const up = live.link.value === 'open' && media.state.value === 'connected';
    const settingUp = media.state.value === 'connecting' && Date.now() - startedAt < SET_UP_MS;
    recent.push(judge(measured, up || settingUp));
    recent.splice(0, recent.length - 3);
    quality.value = shownQuality(quality.value, recent);
  }

  function report(): ClientReport {
    return {
      sound_blocked: devices.playback.blocked.value,
      camera: reported(devices.camera.state.value),
      microphone: reported(devices.microphone.state.value),
      visible: document.visibilityState === 'visible',
      frames_per_second: measured ? Math.round(measured.framesPerSecond * 10) / 10 : null,
      freeze_count: before?.freezeCount ?? null,
    };
  }

  const send = (): void => {
    if (live.link.value === 'open')
      live.client.call('client.report', report()).catch(() => undefined);
  };
  const timers = [
    setInterval(() => void measure(), SAMPLE_EVERY_MS),
    setInterval(send, REPORT_EVERY_MS),
  ];
  const stopFirst = live.client.on('joined', () => setTimeout(send, 500));
  onScopeDispose(() => {
    timers.forEach(clearInterval);
    stopFirst();
  });
  return { quality, report };
}

/** Our states in the words of `client.report`. */
export function reported(state: CaptureState): NonNullable<ClientReport['camera']> {
  if (state === 'ok' || state === 'off' || state === 'refused' || state === 'lost') return state;
  if (state === 'busy') return 'lost';
  return state === 'insecure' ? 'refused' : 'none';
}
