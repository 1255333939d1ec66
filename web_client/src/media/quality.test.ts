import { describe, expect, it } from 'vitest';

import { interval, judge, shownQuality, type Interval, type Quality, type Sample } from './quality';
import { sampleOf } from './stats';

const calm: Interval = {
  receiveLoss: 0,
  sendLoss: 0,
  roundTripMs: 30,
  packets: 500,
  framesPerSecond: 30,
  freezes: 0,
};

describe('one interval', () => {
  it.each<[string, Partial<Interval>, Quality]>([
    ['calm', {}, 'good'],
    ['little loss', { receiveLoss: 0.01 }, 'good'],
    ['some loss', { receiveLoss: 0.03 }, 'weak'],
    ['loss upwards', { sendLoss: 0.1 }, 'bad'],
    ['slow', { roundTripMs: 300 }, 'weak'],
    ['very slow', { roundTripMs: 700 }, 'bad'],
    ['a switch', { freezes: 1 }, 'good'],
    ['few freezes', { freezes: 2 }, 'weak'],
    ['freezes', { freezes: 4 }, 'bad'],
    ['nothing known', { receiveLoss: null, sendLoss: null, roundTripMs: null }, 'good'],
  ])('%s', (_name, change, expected) => {
    expect(judge({ ...calm, ...change }, true)).toBe(expected);
  });

  it('is lost without connection, whatever the counters say', () => {
    expect(judge(calm, false)).toBe('lost');
  });
});

describe('what is shown', () => {
  it.each<[Quality, Quality[], Quality]>([
    ['good', ['bad'], 'good'],
    ['good', ['good', 'bad', 'bad'], 'bad'],
    ['good', ['bad', 'weak'], 'weak'],
    ['bad', ['good', 'good'], 'bad'],
    ['bad', ['good', 'good', 'good'], 'good'],
    ['bad', ['good', 'weak', 'good'], 'weak'],
    ['good', ['lost'], 'lost'],
    ['lost', ['good'], 'good'],
    ['weak', [], 'weak'],
  ])('%s then %j is %s', (shown, recent, expected) => {
    expect(shownQuality(shown, recent)).toBe(expected);
  });
});

it('measures between two samples', () => {
  const before: Sample = {
    at: 0,
    packetsReceived: 100,
    packetsLost: 0,
    sendLoss: null,
    roundTripMs: null,
    framesDecoded: 10,
    freezeCount: 1,
  };
  const after = { ...before, at: 2_000, packetsReceived: 190, packetsLost: 10, framesDecoded: 60 };
  expect(interval(before, after)).toMatchObject({
    receiveLoss: 0.1,
    packets: 90,
    framesPerSecond: 25,
    freezes: 0,
  });
});

it('sums the reports of several connections', () => {
  const sample = sampleOf(
    [
      {
        type: 'inbound-rtp',
        packetsReceived: 10,
        packetsLost: 1,
        framesDecoded: 5,
        freezeCount: 1,
      },
      { type: 'inbound-rtp', packetsReceived: 20, packetsLost: -1 },
      { type: 'remote-inbound-rtp', fractionLost: 0.05 },
      { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.04 },
      { type: 'candidate-pair', nominated: false, currentRoundTripTime: 9 },
      { type: 'codec' },
    ],
    7,
  );
  expect(sample).toEqual({
    at: 7,
    packetsReceived: 30,
    packetsLost: 1,
    sendLoss: 0.05,
    roundTripMs: 40,
    framesDecoded: 5,
    freezeCount: 1,
  });
});
