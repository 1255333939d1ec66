/** Keeps the server told which venue each wall tile shows, and says where its picture is. */
import { ref, watch, type Ref } from 'vue';

import type { LiveSession } from '@/session/live';
import type { Watching } from '@/session/watch';

import { assignTiles, sameTiles, tileOf, type Tiles } from './wall';

export interface Wall {
  /** The picture of a venue, or null while it has no tile. */
  pictureOf: (venueId: string) => MediaStream | null;
}

/** `wanted`: venues whose cards can be seen, most wanted first. Changes are sent together. */
export function useWall(live: LiveSession, watching: Watching, wanted: Ref<string[]>): Wall {
  const tiles = ref<Tiles>({});
  let sending = false;
  let again = false;

  async function follow(): Promise<void> {
    const count = watching.streams.value.wall.size;
    const next = assignTiles(tiles.value, wanted.value, count);
    if (sameTiles(next, tiles.value)) return;
    if (sending) {
      again = true;
      return;
    }
    sending = true;
    try {
      await live.client.call('media.wall', { tiles: next });
      tiles.value = next;
    } catch {
      // The connection went: new streams come with the next one and start from nothing.
    } finally {
      sending = false;
    }
    if (again) {
      again = false;
      await follow();
    }
  }

  watch(watching.streams, () => {
    tiles.value = {};
    void follow();
  });
  watch(wanted, () => void follow());

  return {
    pictureOf: (venueId) => {
      const tile = tileOf(tiles.value, venueId);
      return tile === null ? null : (watching.streams.value.wall.get(Number(tile)) ?? null);
    },
  };
}
