import type { AnyStepKind } from '../../../steps/kind.ts';
import { killStep } from './fault.ts';
import { holdSetStep } from './hold-set.ts';
import { takeOverKinds } from './plans.ts';
import type { PostgresStepContext } from './set.ts';

export { failoverSteps, switchoverSteps } from './plans.ts';
export { holdSetStep, killStep };

/** Every kind that acts on Postgres. */
export const postgresKinds: readonly AnyStepKind<PostgresStepContext>[] = [
  holdSetStep,
  killStep,
  ...takeOverKinds,
];
