import { describe, expect, it } from 'vitest';

import type { VenueHealth } from '@/signalling/protocol';

import { above, BOUNDS, countLevels, figures, healthRow, sortRows } from './health';

type Stream = VenueHealth['transports'][number]['streams'][number];

const stream = (change: Partial<Stream> = {}): Stream => ({
  direction: 'in',
  kind: 'video',
  bitrate: 1_000_000,
  packets: 100,
  packets_lost: 0,
  loss: 0,
  jitter_ms: 5,
  round_trip_ms: 20,
  width: 1280,
  height: 720,
  frame_rate: 30,
  nack_count: 0,
  pli_count: 0,
  key_frames: 0,
  ...change,
});

const venue = (streams: Stream[], change: Partial<VenueHealth> = {}): VenueHealth => ({
  venue_id: 'a',
  name: 'A',
  connected: true,
  connection_state: 'connected',
  report: { sound_blocked: false, camera: 'ok', microphone: 'ok', visible: true },
  transports: [
    { transport_id: 't', venue_id: 'a', direction: 'send', state: 'connected', streams },
  ],
  ...change,
});

const healthy = [stream(), stream({ kind: 'audio', bitrate: 30_000, packets: 50 })];

describe('figures', () => {
  it('sums bitrates, weighs loss by packets and keeps the worst delay', () => {
    const found = figures([
      stream({ loss: 0.1, packets: 300, round_trip_ms: 10 }),
      stream({
        kind: 'audio',
        bitrate: 30_000,
        packets: 100,
        loss: 0,
        jitter_ms: 9,
        round_trip_ms: 40,
      }),
    ]);
    expect(found.bitrate).toBe(1_030_000);
    expect(found.loss).toBeCloseTo(0.075);
    expect(found).toMatchObject({ jitterMs: 9, roundTripMs: 40, width: 1280, frameRate: 30 });
  });

  it('shows the largest picture of several', () => {
    const found = figures([stream({ width: 320, height: 180, frame_rate: 10 }), stream()]);
    expect(found).toMatchObject({ width: 1280, frameRate: 30 });
  });

  it('has no loss where nothing flows', () => {
    expect(figures([stream({ packets: 0, bitrate: 0 })]).loss).toBeNull();
  });
});

describe('healthRow', () => {
  it('is good without complaints', () => {
    expect(healthRow(venue(healthy), true)).toMatchObject({ level: 'good', issues: [] });
  });

  it('names each figure over its bound', () => {
    const row = healthRow(venue([stream({ loss: 0.09, jitter_ms: 40 }), healthy[1]!]), true);
    expect(row.level).toBe('bad');
    expect(row.issues).toContainEqual({ metric: 'jitter_up', level: 'warn' });
  });

  it('tells a camera that is switched off from one that was lost', () => {
    const report = { sound_blocked: false, microphone: 'ok', visible: true } as const;
    const off = healthRow(venue([healthy[1]!], { report: { ...report, camera: 'off' } }), true);
    const lost = healthRow(venue([healthy[1]!], { report: { ...report, camera: 'lost' } }), true);
    expect(off.level).toBe('good');
    expect(lost.issues).toEqual([{ metric: 'camera', level: 'bad' }]);
  });

  it('complains about a camera that sends nothing and about blocked sound', () => {
    const row = healthRow(
      venue([healthy[1]!], {
        report: { sound_blocked: true, camera: 'ok', microphone: 'ok', visible: true },
      }),
      true,
    );
    expect(row.issues.map((issue) => issue.metric)).toEqual(['no_video', 'sound_blocked']);
  });

  it('tells a venue that dropped out from one that never came', () => {
    const gone = { connected: false, connection_state: 'closed', report: null, transports: [] };
    expect(healthRow(venue([], gone), true).level).toBe('bad');
    expect(healthRow(venue([], gone), false).level).toBe('absent');
  });
});

it('worst first, absent last, equal rows in their order', () => {
  const row = (name: string, streams: Stream[], change = {}) =>
    healthRow(venue(streams, { venue_id: name, name, ...change }), false);
  const rows = [
    row('absent', [], { connected: false, transports: [], report: null }),
    row('good1', healthy),
    row('good2', healthy),
    row('warn', [stream({ loss: 0.03 }), healthy[1]!]),
    row('bad', [stream({ loss: 0.2 }), healthy[1]!]),
  ];
  expect(sortRows(rows, 'worst').map((found) => found.name)).toEqual([
    'bad',
    'warn',
    'good1',
    'good2',
    'absent',
  ]);
  expect(countLevels(rows)).toEqual({ bad: 1, warn: 1, good: 2, absent: 1 });
});

it('a bound counts from its own value on', () => {
  expect(above(BOUNDS.loss.warn, BOUNDS.loss)).toBe('warn');
  expect(above(null, BOUNDS.loss)).toBe('good');
});
