import { describe, expect, it } from 'vitest';

import { csvFile, csvLine, decodeText } from './csv';

describe('decodeText', () => {
  it.each([
    ['UTF-8', [0xe4, 0xb8, 0xbb]],
    ['UTF-8 with a mark', [0xef, 0xbb, 0xbf, 0xe4, 0xb8, 0xbb]],
    ['UTF-16 little endian', [0xff, 0xfe, 0x3b, 0x4e]],
    ['UTF-16 big endian', [0xfe, 0xff, 0x4e, 0x3b]],
    ['GB18030, as Excel saves in Chinese', [0xd6, 0xf7]],
  ])('%s', (_name, bytes) => {
    expect(decodeText(new Uint8Array(bytes))).toBe('主');
  });
});

it('quotes what needs it and disarms formulas', () => {
  expect(csvLine(['a"b', 'c,d', '=1+1'])).toBe(`"a""b","c,d",'=1+1`);
});

it('starts with a byte-order mark so that Excel reads Chinese', () => {
  expect(csvFile([['主会场', 'x']])).toBe('\ufeff主会场,x\r\n');
});
