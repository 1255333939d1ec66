import { expect, it } from 'vitest';

import { formatBitrate, formatBytes, formatDuration, formatFraction } from './format';

it.each([
  [0, '0:00'],
  [65.9, '1:05'],
  [3725, '1:02:05'],
  [-3, '0:00'],
  [Number.NaN, '0:00'],
])('duration %d', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1500, '1.5 KB'],
  [123_456_789, '123 MB'],
  [2_500_000_000, '2.5 GB'],
])('bytes %d', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it('bitrates and fractions', () => {
  expect(formatBitrate(640_400)).toBe('640 kbit/s');
  expect(formatBitrate(1_540_000)).toBe('1.5 Mbit/s');
  expect(formatFraction(0.004)).toBe('0.4 %');
  expect(formatFraction(0)).toBe('0 %');
  expect(formatFraction(0.123)).toBe('12 %');
});
