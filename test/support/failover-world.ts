import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { openSql } from '../../src/clients/postgres/index.ts';
import { killUnit } from '../../src/clients/process/signal.ts';
import { statusOf } from '../../src/clients/process/status.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import type { Step } from '../../src/core/step.ts';
import { waitFor } from '../../src/core/wait.ts';
import { processPooler } from '../../src/drills/actuators/pooler-process.ts';
import { processPostgres } from '../../src/drills/actuators/postgres-process.ts';
import { toolOf } from '../../src/drills/actuators/tool.ts';
import { postgresKinds } from '../../src/drills/steps/postgres/index.ts';
import { misplaced } from '../../src/drills/steps/postgres/places.ts';
import {
  lookAtAll,
  observeSet,
  type PostgresSet,
  type PostgresStepContext,
} from '../../src/drills/steps/postgres/set.ts';
import { runSteps, type StepResult } from '../../src/steps/engine.ts';
import type { StepEntry } from '../../src/steps/journal-kinds.ts';
import { type StepRegistry, stepRegistry } from '../../src/steps/kind.ts';
import { startPostgresSet } from './postgres-set.ts';
import { type RowWriter, startRowWriter } from './row-writer.ts';
import { root } from './source-tree.ts';

const SERVERS = ['az-a', 'az-b', 'az-c'];
const POOL = { unit: 'pgbouncer', database: 'uplift' };

/** A set of Postgres servers with a writer through the pool, and everything that a test of failovers asks of them. */
export interface FailoverWorld {
  readonly writer: RowWriter;
  readonly engine: {
    readonly registry: StepRegistry<PostgresStepContext>;
    readonly context: PostgresStepContext;
  };
  setNow(): Promise<PostgresSet>;
  unitOf(server: string): PlacedUnit;
  /** SIGKILL of the server with all its backends; the moment of it. */
  kill(server: string): Promise<number>;
  run(
    steps: readonly Step[],
  ): Promise<{ readonly promoted: string; readonly results: readonly StepResult[] }>;
  /** The writer goes on: it gets this many more rows acknowledged. */
  writes(rows: number): Promise<void>;
  /** This server leads, nothing differs, the pool leads to it, and every acknowledged row is on every server. */
  expectWhole(leader: string): Promise<void>;
  /** Figures of a run, for whoever reads its output. */
  note(text: string): void;
  end(): Promise<void>;
}

export async function startFailoverWorld(): Promise<FailoverWorld> {
  const fixture = await startPostgresSet();
  const writer = await startRowWriter(fixture.pooled, 'written').catch(async (error: unknown) => {
    await fixture.down();
    throw error;
  });
  const context: PostgresStepContext = { postgresOf: processPostgres, poolerOf: processPooler };
  const engine = { registry: stepRegistry(postgresKinds), context };
  const { unitsDir } = fixture;
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const setNow = (): Promise<PostgresSet> =>
    observeSet(context, { units: unitsDir, servers: SERVERS, pool: POOL });
  const unitOf = (server: string): PlacedUnit => {
    const unit = fixture.units.find(({ labels }) => labels.server === server);
    if (unit === undefined) throw new Error(`no unit of ${server}`);
    return unit;
  };
  const missingOn = async (server: string): Promise<number[]> => {
    const acknowledged = [...writer.acknowledged];
    const sql = openSql(fixture.direct(server));
    try {
      const { rows } = await sql.query<{ id: bigint }>('SELECT id FROM written');
      const there = new Set(rows.map(({ id }) => Number(id)));
      return acknowledged.filter((id) => !there.has(id));
    } finally {
      await sql.close();
    }
  };
  return {
    writer,
    engine,
    note,
    setNow,
    unitOf,
    async kill(server) {
      await killUnit(unitOf(server));
      return performance.now();
    },
    async run(steps) {
      const said: string[] = [];
      const startedMs = performance.now();
      const results = await runSteps({
        ...engine,
        journal: memoryJournal(),
        steps,
        signal: AbortSignal.timeout(150_000),
        onEvent: ({ state, step }) =>
          void said.push(`${Math.round(performance.now() - startedMs)} ms ${state} ${step.kind}`),
      });
      const line = results.map(({ step, result }) => `  ${step.kind} ${JSON.stringify(result)}`);
      note([...said, ...line].join('\n'));
      const promotion = results.find(({ step }) => step.kind === 'postgres.promote')?.result;
      return { promoted: String((promotion as { promoted?: string } | undefined)?.promoted), results };
    },
    async writes(rows) {
      const wanted = writer.acknowledged.size + rows;
      await waitFor(async () => writer.acknowledged.size >= wanted, {
        what: `${rows} more rows acknowledged`,
        timeoutMs: 20_000,
      });
    },
    async expectWhole(leader) {
      const set = await setNow();
      expect(set.primary).toBe(leader);
      expect(misplaced(set, leader, await lookAtAll(set, processPostgres(unitsDir)))).toEqual([]);
      expect(await processPooler(unitsDir, POOL).look()).toEqual({ server: leader, paused: false });
      for (const server of SERVERS) {
        // A replica may be behind for a moment; a lost row never comes.
        const none = async (): Promise<true> => {
          const missing = await missingOn(server);
          if (missing.length === 0) return true;
          throw new Error(`${missing.length} are missing, ${missing.slice(0, 20).join(', ')}`);
        };
        await waitFor(none, { what: `every acknowledged row on ${server}`, timeoutMs: 10_000 });
      }
    },
    async end() {
      await writer.stop();
      await fixture.down();
    },
  };
}

