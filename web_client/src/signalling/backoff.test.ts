import { expect, it } from 'vitest';

import { backoffMs } from './backoff';

it('is quick at first, doubles, and has a limit', () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 20].map((attempt) => backoffMs(attempt, 1));
  expect(longest).toEqual([225, 500, 1000, 2000, 4000, 4000, 4000, 4000]);
});

it('spreads by at least half', () => {
  expect(backoffMs(4, 0)).toBe(backoffMs(4, 1) / 2);
});
