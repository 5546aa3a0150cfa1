import { openSql } from '../../clients/postgres/index.ts';
import type { Sql, SqlTarget } from '../../clients/postgres/ports.ts';
import { isUpliftError, reasonOf } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { type Schedule, startSchedule } from '../../load/schedule.ts';
import type { NamedServer } from '../reads/gather.ts';
import type { ProbeRead, ProbeReads, ProbeWrite, StoreProbe } from './probe.ts';

/** Made by the drill, dropped at its end. A row belongs to one run. */
export const PROBE_TABLE = 'uplift_probe';

const CREATE = `CREATE TABLE IF NOT EXISTS ${PROBE_TABLE} (run_id text NOT NULL, id bigint NOT NULL)`;
const INSERT = `INSERT INTO ${PROBE_TABLE} (run_id, id) VALUES ($1, $2)`;
const DROP = `DROP TABLE IF EXISTS ${PROBE_TABLE}`;
const READ = `SELECT id::text AS id FROM ${PROBE_TABLE} WHERE run_id = $1`;

/** Connections to the pooler; what waits for one of them longer than a connection may take counts as not sent. */
const CONNECTIONS = 16;
const MOST_UNDER_WAY = 2000;
const MOST_WRITES = 200_000;
/** One primary takes all of it. */
const GROUP = 'primary';
const ARRIVE_MS = 30_000;
const STATEMENT_MS = 10_000;

export interface PostgresProbeOptions {
  /** Through the pooler, as the service writes; the probe closes it. */
  readonly openSql: () => Sql;
  /** Every server, asked directly for the final reads; the one that leads then first. */
  readonly servers: readonly NamedServer[];
  readonly runId: string;
  readonly ratePerS: number;
  readonly monoNs: () => bigint;
}

/** A pool of its own for the probe. */
export function openProbeSql(target: SqlTarget): Sql {
  return openSql({
    ...target,
    applicationName: 'uplift-probe',
    maxConnections: CONNECTIONS,
    queryTimeoutMs: STATEMENT_MS,
  });
}

/**
 * Writes rows of its own at a fixed rate through the pooler: a store that answers slowly gets no fewer. Every row is
 * sent once, in a transaction of its own, with the settings that the service's database user has.
 */
export function postgresProbe(options: PostgresProbeOptions): StoreProbe {
  const { runId, ratePerS, monoNs } = options;
  const writes: ProbeWrite[] = [];
  const underWay = new Set<Promise<void>>();
  let sql: Sql | undefined;
  let schedule: Schedule | undefined;
  const issue = (index: number): void => {
    if (sql === undefined || index >= MOST_WRITES) return;
    const full = underWay.size >= MOST_UNDER_WAY;
    const ending = full ? Promise.resolve<ProbeWrite['outcome']>('fail') : writeOne(sql, runId, index);
    const work = ending.then((outcome) => {
      writes.push({ id: String(index), group: GROUP, endedNs: monoNs(), outcome });
      underWay.delete(work);
    });
    underWay.add(work);
  };
  return {
    store: 'Postgres',
    durability: `table ${PROBE_TABLE}, a COMMIT each through the pooler, ${ratePerS}/s`,
    struck: new Set([GROUP]),
    writes: () => writes,
    async start() {
      sql = options.openSql();
      await sql.query(CREATE);
      const nowUs = (): number => Number(monoNs() / 1000n);
      schedule = startSchedule({ ratePerS, startUs: nowUs(), nowUs, issue });
    },
    async stop() {
      schedule?.stop();
      await Promise.all(underWay);
    },
    async read() {
      const reads = await readEverywhere(options.servers, runId);
      if ((schedule?.planned() ?? 0) <= MOST_WRITES) return reads;
      return {
        ...reads,
        unread: [...reads.unread, `the probe in Postgres stopped at ${MOST_WRITES} writes`],
      };
    },
    async close({ keep = false } = {}) {
      schedule?.stop();
      await Promise.all(underWay);
      // Best effort: a table that is left is used again by the next run, whose rows have its own id.
      if (!keep) await sql?.query(DROP).catch(() => undefined);
      await sql?.close();
      sql = undefined;
    },
  };
}

/** One row in a transaction of its own. A commit whose wait for a standby was cancelled (notice 01000) is not acknowledged. */
export async function writeOne(
  sql: Pick<Sql, 'transaction'>,
  runId: string,
  id: number,
): Promise<ProbeWrite['outcome']> {
  try {
    const end = await sql.transaction((tx) => tx.query(INSERT, [runId, id]));
    return end.state === 'committed' ? 'ok' : 'info';
  } catch (error) {
    // Nothing was committed: the transaction says so by throwing. What is no answer of Postgres at all is not known.
    return isUpliftError(error) ? 'fail' : 'info';
  }
}

async function readEverywhere(servers: readonly NamedServer[], runId: string): Promise<ProbeReads> {
  const places: ProbeRead[] = [];
  const unread: string[] = [];
  let endLsn: string | undefined;
  for (const server of servers) {
    try {
      if (endLsn === undefined) endLsn = await currentLsn(server);
      else await replayed(server, endLsn);
      places.push({ place: server.name, group: GROUP, ids: await idsOn(server, runId) });
    } catch (error) {
      unread.push(`the probe's rows on ${server.name} could not be read: ${reasonOf(error)}`);
    }
  }
  return { places, unread };
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
