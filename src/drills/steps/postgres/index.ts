import type { Step } from '../../../core/step.ts';
import { type AnyStepKind, stepOf } from '../../../steps/kind.ts';
import {
  checkpointStep,
  fenceStep,
  holdPoolStep,
  pointPoolStep,
  promoteStep,
  rejoinStep,
  repointStep,
} from './kinds.ts';
import type { PostgresSet, PostgresStepContext } from './set.ts';

/** Every kind of a Postgres failover. */
export const postgresKinds: readonly AnyStepKind<PostgresStepContext>[] = [
  checkpointStep,
  holdPoolStep,
  fenceStep,
  promoteStep,
  repointStep,
  pointPoolStep,
  rejoinStep,
];

/**
 * Pure: the way from a primary that crashed, hangs or must be taken for dead to the most advanced of its replicas. The
 * whole list may be run again by anybody after it was cut off anywhere: what is already so is left alone.
 */
export function failoverSteps(set: PostgresSet): Step[] {
  const candidates = set.servers.filter((server) => server !== set.primary);
  return takeOver(set, 'kill', candidates);
}

/** Pure: the planned way to one certain server, e.g. back to where the primary was. Refused where another is ahead of it. */
export function switchoverSteps(set: PostgresSet, to: string): Step[] {
  if (to === set.primary || !set.servers.includes(to))
    throw new TypeError(`${to} is no replica of ${set.primary}`);
  return [stepOf(checkpointStep, { set }), ...takeOver(set, 'stop', [to])];
}

function takeOver(set: PostgresSet, how: 'kill' | 'stop', candidates: string[]): Step[] {
  const pooled = set.pool !== null;
  return [
    ...(pooled ? [stepOf(holdPoolStep, { set })] : []),
    stepOf(fenceStep, { set, how }),
    stepOf(promoteStep, { set, candidates }),
    stepOf(repointStep, { set }),
    ...(pooled ? [stepOf(pointPoolStep, { set })] : []),
    stepOf(rejoinStep, { set }),
  ];
}
