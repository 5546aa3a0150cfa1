import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Connection, deleteTopicsV6 } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DlqWorld, type ParkedRecord, text } from '../../../test/support/dlq-world.ts';
import type { CliResult, RunningCli } from '../../../test/support/sandbox-cli.ts';
import { SmallDisk } from '../../../test/support/small-disk.ts';
import { BrokerLink } from '../../clients/kafka/link.ts';
import type { Header } from '../../clients/kafka/ports.ts';
import { dlqOf, originalHeaders, originKey } from '../../contract/dead-letter.ts';
import { waitFor } from '../../core/wait.ts';
import { readDatabase } from '../../drills/reads/database.ts';
import { readRecord } from '../../record/open.ts';

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const header = (name: string, value: Buffer | null): Header => [Buffer.from(name), value];

/** Everything that a careless tool loses. */
const ODD: readonly ParkedRecord[] = [
  { key: bytes(0, 0xff, 0x80), value: bytes(0xfe, 0, 1, 2, 0xff), headers: [header('bin', bytes(0xff, 0))] },
  { key: null, value: Buffer.from('no key'), headers: [] },
  { key: bytes(), value: bytes(), headers: [header('empty', bytes())] },
  {
    key: Buffer.from('tombstone'),
    value: null,
    headers: [header('traceparent', Buffer.from('00-ab-cd-01'))],
  },
  {
    key: Buffer.from('repeated'),
    value: Buffer.from('{"a":1}'),
    headers: [header('x', Buffer.from('1')), header('x', Buffer.from('2')), header('y', Buffer.from('3'))],
  },
];
/** What the producer cannot carry unchanged. */
const UNCARRIED: readonly ParkedRecord[] = [
  text('null header', [header('x', null)]),
  text('interleaved', [header('x', bytes(1)), header('y', bytes(2)), header('x', bytes(3))]),
];

interface PlanDocument {
  readonly plan: {
    readonly letters: readonly { partition: number; offset: string }[];
    readonly refused: readonly { partition: number; offset: string; reason: string }[];
    readonly replayedBefore: number;
  };
}

interface ReplayDocument {
  readonly replayed: number;
  readonly already: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly open: string | null;
  readonly record: { readonly path: string };
}

let world: DlqWorld;

beforeAll(async () => {
  world = await DlqWorld.start({ orders: 2, bulk: 6, again: 1, quiet: 1, full: 1 });
}, 300_000);
afterAll(() => world?.stop());

function contentOf({ key, value, headers }: ParkedRecord): string {
  const parts = [key, value, ...headers.flat()].map((part) => part?.toString('hex') ?? 'null');
  return createHash('sha256').update(parts.join('|')).digest('hex');
}

async function planned(topic: string, file: string): Promise<PlanDocument['plan']> {
  const args = ['dlq', 'plan', dlqOf(topic), '--limit', '10000', '--out', file];
  return (await world.json<PlanDocument>(args, 0)).plan;
}

const replayArgs = (file: string, ...more: string[]): string[] => ['dlq', 'replay', file, '--yes', ...more];

/** Lets the projection run beside a command, as it does beside a real one. */
async function projecting<T>(topic: string, work: Promise<T>): Promise<T> {
  let over = false;
  const ended = work.finally(() => {
    over = true;
  });
  await Promise.all([
    waitFor(
      async () => {
        await world.project(topic);
        return over;
      },
      { what: 'the end of the command', timeoutMs: 120_000, intervalMs: 200 },
    ),
    ended.catch(() => undefined),
  ]);
  return ended;
}

/** How often each origin stands in the target as a replay. */
async function timesReplayed(topic: string): Promise<Map<string, number>> {
  const replays = await world.replays(topic);
  return new Map(
    [...Map.groupBy(replays, ({ replay }) => originKey(replay.origin))].map(([key, list]) => [
      key,
      list.length,
    ]),
  );
}

