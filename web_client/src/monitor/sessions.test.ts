import { expect, it } from 'vitest';

import { bestSession } from './sessions';

const item = (session_id: string, phase: 'live' | 'open' | 'ended', created_at: number) => ({
  session_id,
  title: session_id,
  phase,
  created_at,
  venue_count: 2,
  connected_count: 0,
});

it('prefers what runs, then what is newest', () => {
  expect(bestSession([item('a', 'ended', 9), item('b', 'live', 1), item('c', 'live', 5)])).toBe(
    'c',
  );
  expect(bestSession([])).toBeNull();
});
