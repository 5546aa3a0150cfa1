import { openSql, type Sql } from '../../src/clients/postgres/index.ts';
import { VIEWS } from '../../src/contract/projection.ts';
import { LONGEST_SNAPSHOT_PERIOD_MS } from '../../src/contract/retention.ts';
import { waitFor } from '../../src/core/wait.ts';
import { appendCommands, openEventCount } from './backlog.ts';
import { cpuMsOf, load } from './cpu.ts';
import { PARTITIONS, type Platform } from './platform.ts';

const DRAIN_LIMIT_MS = 300_000;
const LOOK_MS = 50;

export interface Rate {
  readonly rows: number;
  readonly seconds: number;
  readonly perS: number;
  readonly cpuMsPer1000: number;
  readonly loadAverage: number;
}

/** No snapshot while anything is measured; one at once, when one is wanted. */
const NEVER = { SNAPSHOT_MS: String(LONGEST_SNAPSHOT_PERIOD_MS), SNAPSHOT_DECISIONS: '10000000' };
const AT_ONCE = { SNAPSHOT_MS: '1000', SNAPSHOT_DECISIONS: '100' };

/** From the first to the last of `wanted`, as seen from outside: starting up is not part of a rate. */
async function rateOf(
  what: string,
  {
    pid,
    before,
    wanted,
    count,
  }: { pid: number; before: number; wanted: number; count: () => Promise<number> },
): Promise<Rate> {
  const options = { what, timeoutMs: DRAIN_LIMIT_MS, intervalMs: LOOK_MS };
  const first = await waitFor(async () => {
    const now = await count();
    return now > before && { at: performance.now(), rows: now - before, cpuMs: await cpuMsOf(pid) };
  }, options);
  await waitFor(async () => (await count()) - before >= wanted, options);
  const seconds = (performance.now() - first.at) / 1000;
  const rows = wanted - first.rows;
  const cpuMs = (await cpuMsOf(pid)) - first.cpuMs;
  return { rows, seconds, perS: rows / seconds, cpuMsPer1000: (cpuMs * 1000) / rows, loadAverage: load() };
}

export interface DrainResult {
  readonly commands: Rate;
  readonly projector: Rate;
  /** Rows in one transaction of the projector, on average. */
  readonly rowsPerTransaction: number;
  readonly restore: RestoreResult;
}

export interface RestoreResult {
  readonly events: number;
  readonly fromLogS: number;
  readonly fromSnapshotS: number;
  readonly loadAverage: number;
}

/** A backlog of commands is decided, then restored from the log and from snapshots, then its events are projected. */
export async function measureDrain(
  platform: Platform,
  range: { readonly from: number; readonly to: number },
  say: (line: string) => void,
): Promise<DrainResult> {
  const wanted = range.to - range.from;
  await appendCommands(platform.kafka, { ...range, partitions: PARTITIONS });
  const events = openEventCount(platform.kafka);
  const sql = openSql(platform.pooled);
  try {
    say(`${wanted} commands stand in the log`);
    const commands = await drainCommands(platform, wanted, events.count);
    say(`decided: ${commands.perS.toFixed(0)}/s`);
    const restore = await measureRestore(platform, await events.count());
    say(`restored: ${restore.fromLogS} s from the log, ${restore.fromSnapshotS} s from snapshots`);
    const projector = await drainEvents(platform, sql, wanted);
    say(`projected: ${projector.perS.toFixed(0)}/s`);
    return { commands, restore, projector, rowsPerTransaction: await transactions(sql) };
  } finally {
    await Promise.all([events.close(), sql.close()]);
  }
}

async function drainCommands(
  platform: Platform,
  wanted: number,
  count: () => Promise<number>,
): Promise<Rate> {
  const before = await count();
  const role = await platform.role('commands', NEVER);
  const rate = await rateOf('the commands are decided', { pid: role.pid, before, wanted, count });
  await platform.end(role);
  return rate;
}

async function measureRestore(platform: Platform, events: number): Promise<RestoreResult> {
  const restored = async (env: Readonly<Record<string, string>>): Promise<number> => {
    const role = await platform.role('commands', env);
    const seconds = await role.metric('uplift_restore_seconds');
    await platform.end(role);
    return seconds;
  };
  const fromLogS = await restored(NEVER);
  const writer = await platform.role('commands', AT_ONCE);
  const written = async (): Promise<boolean> =>
    (await writer.metric('uplift_snapshots_written_total')) >= PARTITIONS;
  await waitFor(written, { what: 'a snapshot of every partition', timeoutMs: 120_000, intervalMs: 200 });
  await platform.end(writer);
  return { events, fromLogS, fromSnapshotS: await restored(NEVER), loadAverage: load() };
}

/** Rows of the two tables, as the statement alone writes them too. */
async function rowsIn(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ n: bigint }>(
    `SELECT COALESCE(sum(next_offset), 0)::bigint AS n FROM ${VIEWS.offsets}`,
  );
  return Number(rows[0]?.n ?? 0);
}

async function drainEvents(platform: Platform, sql: Sql, wanted: number): Promise<Rate> {
  const before = await rowsIn(sql);
  const role = await platform.role('projector');
  const rate = await rateOf('the events are projected', {
    pid: role.pid,
    before,
    wanted,
    count: () => rowsIn(sql),
  });
  await platform.end(role);
  return rate;
}

/** Each row carries the transaction that wrote it. */
async function transactions(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ per: number }>(
    `SELECT (count(*)::float / count(DISTINCT xmin::text)) AS per FROM uplift_service.operations WHERE tenant = 'backlog'`,
    [],
    { timeoutMs: 20_000 },
  );
  return rows[0]?.per ?? 0;
}
