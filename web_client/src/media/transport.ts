/**
 * One WebRTC transport of this page: created through signalling, repaired by ICE restart, given up
 * when that does not help (`onDead`: the owner builds a new one).
 */
import type { Device, types } from 'mediasoup-client';

import type { SignallingClient } from '@/signalling/client';
import type { RtpParameters } from '@/signalling/protocol';
import type { Source } from '@/signalling/types';

import { withoutNulls } from './ortc';

type Transport = types.Transport;

/** A short loss often heals by itself: the browser keeps checking. */
const DISCONNECTED_GRACE_MS = 1_500;
const CONNECT_LIMIT_MS = 10_000;
const RESTART_LIMIT_MS = 6_000;

export type TransportState = 'new' | 'connecting' | 'connected' | 'interrupted' | 'dead';

export interface TransportContext {
  client: SignallingClient;
  device: Device;
  generation: number;
  onState: () => void;
  /** The transport is of no more use; it is closed already. Called at most once. */
  onDead: () => void;
}

export class MediaTransport {
  state: TransportState = 'new';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private restarting = false;
  private readonly stopListening: (() => void)[];
  /** Rejects when the transport closes: mediasoup-client leaves its own promises open then. */
  readonly closed: Promise<never>;
  private reportClosed: (error: Error) => void = () => undefined;

  private constructor(
    private readonly context: TransportContext,
    readonly transport: Transport,
  ) {
    this.closed = new Promise((_, reject) => (this.reportClosed = reject));
    this.closed.catch(() => undefined);
    transport.on('connectionstatechange', (state) => this.changed(state));
    this.stopListening = [
      context.client.on('media.transport', (notice) => {
        if (notice.transport_id !== transport.id) return;
        if (notice.state === 'failed' || notice.state === 'closed') this.die();
      }),
      // A restart that waited for signalling.
      context.client.on('joined', () => {
        if (this.state === 'interrupted') void this.restart();
      }),
    ];
  }

  /** Throws the server's refusal (`media_reset`, `media_unavailable`, `closed`). */
  static async open(
    context: TransportContext,
    direction: 'send' | 'recv',
  ): Promise<MediaTransport> {
    const { client, device, generation } = context;
    const created = withoutNulls(
      await client.call('media.transport.create', { generation, direction }),
    );
    const options = {
      id: created.transport_id,
      iceParameters: created.ice_parameters as types.IceParameters,
      iceCandidates: created.ice_candidates as types.IceCandidate[],
      dtlsParameters: created.dtls_parameters as types.DtlsParameters,
    };
    const transport =
      direction === 'send'
        ? device.createSendTransport(options)
        : device.createRecvTransport(options);
    connectThrough(client, transport);
    return new MediaTransport(context, transport);
  }

  /** Idempotent. */
  close(): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    clearTimeout(this.timer);
    for (const stop of this.stopListening) stop();
    this.reportClosed(new Error('transport closed'));
    this.transport.close();
  }

  /** The browser's connection, for diagnostics; null when the library keeps it differently. */
  get peerConnection(): RTCPeerConnection | null {
    // mediasoup-client has no public access to it.
    const handler = this.transport.handler as unknown as { _pc?: RTCPeerConnection };
    return handler._pc ?? null;
  }

  private changed(state: types.ConnectionState): void {
    if (this.state === 'dead') return;
    if (state === 'connected') {
      this.become('connected');
      clearTimeout(this.timer);
    } else if (state === 'connecting') {
      if (this.state === 'new') this.become('connecting');
      this.limit(CONNECT_LIMIT_MS);
    } else if (state === 'disconnected') {
      this.become('interrupted');
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.restart(), DISCONNECTED_GRACE_MS);
    } else if (state === 'failed') {
      this.become('interrupted');
      void this.restart();
    } else if (state === 'closed') {
      this.die();
    }
  }

  private async restart(): Promise<void> {
    // Without signalling there is nobody to ask: `joined` tries again.
    if (this.restarting || this.state === 'dead' || this.context.client.state !== 'open') return;
    this.restarting = true;
    this.limit(RESTART_LIMIT_MS);
    try {
      const iceParameters = await this.context.client.call('media.transport.restart_ice', {
        transport_id: this.transport.id,
      });
      await this.transport.restartIce({ iceParameters: iceParameters });
    } catch {
      if (this.context.client.state === 'open') this.die();
    } finally {
      this.restarting = false;
    }
  }

  /** Connected by then, or dead. A lost signalling connection stops the clock: see `joined`. */
  private limit(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.transport.connectionState === 'connected') return;
      if (this.context.client.state === 'open') this.die();
      else this.become('interrupted');
    }, ms);
  }

  private become(state: TransportState): void {
    if (this.state === state) return;
    this.state = state;
    this.context.onState();
  }

  private die(): void {
    if (this.state === 'dead') return;
    this.close();
    this.context.onDead();
  }
}

function connectThrough(client: SignallingClient, transport: Transport): void {
  transport.on('connect', ({ dtlsParameters }, done, fail) => {
    client
      .call('media.transport.connect', {
        transport_id: transport.id,
        dtls_parameters: dtlsParameters,
      })
      .then(() => done(), fail);
  });
  transport.on('produce', ({ kind, rtpParameters, appData }, done, fail) => {
    client
      .call('media.produce', {
        transport_id: transport.id,
        kind,
        source: appData.source as Source,
        rtp_parameters: rtpParameters as RtpParameters,
      })
      .then((result) => done({ id: result.producer_id }), fail);
  });
}
