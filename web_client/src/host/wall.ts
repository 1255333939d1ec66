/** Which visible venue gets which of the few wall tiles. */

/** Tile number (from 1) → venue, or null for an unused tile. */
export type Tiles = Record<string, string | null>;

/**
 * Gives the tiles to `wanted` (most wanted first), changing as little as possible: a venue that
 * still is wanted keeps its tile, so that its picture does not blink.
 */
export function assignTiles(previous: Tiles, wanted: readonly string[], count: number): Tiles {
  const chosen = new Set(wanted.slice(0, count));
  const tiles: Tiles = {};
  const free: string[] = [];
  for (let tile = 1; tile <= count; tile += 1) {
    const venue = previous[String(tile)] ?? null;
    if (venue !== null && chosen.has(venue)) {
      tiles[String(tile)] = venue;
      chosen.delete(venue);
    } else {
      tiles[String(tile)] = null;
      free.push(String(tile));
    }
  }
  for (const venue of chosen) {
    const tile = free.shift();
    if (tile === undefined) break;
    tiles[tile] = venue;
  }
  return tiles;
}

export function sameTiles(a: Tiles, b: Tiles): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => (a[key] ?? null) === (b[key] ?? null));
}

/** The tile that shows this venue, or null. */
export function tileOf(tiles: Tiles, venueId: string): string | null {
  return Object.keys(tiles).find((tile) => tiles[tile] === venueId) ?? null;
}
