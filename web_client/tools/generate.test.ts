// @vitest-environment node
import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { generateProtocol, target } from './generate.ts';

it('the committed protocol types are those of the server (else: npm run generate)', async () => {
  expect(readFileSync(target, 'utf8')).toBe(await generateProtocol());
});
