/** How long to wait before the next try to connect. */

const FIRST_MS = 150;
const STEP_MS = 500;
const LONGEST_MS = 4_000;

/**
 * Milliseconds before try number `attempt` (0 is the first after a loss). The first is quick,
 * as most losses are short; later ones double, and `random` (0–1) spreads the venues out so that
 * a hundred pages do not knock in the same moment.
 */
export function backoffMs(attempt: number, random: number): number {
  if (attempt === 0) return FIRST_MS * (0.5 + random);
  const longest = Math.min(LONGEST_MS, STEP_MS * 2 ** (attempt - 1));
  return longest * (0.5 + random / 2);
}
