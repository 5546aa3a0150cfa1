import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresSetFixture, startPostgresSet } from '../../../../test/support/postgres-set.ts';
import { longestGapMs, type RowWriter, startRowWriter } from '../../../../test/support/row-writer.ts';
import { openSql } from '../../../clients/postgres/index.ts';
import { killUnit } from '../../../clients/process/signal.ts';
import { waitFor } from '../../../core/wait.ts';
import { runSteps } from '../../../steps/engine.ts';
import type { StepEntry } from '../../../steps/journal-kinds.ts';
import { stepRegistry } from '../../../steps/kind.ts';
import { processPooler } from '../../actuators/pooler-process.ts';
import { processPostgres } from '../../actuators/postgres-process.ts';
import { failoverSteps, postgresKinds, switchoverSteps } from './index.ts';
import { misplaced } from './places.ts';
import { lookAtAll, observeSet, type PostgresSet, type PostgresStepContext } from './set.ts';

const context: PostgresStepContext = { postgresOf: processPostgres, poolerOf: processPooler };
const registry = stepRegistry(postgresKinds);
const SERVERS = ['az-a', 'az-b', 'az-c'];

/** Figures of the run, for whoever reads the output. */
const note = (text: string): void => void process.stderr.write(`${text}\n`);

let fixture: PostgresSetFixture;
let writer: RowWriter;

beforeAll(async () => {
  fixture = await startPostgresSet();
  writer = await startRowWriter(fixture.pooled, 'written');
});

afterAll(async () => {
  await writer?.stop();
  await fixture?.down();
});

const setNow = (): Promise<PostgresSet> =>
  observeSet(context, {
    units: fixture.unitsDir,
    servers: SERVERS,
    pool: { unit: 'pgbouncer', database: 'uplift' },
  });

const memory = () => {
  const entries: StepEntry[] = [];
  return {
    entries,
    append: async (kind: string, body: StepEntry['body']) => {
      const entry = { seq: entries.length, kind, body };
      entries.push(entry);
      return entry;
    },
  };
};

async function run(steps: ReturnType<typeof failoverSteps>) {
  const signal = AbortSignal.timeout(120_000);
  const startedMs = performance.now();
  const results = await runSteps({ registry, journal: memory(), context, steps, signal });
  const tookMs = Math.round(performance.now() - startedMs);
  const said = results.map(({ step, result }) => `${step.kind} ${JSON.stringify(result)}`);
  note(`${tookMs} ms\n  ${said.join('\n  ')}`);
  return results;
}

function promotedBy(results: Awaited<ReturnType<typeof run>>): string {
  const { result } = results.find(({ step }) => step.kind === 'postgres.promote') ?? {};
  return String((result as { promoted?: string } | undefined)?.promoted);
}

async function kill(server: string): Promise<number> {
  const unit = fixture.units.find(({ labels }) => labels.server === server);
  if (unit === undefined) throw new Error(`no unit of ${server}`);
  await killUnit(unit);
  return performance.now();
}

/** The writer goes on: it must get another this many rows acknowledged. */
async function writes(rows: number): Promise<void> {
  const wanted = writer.acknowledged.size + rows;
  await waitFor(async () => writer.acknowledged.size >= wanted, {
    what: `${rows} more rows acknowledged`,
    timeoutMs: 20_000,
  });
}

/** Nothing acknowledged is missing on any server, and the set is led by this one. */
async function expectWhole(leader: string): Promise<void> {
  const set = await setNow();
  expect(set.primary).toBe(leader);
  expect(misplaced(set, leader, await lookAtAll(set, processPostgres(fixture.unitsDir)))).toEqual([]);
  expect(await processPooler(fixture.unitsDir, { unit: 'pgbouncer', database: 'uplift' }).look()).toEqual({
    server: leader,
    paused: false,
  });
  const acknowledged = [...writer.acknowledged];
  for (const server of SERVERS) {
    const missing = async (): Promise<number> => {
      const sql = openSql(fixture.direct(server));
      try {
        const { rows } = await sql.query<{ id: bigint }>('SELECT id FROM written');
        const there = new Set(rows.map(({ id }) => Number(id)));
        return acknowledged.filter((id) => !there.has(id)).length;
      } finally {
        await sql.close();
      }
    };
    // A replica may be behind for a moment; a lost row never comes.
    const none = async (): Promise<boolean> => (await missing()) === 0;
    await waitFor(none, { what: `every acknowledged row on ${server}`, timeoutMs: 10_000 });
  }
}

describe('the failover of a Postgres primary, under a writer through PgBouncer', () => {
  it('loses no acknowledged row in a crash and in another one, and comes back to where the primary was', async () => {
    await expectWhole('az-a');
    await writes(200);
    const killedMs = await kill('az-a');
    const results = await run(failoverSteps(await setOf('az-a')));
    const promoted = promotedBy(results);
    await writes(200);
    note(`longest gap ${Math.round(longestGapMs(writer.timesMs, killedMs))} ms`);
    expect(['az-b', 'az-c']).toContain(promoted);
    await expectWhole(promoted);
    expect(results.at(-1)?.result).toMatchObject({ leader: promoted, how: 'rewound' });

    await kill(promoted);
    const again = await run(failoverSteps(await setOf(promoted)));
    const second = promotedBy(again);
    await writes(200);
    await expectWhole(second);

    if (second !== 'az-a') {
      await run(switchoverSteps(await setNow(), 'az-a'));
      await writes(200);
    }
    await expectWhole('az-a');
    note(
      `${writer.acknowledged.size} acknowledged, ${writer.unknown.size} unknown, ${writer.failures()} failures`,
    );
  });
});

/** The set of a plan whose primary is dead by now: as observed before, which here is always the same rule. */
async function setOf(primary: string): Promise<PostgresSet> {
  const names = SERVERS.filter((server) => server !== primary).map((server) => server.replace('-', '_'));
  return {
    units: fixture.unitsDir,
    servers: SERVERS,
    primary,
    sync: { method: 'ANY', count: 1, names },
    pool: { unit: 'pgbouncer', database: 'uplift' },
  };
}
