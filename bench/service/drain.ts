import { setTimeout as delay } from 'node:timers/promises';
import { openSql, type Sql } from '../../src/clients/postgres/index.ts';
import { VIEWS } from '../../src/contract/projection.ts';
import { LONGEST_SNAPSHOT_PERIOD_MS } from '../../src/contract/retention.ts';
import { waitFor } from '../../src/core/wait.ts';
import type { RoleProcess } from '../../test/support/service-roles.ts';
import { appendCommands, openEventCount } from './backlog.ts';
import { cpuMsOf, load } from './cpu.ts';
import { PARTITIONS, type Platform } from './platform.ts';
import { openStatement } from './statement.ts';

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
  /** Its two statements alone. */
  readonly alone: { readonly rows: number; readonly seconds: number; readonly perS: number };
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
    const projected = await drainEvents(platform, sql, wanted);
    const { projector, alone } = projected;
    say(`projected: ${projector.perS.toFixed(0)}/s beside ${alone.perS.toFixed(0)}/s`);
    return { commands, restore, ...projected };
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

/** Events that are applied. */
async function rowsIn(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ n: bigint }>(
    `SELECT COALESCE(sum(next_offset), 0)::bigint AS n FROM ${VIEWS.offsets}`,
  );
  return Number(rows[0]?.n ?? 0);
}

const SLICE_MS = 2000;
const LONGEST_SLICES = 200;

/**
 * Lets the projector work and its statements alone write in turn, two seconds each, while the other is stopped: so both
 * meet the same machine.
 */
async function drainEvents(
  platform: Platform,
  sql: Sql,
  wanted: number,
): Promise<Pick<DrainResult, 'projector' | 'alone' | 'rowsPerTransaction'>> {
  const before = await rowsIn(sql);
  const role = await platform.role('projector');
  const statement = openStatement(platform, 'alone');
  const sum = { rows: 0, seconds: 0, cpuMs: 0 };
  const alone = { rows: 0, seconds: 0 };
  let rowsPerTransaction = 0;
  try {
    for (let slice = 0; slice < LONGEST_SLICES; slice += 1) {
      const work = await projectorSlice(role, sql, before + wanted);
      sum.rows += work.rows;
      sum.seconds += work.seconds;
      sum.cpuMs += work.cpuMs;
      if (work.done) break;
      role.signal('SIGSTOP');
      if (rowsPerTransaction === 0) rowsPerTransaction = await transactions(sql);
      const { rows, seconds } = await statement.run(Math.max(1, Math.round(rowsPerTransaction)), SLICE_MS);
      alone.rows += rows;
      alone.seconds += seconds;
      role.signal('SIGCONT');
    }
  } finally {
    role.signal('SIGCONT');
    await statement.close();
    await platform.end(role);
  }
  const { rows, seconds, cpuMs } = sum;
  const rate = {
    rows,
    seconds,
    perS: rows / seconds,
    cpuMsPer1000: (cpuMs * 1000) / rows,
    loadAverage: load(),
  };
  return { projector: rate, alone: { ...alone, perS: alone.rows / alone.seconds }, rowsPerTransaction };
}

async function projectorSlice(role: RoleProcess, sql: Sql, end: number) {
  const startedMs = performance.now();
  const [rows, cpuMs] = [await rowsIn(sql), await cpuMsOf(role.pid)];
  let now = rows;
  while (now < end && performance.now() - startedMs < SLICE_MS) {
    await delay(LOOK_MS);
    now = await rowsIn(sql);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { rows: now - rows, seconds, cpuMs: (await cpuMsOf(role.pid)) - cpuMs, done: now >= end };
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
