/** The queue of floor requests and the floor holders as the host sees them. */
import type { SessionView } from '@/signalling/protocol';

export interface QueueRow {
  requestId: string;
  venueId: string;
  venueName: string;
  speaker: string;
  subject: string;
  /** From 1, in the server's order; never sorted here. */
  position: number;
  waitedSeconds: number;
  movedReason: string | null;
  connected: boolean;
}

/** In the order of the log. `now`: Unix seconds of the server's clock. */
export function queueRows(view: SessionView, now: number): QueueRow[] {
  const rows: QueueRow[] = [];
  for (const requestId of view.floor.queue) {
    const request = view.floor.requests[requestId];
    if (!request) continue;
    const venue = view.venues[request.venue_id];
    rows.push({
      requestId,
      venueId: request.venue_id,
      venueName: venue?.name ?? request.venue_id,
      speaker: request.speaker ?? '',
      subject: request.subject ?? '',
      position: rows.length + 1,
      waitedSeconds: Math.max(0, now - request.requested_at),
      movedReason: request.moved_reason ?? null,
      connected: venue?.connected ?? false,
    });
  }
  return rows;
}

export interface HolderRow {
  venueId: string;
  venueName: string;
  speaker: string;
  subject: string;
  heldSeconds: number;
  muted: boolean;
  /** Its connection is lost since so many seconds; null: connected. */
  lostSeconds: number | null;
}

/** Oldest grant first. */
export function holderRows(view: SessionView, now: number): HolderRow[] {
  return Object.values(view.floor.holders)
    .sort((a, b) => a.granted_at - b.granted_at)
    .map((holder) => ({
      venueId: holder.venue_id,
      venueName: view.venues[holder.venue_id]?.name ?? holder.venue_id,
      speaker: holder.speaker ?? '',
      subject: holder.subject ?? '',
      heldSeconds: Math.max(0, now - holder.granted_at),
      muted: view.venues[holder.venue_id]?.muted ?? false,
      lostSeconds:
        holder.disconnected_since === undefined || holder.disconnected_since === null
          ? null
          : Math.max(0, now - holder.disconnected_since),
    }));
}

/** Requests in `next` that `previous` did not have: what to announce. */
export function newRequests(previous: readonly string[], next: readonly string[]): string[] {
  const known = new Set(previous);
  return next.filter((requestId) => !known.has(requestId));
}

/** The position to ask for when moving by `step`, or null at either end. */
export function movedPosition(position: number, step: number, length: number): number | null {
  const target = position + step;
  return target < 1 || target > length ? null : target;
}
