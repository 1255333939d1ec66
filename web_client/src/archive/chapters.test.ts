import { describe, expect, it } from 'vitest';

import { chapterAt, formatLocation, nextStart, parseLocation, previousStart } from './chapters';

const chapters = [
  { start: 0, end: 10 },
  { start: 10, end: 25 },
  { start: 30, end: 40 },
];

describe('chapterAt', () => {
  it.each([
    [0, 0],
    [9.9, 0],
    [10, 1],
    [27, -1],
    [30, 2],
    [40, -1],
  ])('%d s → %d', (seconds, index) => {
    expect(chapterAt(chapters, seconds)).toBe(index);
  });
});

it('next and previous go by starts, previous first to the own one', () => {
  expect(nextStart(chapters, 10)).toBe(30);
  expect(nextStart(chapters, 31)).toBeNull();
  expect(previousStart(chapters, 15)).toBe(10);
  expect(previousStart(chapters, 11)).toBe(0);
  expect(previousStart([], 11)).toBeNull();
});

describe('parseLocation', () => {
  it.each([
    ['#rec-1&t=90', 'rec-1', 90],
    ['#rec-1&t=1:30', 'rec-1', 90],
    ['#rec-1&t=1%3A02%3A03', 'rec-1', 3723],
    ['#rec-1', 'rec-1', null],
    ['#rec-1&t=-5', 'rec-1', null],
    ['#rec-1&t=soon', 'rec-1', null],
    ['', null, null],
    ['#<script>', null, null],
    ['#rec-1&t=%E0%A4%A', 'rec-1', null],
  ])('%s', (hash, recordingId, seconds) => {
    expect(parseLocation(hash)).toEqual({ recordingId, seconds });
  });

  it('reads what it writes', () => {
    expect(parseLocation(formatLocation('r1', 12.7))).toEqual({ recordingId: 'r1', seconds: 12 });
  });
});
