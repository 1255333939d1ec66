import { expect, it } from 'vitest';

import { duplicateNames, mergeRoster, rosterVenues } from './roster';

it('finds names that occur twice, whatever their case', () => {
  expect(duplicateNames(['North', ' north ', 'South', '', ''])).toEqual(['North']);
});

it('an imported main venue replaces the typed one, known branches are not doubled', () => {
  const merged = mergeRoster({ main: 'Old', branches: ['A', ''] }, [
    { name: 'Hall', kind: 'main' },
    { name: 'A', kind: 'branch' },
    { name: 'B', kind: 'branch' },
  ]);
  expect(merged).toEqual({ main: 'Hall', branches: ['A', 'B'] });
});

it('keeps the typed main venue when the import has none', () => {
  expect(mergeRoster({ main: 'Hall', branches: [] }, [{ name: 'B', kind: 'branch' }]).main).toBe(
    'Hall',
  );
});

it('leaves empty rows out', () => {
  expect(rosterVenues({ main: ' Hall ', branches: ['', ' A'] })).toEqual([
    { name: 'Hall', kind: 'main' },
    { name: 'A', kind: 'branch' },
  ]);
});

it('a second main venue becomes a branch instead of being lost', () => {
  const merged = mergeRoster({ main: '', branches: [] }, [
    { name: 'Hall', kind: 'main' },
    { name: 'Annex', kind: 'main' },
  ]);
  expect(merged).toEqual({ main: 'Hall', branches: ['Annex'] });
});
