/** Rows of the monitor: figures of a venue in both directions, and what is wrong with them. */
import type { VenueHealth } from '@/signalling/protocol';

export type Level = 'good' | 'warn' | 'bad' | 'absent';

/** What a figure can be complained about; each has its text in the message files. */
export type Metric =
  | 'dropped'
  | 'loss_up'
  | 'loss_down'
  | 'jitter_up'
  | 'jitter_down'
  | 'round_trip'
  | 'frame_rate_up'
  | 'no_video'
  | 'no_audio'
  | 'sound_blocked'
  | 'camera'
  | 'microphone'
  | 'hidden'
  | 'transport';

export interface Issue {
  metric: Metric;
  level: 'warn' | 'bad';
}

/** Units: bit/s, fraction 0–1, ms, pixels, frames/s; null: nothing measured. */
export interface DirectionFigures {
  bitrate: number;
  loss: number | null;
  jitterMs: number | null;
  roundTripMs: number | null;
  width: number | null;
  height: number | null;
  frameRate: number | null;
  hasVideo: boolean;
  hasAudio: boolean;
}

export interface HealthRow {
  venueId: string;
  name: string;
  connected: boolean;
  connectionState: string;
  /** As the page reports them; null: it has not said. */
  camera: string | null;
  microphone: string | null;
  soundBlocked: boolean;
  up: DirectionFigures;
  down: DirectionFigures;
  issues: Issue[];
  level: Level;
}

interface Bound {
  warn: number;
  bad: number;
}

/** Upper bounds after ITU-T G.114 (delay), and what Opus and VP8 with NACK still hide (loss). */
export const BOUNDS = {
  loss: { warn: 0.02, bad: 0.05 },
  jitterMs: { warn: 30, bad: 60 },
  roundTripMs: { warn: 200, bad: 400 },
} as const satisfies Record<string, Bound>;

/** Lower bounds of a camera's frame rate. */
export const FRAME_RATE = { warn: 10, bad: 4 } as const;

export function above(value: number | null, bound: Bound): Level {
  if (value === null) return 'good';
  if (value >= bound.bad) return 'bad';
  return value >= bound.warn ? 'warn' : 'good';
}

export function below(value: number | null, bound: Bound): Level {
  if (value === null) return 'good';
  if (value < bound.bad) return 'bad';
  return value < bound.warn ? 'warn' : 'good';
}

type Stream = VenueHealth['transports'][number]['streams'][number];

/** Sums bitrates, weighs loss by packets, keeps the worst jitter and delay, the largest picture. */
export function figures(streams: readonly Stream[]): DirectionFigures {
  const result: DirectionFigures = {
    bitrate: 0,
    loss: null,
    jitterMs: null,
    roundTripMs: null,
    width: null,
    height: null,
    frameRate: null,
    hasVideo: false,
    hasAudio: false,
  };
  let weight = 0;
  let lost = 0;
  for (const stream of streams) {
    result.bitrate += stream.bitrate;
    if (stream.packets <= 0 && stream.bitrate <= 0) continue;
    weight += Math.max(1, stream.packets);
    lost += stream.loss * Math.max(1, stream.packets);
    result.jitterMs = largest(result.jitterMs, stream.jitter_ms);
    result.roundTripMs = largest(result.roundTripMs, stream.round_trip_ms);
    if (stream.kind === 'audio') result.hasAudio = true;
    else takePicture(result, stream);
  }
  if (weight > 0) result.loss = lost / weight;
  return result;
}

function takePicture(result: DirectionFigures, stream: Stream): void {
  result.hasVideo = true;
  const area = (stream.width ?? 0) * (stream.height ?? 0);
  if (result.frameRate !== null && area <= (result.width ?? 0) * (result.height ?? 0)) return;
  result.width = stream.width ?? null;
  result.height = stream.height ?? null;
  result.frameRate = stream.frame_rate ?? null;
}

function largest(a: number | null, b: number | null | undefined): number | null {
  if (b === null || b === undefined) return a;
  return a === null ? b : Math.max(a, b);
}

