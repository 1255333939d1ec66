/** The last minutes of each venue, kept in the page only. */
import type { HealthRow } from './health';

export const HISTORY_SECONDS = 300;

/** Parallel arrays as uPlot takes them; null where nothing was measured. */
export interface Series {
  time: number[];
  bitrateUp: (number | null)[];
  bitrateDown: (number | null)[];
  lossUp: (number | null)[];
  lossDown: (number | null)[];
  roundTripMs: (number | null)[];
}

export function emptySeries(): Series {
  return {
    time: [],
    bitrateUp: [],
    bitrateDown: [],
    lossUp: [],
    lossDown: [],
    roundTripMs: [],
  };
}

/** Appends one second; drops what is older than `HISTORY_SECONDS`. Time never goes back. */
export function appendSample(series: Series, time: number, row: HealthRow): void {
  const last = series.time.at(-1);
  if (last !== undefined && time <= last) return;
  series.time.push(time);
  series.bitrateUp.push(row.connected ? row.up.bitrate : null);
  series.bitrateDown.push(row.connected ? row.down.bitrate : null);
  series.lossUp.push(row.up.loss);
  series.lossDown.push(row.down.loss);
  series.roundTripMs.push(row.up.roundTripMs ?? row.down.roundTripMs);
  while (series.time[0]! <= time - HISTORY_SECONDS) {
    for (const values of Object.values(series) as unknown[][]) values.shift();
  }
}
