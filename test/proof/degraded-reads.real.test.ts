import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { UnitKind } from '../../src/clients/process/unit.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import type { Finding } from '../../src/core/finding.ts';
import { waitFor } from '../../src/core/wait.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import { PLAIN_MISTAKES, writeMistakeFiles } from '../support/kafka-mistakes.ts';
import { type Lost, readEverything } from '../support/reading-commands.ts';
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

describe.each(LOSSES)('with a $lost of $kind gone', ({ lost, kind, pick, check, says }) => {
  test('every reading command answers at once and later, with findings, and never calls it well', async () => {
    const unit = (await sandbox.units(kind)).find(pick);
    if (unit === undefined) expect.fail(`no ${lost}`);
    await sandbox.json(['sandbox', 'kill', unit.id, '--name', sandbox.name], 0);
    killed = unit;
    const first = await readEverything(sandbox, lost, runId);
    expect(['fail', 'inconclusive']).toContain(findingOf(first.get('check'), check)?.status);
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
