/** scheduled → open (lobby) → live ⇄ paused → ended → archived: what the host may do next. */
import type { Phase } from '@/signalling/types';

export type PhaseAction = 'open' | 'start' | 'pause' | 'resume' | 'end';

export interface PhaseStep {
  action: PhaseAction;
  method: `session.${PhaseAction}`;
  /** The usual next step. */
  primary: boolean;
  /** Cannot be taken back: ask first. */
  confirm: boolean;
}

const STEPS: Record<Phase, readonly PhaseAction[]> = {
  scheduled: ['open'],
  open: ['start', 'end'],
  live: ['pause', 'end'],
  paused: ['resume', 'end'],
  ended: [],
  archived: [],
};

export function phaseSteps(phase: Phase): PhaseStep[] {
  return STEPS[phase].map((action) => ({
    action,
    method: `session.${action}`,
    primary: action === 'open' || action === 'start' || action === 'resume',
    confirm: action === 'end',
  }));
}

/** Floor, stage and mute commands have an effect. */
export function isRunning(phase: Phase): boolean {
  return phase === 'open' || phase === 'live' || phase === 'paused';
}
