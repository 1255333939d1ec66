/**
 * All media of this page in one session: a receiving transport, and a sending one while this page
 * publishes for its venue. Follows the signalling client: sets up when joined, again at every
 * `media.reset` and whenever a transport is lost, with the same tracks.
 */
import { Device } from 'mediasoup-client';
import type { types } from 'mediasoup-client';

import { backoffMs } from '@/signalling/backoff';
import type { SignallingClient } from '@/signalling/client';
import { errorCode } from '@/i18n/errorText';

import { withoutNulls } from './ortc';
import { Publisher, type PublishedSource } from './publisher';
import { NO_STREAMS, receiveStage, type StageStreams } from './receiver';
import { MediaTransport } from './transport';

/**
 * `idle`: not joined yet; `waiting`: no worker now, the server says when; `connecting`;
 * `connected`; `interrupted`: was connected, repairs itself; `unsupported`: no WebRTC here.
 */
export type MediaState =
  'idle' | 'waiting' | 'connecting' | 'connected' | 'interrupted' | 'unsupported';

type Direction = 'send' | 'recv';

/** Refusals of what this page sends: trying again by itself would change nothing. */
const PUBLISHING_REFUSED: ReadonlySet<string> = new Set([
  'codec_mismatch',
  'not_publisher',
  'not_permitted',
  'bad_request',
]);

export interface MediaLinkOptions {
  /** Wall tiles to receive (host and technician). */
  wallTiles?: number;
}

export class MediaLink {
  state: MediaState = 'idle';
  streams: StageStreams = NO_STREAMS;
  /** Why this page's own picture and sound do not reach the server; null when they do. */
  publishFailure: string | null = null;

  private readonly publisher: Publisher;
  private readonly transports = new Map<Direction, MediaTransport>();
  private readonly listeners = new Set<() => void>();
  private readonly stopListening: (() => void)[];
  private device: Device | null = null;
  private generation: number | null = null;
  /** Grows with each set-up; whoever finds another number after waiting is out of date. */
  private turn = 0;
  private attempt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private sendAttempt = 0;
  private sendTimer: ReturnType<typeof setTimeout> | undefined;
  /** The turn for which a sending transport is being opened. */
  private opening = 0;
  private everConnected = false;
  private closed = false;

  constructor(
    private readonly client: SignallingClient,
    private readonly options: MediaLinkOptions = {},
  ) {
    this.publisher = new Publisher(client, (error) => this.sendTrouble(error));
    this.stopListening = [
      client.on('joined', (joined) => {
        this.forgetUnknown(joined.transports);
        this.follow(joined.generation, joined.media_ready);
      }),
      client.on('media.reset', (reset) => this.follow(reset.generation, reset.ready)),
      client.on('state', () => this.followPublisher()),
    ];
    if (client.state === 'open') this.follow(client.generation, client.mediaReady);
  }

  /** Called after every change of `state` and `streams`. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Publish this track as the source, or stop it (null). Kept through every reconnection. */
  setTrack(source: PublishedSource, track: MediaStreamTrack | null): void {
    this.publisher.setTrack(source, track);
    this.followPublisher();
  }

  /** Ask for a fresh picture: `slot:<n>` or `wall:<n>`. */
  requestKeyFrame(picture: string): void {
    const consumer = this.streams.pictures.get(picture);
    if (consumer === undefined) return;
    this.client.call('media.key_frame', { consumer_id: consumer }).catch(() => undefined);
  }

  /** The browser's connections, read-only, for diagnostics. */
  peerConnections(): RTCPeerConnection[] {
    return [...this.transports.values()].flatMap(({ peerConnection }) => peerConnection ?? []);
  }

  /** Idempotent; tracks are the caller's and stay as they are. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const stop of this.stopListening) stop();
    this.tearDown();
    this.become('idle');
    this.listeners.clear();
  }

  private follow(generation: number, ready: boolean): void {
    if (this.closed || this.state === 'unsupported') return;
    if (!ready) {
      this.tearDown();
      this.become('waiting');
    } else if (generation !== this.generation || !this.transports.has('recv')) {
      void this.setUp();
    } else {
      this.followPublisher();
    }
  }

  /** Transports that the server does not have any more are of no use here either. */
  private forgetUnknown(known: readonly string[]): void {
    for (const [direction, { transport }] of [...this.transports]) {
      if (known.includes(transport.id)) continue;
      if (direction === 'recv') {
        this.tearDown();
        return;
      }
      this.publisher.detach();
      this.transports.get(direction)?.close();
      this.transports.delete(direction);
    }
  }

  private shouldPublish(): boolean {
    return this.client.publisher && this.publisher.hasTracks;
  }

  /** Open or close the sending side alone; the picture of the stage stays. */
  private followPublisher(): void {
    if (this.closed || this.client.state !== 'open' || this.device === null) return;
    if (!this.transports.has('recv')) return; // set-up is under way and looks for itself
    const sending = this.transports.get('send');
    if (sending && !this.client.publisher) {
      this.publisher.detach();
      this.transports.delete('send');
      sending.close();
    } else if (!sending && this.shouldPublish()) {
      const turn = this.turn;
      this.openSend(this.device, turn).catch((error) => this.sendTrouble(error, turn));
    }
  }