/** `seenBefore`: this page saw the venue connected earlier, so that its absence is a failure. */
export function healthRow(venue: VenueHealth, seenBefore: boolean): HealthRow {
  const streams = venue.transports.flatMap((transport) => transport.streams);
  const up = figures(streams.filter((stream) => stream.direction === 'in'));
  const down = figures(streams.filter((stream) => stream.direction === 'out'));
  const issues = venue.connected
    ? issuesOf(venue, up, down)
    : seenBefore
      ? [{ metric: 'dropped', level: 'bad' } as Issue]
      : [];
  return {
    venueId: venue.venue_id,
    name: venue.name,
    connected: venue.connected,
    connectionState: venue.connection_state,
    camera: venue.report?.camera ?? null,
    microphone: venue.report?.microphone ?? null,
    soundBlocked: venue.report?.sound_blocked ?? false,
    up,
    down,
    issues,
    level: levelOf(venue.connected, issues),
  };
}

function levelOf(connected: boolean, issues: readonly Issue[]): Level {
  if (issues.some((issue) => issue.level === 'bad')) return 'bad';
  if (issues.length > 0) return 'warn';
  return connected ? 'good' : 'absent';
}

function issuesOf(venue: VenueHealth, up: DirectionFigures, down: DirectionFigures): Issue[] {
  const issues: Issue[] = [];
  const add = (metric: Metric, level: Level): void => {
    if (level === 'warn' || level === 'bad') issues.push({ metric, level });
  };
  if (['failed', 'disconnected', 'closed'].includes(venue.connection_state))
    add('transport', 'bad');
  add('loss_up', above(up.loss, BOUNDS.loss));
  add('loss_down', above(down.loss, BOUNDS.loss));
  add('jitter_up', above(up.jitterMs, BOUNDS.jitterMs));
  add('jitter_down', above(down.jitterMs, BOUNDS.jitterMs));
  add('round_trip', above(largest(up.roundTripMs, down.roundTripMs), BOUNDS.roundTripMs));
  const report = venue.report;
  if (report?.camera === 'ok') {
    if (!up.hasVideo) add('no_video', 'bad');
    else add('frame_rate_up', below(up.frameRate, FRAME_RATE));
  } else if (report && report.camera !== 'off') {
    add('camera', report.camera === 'lost' ? 'bad' : 'warn');
  }
  if (report?.microphone === 'ok') {
    if (!up.hasAudio) add('no_audio', 'warn');
  } else if (report && report.microphone !== 'off') {
    add('microphone', report.microphone === 'lost' ? 'bad' : 'warn');
  }
  if (report?.sound_blocked) add('sound_blocked', 'bad');
  if (report && !report.visible) add('hidden', 'warn');
  return issues;
}

const RANK: Record<Level, number> = { bad: 0, warn: 1, good: 2, absent: 3 };

export type SortKey = 'worst' | 'name' | 'bitrate_up' | 'loss' | 'jitter' | 'round_trip';

/** A new array; equal rows keep their order, so that the table does not jump about. */
export function sortRows(rows: readonly HealthRow[], key: SortKey): HealthRow[] {
  return [...rows].sort((a, b) => compare(a, b, key));
}

function compare(a: HealthRow, b: HealthRow, key: SortKey): number {
  switch (key) {
    case 'worst':
      return RANK[a.level] - RANK[b.level] || weightOf(b) - weightOf(a);
    case 'name':
      return a.name.localeCompare(b.name, undefined, { numeric: true });
    case 'bitrate_up':
      return b.up.bitrate - a.up.bitrate;
    case 'loss':
      return worst(b.up.loss, b.down.loss) - worst(a.up.loss, a.down.loss);
    case 'jitter':
      return worst(b.up.jitterMs, b.down.jitterMs) - worst(a.up.jitterMs, a.down.jitterMs);
    case 'round_trip':
      return (
        worst(b.up.roundTripMs, b.down.roundTripMs) - worst(a.up.roundTripMs, a.down.roundTripMs)
      );
  }
}

function weightOf(row: HealthRow): number {
  return row.issues.reduce((sum, issue) => sum + (issue.level === 'bad' ? 10 : 1), 0);
}

function worst(a: number | null, b: number | null): number {
  return Math.max(a ?? -1, b ?? -1);
}

export function countLevels(rows: readonly HealthRow[]): Record<Level, number> {
  const counts: Record<Level, number> = { bad: 0, warn: 0, good: 0, absent: 0 };
  for (const row of rows) counts[row.level] += 1;
  return counts;
}
