/** Which session a technician most likely wants to see. */
import type { SessionItem } from '@/signalling/protocol';

const RANK: Record<SessionItem['phase'], number> = {
  live: 0,
  paused: 1,
  open: 2,
  scheduled: 3,
  ended: 4,
  archived: 5,
};

/** The one that runs, newest first; null when there is none at all. */
export function bestSession(sessions: readonly SessionItem[]): string | null {
  const [best] = [...sessions].sort(
    (a, b) => RANK[a.phase] - RANK[b.phase] || b.created_at - a.created_at,
  );
  return best?.session_id ?? null;
}
