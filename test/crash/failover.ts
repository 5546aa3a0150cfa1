import { join } from 'node:path';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { systemClock } from '../../src/core/clock.ts';
import { processPooler } from '../../src/drills/actuators/pooler-process.ts';
import { processPostgres } from '../../src/drills/actuators/postgres-process.ts';
import type { NamedServer } from '../../src/drills/reads/gather.ts';
import { failoverSteps, postgresKinds } from '../../src/drills/steps/postgres/index.ts';
import {
  observeSet,
  type PostgresSet,
  type PostgresStepContext,
} from '../../src/drills/steps/postgres/set.ts';
import { openJournal } from '../../src/record/open.ts';
import { DATABASE } from '../../src/sandbox/postgres-plan.ts';
import { runSteps } from '../../src/steps/engine.ts';
import { stepRegistry } from '../../src/steps/kind.ts';

const FAILOVER_MS = 150_000;
const context: PostgresStepContext = { postgresOf: processPostgres, poolerOf: processPooler };

/** The Postgres servers of a platform as they are at this moment. Throws where none or two of them lead. */
export function setNow(unitsDir: string, units: readonly PlacedUnit[]): Promise<PostgresSet> {
  const servers = units.flatMap(({ kind, labels }) =>
    kind === 'postgres' && labels.server !== undefined ? [labels.server] : [],
  );
  return observeSet(context, { units: unitsDir, servers, pool: { unit: 'pgbouncer', database: DATABASE } });
}

/**
 * The steps of a failover under a journal of its own: fence, promote the most advanced, repoint replicas and pool, rewind
 * and rejoin the old primary. Answers what they did, as one line.
 */
export async function failOver(set: PostgresSet, journalFile: string, signal: AbortSignal): Promise<string> {
  const startedMs = performance.now();
  const journal = await openJournal(journalFile, { runId: 'failover', actor: 'crash', clock: systemClock });
  try {
    const results = await runSteps({
      registry: stepRegistry(postgresKinds),
      journal,
      context,
      steps: failoverSteps(set),
      signal: AbortSignal.any([signal, AbortSignal.timeout(FAILOVER_MS)]),
    });
    await journal.seal();
    const said = new Map(results.map(({ step, result }) => [step.kind, result as Record<string, unknown>]));
    const promoted = said.get('postgres.promote')?.promoted;
    const how = said.get('postgres.rejoin')?.how ?? 'already following';
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    return `${promoted} promoted, ${set.primary} ${how}, ${seconds} s`;
  } finally {
    await journal.close();
  }
}

/** Where the journal of a failover stands. */
export const failoverJournal = (workDir: string, point: number): string =>
  join(workDir, `failover-${point}-${Date.now()}.ndjson`);

/** Every server by what it says of itself, not by the name that it began with. */
export async function rolesNow(
  servers: readonly NamedServer[],
  timeoutMs: number,
): Promise<{ readonly writer: NamedServer; readonly replicas: readonly NamedServer[] }> {
  const leads = await Promise.all(
    servers.map(async ({ ask }) => {
      const { rows } = await ask.query<{ leads: boolean }>('SELECT NOT pg_is_in_recovery() AS leads', [], {
        timeoutMs,
      });
      return rows[0]?.leads === true;
    }),
  );
  const [writer, second] = servers.filter((_, at) => leads[at]);
  if (writer === undefined || second !== undefined)
    throw new Error(`${leads.filter(Boolean).length} of ${servers.length} Postgres servers lead`);
  return { writer, replicas: servers.filter((server) => server !== writer) };
}
