/** Publishes camera and microphone on a sending transport, and keeps them through its rebuilding. */
import type { Device, types } from 'mediasoup-client';

import type { SignallingClient } from '@/signalling/client';

import type { MediaTransport } from './transport';

export type PublishedSource = 'camera' | 'microphone';

/** One layer of about 720p at 25–30 frames/s. */
const CAMERA_MAX_BITRATE = 1_800_000;
const CAMERA_MAX_FRAME_RATE = 30;
const MICROPHONE_MAX_BITRATE = 48_000;

export class Publisher {
  private readonly wanted = new Map<PublishedSource, MediaStreamTrack>();
  private readonly producers = new Map<PublishedSource, types.Producer>();
  private link: { transport: MediaTransport; device: Device } | null = null;
  private queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: SignallingClient,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Publish `track` as this source from now on, in place of what was; null stops it. */
  setTrack(source: PublishedSource, track: MediaStreamTrack | null): void {
    if (track) this.wanted.set(source, track);
    else this.wanted.delete(source);
    this.update(source);
  }

  /** A new transport: everything wanted is published on it. */
  attach(transport: MediaTransport, device: Device): void {
    this.producers.clear();
    this.link = { transport, device };
    for (const source of this.wanted.keys()) this.update(source);
  }

  /** The transport is gone; tracks stay for the next one. */
  detach(): void {
    this.link = null;
    this.producers.clear();
  }

  get hasTracks(): boolean {
    return this.wanted.size > 0;
  }

  /** One change after the other: each compares what is wanted with what runs at its turn. */
  private update(source: PublishedSource): void {
    this.queue = this.queue.then(async () => {
      const link = this.link;
      try {
        await this.bringAbout(source);
      } catch (error) {
        if (link && link === this.link) this.onError(error);
      }
    });
  }

  private async bringAbout(source: PublishedSource): Promise<void> {
    const track = this.wanted.get(source);
    const producer = this.producers.get(source);
    const link = this.link;
    if (!link) return;
    if (producer && !track) {
      this.producers.delete(source);
      producer.close();
      await this.client.call('media.producer.close', { producer_id: producer.id });
    } else if (producer && track) {
      if (producer.track !== track) await producer.replaceTrack({ track });
    } else if (track && track.readyState === 'live') {
      const made = await Promise.race([
        link.transport.transport.produce(produceOptions(source, track, link.device)),
        link.transport.closed,
      ]);
      if (link === this.link) this.producers.set(source, made);
    }
  }
}

function produceOptions(
  source: PublishedSource,
  track: MediaStreamTrack,
  device: Device,
): types.ProducerOptions {
  const common = { track, stopTracks: false, disableTrackOnPause: false, appData: { source } };
  if (source === 'microphone') {
    return {
      ...common,
      encodings: [{ maxBitrate: MICROPHONE_MAX_BITRATE }],
      // Without DTX every receiver gets an unbroken clock, and the recorder an unbroken track.
      codecOptions: { opusDtx: false, opusFec: true, opusStereo: false, opusNack: true },
    };
  }
  const codec = device.sendRtpCapabilities.codecs?.find(
    ({ mimeType }) => mimeType.toLowerCase() === 'video/vp8',
  );
  return {
    ...common,
    encodings: [{ maxBitrate: CAMERA_MAX_BITRATE, maxFramerate: CAMERA_MAX_FRAME_RATE }],
    codecOptions: { videoGoogleStartBitrate: 1_000 },
    ...(codec ? { codec } : {}),
  };
}
