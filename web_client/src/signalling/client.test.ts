import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { SignallingClient, type SignallingOptions } from './client';
import type { SessionView } from './protocol';
import { ScriptedSocket } from './scriptedSocket';

const VIEW = {
  session: { session_id: 's1', title: 'T', phase: 'open', codec: 'vp8', created_at: 1 },
  venues: {},
  floor: { policy: 'chair', list_open: true, limit: 6, queue: [], requests: {}, holders: {} },
  stage: { mode: 'follow_floor', layout: 'single', slots: {} },
  you: { role: 'venue', venue_id: 'v1' },
} as unknown as SessionView;

const JOINED = {
  role: 'venue',
  venue_id: 'v1',
  publisher: true,
  occupied: false,
  version: 3,
  server_time: 1_000,
  view: VIEW,
  frames: [],
  generation: 1,
  media_ready: true,
  transports: [],
};

const frame = (version: number, patch: unknown) => ({
  jsonrpc: '2.0',
  method: 'session.events',
  params: { version, events: [], patch },
});

let client: SignallingClient;

function start(options: Partial<SignallingOptions> = {}): SignallingClient {
  client = new SignallingClient({
    sessionId: 's1',
    venueId: 'v1',
    clientId: 'tab-0001',
    language: 'en',
    createSocket: (url) => new ScriptedSocket(url) as unknown as WebSocket,
    random: () => 0.5,
    ...options,
  });
  client.start();
  return client;
}

function joinNewest(joined: Record<string, unknown> = {}): ScriptedSocket {
  const socket = ScriptedSocket.newest;
  socket.open();
  socket.answer('session.join', { ...JOINED, ...joined });
  return socket;
}

beforeEach(() => {
  vi.useFakeTimers();
  ScriptedSocket.all.length = 0;
});

afterEach(() => {
  client.stop();
  vi.useRealTimers();
});

describe('joining', () => {
  it('names session, venue, tab and language, and no version the first time', () => {
    start();
    const socket = joinNewest();
    expect(socket.url).toMatch(/\/signal\?session=s1&venue=v1$/);
    expect(socket.request('session.join').params).toMatchObject({
      protocol: 1,
      client_id: 'tab-0001',
      publish: true,
      take_over: false,
      last_version: null,
      language: 'en',
    });
    expect(client.state).toBe('open');
    expect(client.publisher).toBe(true);
    expect(client.view).toEqual(VIEW);
  });

  it('stops for good when the link is refused', () => {
    start();
    ScriptedSocket.newest.open();
    ScriptedSocket.newest.refuse('session.join', 'link_revoked');
    expect(client.state).toBe('closed');
    expect(client.failure).toBe('link_revoked');
    vi.advanceTimersByTime(60_000);
    expect(ScriptedSocket.all).toHaveLength(1);
  });

  it.each([
    [4401, 'not_signed_in'],
    [4403, 'link_revoked'],
    [4404, 'no_such_session'],
  ])('stops for good at close code %i', (code, reason) => {
    start();
    joinNewest().lose(code);
    expect(client.failure).toBe(reason);
  });

  it('asks why when connections are refused without a word', async () => {
    const diagnose = vi.fn(async () => 'link_expired' as const);
    start({ diagnose });
    ScriptedSocket.newest.lose();
    await vi.advanceTimersByTimeAsync(1_000);
    ScriptedSocket.newest.lose();
    await vi.advanceTimersByTimeAsync(0);
    expect(diagnose).toHaveBeenCalledOnce();
    expect(client.failure).toBe('link_expired');
  });

  it('gives up a connection that opens but never answers the join', () => {
    start();
    ScriptedSocket.newest.open();
    vi.advanceTimersByTime(8_000);
    expect(client.state).toBe('waiting');
    vi.advanceTimersByTime(1_000);
    expect(ScriptedSocket.all).toHaveLength(2);
  });
});

