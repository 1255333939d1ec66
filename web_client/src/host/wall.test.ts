import { describe, expect, it } from 'vitest';

import { assignTiles, sameTiles, tileOf } from './wall';

describe('assignTiles', () => {
  it('gives tiles in the order of what is wanted', () => {
    expect(assignTiles({}, ['a', 'b'], 3)).toEqual({ '1': 'a', '2': 'b', '3': null });
  });

  it('keeps a venue on its tile when others come and go', () => {
    const first = assignTiles({}, ['a', 'b', 'c'], 3);
    expect(assignTiles(first, ['d', 'c', 'b'], 3)).toEqual({ '1': 'd', '2': 'b', '3': 'c' });
  });

  it('drops what is wanted least when there are too few', () => {
    expect(assignTiles({ '1': 'c' }, ['a', 'b', 'c'], 2)).toEqual({ '1': 'a', '2': 'b' });
  });

  it('gives no venue two tiles', () => {
    const tiles = assignTiles({ '1': 'a', '2': 'a' }, ['a'], 2);
    expect(Object.values(tiles).filter((venue) => venue === 'a')).toHaveLength(1);
  });
});

it('finds the tile of a venue', () => {
  expect(tileOf({ '1': null, '2': 'a' }, 'a')).toBe('2');
  expect(tileOf({ '1': null }, 'a')).toBeNull();
});

it('treats an unnamed tile as unused when comparing', () => {
  expect(sameTiles({ '1': 'a' }, { '1': 'a', '2': null })).toBe(true);
  expect(sameTiles({ '1': 'a' }, { '1': 'b' })).toBe(false);
});
