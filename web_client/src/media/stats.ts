/** Reads the browser's statistics into one sample. */
import type { Sample } from './quality';

type Report = Record<string, unknown> & { type: string };

const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

/** Sums what several connections report. Exported for tests. */
export function sampleOf(reports: Iterable<Report>, at: number): Sample {
  const sample: Sample = {
    at,
    packetsReceived: 0,
    packetsLost: 0,
    sendLoss: null,
    roundTripMs: null,
    framesDecoded: 0,
    freezeCount: 0,
  };
  for (const report of reports) {
    if (report.type === 'inbound-rtp') {
      sample.packetsReceived += number(report.packetsReceived);
      sample.packetsLost += Math.max(0, number(report.packetsLost));
      sample.framesDecoded += number(report.framesDecoded);
      sample.freezeCount += number(report.freezeCount);
    } else if (report.type === 'remote-inbound-rtp') {
      sample.sendLoss = Math.max(sample.sendLoss ?? 0, number(report.fractionLost));
    } else if (report.type === 'candidate-pair' && report.nominated === true) {
      const roundTrip = report.currentRoundTripTime;
      if (typeof roundTrip === 'number') {
        sample.roundTripMs = Math.max(sample.roundTripMs ?? 0, roundTrip * 1000);
      }
    }
  }
  return sample;
}

export async function takeSample(connections: readonly RTCPeerConnection[]): Promise<Sample> {
  const all = await Promise.all(
    connections.map((connection) => connection.getStats().catch(() => null)),
  );
  const reports = all.flatMap((stats) => (stats ? [...stats.values()] : [])) as Report[];
  return sampleOf(reports, Date.now());
}
