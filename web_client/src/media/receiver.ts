/**
 * Receives the stage: one `media.consume` gives every slot and audio bus; what they carry changes
 * on the server, so a change of speaker needs nothing here.
 */
import type { Device, types } from 'mediasoup-client';

import type { SignallingClient } from '@/signalling/client';
import type { ConsumerResult, RtpCapabilities } from '@/signalling/protocol';

import { withoutNulls } from './ortc';
import type { MediaTransport } from './transport';

/** The streams of one receiving transport; identities stay as long as the transport does. */
export interface StageStreams {
  /** Slot → picture and paired sound. Show it muted: all sound is in `audio`. */
  slots: ReadonlyMap<number, MediaStream>;
  /** Every sound to play: `slot:<n>` (paired) and `bus:<n>`. */
  audio: ReadonlyMap<string, MediaStreamTrack>;
  /** Wall tile → picture. */
  wall: ReadonlyMap<number, MediaStream>;
  /** Consumer id of a slot's or tile's picture, to ask for a key frame: `slot:<n>`, `wall:<n>`. */
  pictures: ReadonlyMap<string, string>;
}

export const NO_STREAMS: StageStreams = {
  slots: new Map(),
  audio: new Map(),
  wall: new Map(),
  pictures: new Map(),
};

/** Consume everything on `transport`. Throws the server's refusal, or when the transport closes. */
export async function receiveStage(
  client: SignallingClient,
  device: Device,
  transport: MediaTransport,
  wallTiles: number,
): Promise<StageStreams> {
  const { consumers } = await client.call('media.consume', {
    transport_id: transport.transport.id,
    rtp_capabilities: device.recvRtpCapabilities as RtpCapabilities,
    wall_tiles: wallTiles,
  });
  // All at once, so that the library negotiates once.
  const received = await Promise.race([
    Promise.all(
      consumers.map(async (consumer) => ({
        consumer,
        track: (await transport.transport.consume(consumeOptions(consumer))).track,
      })),
    ),
    transport.closed,
  ]);
  return arrange(received);
}

function consumeOptions(consumer: ConsumerResult): types.ConsumerOptions {
  return {
    id: consumer.consumer_id,
    producerId: consumer.producer_id,
    kind: consumer.kind,
    // The same stream id for a slot's picture and sound: the browser keeps them in step.
    streamId: consumer.stream_id,
    rtpParameters: withoutNulls(consumer.rtp_parameters) as types.RtpParameters,
  };
}

/** Exported for tests. */
export function arrange(
  received: readonly { consumer: ConsumerResult; track: MediaStreamTrack }[],
): StageStreams {
  const slots = new Map<number, MediaStream>();
  const audio = new Map<string, MediaStreamTrack>();
  const wall = new Map<number, MediaStream>();
  const pictures = new Map<string, string>();
  for (const { consumer, track } of received) {
    const target = consumer.target;
    if (target.type === 'slot') {
      const stream = slots.get(target.slot) ?? new MediaStream();
      stream.addTrack(track);
      slots.set(target.slot, stream);
      if (track.kind === 'audio') audio.set(`slot:${target.slot}`, track);
      else pictures.set(`slot:${target.slot}`, consumer.consumer_id);
    } else if (target.type === 'audio_bus') {
      audio.set(`bus:${target.bus}`, track);
    } else {
      wall.set(target.tile, new MediaStream([track]));
      pictures.set(`wall:${target.tile}`, consumer.consumer_id);
    }
  }
  return { slots, audio, wall, pictures };
}
