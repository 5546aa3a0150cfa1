import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SqlTarget } from '../../clients/postgres/ports.ts';
import { roleSettings, SUPERUSER } from '../../clients/postgres/standby.ts';
import { waitBackendsGone } from '../../clients/process/postgres-lock.ts';
import { killUnit, resumeUnit, signalUnit, stopUnit } from '../../clients/process/signal.ts';
import { startUnit } from '../../clients/process/start.ts';
import { statusOf } from '../../clients/process/status.ts';
import { type PlacedUnit, readUnits } from '../../clients/process/unit-files.ts';
import { reasonOf } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import type { Inspection, LastLife, PostgresActuator, Rejoined, ServerLook, ServerRole } from './postgres.ts';
import {
  copyAnew,
  label,
  markStandby,
  portOf,
  readLastLife,
  rejoinedBy,
  rewind,
  standbySignal,
} from './postgres-data.ts';
import { editFile, passwordIn, withRole } from './postgres-files.ts';
import { inspectBySql } from './postgres-inspect.ts';
import { lookBySql, setSlotsBySql, withSql } from './postgres-sql.ts';
import { describeUnit } from './process.ts';
import { forgetEnd, lastEnd, toolOf, toolRuns } from './tool.ts';

const LOOK_MS = 2000;
const STATEMENT_MS = 30_000;
const PROMOTE_S = 60;
const APPLIED_MS = 10_000;
const START_MS = 60_000;
const TOOL_MS = 90_000;

/** Acts on Postgres servers that are local processes described by unit files. Their superuser's password stands in their pgpass. */
export function processPostgres(unitsDir: string): PostgresActuator {
  return new ProcessPostgres(unitsDir);
}

class ProcessPostgres implements PostgresActuator {
  readonly #unitsDir: string;

  constructor(unitsDir: string) {
    this.#unitsDir = unitsDir;
  }

  async look(server: string): Promise<ServerLook> {
    const unit = await this.#unit(server);
    const { state } = await statusOf(unit);
    if (state === 'exited' || state === 'neverStarted') {
      if (await toolRuns(toolOf(unit)))
        return { up: false, stopped: true, reason: 'a tool works on its data' };
      // Backends may live on for a moment after their postmaster was killed.
      const alive = await waitBackendsGone(unit, 0).then(
        () => false,
        () => true,
      );
      return {
        up: false,
        stopped: !alive,
        reason: alive ? 'its backends still run' : `its process is ${state}`,
      };
    }
    try {
      return await withSql(await superuser(unit, LOOK_MS), lookBySql);
    } catch (error) {
      return { up: false, stopped: false, reason: reasonOf(error) };
    }
  }

