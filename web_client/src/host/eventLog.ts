/** What happened, in words: each event of the log as a message key with its values. */
import type { SessionView, VisibleEvent } from '@/signalling/protocol';

export interface LogLine {
  version: number;
  at: number;
  /** Key below `host.log`, e.g. `floor_granted`. */
  key: string;
  values: Record<string, string>;
  tone: 'plain' | 'strong' | 'alert';
}

/** Event types worth a line, and how much they stand out; the others are details. */
const TONES: Record<string, LogLine['tone']> = {
  'session.opened': 'strong',
  'session.started': 'strong',
  'session.paused': 'strong',
  'session.resumed': 'strong',
  'session.ended': 'strong',
  'link.revoked': 'plain',
  'venue.added': 'plain',
  'venue.joined': 'plain',
  'venue.left': 'plain',
  'venue.opened': 'plain',
  'venue.closed': 'plain',
  'venue.muted': 'plain',
  'venue.unmuted': 'plain',
  'venues.all_muted': 'strong',
  'floor.requested': 'plain',
  'floor.denied': 'plain',
  'floor.cancelled': 'plain',
  'floor.moved': 'plain',
  'floor.granted': 'strong',
  'floor.released': 'plain',
  'floor.revoked': 'strong',
  'floor.policy_set': 'plain',
  'floor.list_closed': 'plain',
  'floor.list_reopened': 'plain',
  'stage.set': 'plain',
  'recording.started': 'strong',
  'recording.stopped': 'strong',
};

/** Null for events that the host's log leaves out. */
export function logLine(event: VisibleEvent, view: SessionView): LogLine | null {
  const tone = TONES[event.type];
  if (tone === undefined) return null;
  const text = (name: string): string => {
    const value = event.data[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  const venueId = text('venue_id');
  return {
    version: event.version,
    at: event.at,
    key: event.type.replace('.', '_'),
    values: {
      venue: view.venues[venueId]?.name ?? (text('name') || venueId),
      speaker: text('speaker'),
      subject: text('subject'),
      reason: text('reason'),
      position: text('position'),
    },
    tone: event.type === 'recording.stopped' && text('reason') === 'failed' ? 'alert' : tone,
  };
}

export const LOG_LIMIT = 500;

/** Newest first, at most `LOG_LIMIT` lines, each version and type once. */
export function withEvents(
  lines: readonly LogLine[],
  events: readonly VisibleEvent[],
  view: SessionView,
): LogLine[] {
  const newest = lines[0]?.version ?? 0;
  const fresh = events
    .filter((event) => event.version > newest)
    .map((event) => logLine(event, view))
    .filter((line) => line !== null);
  return [...fresh.reverse(), ...lines].slice(0, LOG_LIMIT);
}
