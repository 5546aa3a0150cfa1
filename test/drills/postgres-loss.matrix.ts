import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSql } from '../../src/clients/postgres/index.ts';
import type { Sql } from '../../src/clients/postgres/ports.ts';
import { waitFor } from '../../src/core/wait.ts';
import { processPooler } from '../../src/drills/actuators/pooler-process.ts';
import { processPostgres } from '../../src/drills/actuators/postgres-process.ts';
import { judgeProbe, type ProbeJudgement, proveProbe } from '../../src/drills/probe/judge.ts';
import { openProbeSql, PROBE_TABLE, postgresProbe } from '../../src/drills/probe/postgres.ts';
import type { StoreProbe } from '../../src/drills/probe/probe.ts';
import { failoverSteps, killStep, postgresKinds } from '../../src/drills/steps/postgres/index.ts';
import {
  observeSet,
  type PostgresSet,
  type PostgresStepContext,
} from '../../src/drills/steps/postgres/set.ts';
import { runSteps } from '../../src/steps/engine.ts';
import { stepOf, stepRegistry } from '../../src/steps/kind.ts';
import { type PostgresSetFixture, startPostgresSet } from '../support/postgres-set.ts';
import { opinionOfProbe, type SecondOpinion } from '../support/second-checker.ts';

// The positive control of the Postgres probe: a real loss, made on purpose, must be reported with its very ids.

const SERVERS = ['az-a', 'az-b', 'az-c'];
const context: PostgresStepContext = { postgresOf: processPostgres, poolerOf: processPooler };
const monoNs = (): bigint => process.hrtime.bigint();

let fixture: PostgresSetFixture;
let direct: ReadonlyMap<string, Sql>;

beforeAll(async () => {
  fixture = await startPostgresSet();
  direct = new Map(SERVERS.map((server) => [server, openSql(fixture.direct(server))]));
}, 120_000);
afterAll(async () => {
  for (const sql of direct?.values() ?? []) await sql.close();
  await fixture?.down();
});

const askOf = (server: string): Sql => {
  const sql = direct.get(server);
  if (sql === undefined) throw new Error(`no ${server}`);
  return sql;
};

function setNow(): Promise<PostgresSet> {
  const pool = { unit: 'pgbouncer', database: 'uplift' };
  return observeSet(context, { units: fixture.unitsDir, servers: SERVERS, pool });
}

/** What the servers answer to a question of the test's own. */
async function idsOn(server: string, runId: string): Promise<string[]> {
  const text = `SELECT id::text AS id FROM ${PROBE_TABLE} WHERE run_id = $1`;
  return (await askOf(server).query<{ id: string }>(text, [runId])).rows.map(({ id }) => id);
}

/** SIGSTOP to every walsender: sockets stay open and nothing goes out any more. */
async function stopSenders(primary: string): Promise<void> {
  const { rows } = await askOf(primary).query<{ pid: number }>('SELECT pid FROM pg_stat_replication');
  expect(rows).toHaveLength(2);
  for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
}

async function takeOver(set: PostgresSet): Promise<void> {
  let seq = 0;
  const journal = {
    append: async () => {
      seq += 1;
      return { seq };
    },
  };
  const steps = [stepOf(killStep, { set }), ...failoverSteps(set, { killedByUs: true })];
  const registry = stepRegistry(postgresKinds);
  await runSteps({ registry, journal, context, steps, signal: AbortSignal.timeout(120_000) });
}

interface Control {
  readonly runId: string;
  /** Between the stop of the senders and the kill. */
  readonly meanwhile: (probe: StoreProbe, primary: string) => Promise<void>;
}