  private async setUp(): Promise<void> {
    this.tearDown();
    const turn = this.turn;
    this.become(this.everConnected ? 'interrupted' : 'connecting');
    try {
      const { generation, rtp_capabilities } = await this.client.call('media.capabilities', {});
      const device = await Device.factory();
      await device.load({
        routerRtpCapabilities: withoutNulls(rtp_capabilities) as types.RtpCapabilities,
      });
      if (turn !== this.turn) return;
      this.device = device;
      this.generation = generation;
      if (this.shouldPublish()) {
        this.openSend(device, turn).catch((error) => this.sendTrouble(error, turn));
      }
      await this.openReceive(device, turn);
      if (turn !== this.turn) return;
      this.attempt = 0;
      this.followPublisher();
    } catch (error) {
      this.trouble(error, turn);
    }
  }

  private async openReceive(device: Device, turn: number): Promise<void> {
    const transport = await this.openTransport(device, 'recv', turn);
    if (!transport) return;
    const streams = await receiveStage(this.client, device, transport, this.options.wallTiles ?? 0);
    if (turn !== this.turn) return;
    this.streams = streams;
    this.changed();
  }

  private async openSend(device: Device, turn: number): Promise<void> {
    if (this.opening === turn) return; // one at a time
    this.opening = turn;
    try {
      const transport = await this.openTransport(device, 'send', turn);
      if (transport) this.publisher.attach(transport, device);
    } finally {
      if (this.opening === turn) this.opening = 0;
    }
  }

  private async openTransport(
    device: Device,
    direction: Direction,
    turn: number,
  ): Promise<MediaTransport | null> {
    const context = {
      client: this.client,
      device,
      generation: this.generation ?? 0,
      onState: () => this.assess(),
      onDead: () => {
        const lost = new Error('transport lost');
        if (direction === 'send') this.sendTrouble(lost, turn);
        else this.trouble(lost, turn);
      },
    };
    const transport = await MediaTransport.open(context, direction);
    if (turn !== this.turn) {
      transport.close();
      return null;
    }
    this.transports.set(direction, transport);
    return transport;
  }

  /** Publishing failed: it alone starts anew, the stage stays; some refusals are for good. */
  private sendTrouble(error: unknown, turn = this.turn): void {
    if (turn !== this.turn || this.closed) return;
    const code = errorCode(error);
    if (code === 'media_reset') {
      this.trouble(error, turn);
      return;
    }
    const sending = this.transports.get('send');
    this.publisher.detach();
    this.transports.delete('send');
    sending?.close();
    this.publishFailure = code;
    this.assess();
    this.changed();
    if (PUBLISHING_REFUSED.has(code)) {
      console.error(`media: publishing was refused: ${code}`);
      return;
    }
    const wait = backoffMs(this.sendAttempt, Math.random());
    this.sendAttempt += 1;
    clearTimeout(this.sendTimer);
    this.sendTimer = setTimeout(() => this.followPublisher(), wait);
  }

  /** Something failed: all anew after a while, unless signalling or the server starts it itself. */
  private trouble(error: unknown, turn = this.turn): void {
    if (turn !== this.turn || this.closed) return;
    this.tearDown();
    if (error instanceof Error && error.name === 'UnsupportedError') {
      console.error('media: this browser cannot take part', error);
      this.become('unsupported');
      return;
    }
    this.become(this.everConnected ? 'interrupted' : 'connecting');
    const code = errorCode(error);
    if (this.client.state !== 'open' || code === 'closed') return; // `joined` starts it
    const wait = backoffMs(this.attempt, Math.random());
    this.attempt += 1;
    this.retryTimer = setTimeout(() => {
      if (this.client.state !== 'open') return;
      if (this.client.mediaReady) void this.setUp();
      else this.become('waiting');
    }, wait);
  }

  private tearDown(): void {
    this.turn += 1;
    clearTimeout(this.retryTimer);
    clearTimeout(this.sendTimer);
    this.publisher.detach();
    const transports = [...this.transports.values()];
    this.transports.clear();
    for (const transport of transports) transport.close();
    this.device = null;
    this.generation = null;
    if (this.streams !== NO_STREAMS) {
      this.streams = NO_STREAMS;
      this.changed();
    }
  }

  private assess(): void {
    const states = [...this.transports.values()].map(({ state }) => state);
    if (this.transports.get('send')?.state === 'connected') {
      this.sendAttempt = 0;
      this.publishFailure = null;
    }
    if (states.includes('interrupted')) this.become('interrupted');
    else if (this.transports.get('recv')?.state === 'connected') {
      this.everConnected = true;
      this.become('connected');
    }
  }

  private become(state: MediaState): void {
    if (this.state === state) return;
    this.state = state;
    this.changed();
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
