/** The colour of a session's phase where it is shown as a tag; its name always stands in it. */
import type { Phase } from '@/signalling/types';

export function phaseTone(phase: Phase): 'danger' | 'primary' | 'warning' | 'info' {
  if (phase === 'live') return 'danger';
  if (phase === 'paused') return 'warning';
  return phase === 'open' ? 'primary' : 'info';
}