/** A probe under a crash whose primary had stopped to send to its replicas before. */
async function crashUnderProbe({ runId, meanwhile }: Control) {
  const set = await setNow();
  const named = (server: string) => ({ name: server, ask: askOf(server) });
  const servers: ReturnType<typeof named>[] = [];
  const openProbe = () => openProbeSql(fixture.pooled);
  const probe = postgresProbe({ openSql: openProbe, servers, runId, ratePerS: 200, monoNs });
  try {
    await probe.start();
    await waitFor(async () => acknowledged(probe).length >= 200, { what: 'written', timeoutMs: 20_000 });
    await stopSenders(set.primary);
    const stoppedNs = monoNs();
    await meanwhile(probe, set.primary);
    const killedNs = monoNs();
    await takeOver(set);
    const before = acknowledged(probe).length;
    const more = async (): Promise<boolean> => acknowledged(probe).length >= before + 100;
    await waitFor(more, { what: 'written after the failover', timeoutMs: 20_000 });
    await probe.stop();
    const { primary } = await setNow();
    servers.push(named(primary), ...SERVERS.filter((server) => server !== primary).map(named));
    const reads = await probe.read();
    expect(reads.unread).toEqual([]);
    const evidence = { writes: probe.writes(), reads, faultNs: killedNs };
    const judged = judgeProbe(evidence);
    const there = await idsOn(primary, runId);
    const gone = acknowledged(probe).filter(({ id }) => !there.includes(id));
    note(runId, judged);
    const second = await opinionOf(runId, probe);
    expect(second.missing).toEqual(judged.lost.map(({ id }) => id).toSorted());
    expect(second.exit).toBe(judged.lost.length === 0 ? 0 : 10);
    expect(proveProbe(evidence)).toEqual({ planted: 3, named: 3 });
    return { judged, gone, stoppedNs, killedNs, probe };
  } finally {
    await probe.close();
  }
}

function opinionOf(runId: string, probe: StoreProbe): Promise<SecondOpinion> {
  const targets = SERVERS.map((server) => fixture.direct(server));
  const args = targets.flatMap(({ host, port, user, database }) => [
    '--postgres',
    `postgresql://${user}@${host}:${port}/${database}`,
  ]);
  return opinionOfProbe(probe.writes(), runId, args, { PGPASSWORD: targets[0]?.password });
}

const acknowledged = (probe: StoreProbe) => probe.writes().filter(({ outcome }) => outcome === 'ok');

function note(runId: string, { acknowledged: count, lost, unknown, unknownFound }: ProbeJudgement): void {
  const text = `${runId}: ${count} acknowledged, ${lost.length} lost, ${unknown} unknown (${unknownFound} found)`;
  process.stderr.write(`${text}\n`);
}

describe('the Postgres probe under a crash whose primary could not send any more', () => {
  it('does not count a commit whose wait was cancelled, although it answered success', async () => {
    const { judged, gone } = await crashUnderProbe({
      runId: 'synchronous',
      async meanwhile(probe, primary) {
        const cancel = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
        const cancelled = async (): Promise<boolean> => {
          await askOf(primary).query(cancel);
          return probe.writes().some(({ outcome }) => outcome === 'info');
        };
        await waitFor(cancelled, { what: 'a wait was cancelled', timeoutMs: 4000, intervalMs: 50 });
      },
    });
    expect(judged).toMatchObject({ lost: [], phantom: [], duplicate: [] });
    expect(gone).toEqual([]);
    expect(judged.unknown).toBeGreaterThan(0);
    // It was there, and the failover has lost it: nobody had been promised anything.
    expect(judged.unknownFound).toBeLessThan(judged.unknown);
  }, 180_000);

  it('names the very ids that are lost where commits wait for nobody', async () => {
    const { primary } = await setNow();
    const servers = processPostgres(fixture.unitsDir);
    await servers.setRole(primary, { leads: true, synchronousStandbyNames: '' });
    const { judged, gone, stoppedNs, killedNs } = await crashUnderProbe({
      runId: 'asynchronous',
      async meanwhile(probe) {
        const goal = acknowledged(probe).length + 40;
        const more = async (): Promise<boolean> => acknowledged(probe).length >= goal;
        await waitFor(more, { what: 'acknowledged by the primary alone', timeoutMs: 4000, intervalMs: 20 });
      },
    });
    expect(judged.lost.length).toBeGreaterThan(20);
    expect(judged.lost.map(({ id }) => id)).toEqual(gone.map(({ id }) => id));
    expect(judged.lost[0]?.missingAt.toSorted()).toEqual(SERVERS);
    for (const { endedNs } of gone) {
      expect(endedNs).toBeGreaterThan(stoppedNs - 1_000_000_000n);
      expect(endedNs).toBeLessThan(killedNs + 1_000_000_000n);
    }
  }, 180_000);
});
