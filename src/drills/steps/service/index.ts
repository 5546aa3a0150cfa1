import { z } from 'zod';
import { waitFor } from '../../../core/wait.ts';
import type { Observed } from '../../../facts/observed.ts';
import type { CatchUp } from '../../../facts/projection/progress.ts';
import type { AnyStepKind, StepKind } from '../../../steps/kind.ts';
import { ACT_MS, effectWait, type ServiceActuator, START_MS, startsWithin } from '../../actuators/process.ts';
import { strikeText } from '../../actuators/through.ts';

/** What the steps act through; `serviceOf` is given what the step itself names: a units folder, or a region's commands. */
export interface ServiceStepContext {
  readonly serviceOf: (units: string) => ServiceActuator;
  /** Looks whether the projection passes the ends that the events have now, within the limit of uplift.yaml. */
  readonly projection: () => Promise<Observed<CatchUp>>;
  readonly onRestore?: (text: string) => void;
}

const READY_MS = 60_000;
const CAUGHT_UP_MS = 120_000;

const processSchema = z.object({ units: z.string(), id: z.string() });
type ProcessArgs = z.infer<typeof processSchema>;
type ServiceStep = StepKind<ServiceStepContext, ProcessArgs>;

/** SIGKILL to one projector, or the region's own command. Undo starts it, waits until it is ready and the projection has caught up. */
export const killProjectorStep: ServiceStep = {
  kind: 'service.killProjector',
  version: 1,
  parse: (args) => processSchema.parse(args),
  describe: ({ units, id }) => strikeText(units, { signal: 'SIGKILL', act: 'kill' }, id),
  async do({ units, id }, { serviceOf }, { signal }) {
    await serviceOf(units).kill(id, signal);
    return { killed: id };
  },
  async verify({ units, id }, { serviceOf }, { signal }) {
    const service = serviceOf(units);
    const wait = { what: `${id} gone`, signal, ...effectWait(service) };
    await waitFor(async () => !(await service.running(id)), wait);
  },
  async undo({ units, id }, context, { signal }) {
    await startReady(context.serviceOf(units), id, signal);
    context.onRestore?.(`${id} is ready`);
    const { caughtUpInMs, behindRecords } = await waitFor(() => caughtUp(context), {
      what: 'the projection has caught up',
      timeoutMs: CAUGHT_UP_MS,
      signal,
    });
    return { behindRecords, caughtUpInMs };
  },
  timeoutMs: ACT_MS,
  undoTimeoutMs: READY_MS + CAUGHT_UP_MS + START_MS,
  undoWithinMs: ({ units }, { serviceOf }) => READY_MS + CAUGHT_UP_MS + startsWithin(serviceOf(units)),
};

/** What a supervisor does: it starts the process again. */
export const startProcessStep: ServiceStep = {
  kind: 'service.start',
  version: 1,
  parse: (args) => processSchema.parse(args),
  describe: ({ id }) => `start ${id} again`,
  async do({ units, id }, { serviceOf }) {
    await serviceOf(units).start(id);
    return { started: id };
  },
  async verify({ units, id }, { serviceOf }, { signal }) {
    await startReady(serviceOf(units), id, signal);
  },
  // It ran before: there is nothing to put back.
  undo: 'irreversible',
  timeoutMs: READY_MS + START_MS,
};

async function startReady(service: ServiceActuator, id: string, signal: AbortSignal): Promise<void> {
  await service.start(id);
  const ready = async (): Promise<boolean> => service.ready(id);
  await waitFor(ready, { what: `${id} is ready`, timeoutMs: READY_MS, intervalMs: 50, signal });
}

async function caughtUp({ projection }: ServiceStepContext): Promise<CatchUp | undefined> {
  const seen = await projection();
  if (!seen.seen) throw new Error(seen.reason);
  return seen.value.caughtUpInMs === null ? undefined : seen.value;
}

/** Every kind that acts on the service's processes. */
export const serviceKinds: readonly AnyStepKind<ServiceStepContext>[] = [killProjectorStep, startProcessStep];