describe('dead letters of every shape', () => {
  it('are listed, shown and planned; what cannot be carried unchanged is refused before anything is sent', async () => {
    await world.park('orders', 0, ODD);
    await world.park('orders', 1, UNCARRIED);
    await world.write(dlqOf('orders'), 1, [text('of somebody else')], []);

    const { topics } = await world.json<{ topics: { dlq: string }[] }>(['dlq', 'ls'], 0);
    expect(topics.find(({ dlq }) => dlq === 'orders.dlq')).toMatchObject({
      letters: 8,
      copies: 0,
      replayed: 0,
      waiting: 5,
      refused: 3,
      errors: [
        { code: 'constraint', count: 7 },
        { code: null, count: 1 },
      ],
    });
    const list = await world.run(['dlq', 'ls']);
    expect(list.stdout).toMatch(/orders\.dlq +8 +0 +8 +\d+ s +6 d 23 h\n/);
    expect(list.stdout).toMatch(
      /8 of 8 dead letters have not been replayed\.\nNext: uplift dlq show orders\.dlq\n/,
    );

    const letters = await world.json<{ letters: object[] }>(['dlq', 'show', 'orders.dlq'], 0);
    expect(letters.letters).toHaveLength(8);
    const { letter } = await world.json<{ letter: object }>(['dlq', 'show', 'orders.dlq', '0/0'], 0);
    expect(letter).toMatchObject({
      standing: 'waiting',
      key: { encoding: 'hex', text: '00ff80' },
      value: { encoding: 'hex', bytes: 5, text: 'fe000102ff' },
      headers: [{ name: { text: 'bin' }, value: { encoding: 'hex', text: 'ff00' } }],
    });
    const tombstone = await world.run(['dlq', 'show', 'orders.dlq', '0/3']);
    expect(tombstone.stdout).toMatch(/trace +00-ab-cd-01/);
    expect(tombstone.stdout).toMatch(/value +null/);

    const plan = await planned('orders', 'orders.json');
    expect(plan.letters.map(({ partition, offset }) => `${partition}/${offset}`)).toEqual([
      '0/0',
      '0/1',
      '0/2',
      '0/3',
      '0/4',
    ]);
    expect(plan.refused.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/"x" has a null value/),
      expect.stringMatching(/would change its place/),
      'no error metadata',
    ]);
    const dry = await world.json<object>(['dlq', 'replay', 'orders.json', '--dry-run'], 0);
    expect(dry).toMatchObject({ wouldReplay: 5, already: 0, refused: [] });
    expect(await world.replays('orders')).toEqual([]);
  });

  it('are replayed byte for byte, proved by what the projection made of them, and not sent twice', async () => {
    const unasked = await world.json<object>(['dlq', 'replay', 'orders.json'], 15);
    expect(unasked).toMatchObject({ code: 'UPL-CONFIRMATION-NEEDED' });
    const done = await projecting('orders', world.json<ReplayDocument>(replayArgs('orders.json'), 0));
    expect(done).toMatchObject({ replayed: 5, already: 0, open: null });
    expect(done.counts).toEqual({ applied: 5, superseded: 0, back: 0, twice: 0, notSeen: 0 });

    const replays = await world.replays('orders');
    expect(replays.map(({ partition }) => partition)).toEqual([0, 0, 0, 0, 0]);
    const seen = replays.map(({ record }) =>
      contentOf({ ...record, headers: originalHeaders(record.headers) }),
    );
    expect(seen).toEqual(ODD.map(contentOf));

    const record = await readRecord(done.record.path);
    expect(record.status).toBe('sealed');
    const kinds = record.entries.map(({ kind }) => kind);
    expect(kinds).toEqual([
      'dlq.plan',
      'step.intent',
      'step.done',
      'step.verified',
      'dlq.result',
      'dlq.ended',
    ]);
    const beside = await readFile(join(done.record.path, '..', 'replay.plan.json'), 'utf8');
    expect(beside).toBe(await readFile(join(world.folder, 'orders.json'), 'utf8'));

    const again = await world.json<ReplayDocument>(replayArgs('orders.json'), 0);
    expect(again).toMatchObject({ replayed: 0, already: 5, counts: { applied: 5 } });
    expect(await world.replays('orders')).toHaveLength(5);
    expect(await planned('orders', 'orders-2.json')).toMatchObject({ letters: [], replayedBefore: 5 });
    const text = await world.run(replayArgs('orders.json'));
    expect(text.stdout).toMatch(/replayed 0 +replayed before 5 +applied 5 +superseded 0 +back 0 +not seen 0/);
    expect(text.stdout).toMatch(/REPLAYED, proved: 5 of 5 stand in orders, each applied once\./);
  });

  it('that fail again are back, under a new attempt, and only that one is planned next', async () => {
    const [letter] = await world.park('again', 0, [text('stubborn')]);
    if (letter === undefined) throw new Error('no letter');
    await planned('again', 'again.json');
    const running = world.json<ReplayDocument>(replayArgs('again.json', '--timeout', '20s'), 10);
    await waitFor(async () => (await world.replays('again')).length === 1, {
      what: 'the replay in the log',
      timeoutMs: 30_000,
    });
    await world.write(dlqOf('again'), 0, [text('stubborn')], [{ ...letter, attempt: 2 }]);
    await world.sql.query(`UPDATE uplift_dead_letters SET attempts = 2 WHERE topic = 'again'`);
    await world.passed('again');
    expect((await running).counts).toMatchObject({ applied: 0, back: 1, notSeen: 0 });
    const next = await planned('again', 'again-2.json');
    expect(next).toMatchObject({ replayedBefore: 1, letters: [{ attempt: 2, offset: '1' }] });
  });

  it('are not called applied when nobody says so', async () => {
    await world.park('quiet', 0, [text('a'), text('b')]);
    await planned('quiet', 'quiet.json');
    const blind = await world.json<ReplayDocument>(
      [...replayArgs('quiet.json'), '--config', 'no-postgres.yaml'],
      12,
    );
    expect(blind).toMatchObject({ replayed: 2, counts: { applied: 0, notSeen: 2 } });
    expect(blind.open).toMatch(/names no Postgres/);
    const late = await world.json<ReplayDocument>(replayArgs('quiet.json', '--timeout', '500ms'), 12);
    expect(late).toMatchObject({ replayed: 0, already: 2, counts: { applied: 0, notSeen: 2 } });
    expect(late.open).toMatch(/the projection did not pass the replays within 500 ms/);
    await world.sql.query('ALTER TABLE uplift_dead_letters RENAME TO hidden');
    try {
      const none = await world.json<ReplayDocument>(replayArgs('quiet.json'), 12);
      expect(none.open).toMatch(/has no view uplift_dead_letters/);
    } finally {
      await world.sql.query('ALTER TABLE hidden RENAME TO uplift_dead_letters');
    }
  });
});

