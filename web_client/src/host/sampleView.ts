/** A small session for tests: a main venue and three branches. */
import type { SessionView, VenueView } from '@/signalling/protocol';

export function sampleVenue(id: string, change: Partial<VenueView> = {}): VenueView {
  return {
    venue_id: id,
    name: `Venue ${id}`,
    kind: 'branch',
    order: 1,
    connected: true,
    publications: { camera: 1, microphone: 1 },
    open: false,
    muted: false,
    holder: false,
    heard: false,
    ...change,
  };
}

export function sampleView(change: Partial<SessionView> = {}): SessionView {
  return {
    session: {
      session_id: 's1',
      title: 'Consultation',
      phase: 'live',
      codec: 'vp8',
      created_at: 1,
    },
    venues: {
      m: sampleVenue('m', { kind: 'main', order: 0, open: true, heard: true }),
      a: sampleVenue('a', { order: 1, holder: true, heard: true }),
      b: sampleVenue('b', { order: 2, publications: { microphone: 1 } }),
      c: sampleVenue('c', { order: 3, connected: false, publications: {} }),
    },
    floor: {
      policy: 'chair',
      list_open: true,
      limit: 6,
      queue: ['r2', 'r1'],
      requests: {
        r1: {
          request_id: 'r1',
          venue_id: 'b',
          speaker: 'Li',
          subject: 'Water',
          status: 'pending',
          position: 2,
          requested_at: 90,
        },
        r2: {
          request_id: 'r2',
          venue_id: 'c',
          speaker: '',
          subject: '',
          status: 'pending',
          position: 1,
          requested_at: 95,
        },
      },
      holders: { a: { venue_id: 'a', speaker: 'Wang', subject: 'Air', granted_at: 50 } },
    },
    stage: {
      mode: 'follow_floor',
      layout: 'single',
      slots: { 1: { slot: 1, venue_id: 'a', source: 'camera' } },
    },
    you: { role: 'host' },
    ...change,
  };
}
