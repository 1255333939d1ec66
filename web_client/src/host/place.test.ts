import { expect, it } from 'vitest';

import { formatPlace, parsePlace } from './place';

it.each([
  ['', { kind: 'list' }],
  ['#new', { kind: 'new' }],
  ['#session=s-1', { kind: 'session', sessionId: 's-1' }],
  ['#setup=abc.DEF_1', { kind: 'setup', token: 'abc.DEF_1' }],
  ['#session=../../x', { kind: 'list' }],
  ['#setup=', { kind: 'list' }],
])('%s', (hash, place) => {
  expect(parsePlace(hash)).toEqual(place);
});

it('reads what it writes', () => {
  const place = { kind: 'session', sessionId: 'abc' } as const;
  expect(parsePlace(formatPlace(place))).toEqual(place);
});