describe('a replay that is cut off', () => {
  const PER_PARTITION = 500;

  async function parkedInBulk(round: string): Promise<string[]> {
    const keys: string[] = [];
    for (let partition = 0; partition < 6; partition += 1) {
      const records = Array.from({ length: PER_PARTITION }, (_, at) => text(`${round} ${partition} ${at}`));
      for (const { origin } of await world.park('bulk', partition, records)) keys.push(originKey(origin));
    }
    return keys;
  }

  async function startedRun(args: string[]): Promise<{ child: RunningCli; journal: string }> {
    const runs = join(world.folder, '.uplift', 'runs');
    const known = await readdir(runs).catch((): string[] => []);
    const child = world.start(args);
    const run = await waitFor(async () => (await readdir(runs)).find((id) => !known.includes(id)), {
      what: 'a new run',
      timeoutMs: 60_000,
      intervalMs: 20,
    });
    return { child, journal: join(runs, run, 'journal.ndjson') };
  }

  /** Resolves as soon as the first partition is verified. */
  function firstVerified(journal: string): Promise<unknown> {
    const verified = async (): Promise<boolean> =>
      (await readFile(journal, 'utf8').catch(() => '')).includes('"step.verified"');
    return waitFor(verified, { what: 'the first partition', timeoutMs: 60_000, intervalMs: 5 });
  }

  async function expectOnceEach(keys: readonly string[]): Promise<void> {
    const times = await timesReplayed('bulk');
    expect(keys.filter((key) => times.get(key) !== 1)).toEqual([]);
  }

  it.each(['SIGKILL', 'SIGINT'] as const)(
    'by %s between two partitions is finished by the same plan, and every letter stands there once',
    async (signal) => {
      const keys = await parkedInBulk(signal);
      const file = `bulk-${signal}.json`;
      expect((await planned('bulk', file)).letters).toHaveLength(keys.length);
      const { child, journal } = await startedRun(replayArgs(file));
      await firstVerified(journal);
      child.kill(signal);
      const ended: CliResult = await child.ended;
      const sent = [...(await timesReplayed('bulk')).keys()].filter((key) => keys.includes(key)).length;
      expect(sent).toBeGreaterThanOrEqual(PER_PARTITION);
      expect(sent).toBeLessThan(keys.length);
      const record = await readRecord(journal);
      if (signal === 'SIGKILL') {
        expect([ended.signal, record.status]).toEqual(['SIGKILL', 'unsealed']);
      } else {
        expect([ended.exit, record.status]).toEqual([130, 'sealed']);
        expect(ended.stdout).toMatch(
          /STOPPED \(SIGINT\), nothing proved\. The same plan sends only what is not in bulk yet\./,
        );
        expect(record.entries.at(-1)).toMatchObject({
          kind: 'dlq.ended',
          body: { execution: 'interrupted' },
        });
      }
      const rest = await projecting('bulk', world.json<ReplayDocument>(replayArgs(file), 0));
      expect(rest).toMatchObject({ replayed: keys.length - sent, already: sent });
      expect(rest.counts).toMatchObject({ applied: keys.length, superseded: 0, notSeen: 0 });
      await expectOnceEach(keys);
    },
    240_000,
  );

  it('and whose journal has no room on the disk sends nothing; with room the same plan is replayed', async () => {
    await world.park('full', 0, [text('a'), text('b')]);
    const plan = await planned('full', 'full.json');
    const disk = await SmallDisk.mount(join(world.folder, 'small'), { bytes: 1_048_576 });
    try {
      const args = [...replayArgs('full.json'), '--state-dir', disk.folder];
      await disk.fill();
      const refused = await world.json<{ code: string; message: string }>(args, 74);
      expect(refused.code).toBe('UPL-CANNOT-WRITE');
      expect(refused.message).toMatch(/ENOSPC/);
      expect(await world.replays('full')).toEqual([]);
      await disk.free();
      const replay = await projecting('full', world.json<ReplayDocument>(args, 0));
      expect(replay.replayed).toBe(plan.letters.length);
      expect([...(await timesReplayed('full')).values()]).toEqual([1, 1]);
    } finally {
      await disk.unmount();
    }
  });

  it('or whose cluster has another topic by now is refused, and nothing is sent', async () => {
    await world.park('quiet', 0, [text('c')]);
    await planned('quiet', 'stale.json');
    const link = new BrokerLink(world.fixture.kafka.address(1), world.fixture.kafka.target);
    const remove = (connection: Connection) =>
      deleteTopicsV6.api.async(connection, [{ name: 'quiet' }], 10_000);
    await link.request(remove, 10_000);
    link.close();
    await waitFor(
      async () =>
        (await world.fixture.cluster.describe({ topics: ['quiet'], timeoutMs: 5000 })).topics.length === 0,
      {
        what: 'the topic gone',
        timeoutMs: 20_000,
      },
    );
    await world.fixture.create('quiet', 1);
    const refused = await world.json<object>(replayArgs('stale.json'), 15);
    expect(refused).toMatchObject({
      code: 'UPL-PLAN-STALE',
      message: expect.stringMatching(/quiet was made again since \(another topic id\)\. Nothing was sent\./),
    });
    expect(await world.replays('quiet')).toEqual([]);
    const { topics } = await world.json<{ topics: { dlq: string }[] }>(['dlq', 'ls'], 0);
    expect(topics.find(({ dlq }) => dlq === 'quiet.dlq')).toMatchObject({ waiting: 0, refused: 3 });
  });
});

