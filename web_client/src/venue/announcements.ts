/** What a screen reader is told when the session changes: a pure function of two views. */
import type { MessageKey, Values } from '@/i18n';
import type { SessionView } from '@/signalling/protocol';

import { ownFloor } from './derive';

export interface Announcement {
  key: MessageKey;
  values?: Values;
}

export function announcements(
  before: SessionView | null,
  after: SessionView,
  ownVenueId: string | null,
): Announcement[] {
  if (before === null) return [];
  const said: Announcement[] = [];
  if (before.session.phase !== after.session.phase) {
    const key = PHASES[after.session.phase];
    if (key) said.push({ key });
  }
  for (const holder of Object.values(after.floor.holders)) {
    if (before.floor.holders[holder.venue_id]) continue;
    if (holder.venue_id === ownVenueId) said.push({ key: 'venue.announce.granted' });
    else {
      const name = after.venues[holder.venue_id]?.name ?? '';
      said.push({ key: 'venue.announce.otherGranted', values: { name } });
    }
  }
  return said.concat(ownAnnouncements(before, after, ownVenueId));
}

function ownAnnouncements(
  before: SessionView,
  after: SessionView,
  ownVenueId: string | null,
): Announcement[] {
  if (ownVenueId === null) return [];
  const said: Announcement[] = [];
  if (before.floor.holders[ownVenueId] && !after.floor.holders[ownVenueId]) {
    said.push({ key: 'venue.announce.revoked' });
  }
  const was = before.venues[ownVenueId]?.muted ?? false;
  const is = after.venues[ownVenueId]?.muted ?? false;
  if (!was && is) said.push({ key: 'venue.announce.muted' });
  if (was && !is) said.push({ key: 'venue.announce.unmuted' });
  const position = ownFloor(after, ownVenueId, true).position;
  if (position !== null && position !== ownFloor(before, ownVenueId, true).position) {
    said.push({ key: 'venue.announce.position', values: { position } });
  }
  return said;
}

const PHASES: Partial<Record<SessionView['session']['phase'], MessageKey>> = {
  live: 'venue.announce.phaseLive',
  paused: 'venue.announce.phasePaused',
  ended: 'venue.announce.phaseEnded',
};
