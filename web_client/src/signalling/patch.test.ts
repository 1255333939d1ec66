import { expect, it } from 'vitest';

import { mergePatch } from './patch';

// The examples of RFC 7396, appendix A: original, patch, result.
const EXAMPLES: [unknown, unknown, unknown][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

it.each(EXAMPLES)('RFC 7396: %j patched by %j is %j', (original, patch, result) => {
  const copy = structuredClone(original);
  expect(mergePatch(original, patch)).toEqual(result);
  expect(original).toEqual(copy);
});

it('keeps branches that the patch does not touch', () => {
  const original = { same: { x: 1 }, other: { y: 1 } };
  const patched = mergePatch(original, { other: { y: 2 } }) as typeof original;
  expect(patched.same).toBe(original.same);
});

it('never sets a prototype', () => {
  const patch: unknown = JSON.parse('{"__proto__": {"admin": true}}');
  const patched = mergePatch({}, patch) as { admin?: boolean };
  expect(patched.admin).toBeUndefined();
});
