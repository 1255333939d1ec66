import { describe, expect, it } from 'vitest';

import { LOG_LIMIT, logLine, withEvents } from './eventLog';
import { sampleView } from './sampleView';

const event = (version: number, type: string, data = {}) => ({ version, at: version, type, data });

describe('logLine', () => {
  it('names the venue as the roster does', () => {
    expect(
      logLine(event(1, 'floor.granted', { venue_id: 'a', speaker: 'Wang' }), sampleView()),
    ).toMatchObject({ key: 'floor_granted', values: { venue: 'Venue a', speaker: 'Wang' } });
  });

  it('leaves details out', () => {
    expect(logLine(event(1, 'publication.started', { venue_id: 'a' }), sampleView())).toBeNull();
    expect(logLine(event(1, 'something.new'), sampleView())).toBeNull();
  });

  it('alerts when a recording failed', () => {
    const stopped = event(1, 'recording.stopped', { reason: 'failed' });
    expect(logLine(stopped, sampleView())?.tone).toBe('alert');
  });
});

describe('withEvents', () => {
  it('puts the newest first and takes no event twice', () => {
    const view = sampleView();
    const first = withEvents([], [event(1, 'session.opened'), event(2, 'session.started')], view);
    const second = withEvents(
      first,
      [event(2, 'session.started'), event(3, 'session.paused')],
      view,
    );
    expect(second.map((line) => line.version)).toEqual([3, 2, 1]);
  });

  it('is bounded', () => {
    const events = Array.from({ length: LOG_LIMIT + 10 }, (_, at) =>
      event(at + 1, 'session.paused'),
    );
    expect(withEvents([], events, sampleView())).toHaveLength(LOG_LIMIT);
  });
});
