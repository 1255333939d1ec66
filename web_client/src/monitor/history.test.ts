import { expect, it } from 'vitest';

import { healthRow } from './health';
import { appendSample, emptySeries, HISTORY_SECONDS } from './history';

const row = healthRow(
  {
    venue_id: 'a',
    name: 'A',
    connected: true,
    connection_state: 'connected',
    report: null,
    transports: [],
  },
  true,
);

it('keeps the last minutes and all arrays of one length', () => {
  const series = emptySeries();
  for (let time = 1; time <= HISTORY_SECONDS + 50; time += 1) appendSample(series, time, row);
  expect(series.time).toHaveLength(HISTORY_SECONDS);
  expect(new Set(Object.values(series).map((values: unknown[]) => values.length)).size).toBe(1);
});

it('ignores a sample that is not newer', () => {
  const series = emptySeries();
  appendSample(series, 5, row);
  appendSample(series, 5, row);
  appendSample(series, 4, row);
  expect(series.time).toEqual([5]);
});
