/** Writes `src/signalling/protocol.ts` from the server's schema: `npm run generate`. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { compile, type JSONSchema } from 'json-schema-to-typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const target = fileURLToPath(new URL('../src/signalling/protocol.ts', import.meta.url));

const banner = `/**
 * The wire between server and clients.
 * Generated from orchestrator/protocol by \`npm run generate\`: do not edit.
 */
`;

/** The Python that has the product's dependencies. */
function python(): string {
  const local = `${root}/.venv/bin/python`;
  return process.env.PLENARY_PYTHON ?? (existsSync(local) ? local : 'python3');
}

/** The generated module as it should be now. Throws when Python cannot print the schema. */
export async function generateProtocol(): Promise<string> {
  const printed = execFileSync(python(), ['-m', 'orchestrator.protocol.export'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const code = await compile(JSON.parse(printed) as JSONSchema, 'Protocol', {
    additionalProperties: false,
    bannerComment: banner,
    ignoreMinAndMaxItems: true,
    unreachableDefinitions: true,
    style: { printWidth: 100 },
  });
  return (
    code
      // The root has no fields: it only holds the definitions.
      .replace(/export interface Protocol \{\s*\}\n/, '')
      .replace(/ *\/\*\*\n +\* This interface was referenced by `undefined`[\s\S]*?\*\/\n/g, '')
      // "This interface was referenced by …" says nothing to a reader.
      .replace(/ \*\n \* This (interface|type) was referenced by [\s\S]*?\n \*\//g, ' */')
      .replace(
        /\/\*\*\n \* This (interface|type) was referenced by (?:(?!\*\/)[\s\S])*?\n \*\/\n/g,
        '',
      )
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(target, await generateProtocol());
}
