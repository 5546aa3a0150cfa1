import { openSql } from '../../clients/postgres/index.ts';
import type { Sql, SqlTarget } from '../../clients/postgres/ports.ts';
import type { Clock } from '../../core/clock.ts';
import { isUpliftError, reasonOf } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { startSchedule } from '../../load/schedule.ts';
import { openTimeline } from '../../load/timeline.ts';
import type { NamedServer } from '../reads/gather.ts';
import type { Probe, ProbeOutcome, ProbeReads, ProbeWrite } from './probe.ts';

/** Made by the drill, dropped at its end; kept where something was lost, as evidence. A row belongs to one run. */
export const PROBE_TABLE = 'uplift_probe';

const CREATE = `CREATE TABLE IF NOT EXISTS ${PROBE_TABLE} (run_id text NOT NULL, id bigint NOT NULL)`;
const INSERT = `INSERT INTO ${PROBE_TABLE} (run_id, id) VALUES ($1, $2)`;
const READ = `SELECT id::text AS id FROM ${PROBE_TABLE} WHERE run_id = $1`;

/** Connections to the pooler; what waits for one of them longer than a connection may take counts as not sent. */
const CONNECTIONS = 16;
const MAX_IN_FLIGHT = 2000;
const ARRIVE_MS = 30_000;
const STATEMENT_MS = 10_000;

export interface PostgresProbeRequest {
  readonly clock: Pick<Clock, 'monoNs'>;
  readonly runId: string;
  /** Through the pooler, as the service does. */
  readonly target: SqlTarget;
  /** Every server, asked directly for the final reads; the one that leads then first. */
  readonly servers: readonly NamedServer[];
  readonly ratePerS: number;
}

/** Makes the table and begins to write, open loop: a store that answers slowly gets no fewer writes. */
export async function startPostgresProbe(request: PostgresProbeRequest): Promise<Probe> {
  const sql = openSql({
    ...request.target,
    applicationName: 'uplift-probe',
    maxConnections: CONNECTIONS,
    queryTimeoutMs: STATEMENT_MS,
  });
  try {
    await sql.query(CREATE);
  } catch (error) {
    await sql.close();
    throw error;
  }
  return runProbe(request, sql);
}

function runProbe({ clock, runId, servers, ratePerS }: PostgresProbeRequest, sql: Sql): Probe {
  const startedNs = clock.monoNs();
  const atUs = (monoNs: bigint): number => Math.round(Number(monoNs - startedNs) / 1000);
  const nowUs = (): number => atUs(clock.monoNs());
  const timeline = openTimeline({ maxAcks: 1_000_000 });
  const writes: ProbeWrite[] = [];
  const inFlight = new Set<Promise<void>>();
  const write = async (index: number, dueUs: number): Promise<void> => {
    const outcome = await writeOne(sql, runId, index);
    writes.push({ id: String(index), outcome });
    if (outcome === 'ok') timeline.ok(nowUs(), nowUs() - dueUs, 0);
    else timeline.failure(outcome, nowUs());
  };
  const schedule = startSchedule({
    ratePerS,
    startUs: 0,
    nowUs,
    issue(index, dueUs) {
      if (inFlight.size >= MAX_IN_FLIGHT) {
        writes.push({ id: String(index), outcome: 'fail' });
        return;
      }
      const running = write(index, dueUs).finally(() => inFlight.delete(running));
      inFlight.add(running);
    },
  });
  return {
    what: `Postgres table ${PROBE_TABLE}`,
    acks: timeline.acks,
    atUs,
    async stop() {
      schedule.stop();
      await Promise.all(inFlight);
      return writes;
    },
    finalReads: () => readEverywhere(servers, runId),
    async close({ keep = false } = {}) {
      schedule.stop();
      if (!keep) await sql.query(`DROP TABLE IF EXISTS ${PROBE_TABLE}`).catch(() => undefined);
      await sql.close();
    },
  };
}

/** One row in a transaction of its own. A commit whose wait for a standby was cancelled (notice 01000) is not acknowledged. */
export async function writeOne(
  sql: Pick<Sql, 'transaction'>,
  runId: string,
  id: number,
): Promise<ProbeOutcome> {
  try {
    const end = await sql.transaction((tx) => tx.query(INSERT, [runId, id]));
    return end.state === 'committed' ? 'ok' : 'info';
  } catch (error) {
    // Nothing was committed: the transaction says so by throwing. What is no answer of Postgres at all is not known.
    return isUpliftError(error) ? 'fail' : 'info';
  }
}

async function readEverywhere(servers: readonly NamedServer[], runId: string): Promise<ProbeReads> {
  const found = new Map<string, readonly string[]>();
  const troubles: string[] = [];
  const attempt = async ({ name }: NamedServer, look: () => Promise<void>): Promise<void> => {
    await look().catch((error: unknown) => {
      troubles.push(`the probe's rows on ${name} could not be read: ${reasonOf(error)}`);
    });
  };
  const [leader, ...replicas] = servers;
  if (leader === undefined) return { servers: found, troubles: ['no Postgres server is known'] };
  let endLsn: string | undefined;
  await attempt(leader, async () => {
    endLsn = await currentLsn(leader);
    found.set(leader.name, await idsOn(leader, runId));
  });
  for (const replica of replicas) {
    await attempt(replica, async () => {
      if (endLsn !== undefined) await replayed(replica, endLsn);
      found.set(replica.name, await idsOn(replica, runId));
    });
  }
  return { servers: found, troubles };
}

async function idsOn({ ask }: NamedServer, runId: string): Promise<string[]> {
  const { rows } = await ask.query<{ id: string }>(READ, [runId], { timeoutMs: STATEMENT_MS });
  return rows.map(({ id }) => id);
}

async function currentLsn({ ask }: NamedServer): Promise<string> {
  const { rows } = await ask.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn', [], {
    timeoutMs: STATEMENT_MS,
  });
  const [row] = rows;
  if (row === undefined) throw new Error('it answered no row');
  return row.lsn;
}

/** A row that is only late comes; a lost one never does. */
async function replayed({ name, ask }: NamedServer, lsn: string): Promise<void> {
  const text = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there';
  await waitFor(
    async () => {
      const { rows } = await ask.query<{ there: boolean }>(text, [lsn], { timeoutMs: STATEMENT_MS });
      return rows[0]?.there === true;
    },
    { what: `${name} has replayed ${lsn}`, timeoutMs: ARRIVE_MS, intervalMs: 50 },
  );
}
