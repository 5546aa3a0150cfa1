import type { AnyStepKind } from '../../../steps/kind.ts';
import { killStep } from './fault.ts';
import { holdSetStep } from './hold-set.ts';
import {
  checkpointStep,
  fenceStep,
  holdPoolStep,
  pointPoolStep,
  promoteStep,
  rejoinStep,
  repointStep,
} from './kinds.ts';
import { proveCompleteStep } from './prove.ts';
import type { PostgresStepContext } from './set.ts';

export { holdSetStep } from './hold-set.ts';
export { failoverSteps, switchoverSteps } from './plans.ts';
export { killStep };

/** Every kind that acts on Postgres. */
export const postgresKinds: readonly AnyStepKind<PostgresStepContext>[] = [
  holdSetStep,
  killStep,
  checkpointStep,
  holdPoolStep,
  fenceStep,
  proveCompleteStep,
  promoteStep,
  repointStep,
  pointPoolStep,
  rejoinStep,
];
