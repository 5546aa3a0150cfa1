import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSql, type Sql } from '../../src/clients/postgres/index.ts';
import { VIEWS } from '../../src/contract/projection.ts';
import { waitFor } from '../../src/core/wait.ts';
import { readHistory } from '../../src/load/history-reader.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { writerOf } from '../support/sandbox-writer.ts';

/** A dead letter from its birth to its end, on a whole platform, by ordinary commands. */
let sandbox: ProofSandbox;
let writer: Sql;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
  writer = openSql(await writerOf(sandbox));
});
afterAll(async () => {
  await writer?.close();
  await sandbox?.down();
});

const DLQ = 'reservations.events.dlq';

interface Listed {
  readonly topics: readonly {
    readonly dlq: string;
    readonly letters: number;
    readonly waiting: number;
    readonly replayed: number;
  }[];
}

interface Replayed {
  readonly replayed: number;
  readonly already: number;
  readonly counts: Readonly<Record<'applied' | 'superseded' | 'back' | 'twice' | 'notSeen', number>>;
}

const restart = (env: string, ...units: readonly string[]): Promise<object> =>
  sandbox.json(['sandbox', 'restart', ...units, '--name', sandbox.name, '--env', env], 0);

/** Puts a little load on the service (no holds: their ends are events too); answers the event ids that were acknowledged. */
async function acknowledged(): Promise<string[]> {
  const history = join(sandbox.workDir, `history-${performance.now()}.ndjson`);
  const load = ['load', 'run', '--duration', '2s', '--rate', '30', '--mix', 'creates'];
  await sandbox.json([...load, '--history', history], 0);
  const events = new Map<number, string>();
  const ids = new Set<string>();
  await readHistory(history, (entry) => {
    if (entry.t === 'invoke') events.set(entry.op, entry.event);
    if (entry.t === 'ok') ids.add(events.get(entry.op) ?? '');
  });
  return [...ids];
}

async function listed(): Promise<Listed['topics'][number]> {
  const { topics } = await sandbox.json<Listed>(['dlq', 'ls'], 0);
  const found = topics.find(({ dlq }) => dlq === DLQ);
  if (found === undefined) throw new Error(`${DLQ} is not listed`);
  return found;
}

async function plan(name: string): Promise<string> {
  const file = join(sandbox.workDir, name);
  await sandbox.json(['dlq', 'plan', DLQ, '--out', file], 0);
  return file;
}

/** Rows of these events, with how many of each there are. */
async function countsOf(view: string, ids: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
  const { rows } = await writer.query<{ event_id: string; n: bigint }>(
    `SELECT event_id, count(*) AS n FROM ${view} WHERE event_id = ANY($1::text[]) GROUP BY event_id`,
    [ids],
  );
  return new Map(rows.map((row) => [row.event_id, row.n]));
}

describe('events of a schema that the projector does not know', () => {
  let parked: string[];

  test('are acknowledged, and put aside instead of being lost or stopping the projection', async () => {
    const before = await acknowledged();
    await restart('EVENT_SCHEMA=2', 'commands-1', 'commands-2');
    parked = await acknowledged();
    expect(parked.length).toBeGreaterThan(40);
    await waitFor(async () => (await listed()).letters >= parked.length, {
      what: 'all of them are dead letters',
      timeoutMs: 60_000,
    });
    expect(await listed()).toMatchObject({ letters: parked.length, waiting: parked.length, replayed: 0 });
    expect((await countsOf(VIEWS.operations, parked)).size).toBe(0);
    expect((await countsOf(VIEWS.deadLetters, parked)).size).toBe(parked.length);
    expect((await countsOf(VIEWS.operations, before)).size).toBe(before.length);
    await sandbox.serviceReady();
  });

  test('come back when they are replayed before the cause is mended, and that is no success', async () => {
    const replay = await sandbox.json<Replayed>(['dlq', 'replay', await plan('early.json'), '--yes'], 10);
    expect(replay).toMatchObject({ replayed: parked.length, counts: { back: parked.length, applied: 0 } });
    expect((await countsOf(VIEWS.operations, parked)).size).toBe(0);
  });

  test('are applied exactly once after the projector is upgraded, also across a crash of it', async () => {
    await restart('EVENT_SCHEMA=2', 'projector-1');
    const file = await plan('mended.json');
    await sandbox.json(['sandbox', 'kill', 'projector-1', '--name', sandbox.name], 0);
    const running = sandbox.start(['dlq', 'replay', file, '--yes', '--output', 'json', '--timeout', '60s']);
    await sandbox.json(['sandbox', 'start', 'projector-1', '--name', sandbox.name], 0);
    const { exit, stdout, stderr } = await running.ended;
    expect(`exit ${exit}${exit === 0 ? '' : `\n${stdout}\n${stderr}`}`).toBe('exit 0');
    expect(JSON.parse(stdout)).toMatchObject({ replayed: parked.length, counts: { applied: parked.length } });
    const operations = await countsOf(VIEWS.operations, parked);
    expect([...operations.values()]).toEqual(parked.map(() => 1n));
    const reservations = await countsOf(VIEWS.reservations, parked);
    expect(reservations.size).toBeGreaterThan(0);
    expect(new Set(reservations.values())).toEqual(new Set([1n]));
    const { rows } = await writer.query<{ outcome: string; n: bigint }>(
      `SELECT outcome, count(*) AS n FROM ${VIEWS.deadLetters} GROUP BY outcome`,
    );
    expect(rows).toEqual([{ outcome: 'applied', n: BigInt(parked.length) }]);
  });

  test('are not sent again by the same plan, nor by a new one', async () => {
    const again = await sandbox.json<Replayed>(
      ['dlq', 'replay', join(sandbox.workDir, 'mended.json'), '--yes'],
      0,
    );
    expect(again).toMatchObject({ replayed: 0, already: parked.length });
    expect(await listed()).toMatchObject({ waiting: 0 });
  });

  test('do not disturb the deciders: they skip the replays, while tailing and when they restore', async () => {
    await sandbox.serviceReady();
    await restart('EVENT_SCHEMA=2', 'commands-1', 'commands-2');
    await sandbox.serviceReady();
    const after = await acknowledged();
    await waitFor(async () => (await countsOf(VIEWS.operations, after)).size === after.length, {
      what: 'later reservations are projected',
      timeoutMs: 30_000,
    });
    expect((await listed()).waiting).toBe(0);
  });
});
