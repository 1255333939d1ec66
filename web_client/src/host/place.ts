/** Where on the host's page: kept in the fragment, which never reaches a server or its log. */

export type HostPlace =
  | { kind: 'list' }
  | { kind: 'new' }
  | { kind: 'session'; sessionId: string }
  | { kind: 'setup'; token: string };

export function parsePlace(hash: string): HostPlace {
  const text = hash.replace(/^#/, '');
  if (text === 'new') return { kind: 'new' };
  const session = /^session=([A-Za-z0-9][A-Za-z0-9_-]{0,63})$/.exec(text);
  if (session) return { kind: 'session', sessionId: session[1]! };
  const setup = /^setup=([^&]{1,200})/.exec(text);
  if (setup) return { kind: 'setup', token: setup[1]! };
  return { kind: 'list' };
}

export function formatPlace(place: HostPlace): string {
  if (place.kind === 'session') return `#session=${place.sessionId}`;
  if (place.kind === 'setup') return `#setup=${place.token}`;
  return place.kind === 'new' ? '#new' : '';
}
