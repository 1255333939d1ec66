/** Own statistics → one word about the connection. Pure: samples in, judgement out. */

export type Quality = 'good' | 'weak' | 'bad' | 'lost';

/** Counters of the browser, summed over its connections, at one moment. */
export interface Sample {
  at: number;
  packetsReceived: number;
  packetsLost: number;
  /** Fraction 0–1 of what this page sent that did not arrive, as the server reports it. */
  sendLoss: number | null;
  roundTripMs: number | null;
  framesDecoded: number;
  freezeCount: number;
}

/** What happened between two samples. */
export interface Interval {
  receiveLoss: number | null;
  sendLoss: number | null;
  roundTripMs: number | null;
  packets: number;
  framesPerSecond: number;
  freezes: number;
}

export function interval(before: Sample, after: Sample): Interval {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  const received = Math.max(0, after.packetsReceived - before.packetsReceived);
  const lost = Math.max(0, after.packetsLost - before.packetsLost);
  return {
    receiveLoss: received + lost > 0 ? lost / (received + lost) : null,
    sendLoss: after.sendLoss,
    roundTripMs: after.roundTripMs,
    packets: received,
    framesPerSecond: Math.max(0, after.framesDecoded - before.framesDecoded) / seconds,
    freezes: Math.max(0, after.freezeCount - before.freezeCount),
  };
}

// A change of source may count as one freeze of each slot: that is no bad connection.
const WEAK = { loss: 0.02, roundTripMs: 250, freezes: 2 };
const BAD = { loss: 0.08, roundTripMs: 600, freezes: 4 };

/** The judgement of one interval; `connected`: media transports are up. */
export function judge(measured: Interval | null, connected: boolean): Quality {
  if (!connected) return 'lost';
  if (measured === null) return 'good';
  const loss = Math.max(measured.receiveLoss ?? 0, measured.sendLoss ?? 0);
  const roundTrip = measured.roundTripMs ?? 0;
  if (loss >= BAD.loss || roundTrip >= BAD.roundTripMs || measured.freezes >= BAD.freezes)
    return 'bad';
  if (loss >= WEAK.loss || roundTrip >= WEAK.roundTripMs || measured.freezes >= WEAK.freezes)
    return 'weak';
  return 'good';
}

const ORDER: readonly Quality[] = ['good', 'weak', 'bad', 'lost'];

/**
 * Shown quality with hysteresis: `lost` and its end show at once, everything else only when two
 * intervals agree that it is worse (or three that it is better), by the mildest of them.
 */
export function shownQuality(shown: Quality, recent: readonly Quality[]): Quality {
  const newest = recent.at(-1);
  if (newest === undefined) return shown;
  if (newest === 'lost' || shown === 'lost') return newest;
  const rank = (quality: Quality) => ORDER.indexOf(quality);
  const worse = recent.slice(-2);
  if (worse.length === 2 && worse.every((quality) => rank(quality) > rank(shown))) {
    return ORDER[Math.min(...worse.map(rank))] ?? shown;
  }
  const better = recent.slice(-3);
  if (better.length === 3 && better.every((quality) => rank(quality) < rank(shown))) {
    return ORDER[Math.max(...better.map(rank))] ?? shown;
  }
  return shown;
}