describe('coming back', () => {
  it('tries again quickly, with the version that it has, and applies what it missed', () => {
    start();
    joinNewest().lose();
    expect(client.state).toBe('waiting');
    expect(client.publisher).toBe(false);
    vi.advanceTimersByTime(300);
    const socket = joinNewest({
      view: null,
      version: 5,
      frames: [{ version: 5, events: [], patch: { session: { phase: 'live' } } }],
    });
    expect(socket.request('session.join').params.last_version).toBe(3);
    expect(client.view?.session.phase).toBe('live');
    expect(client.version).toBe(5);
  });

  it('waits longer from time to time, and starts anew after success', () => {
    start();
    joinNewest().lose();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      const opened = ScriptedSocket.all.length;
      let waited = 0;
      while (ScriptedSocket.all.length === opened) {
        vi.advanceTimersByTime(50);
        waited += 50;
      }
      waits.push(waited);
      ScriptedSocket.newest.lose();
    }
    expect(waits[0]).toBeLessThanOrEqual(250);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBeLessThanOrEqual(8_000);
  });

  it('does not wait when the machine says that its network is back', () => {
    start();
    joinNewest().lose();
    vi.advanceTimersByTime(300);
    ScriptedSocket.newest.lose();
    const opened = ScriptedSocket.all.length;
    window.dispatchEvent(new Event('online'));
    expect(ScriptedSocket.all).toHaveLength(opened + 1);
  });

  it('notices a dead link by silence', () => {
    start();
    const socket = joinNewest();
    vi.advanceTimersByTime(16_000);
    expect(socket.sent.some(({ method }) => method === 'client.ping')).toBe(true);
    expect(socket.closedByClient).toBe(true);
    expect(client.state).not.toBe('closed');
    expect(ScriptedSocket.all.length).toBeGreaterThan(1);
  });

  it('notices it sooner when the machine says that its network is gone', () => {
    start();
    joinNewest();
    vi.advanceTimersByTime(100);
    window.dispatchEvent(new Event('offline'));
    vi.advanceTimersByTime(3_000);
    expect(client.state).toBe('waiting');
  });

  it('does not believe it while the server answers', () => {
    start();
    const socket = joinNewest();
    vi.advanceTimersByTime(100);
    window.dispatchEvent(new Event('offline'));
    socket.answer('client.ping', {});
    vi.advanceTimersByTime(3_000);
    expect(client.state).toBe('open');
  });

  it('keeps a quiet link whose pings are answered', () => {
    start();
    const socket = joinNewest();
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(4_000);
      socket.answer('client.ping', {});
    }
    expect(client.state).toBe('open');
    expect(ScriptedSocket.all).toHaveLength(1);
  });

  it('waits as long as the server says when it sent too much', () => {
    start();
    joinNewest().lose(4429);
    vi.advanceTimersByTime(5_000);
    expect(ScriptedSocket.all).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    expect(ScriptedSocket.all).toHaveLength(2);
  });
});

