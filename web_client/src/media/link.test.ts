import { beforeEach, expect, it, vi } from 'vitest';

import { SignallingError } from '@/signalling/errors';
import type { SignallingClient } from '@/signalling/client';

import { MediaLink } from './link';
import type { StageStreams } from './receiver';

/** What the link opens, in place of real transports. */
interface Opened {
  direction: 'send' | 'recv';
  generation: number;
  gone: boolean;
  produced: MediaStreamTrack[];
  connect(): void;
  die(): void;
}

const world = vi.hoisted(() => ({
  opened: [] as unknown[],
  refuse: null as Error | null,
  refuseProduce: null as Error | null,
}));

vi.mock('mediasoup-client', () => ({
  Device: {
    factory: async () => ({
      load: async () => undefined,
      recvRtpCapabilities: {},
      sendRtpCapabilities: { codecs: [] },
    }),
  },
}));

vi.mock('./transport', () => ({
  MediaTransport: {
    open: async (
      context: { generation: number; onState(): void; onDead(): void },
      direction: 'send' | 'recv',
    ) => {
      if (world.refuse) throw world.refuse;
      const opened = {
        direction,
        generation: context.generation,
        state: 'new',
        gone: false,
        closed: new Promise<never>(() => undefined),
        produced: [] as unknown[],
        peerConnection: null,
        transport: {
          id: `${direction}-${world.opened.length}`,
          produce: async ({ track }: { track: unknown }) => {
            if (world.refuseProduce) throw world.refuseProduce;
            opened.produced.push(track);
            return { id: 'p', track, close: () => undefined, replaceTrack: async () => undefined };
          },
        },
        close() {
          opened.gone = true;
        },
        connect() {
          opened.state = 'connected';
          context.onState();
        },
        die() {
          opened.gone = true;
          context.onDead();
        },
      };
      world.opened.push(opened);
      return opened;
    },
  },
}));

const STREAMS: StageStreams = {
  slots: new Map(),
  audio: new Map(),
  wall: new Map(),
  pictures: new Map(),
};
vi.mock('./receiver', () => ({ NO_STREAMS: {}, receiveStage: async () => STREAMS }));

type Listener = (value: unknown) => void;

class FakeClient {
  state = 'open';
  publisher = true;
  mediaReady = true;
  generation = 1;
  private readonly listeners = new Map<string, Set<Listener>>();

  on(event: string, listener: Listener) {
    const all = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, all.add(listener));
    return () => all.delete(listener);
  }

  emit(event: string, value: unknown) {
    for (const listener of this.listeners.get(event) ?? []) listener(value);
  }

  call = vi.fn(async (method: string) =>
    method === 'media.capabilities' ? { generation: this.generation, rtp_capabilities: {} } : {},
  );

  reset(generation: number, ready: boolean) {
    this.generation = generation;
    this.mediaReady = ready;
    this.emit('media.reset', { generation, ready, reason: 'worker lost' });
  }
}

let client: FakeClient;
const track = (kind: string) => ({ kind, readyState: 'live' }) as MediaStreamTrack;
const camera = track('video');
const opened = () => world.opened as Opened[];
const alive = () => opened().filter(({ gone }) => !gone);
const settle = () => vi.advanceTimersByTimeAsync(0);

function start(): MediaLink {
  const link = new MediaLink(client as unknown as SignallingClient);
  link.setTrack('camera', camera);
  return link;
}

beforeEach(() => {
  vi.useFakeTimers();
  world.opened.length = 0;
  world.refuse = null;
  world.refuseProduce = null;
  client = new FakeClient();
});

it('receives, and publishes what it has', async () => {
  const link = start();
  await settle();
  expect(
    alive()
      .map(({ direction }) => direction)
      .sort(),
  ).toEqual(['recv', 'send']);
  expect(alive().find(({ direction }) => direction === 'send')?.produced).toEqual([camera]);
  alive().forEach((transport) => transport.connect());
  expect(link.state).toBe('connected');
  expect(link.streams).toBe(STREAMS);
  link.close();
  expect(alive()).toEqual([]);
});

it('only receives while it does not publish for its venue', async () => {
  client.publisher = false;
  const link = start();
  await settle();
  expect(alive().map(({ direction }) => direction)).toEqual(['recv']);
  client.publisher = true;
  client.emit('state', 'open');
  await settle();
  expect(alive()).toHaveLength(2);
  client.publisher = false;
  client.emit('state', 'open');
  expect(alive().map(({ direction }) => direction)).toEqual(['recv']);
  link.close();
});

it('waits without a worker, then sets up again with the same tracks', async () => {
  const link = start();
  await settle();
  alive().forEach((transport) => transport.connect());
  client.reset(2, false);
  expect(link.state).toBe('waiting');
  expect(alive()).toEqual([]);
  client.reset(2, true);
  await settle();
  expect(alive().map(({ generation }) => generation)).toEqual([2, 2]);
  expect(alive().find(({ direction }) => direction === 'send')?.produced).toEqual([camera]);
  link.close();
});

it('rebuilds all when receiving dies, and only the sending side when that dies', async () => {
  const link = start();
  await settle();
  const [first] = alive().filter(({ direction }) => direction === 'recv');
  alive()
    .find(({ direction }) => direction === 'send')
    ?.die();
  await vi.advanceTimersByTimeAsync(300);
  expect(alive()).toHaveLength(2);
  expect(alive()).toContain(first);
  first?.die();
  expect(alive()).toEqual([]);
  await vi.advanceTimersByTimeAsync(300);
  expect(alive()).toHaveLength(2);
  expect(alive()).not.toContain(first);
  link.close();
});

it('keeps the stage when what it sends is refused for good', async () => {
  const quiet = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  world.refuseProduce = new SignallingError('codec_mismatch');
  const link = start();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(link.publishFailure).toBe('codec_mismatch');
  expect(alive().map(({ direction }) => direction)).toEqual(['recv']);
  expect(opened()).toHaveLength(2);
  quiet.mockRestore();
  link.close();
});

it('keeps running transports through a lost connection of signalling', async () => {
  const link = start();
  await settle();
  const before = alive();
  client.state = 'waiting';
  client.emit('state', 'waiting');
  client.state = 'open';
  const transports = before.map(
    (each) => (each as unknown as { transport: { id: string } }).transport.id,
  );
  client.emit('joined', { generation: 1, media_ready: true, transports });
  await settle();
  expect(alive()).toEqual(before);
  // A server that does not know them any more: all anew.
  client.emit('joined', { generation: 1, media_ready: true, transports: [] });
  await settle();
  expect(before.every(({ gone }) => gone)).toBe(true);
  expect(alive()).toHaveLength(2);
  link.close();
});

it('tries again with back-off while the server refuses', async () => {
  world.refuse = new SignallingError('media_unavailable');
  const link = start();
  await vi.advanceTimersByTimeAsync(3_000);
  const tries = client.call.mock.calls.length;
  expect(tries).toBeGreaterThan(1);
  expect(tries).toBeLessThan(8);
  world.refuse = null;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(alive()).toHaveLength(2);
  link.close();
});
