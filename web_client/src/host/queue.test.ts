import { describe, expect, it } from 'vitest';

import { holderRows, movedPosition, newRequests, queueRows } from './queue';
import { sampleView } from './sampleView';

describe('queueRows', () => {
  it("keeps the server's order and counts waiting by the server's clock", () => {
    const rows = queueRows(sampleView(), 100);
    expect(rows.map((row) => [row.requestId, row.position, row.waitedSeconds])).toEqual([
      ['r2', 1, 5],
      ['r1', 2, 10],
    ]);
    expect(rows[1]).toMatchObject({ venueName: 'Venue b', speaker: 'Li', subject: 'Water' });
  });

  it('never shows a negative wait', () => {
    expect(queueRows(sampleView(), 80).every((row) => row.waitedSeconds === 0)).toBe(true);
  });

  it('skips an id without a request', () => {
    const view = sampleView();
    view.floor.queue = ['gone', 'r1'];
    expect(queueRows(view, 100).map((row) => [row.requestId, row.position])).toEqual([['r1', 1]]);
  });
});

it('holders come by the age of their grant, with the time since the link was lost', () => {
  const view = sampleView();
  view.floor.holders.c = {
    venue_id: 'c',
    speaker: '',
    subject: '',
    granted_at: 40,
    disconnected_since: 97,
  };
  const rows = holderRows(view, 100);
  expect(rows.map((row) => row.venueId)).toEqual(['c', 'a']);
  expect(rows[0]).toMatchObject({ lostSeconds: 3, heldSeconds: 60 });
  expect(rows[1]).toMatchObject({ lostSeconds: null, heldSeconds: 50 });
});

it('announces only requests that are new', () => {
  expect(newRequests(['a', 'b'], ['b', 'c', 'a'])).toEqual(['c']);
});

it('moves stop at both ends', () => {
  expect(movedPosition(1, -1, 3)).toBeNull();
  expect(movedPosition(3, 1, 3)).toBeNull();
  expect(movedPosition(2, 1, 3)).toBe(3);
});
