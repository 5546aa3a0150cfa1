import { z } from 'zod';
import { waitFor } from '../../../core/wait.ts';
import type { WriterLook } from '../../../facts/postgres/writer.ts';
import type { AnyStepKind, StepKind } from '../../../steps/kind.ts';
import { ACT_MS, effectWait, type ProcessActuator, START_MS, startsWithin } from '../../actuators/process.ts';

/** What acts on a primary whose provider fails over by itself; absent: the region is no such one. */
export interface ManagedPostgres {
  /** Given what the step itself names. */
  readonly of: (units: string) => ProcessActuator<string>;
  /** Whoever answers at the writer's address now. */
  readonly look: () => Promise<WriterLook>;
}

export interface ManagedStepContext {
  readonly managed?: ManagedPostgres;
  readonly onRestore?: (text: string) => void;
}

const ANSWERS_MS = 180_000;
const SLACK_MS = 10_000;

const loseSchema = z.object({
  units: z.string(),
  server: z.string(),
  /** The life that ends: its start as the server said it. */
  startedAt: z.string(),
  standbys: z.int().min(0),
});
type LoseArgs = z.infer<typeof loseSchema>;

function managedOf({ managed }: ManagedStepContext): ManagedPostgres {
  if (managed !== undefined) return managed;
  throw new Error('uplift.yaml has no actuator.postgres any more: put it back, and recover again');
}

/** Seen at the address, or said by the provider, whichever comes first. */
export async function isAway(
  { units, server, startedAt }: LoseArgs,
  managed: ManagedPostgres,
): Promise<boolean> {
  const now = await managed.look().catch(() => undefined);
  if (now !== undefined && now.startedAt !== startedAt) return true;
  return !(await managed.of(units).running(server));
}

/**
 * Has the provider fail over, by the region's own command. Undo waits until the provider says that it is done, runs the
 * declared undo where there is one, and then until the address takes writes again with as many standbys as before.
 */
export const loseManagedStep: StepKind<ManagedStepContext, LoseArgs> = {
  kind: 'drill.postgres.loseManaged',
  version: 1,
  parse: (args) => loseSchema.parse(args),
  describe: ({ server }) => `the kill command on Postgres ${server}`,
  async do({ units, server }, context, { signal }) {
    await managedOf(context).of(units).kill(server, signal);
    return { asked: server };
  },
  async verify(args, context, { signal }) {
    const managed = managedOf(context);
    const wait = { what: `Postgres ${args.server} away`, signal, ...effectWait(managed.of(args.units)) };
    await waitFor(() => isAway(args, managed), wait);
  },
  async undo({ units, server, standbys }, context, { signal }) {
    const managed = managedOf(context);
    await managed.of(units).start(server);
    const back = async (): Promise<WriterLook | undefined> => {
      const now = await managed.look();
      if (!now.takesWrites) throw new Error('it takes no writes');
      if (now.standbys < standbys) throw new Error(`${now.standbys} of ${standbys} standbys`);
      return now;
    };
    const wait = { what: `Postgres ${server} as before`, timeoutMs: ANSWERS_MS, intervalMs: 250, signal };
    const now = await waitFor(back, wait);
    context.onRestore?.(`Postgres ${server} takes writes`);
    return { ...now };
  },
  timeoutMs: ACT_MS,
  undoTimeoutMs: START_MS + ANSWERS_MS + SLACK_MS,
  undoWithinMs: ({ units }, context) => startsWithin(managedOf(context).of(units)) + ANSWERS_MS + SLACK_MS,
};

/** Every kind that acts on a managed Postgres. */
export const managedKinds: readonly AnyStepKind<ManagedStepContext>[] = [loseManagedStep];
