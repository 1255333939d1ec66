import { describe, expect, it } from 'vitest';

import { sampleVenue, sampleView } from './sampleView';
import { filterCards, inTrouble, silencedByMuteAll, venueCards } from './venues';

const byId = (view = sampleView(), blocked = new Set<string>()) =>
  new Map(venueCards(view, blocked).map((venue) => [venue.venueId, venue]));

describe('venueCards', () => {
  it("keeps the roster's order", () => {
    expect(venueCards(sampleView()).map((venue) => venue.venueId)).toEqual(['m', 'a', 'b', 'c']);
  });

  it('says the most pressing state and keeps the rest as badges', () => {
    const cards = byId();
    expect(cards.get('a')).toMatchObject({ state: 'on_air', badges: ['holder', 'on_stage'] });
    expect(cards.get('b')).toMatchObject({ state: 'waiting', position: 2, requestId: 'r1' });
    expect(cards.get('b')?.badges).toContain('no_camera');
    expect(cards.get('c')).toMatchObject({ state: 'offline', position: 1 });
  });

  it('shows a muted holder as muted', () => {
    const view = sampleView();
    view.venues.a = sampleVenue('a', { holder: true, muted: true });
    expect(byId(view).get('a')).toMatchObject({ state: 'muted', holder: true });
  });

  it('takes blocked sound only from venues that are connected', () => {
    const cards = byId(sampleView(), new Set(['b', 'c']));
    expect(cards.get('b')?.badges).toContain('sound_blocked');
    expect(cards.get('c')?.badges).not.toContain('sound_blocked');
  });
});

describe('filterCards', () => {
  it('finds by part of the name, whatever the case or width', () => {
    const view = sampleView();
    view.venues.b = sampleVenue('b', { name: '第２分会场 Nanshan' });
    const cards = venueCards(view);
    expect(filterCards(cards, '第2分', 'all').map((venue) => venue.venueId)).toEqual(['b']);
    expect(filterCards(cards, ' NANSHAN ', 'all').map((venue) => venue.venueId)).toEqual(['b']);
  });

  it.each([
    ['connected', ['m', 'a', 'b']],
    ['offline', ['c']],
    ['on_air', ['m', 'a']],
    ['waiting', ['b', 'c']],
    ['trouble', ['b']],
  ] as const)('filter %s', (filter, expected) => {
    const found = filterCards(venueCards(sampleView()), '', filter);
    expect(found.map((venue) => venue.venueId)).toEqual(expected);
  });
});

it('a floor holder without a connection is trouble', () => {
  const view = sampleView();
  view.venues.a = sampleVenue('a', { holder: true, connected: false, publications: {} });
  expect(inTrouble(byId(view).get('a')!)).toBe(true);
});

it('mute all silences every branch that is not muted yet, never the main venue', () => {
  const view = sampleView();
  view.venues.b = sampleVenue('b', { muted: true });
  expect(silencedByMuteAll(view)).toEqual(['a', 'c']);
});
