/** Watching a session without publishing: the media link's state and streams in refs. */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue';

import { MediaLink, type MediaState } from '@/media/link';
import { NO_STREAMS, type StageStreams } from '@/media/receiver';

import type { LiveSession } from './live';

export interface Watching {
  state: Readonly<Ref<MediaState>>;
  streams: Readonly<ShallowRef<StageStreams>>;
  link: MediaLink;
}

/** Receives the stage, and `wallTiles` tiles beside it; ends with the scope that called it. */
export function watchStage(live: LiveSession, wallTiles: number): Watching {
  const link = new MediaLink(live.client, { wallTiles });
  const state = ref<MediaState>(link.state);
  const streams = shallowRef<StageStreams>(NO_STREAMS);
  link.onChange(() => {
    state.value = link.state;
    streams.value = link.streams;
  });
  onScopeDispose(() => link.close());
  return { state, streams, link };
}
