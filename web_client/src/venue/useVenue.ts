/** Everything of one venue in one session: link, media, devices, sound, condition. */
import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue';

import { t, useMessages, type MessageKey, type Values } from '@/i18n';
import { Capture, openBoth } from '@/media/capture';
import { rememberDevices, rememberedDevices } from '@/media/devices';
import { MediaLink, type MediaState } from '@/media/link';
import { Playback } from '@/media/playback';
import { NO_STREAMS, type StageStreams } from '@/media/receiver';
import { liveSession, type LiveSession } from '@/session/live';
import { ApiError, rest } from '@/session/rest';
import { tabClientId } from '@/session/tab';
import { SignallingClient } from '@/signalling/client';
import type { JoinedVenue, SessionView } from '@/signalling/protocol';

import { announcements } from './announcements';
import { airState, ownFloor, slotPictures } from './derive';
import { useCondition } from './useCondition';

/** The devices of this page: opened before joining, kept while in the session. */
export function useOwnDevices() {
  const remembered = rememberedDevices();
  let onCamera: (track: MediaStreamTrack | null) => void = () => undefined;
  let onMicrophone: (track: MediaStreamTrack | null) => void = () => undefined;
  const camera = new Capture('camera', (track) => onCamera(track));
  const microphone = new Capture('microphone', (track) => onMicrophone(track));
  const playback = new Playback();
  camera.deviceId.value = remembered.camera;
  microphone.deviceId.value = remembered.microphone;
  playback.sinkId.value = remembered.speaker;

  watch([camera.deviceId, microphone.deviceId, playback.sinkId], () => {
    rememberDevices({
      camera: camera.deviceId.value,
      microphone: microphone.deviceId.value,
      speaker: playback.sinkId.value,
    });
  });
  onScopeDispose(() => {
    camera.close();
    microphone.close();
    playback.close();
  });

  return {
    camera,
    microphone,
    playback,
    open: () => openBoth(camera, microphone),
    /** Where the tracks go from now on; null: nowhere. */
    publishTo(link: MediaLink | null): void {
      onCamera = (track) => link?.setTrack('camera', track);
      onMicrophone = (track) => link?.setTrack('microphone', track);
      onCamera(camera.track.value);
      onMicrophone(microphone.track.value);
    },
  };
}
export type OwnDevices = ReturnType<typeof useOwnDevices>;

/** In the session until the scope ends. */
export function useVenue(joined: JoinedVenue, devices: OwnDevices, clientId: string) {
  const { language } = useMessages();
  const client = new SignallingClient({
    sessionId: joined.session_id,
    venueId: joined.venue_id,
    clientId,
    language: language.value,
    diagnose: () => whyNot(joined),
  });
  const live = liveSession(client);
  const media = useMedia(live, devices);
  const venueId = joined.venue_id;
  const view = live.view;

  const superseded = ref(false);
  client.on('session.superseded', () => {
    superseded.value = true;
    // The other window may be on this machine and need the devices.
    releaseDevices();
  });
  client.on('joined', ({ publisher }) => {
    if (publisher) superseded.value = false;
  });
  function releaseDevices(): void {
    devices.camera.release();
    devices.microphone.release();
  }

  /** This page acts for the venue; a lost connection does not change that, the server may. */
  const acting = ref(true);
  watch([live.link, live.publisher], ([link, publisher]) => {
    if (link === 'open') acting.value = publisher;
  });

  const condition = useCondition(live, media, devices);
  return {
    joined,
    live,
    client,
    media,
    condition,
    superseded,
    /** Stay without publishing, and say no more about it. */
    watchOnly(): void {
      superseded.value = false;
      client.watchOnly();
      releaseDevices();
    },
    /** Publish here instead of in the other window. */
    takeOver(): void {
      if (!devices.camera.track.value && !devices.microphone.track.value) void devices.open();
      client.takeOver();
    },
    announced: useAnnouncements(live, venueId),
    slots: computed(() => (view.value ? slotPictures(view.value, venueId) : [])),
    acting,
    floor: computed(() => (view.value ? ownFloor(view.value, venueId, acting.value) : null)),
    air: computed(() => (view.value && acting.value ? airState(view.value, venueId) : 'off')),
  };
}
export type Venue = ReturnType<typeof useVenue>;

/** The tab's id, looked up before `useVenue`, which has to run inside a scope. */
export const clientIdOfTab = tabClientId;

async function whyNot(joined: JoinedVenue): Promise<ApiError['code'] | null> {
  try {
    await rest.venue(joined.session_id, joined.venue_id);
    return null;
  } catch (error) {
    return error instanceof ApiError ? error.code : null;
  }
}

export interface VenueMedia {
  link: MediaLink;
  state: Ref<MediaState>;
  streams: Ref<StageStreams>;
  publishFailure: Ref<string | null>;
}

function useMedia(live: LiveSession, devices: OwnDevices): VenueMedia {
  const link = new MediaLink(live.client);
  const state = ref<MediaState>(link.state);
  const streams = shallowRef<StageStreams>(NO_STREAMS);
  const publishFailure = ref<string | null>(null);
  link.onChange(() => {
    state.value = link.state;
    streams.value = link.streams;
    publishFailure.value = link.publishFailure;
    devices.playback.setTracks(link.streams.audio);
  });
  devices.publishTo(link);
  onScopeDispose(() => {
    devices.publishTo(null);
    devices.playback.setTracks(new Map());
    link.close();
  });
  return { link, state, streams, publishFailure };
}

/** The newest announcement, for an `aria-live` region. */
function useAnnouncements(live: LiveSession, venueId: string): Ref<string> {
  const said = ref('');
  watch(live.view, (after: SessionView | null, before: SessionView | null) => {
    if (!after) return;
    const all = announcements(before, after, venueId);
    if (all.length > 0) said.value = all.map(sentence).join(' ');
  });
  return said;
}

function sentence({ key, values }: { key: MessageKey; values?: Values }): string {
  return t(key, values);
}