  async describe(server: string): Promise<{ readonly ok: boolean; readonly text: string }> {
    try {
      return await describeUnit(await this.#unit(server));
    } catch (error) {
      return { ok: false, text: reasonOf(error) };
    }
  }

  async inspect(server: string): Promise<Inspection> {
    return withSql(await superuser(await this.#unit(server), LOOK_MS), inspectBySql);
  }

  async lastLife(server: string): Promise<LastLife | undefined> {
    const unit = await this.#unit(server);
    const { state } = await statusOf(unit);
    return state === 'running' || state === 'paused' ? undefined : readLastLife(unit);
  }

  async kill(server: string): Promise<void> {
    const unit = await this.#unit(server);
    if (!(await toolRuns(toolOf(unit)))) await end(unit, 'kill');
  }

  async fence(server: string, how: 'kill' | 'stop'): Promise<void> {
    const unit = await this.#unit(server);
    // Somebody's rewind: the server is stopped, and a mark would disturb it. Whoever waits for its end marks it.
    if (await toolRuns(toolOf(unit))) return;
    await end(unit, how);
    await markStandby(unit);
  }

  async setRole(server: string, role: ServerRole): Promise<void> {
    const unit = await this.#unit(server);
    const settings = roleSettings(
      server,
      join(label(unit, 'confDir'), 'pgpass'),
      role.leads ? role : { leads: false, port: portOf(await this.#unit(role.follows)) },
    );
    await editFile(join(label(unit, 'confDir'), 'role.conf'), (text) => withRole(text, settings));
    const status = await statusOf(unit);
    if (status.state !== 'running') return;
    // One that was started since would end of it before it knows the signal, and has read the file anyway.
    await signalUnit(unit, 'SIGHUP', { expect: status.process });
    // New connections have what the postmaster has read; the others follow at once.
    const applied = async (): Promise<boolean> =>
      withSql(await superuser(unit, LOOK_MS), async (sql) => {
        const text = `SELECT current_setting('primary_conninfo') AS conninfo, current_setting('synchronous_standby_names') AS sync`;
        const [row] = (await sql.query<{ conninfo: string; sync: string }>(text)).rows;
        return row?.conninfo === settings.CONNINFO && row.sync === settings.SYNC;
      });
    await waitFor(applied, { what: `${server} took up its role`, timeoutMs: APPLIED_MS, intervalMs: 20 });
  }

  async promote(server: string): Promise<void> {
    const target = await superuser(await this.#unit(server), (PROMOTE_S + 5) * 1000);
    await withSql(target, async (sql) => {
      const text = 'SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(true, $1) ELSE true END AS done';
      const [row] = (await sql.query<{ done: boolean }>(text, [PROMOTE_S])).rows;
      if (row?.done !== true) throw new Error(`${server} was not promoted within ${PROMOTE_S} s`);
    });
  }

  async setSlots(server: string, wanted: readonly string[], all: readonly string[]): Promise<void> {
    const target = await superuser(await this.#unit(server), STATEMENT_MS);
    await withSql(target, (sql) => setSlotsBySql(sql, wanted, all));
  }

  async checkpoint(server: string): Promise<void> {
    const target = await superuser(await this.#unit(server), STATEMENT_MS);
    await withSql(target, (sql) => sql.query('CHECKPOINT'));
  }

  async rejoin(
    server: string,
    leader: string,
    how: 'rewind' | 'copy',
    signal: AbortSignal,
  ): Promise<Rejoined> {
    const unit = await this.#unit(server);
    const tool = toolOf(unit);
    const wait = { timeoutMs: TOOL_MS, signal };
    await stopUnit(unit);
    await waitBackendsGone(unit, APPLIED_MS);
    const before = await lastEnd(tool, wait);
    const source = await this.#unit(leader);
    // The tool of somebody who died has done it: a second one would let data recover that is half a replica.
    if (how === 'rewind' && before?.exit === 0) {
      await markStandby(unit);
      return rejoinedBy(before);
    }
    // One that was cut off leaves data that no second one can mend.
    if (how === 'rewind' && before === undefined) {
      const rewound = await rewind(unit, source, wait);
      if (rewound !== undefined) return rewound;
    }
    return copyAnew(unit, source, wait);
  }

  async start(server: string, as: 'leader' | 'standby'): Promise<void> {
    const unit = await this.#unit(server);
    // A kill stops the process first: whoever died in between has left it so.
    if ((await statusOf(unit)).state === 'paused') await resumeUnit(unit);
    const asked = await this.look(server);
    const isThat = (look: ServerLook): boolean => look.up && look.inRecovery === (as === 'standby');
    if (asked.up && !isThat(asked)) await stopUnit(unit);
    if (as === 'standby') await markStandby(unit);
    else await rm(standbySignal(unit), { force: true });
    await startUnit(unit);
    await waitFor(async () => isThat(await this.look(server)), {
      what: `${server} answers as a ${as}`,
      timeoutMs: START_MS,
      intervalMs: 50,
    });
    await forgetEnd(toolOf(unit));
  }

  async #unit(server: string): Promise<PlacedUnit> {
    const units = await readUnits(this.#unitsDir);
    const unit = units.find(({ kind, labels }) => kind === 'postgres' && labels.server === server);
    if (unit === undefined) throw new Error(`no unit of the Postgres server ${server} in ${this.#unitsDir}`);
    return unit;
  }
}

async function end(unit: PlacedUnit, how: 'kill' | 'stop'): Promise<void> {
  // It has run since any tool worked on it; where it has not, the end of that tool still counts.
  const { state } = await statusOf(unit);
  if (state === 'running' || state === 'paused') await forgetEnd(toolOf(unit));
  if (how === 'stop') await stopUnit(unit);
  else await killUnit(unit);
  await waitBackendsGone(unit, APPLIED_MS);
}

async function superuser(unit: PlacedUnit, queryTimeoutMs: number): Promise<SqlTarget> {
  const password = passwordIn(await readFile(join(label(unit, 'confDir'), 'pgpass'), 'utf8'), SUPERUSER);
  if (password === undefined)
    throw new Error(
      `no password of ${SUPERUSER} in the pgpass of ${unit.id}: its sandbox is older than this`,
    );
  return {
    host: '127.0.0.1',
    port: portOf(unit),
    database: 'postgres',
    user: SUPERUSER,
    password,
    applicationName: 'uplift-failover',
    maxConnections: 1,
    connectTimeoutMs: LOOK_MS,
    queryTimeoutMs,
  };
}