function memoryJournal() {
  let seq = 0;
  return {
    append: async (kind: string, body: StepEntry['body']): Promise<StepEntry> => {
      const entry = { seq, kind, body };
      seq += 1;
      return entry;
    },
  };
}

/** Where the process that runs the steps is killed. */
export interface CutOff {
  /** Once it has said this: `verified postgres.promote`. */
  readonly event: string;
  /** Not before the tool on the data of the old primary runs; it then goes on alone, or is killed as well. */
  readonly tool?: 'runs' | 'dies';
}

/** Runs the steps in a process of its own and kills it at that point. Returns the path of its journal. */
export async function cutOffFailover(
  world: FailoverWorld,
  steps: readonly Step[],
  { event, tool }: CutOff,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'uplift-cut-'));
  folders.push(folder);
  const [stepsFile, journal] = [join(folder, 'steps.json'), join(folder, 'journal.ndjson')];
  await writeFile(stepsFile, JSON.stringify(steps));
  const script = join(root, 'test', 'support', 'failover-process.ts');
  const child = spawn(process.execPath, [script, stepsFile, journal], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH },
  });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  try {
    let seen = false;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line !== event) continue;
      seen = true;
      break;
    }
    if (!seen) throw new Error(`the process ended without "${event}"`);
    if (tool !== undefined) await untilToolRuns(world, steps);
  } finally {
    child.kill('SIGKILL');
    await gone;
  }
  if (tool === 'dies') await killUnit(toolUnit(world, steps));
  return journal;
}

const folders: string[] = [];
/** Removes the journals of processes that were cut off. */
export const removeJournals = (): Promise<unknown> =>
  Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));

function toolUnit(world: FailoverWorld, steps: readonly Step[]): PlacedUnit {
  const { set } = (steps[0]?.args ?? {}) as { readonly set?: PostgresSet };
  if (set === undefined) throw new Error('no steps');
  return toolOf(world.unitOf(set.primary)).unit;
}

async function untilToolRuns(world: FailoverWorld, steps: readonly Step[]): Promise<void> {
  const unit = toolUnit(world, steps);
  const begun = async (): Promise<boolean> =>
    (await readFile(unit.logFile, 'utf8')).includes('begun') && (await statusOf(unit)).state === 'running';
  await waitFor(begun, {
    what: 'the tool runs',
    timeoutMs: 20_000,
    intervalMs: 2,
  });
}
