/** Whether this tab is inside a session: survives a reload, not the tab. */
import type { JoinedVenue } from '@/signalling/protocol';

type Place = Pick<JoinedVenue, 'session_id' | 'venue_id'>;

const key = (place: Place) => `plenary.inside.${place.session_id}.${place.venue_id}`;

export function isInside(place: Place): boolean {
  try {
    return sessionStorage.getItem(key(place)) === '1';
  } catch {
    return false;
  }
}

export function rememberInside(place: Place, inside: boolean): void {
  try {
    if (inside) sessionStorage.setItem(key(place), '1');
    else sessionStorage.removeItem(key(place));
  } catch {
    // Then a reload asks again.
  }
}