describe('commands', () => {
  it('answers with what the server accepted', async () => {
    start();
    const socket = joinNewest();
    const done = client.command('floor.request', { subject: 'roads' });
    expect(socket.request('floor.request').params).toMatchObject({ subject: 'roads' });
    expect(socket.request('floor.request').params.key).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
    socket.answer('floor.request', { version: 4, repeated: false, request_id: 'r1' });
    await expect(done).resolves.toMatchObject({ request_id: 'r1' });
  });

  it('sends an unanswered command again with the same key, once, in order', async () => {
    start();
    const first = joinNewest();
    const one = client.command('floor.request', { subject: 'a' });
    const two = client.command('floor.release', {});
    const key = first.request('floor.request').params.key;
    first.lose();
    vi.advanceTimersByTime(300);
    const second = joinNewest();
    const again = second.sent.filter(({ method }) => method.startsWith('floor.'));
    expect(again.map(({ method }) => method)).toEqual(['floor.request', 'floor.release']);
    expect(again[0]?.params.key).toBe(key);
    second.answer('floor.request', { version: 4, repeated: true });
    second.refuse('floor.release', 'not_holder');
    await expect(one).resolves.toMatchObject({ repeated: true });
    await expect(two).rejects.toMatchObject({ code: 'not_holder' });
    second.lose();
    vi.advanceTimersByTime(300);
    const third = joinNewest();
    expect(third.sent.filter(({ method }) => method.startsWith('floor.'))).toEqual([]);
  });

  it('keeps a command that was given while disconnected', () => {
    start();
    joinNewest().lose();
    void client.command('floor.request', {}).catch(() => undefined);
    vi.advanceTimersByTime(300);
    expect(joinNewest().request('floor.request')).toBeDefined();
  });

  it('fails what still waits when it stops', async () => {
    start();
    joinNewest();
    const done = client.command('floor.request', {});
    client.stop();
    await expect(done).rejects.toMatchObject({ code: 'closed' });
    await expect(client.command('floor.release', {})).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('calls', () => {
  it('belong to one connection', async () => {
    start();
    const socket = joinNewest();
    const done = client.call('media.capabilities', {});
    socket.lose();
    await expect(done).rejects.toMatchObject({ code: 'closed' });
    await expect(client.call('media.capabilities', {})).rejects.toMatchObject({ code: 'closed' });
  });

  it('time out', async () => {
    start();
    const socket = joinNewest();
    const done = client.call('media.capabilities', {});
    const failed = expect(done).rejects.toMatchObject({ code: 'timeout' });
    for (let i = 0; i < 4; i++) {
      await vi.advanceTimersByTimeAsync(4_000);
      if (socket.readyState === 1) socket.answer('client.ping', {});
    }
    await failed;
  });
});

describe('the view', () => {
  it('follows patches, skips old ones, and never changes in place', () => {
    start();
    const socket = joinNewest();
    const before = client.view;
    const seen: number[] = [];
    client.on('frame', ({ version }) => seen.push(version));
    socket.say(frame(6, { session: { phase: 'live' }, venues: { v2: { name: 'B' } } }));
    socket.say(frame(6, { session: { phase: 'ended' } }));
    socket.say(frame(5, { session: { phase: 'ended' } }));
    expect(seen).toEqual([6]);
    expect(client.view?.session.phase).toBe('live');
    expect(before?.session.phase).toBe('open');
    expect(client.view?.floor).toBe(before?.floor);
  });

  it('survives nonsense from the server', () => {
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    start();
    const socket = joinNewest();
    socket.onmessage?.({ data: '{' });
    socket.say({ jsonrpc: '2.0', id: 999, result: {} });
    expect(client.state).toBe('open');
    expect(quiet).toHaveBeenCalledOnce();
    quiet.mockRestore();
  });
});

describe('two windows of one venue', () => {
  it('watches when the place is occupied, and takes over when told', () => {
    start();
    const socket = joinNewest({ publisher: false, occupied: true });
    expect(client.occupied).toBe(true);
    client.takeOver();
    expect(socket.request('session.join').params).toMatchObject({ take_over: true, publish: true });
    socket.answer('session.join', JOINED);
    expect(client.publisher).toBe(true);
    expect(client.occupied).toBe(false);
  });

  it('does not fight for the place after another window took it', () => {
    start();
    const socket = joinNewest();
    socket.say({ jsonrpc: '2.0', method: 'session.superseded', params: {} });
    expect(client.publisher).toBe(false);
    expect(client.occupied).toBe(true);
    socket.lose();
    vi.advanceTimersByTime(300);
    const again = joinNewest({ publisher: false, occupied: true });
    expect(again.request('session.join').params).toMatchObject({
      publish: false,
      take_over: false,
    });
  });
});

it('follows the generation of media', () => {
  start();
  const socket = joinNewest();
  const resets: number[] = [];
  client.on('media.reset', ({ generation }) => resets.push(generation));
  const params = { generation: 2, ready: false, reason: 'worker lost' };
  socket.say({ jsonrpc: '2.0', method: 'media.reset', params });
  expect(resets).toEqual([2]);
  expect(client.generation).toBe(2);
  expect(client.mediaReady).toBe(false);
});
