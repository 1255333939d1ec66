import { expect, it } from 'vitest';

import { parsePasted } from './joinLink';

const origin = 'https://meeting.example';
const token = 'eyJhbGciOiJI.UzI1NiJ9_-x';

it.each([
  [`${origin}/join/${token}`, { kind: 'here', path: `/join/${token}` }],
  [`  参会链接：${origin}/join/${token} 请准时`, { kind: 'here', path: `/join/${token}` }],
  [`/join/${token}`, { kind: 'here', path: `/join/${token}` }],
  [
    `https://other.example:8443/join/${token}?x=1`,
    {
      kind: 'elsewhere',
      url: `https://other.example:8443/join/${token}`,
      host: 'other.example:8443',
    },
  ],
  [`${origin}/host`, { kind: 'none' }],
  ['javascript:alert(1)//join/aaaaaaaaaa', { kind: 'here', path: '/join/aaaaaaaaaa' }],
  ['https://', { kind: 'none' }],
  ['hello', { kind: 'none' }],
  ['', { kind: 'none' }],
])('%s', (text, expected) => {
  expect(parsePasted(text, origin)).toEqual(expected);
});
