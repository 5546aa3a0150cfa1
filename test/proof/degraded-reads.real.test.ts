import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { killUnit } from '../../src/clients/process/signal.ts';
import type { UnitKind } from '../../src/clients/process/unit.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import type { Finding } from '../../src/core/finding.ts';
import { waitFor } from '../../src/core/wait.ts';
import { collectKafkaFacts } from '../../src/facts/kafka/cluster.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import { PLAIN_MISTAKES, writeMistakeFiles } from '../support/kafka-mistakes.ts';
import {
  exitIntoFull,
  type Lost,
  PRINTING_COMMANDS,
  READING_COMMANDS,
  readEverything,
} from '../support/reading-commands.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { runIds } from '../support/sandbox-runs.ts';

/** A platform that has lost one server: whoever looks gets an answer, soon, and never a pass for what is broken. */
let sandbox: ProofSandbox;
let runId: string;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
  await writeMistakeFiles(sandbox);
  [runId = ''] = await runIds(sandbox);
});
afterAll(() => sandbox?.down());

interface Loss {
  readonly lost: Lost;
  readonly kind: UnitKind;
  readonly pick: (unit: PlacedUnit) => boolean;
  /** The check that has to name it, and how, once the others have noticed. */
  readonly check: string;
  readonly says: (unit: PlacedUnit) => RegExp;
}

const at = (unit: PlacedUnit): string => `127\\.0\\.0\\.1:${unit.labels.port}`;

const LOSSES: readonly Loss[] = [
  {
    lost: 'broker',
    kind: 'kafka',
    pick: ({ id }) => id === 'kafka-1',
    check: 'kafka.brokers.racks',
    says: (unit) => new RegExp(`${at(unit)} is not a registered broker`),
  },
  {
    lost: 'replica',
    kind: 'postgres',
    pick: ({ labels }) => labels.role === 'replica',
    check: 'postgres.replication',
    says: () => /1 of 2 replicas stream from az-a; az-b does not answer/,
  },
  {
    lost: 'master',
    kind: 'redis',
    pick: ({ labels }) => labels.role === 'master',
    check: 'redis.cluster.slots',
    says: (unit) => new RegExp(`no answer from ${at(unit)} .* marks ${at(unit)} as fail`),
  },
];

let killed: PlacedUnit | undefined;

/** Puts back what a test killed, whatever became of the test. */
afterEach(async () => {
  if (killed === undefined) return;
  await sandbox.json(['sandbox', 'start', killed.id, '--name', sandbox.name], 0);
  killed = undefined;
  await checkSays(({ exit }) => exit === 0, 'every check passes again');
});

describe('a broker that has just died', () => {
  test('is still registered and in every ISR for Kafka, and known by its silence to us', async () => {
    const unit = (await sandbox.units('kafka')).find(({ id }) => id === 'kafka-3');
    if (unit === undefined) expect.fail('no broker');
    await sandbox.withCluster(async (cluster) => {
      const look = () =>
        collectKafkaFacts({ cluster, nowMs: Date.now, configsOf: ['reservations.events'], timeoutMs: 5000 });
      expect((await look()).silent).toEqual([]);
      // By hand and in this process: a command takes longer to start than the session may last.
      await killUnit(unit);
      killed = unit;
      const { state, silent } = await look();
      if (!state.seen) expect.fail(state.reason);
      expect(state.value.brokers.map(({ id }) => id)).toEqual([1, 2, 3]);
      const thin = state.value.topics.flatMap(({ partitions }) =>
        partitions.filter(({ isr, replicas }) => isr.length < replicas.length),
      );
      expect(thin).toEqual([]);
      const address = `127.0.0.1:${unit.labels.port}`;
      expect(silent).toMatchObject([{ id: 3, address }]);
      expect(silent[0]?.reason).toMatch(/^connection (refused|reset|closed)$/);
    });
  });
});

describe.each(LOSSES)('with a $lost of $kind gone', ({ lost, kind, pick, check, says }) => {
  test('every reading command answers at once and later, with findings, and never calls it well', async () => {
    const unit = (await sandbox.units(kind)).find(pick);
    if (unit === undefined) expect.fail(`no ${lost}`);
    await sandbox.json(['sandbox', 'kill', unit.id, '--name', sandbox.name], 0);
    killed = unit;
    const first = await readEverything(sandbox, lost, runId);
    expect(['fail', 'inconclusive']).toContain(findingOf(first.get('check'), check)?.status);
    // On a busy machine the session may have ended by now; the test above looks inside it.
    if (lost === 'broker') {
      expect(findingOf(first.get('check'), 'kafka.topic.durability')?.status).toBe('fail');
      expect(JSON.stringify(first.get('topics verify'))).toContain('lack in-sync replicas');
    }

    const named = (finding: Finding | undefined): boolean =>
      finding?.status === 'fail' && says(unit).test(finding.summary);
    await checkSays(({ findings }) => named(findings.find(({ id }) => id === check)), `${check} names it`);
    const later = await readEverything(sandbox, lost, runId);
    expect(findingOf(later.get('check'), check)?.summary).toMatch(says(unit));
    const { units } = later.get('sandbox status') as { units: { id: string; state: string }[] };
    expect(units.filter(({ state }) => state !== 'running')).toMatchObject([
      { id: unit.id, state: 'exited' },
    ]);
    expect(later.get('topics plan')).toMatchObject({ plans: [{ region: 'local' }] });
    expect(later.get('drill show')).toMatchObject({ runId, status: 'sealed' });
  });
});

describe('a disk that is full', () => {
  test.for(['text', 'json', 'ndjson'])(
    'is 74 for every command whose %s goes there',
    async (format, { skip }) => {
      if (process.platform !== 'linux') skip('needs /dev/full, which is Linux');
      const commands = [...READING_COMMANDS.map(({ args }) => args), ...PRINTING_COMMANDS];
      const ends = await Promise.all(
        commands.map(async (args) => {
          const filled = args.map((arg) => arg.replace('<sandbox>', sandbox.name).replace('<run>', runId));
          return `${args.join(' ')}: ${await exitIntoFull(sandbox, [...filled, '--output', format])}`;
        }),
      );
      expect(ends).toEqual(commands.map((args) => `${args.join(' ')}: 74`));
    },
  );
});

describe('a mistake in uplift.yaml', () => {
  test.each(PLAIN_MISTAKES)('$name is one sentence for every kind of command, soon', async (mistake) => {
    await expectRefusal(sandbox, mistake);
  });
});

interface Checked {
  readonly exit: number;
  readonly findings: readonly Finding[];
}

function findingOf(document: unknown, id: string): Finding | undefined {
  return (document as Checked).findings.find((finding) => finding.id === id);
}

/** Waits until `uplift check` says this. */
async function checkSays(holds: (checked: Checked) => boolean, what: string): Promise<void> {
  const probe = async (): Promise<boolean> => {
    const result = await sandbox.run(['check', '--output', 'json']);
    const checked = JSON.parse(result.stdout) as Checked;
    if (holds(checked)) return true;
    const bad = checked.findings.filter(({ status }) => status !== 'pass');
    throw new Error(bad.map(({ id, summary }) => `${id}: ${summary}`).join(' | ') || 'everything passes');
  };
  await waitFor(probe, { what, timeoutMs: 90_000, intervalMs: 500 });
}