it('the final reads of a drill know what was put aside, and a database without that view has nothing aside', async () => {
  await world.sql.query(
    `INSERT INTO uplift_dead_letters (topic, topic_id, partition, event_offset, event_id, attempts, outcome)
     VALUES ('t', 't', 0, 1, 'aside', 1, 'parked'), ('t', 't', 0, 2, 'done', 1, 'applied'), ('t', 't', 0, 3, 'else', 1, 'parked')`,
  );
  const read = async (): Promise<string[]> => {
    const request = {
      ask: world.sql,
      tenant: 't',
      eventIds: ['aside', 'done'],
      topic: 't',
      timeoutMs: 5_000,
    };
    return [...(await readDatabase(request)).parked];
  };
  expect(await read()).toEqual(['aside']);
  await world.sql.query('ALTER TABLE uplift_dead_letters RENAME TO hidden');
  expect(await read()).toEqual([]);
});

it('offsets are found by time: the first record that is not older, or none', async () => {
  const { read } = world.fixture;
  const [first, second] = (await world.fixture.readAll('orders')).get(0) ?? [];
  const at = async (timestampMs: number): Promise<bigint | null | undefined> =>
    (await read.offsetsAt([{ topic: 'orders', partition: 0, timestampMs }], { timeoutMs: 10_000 }))[0]
      ?.offset;
  expect(await at(0)).toBe(first?.offset);
  expect(await at((second?.timestampMs ?? 0) + 3_600_000)).toBeNull();
  await expect(
    read.offsetsAt([{ topic: 'absent', partition: 0, timestampMs: 0 }], { timeoutMs: 2_000 }),
  ).rejects.toMatchObject({ code: 'UPL-KAFKA-REQUEST' });
});
