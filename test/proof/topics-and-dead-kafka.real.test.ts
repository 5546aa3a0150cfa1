import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTopics } from '../../src/clients/kafka/index.ts';
import type { TopicState } from '../../src/clients/kafka/ports.ts';
import type { Finding } from '../../src/core/finding.ts';
import { readRecord } from '../../src/record/open.ts';
import type { TopicsPlan } from '../../src/topics/plan.ts';
import { expectExit, ProofSandbox } from '../support/sandbox.ts';
import { type CliResult, documentOf, type ErrorDocument } from '../support/sandbox-cli.ts';
import { runIds, seenRun } from '../support/sandbox-runs.ts';

let sandbox: ProofSandbox;

beforeAll(async () => {
  sandbox = await ProofSandbox.start({ topics: false });
});
afterAll(() => sandbox?.down());

const DECLARED = [
  'reservations.commands',
  'reservations.commands.dlq',
  'reservations.events',
  'reservations.events.dlq',
  'reservations.snapshots',
];

interface Planned {
  readonly plans: readonly TopicsPlan[];
}
interface Applied {
  readonly plan: TopicsPlan;
  readonly created: number;
  readonly findings?: readonly Finding[];
}

const actions = ({ changes }: TopicsPlan): Set<string> => new Set(changes.map(({ action }) => action));

/** Topics as the test's own client sees them. */
function topicsNow(): Promise<TopicState[]> {
  return sandbox.withCluster(async (cluster) => {
    const { topics } = await cluster.describe({ timeoutMs: 10_000 });
    return topics.filter(({ internal }) => !internal).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  });
}

const namesNow = async (): Promise<string[]> => (await topicsNow()).map(({ name }) => name);

/** Somebody else's topic: it changes what a saved plan was made from. */
async function createForeignTopic(name: string): Promise<void> {
  const topics = openTopics(await sandbox.kafkaTarget());
  try {
    const spec = { name, assignment: [[1, 2, 3]], configs: {} };
    const results = await topics.create([spec], { validateOnly: false, timeoutMs: 10_000 });
    expect(results).toEqual([{ name, error: null, message: null }]);
  } finally {
    await topics.close();
  }
}

describe('topics on an empty cluster', () => {
  const planFile = (name: string): string => join(sandbox.workDir, name);
  const apply = ['topics', 'apply'];

  test('are planned, and neither a plan, a dry run nor a missing consent creates any', async () => {
    const args = ['topics', 'plan', '--out', planFile('first.json'), '--detailed-exitcode'];
    const { plans } = await sandbox.json<Planned>(args, 14);
    const [plan] = plans;
    if (plan === undefined) expect.fail('no plan');
    expect(plan.changes.map((change) => (change.action === 'create' ? change.spec.name : change))).toEqual(
      DECLARED,
    );
    const dry = await sandbox.json<Applied>([...apply, '--dry-run'], 0);
    expect(dry).toMatchObject({ created: 0, dryRun: true });
    const unconfirmed = await sandbox.json<ErrorDocument>(apply, 15);
    expect(unconfirmed).toMatchObject({
      code: 'UPL-CONFIRMATION-NEEDED',
      next: 'uplift topics apply --yes',
    });
    expect(await namesNow()).toEqual([]);
  });

  test('are not created from a plan that was saved before the cluster changed', async () => {
    await createForeignTopic('payments.audit');
    const stale = [...apply, '--plan', planFile('first.json'), '--yes'];
    const refused = await sandbox.json<ErrorDocument>(stale, 15);
    expect(refused).toMatchObject({ code: 'UPL-PLAN-STALE' });
    expect(refused.message).toContain('Nothing was touched.');
    expect(await namesNow()).toEqual(['payments.audit']);
  });

  test('are created as planned, over racks and with level leaders; then there is nothing to change', async () => {
    await sandbox.json<Planned>(['topics', 'plan', '--out', planFile('second.json')], 0);
    const saved = [...apply, '--plan', planFile('second.json'), '--yes'];
    const applied = await sandbox.json<Applied>(saved, 0);
    expect(applied.created).toBe(DECLARED.length);
    expect(applied.findings?.map(({ status }) => status)).toEqual(DECLARED.map(() => 'pass'));
    await asPlanned(applied.plan);

    const verified = await sandbox.json<{ verdict: string }>(['topics', 'verify'], 0);
    expect(verified.verdict).toBe('pass');
    const { plans } = await sandbox.json<Planned>(['topics', 'plan', '--detailed-exitcode'], 0);
    expect(plans.map(actions)).toEqual([new Set(['equal'])]);
    expect(plans[0]?.unmanaged).toEqual(['payments.audit']);
    expect(await sandbox.json<Applied>([...apply, '--yes'], 0)).toMatchObject({ created: 0 });
    // The saved plan has done its work: it describes a cluster that is no more.
    expect(await sandbox.json<ErrorDocument>(saved, 15)).toMatchObject({ code: 'UPL-PLAN-STALE' });
  });

  async function asPlanned(plan: TopicsPlan): Promise<void> {
    const topics = (await topicsNow()).filter(({ name }) => DECLARED.includes(name));
    expect(topics.map(({ name }) => name)).toEqual(DECLARED);
    const specs = plan.changes.flatMap((change) => (change.action === 'create' ? [change.spec] : []));
    for (const topic of topics) {
      const assigned = topic.partitions
        .toSorted((a, b) => a.partition - b.partition)
        .map(({ replicas }) => replicas);
      expect(assigned).toEqual(specs.find(({ name }) => name === topic.name)?.assignment);
      // One broker a rack: three different replicas are three racks.
      expect(assigned.every((replicas) => new Set(replicas).size === 3)).toBe(true);
    }
    const leaders = topics.flatMap(({ partitions }) => partitions.map(({ replicas }) => replicas[0]));
    const counts = [1, 2, 3].map((id) => leaders.filter((leader) => leader === id).length);
    expect(counts).toEqual([40, 40, 40]);
  }
});

describe('a Kafka that gives no answers', () => {
  const WITHIN_MS = 30_000;
  const ADDRESSES =
    /Cannot reach Kafka at 127\.0\.0\.1:\d+, :\d+, :\d+ \([a-z ]+, \d+ tr(y|ies) in [\d.]+ m?s\)\.$/;

  test('does not count as away while one broker of three hangs, whichever is asked first', async () => {
    await sandbox.serviceReady();
    const kafka = await sandbox.units('kafka');
    const leaderId = await sandbox.withCluster(async (cluster) =>
      cluster.quorum({ timeoutMs: 10_000 }).then((quorum) => quorum.leaderId),
    );
    // Not the leader of the quorum: while that one hangs, brokers themselves wait for it.
    const hung = kafka.find(({ labels }) => labels.brokerId !== String(leaderId));
    if (hung === undefined) expect.fail('no broker to pause');
    await unit('pause', hung.id);
    const others = kafka.filter(({ id }) => id !== hung.id);
    const config = await withBrokers([hung, ...others].map(({ labels }) => `127.0.0.1:${labels.port}`));
    const { plans } = await sandbox.json<Planned>(['topics', 'plan', '--config', config], 0);
    expect(plans.map(actions)).toEqual([new Set(['equal'])]);
    await unit('resume', hung.id);
  });

  test.each([
    ['pause', 'no answer'],
    ['kill', 'connection refused'],
  ] as const)(
    'is, after a %s of every broker, one clear message and its exit code, soon',
    async (verb, reason) => {
      for (const { id } of await sandbox.units('kafka')) await unit(verb, id);
      const known = await runIds(sandbox);
      const asked = (...args: string[]): Promise<CliResult> => sandbox.run([...args, '--output', 'json']);
      const [check, plan, drill] = await Promise.all([
        asked('check'),
        asked('topics', 'plan'),
        asked('drill', 'run', 'kafka-broker-loss', '--yes'),
      ]);
      for (const { tookMs } of [check, plan, drill]) expect(tookMs).toBeLessThan(WITHIN_MS);
      expectExit(check, 12);
      expectUnseen(documentOf<{ findings: Finding[] }>(check).findings, reason);

      expectExit(plan, 69);
      const away = documentOf<ErrorDocument>(plan);
      expect(away).toMatchObject({ code: 'UPL-KAFKA-UNREACHABLE', next: 'uplift sandbox status' });
      expect(away.message).toMatch(ADDRESSES);
      expect(away.message).toContain(`(${reason}, `);

      expectExit(drill, 15);
      const refused = documentOf<ErrorDocument>(drill);
      expect(refused.code).toBe('UPL-PREFLIGHT-REFUSED');
      expect(refused.message).toContain('Nothing was touched.');
      expect(refused.findings.find(({ id }) => id === 'kafka.brokers.racks')?.summary).toMatch(ADDRESSES);
      const [runId] = (await runIds(sandbox)).filter((id) => !known.includes(id));
      const record = await readRecord(seenRun(sandbox, runId ?? '').journal);
      expect(record.status).toBe('sealed');
      expect(record.entries.map(({ kind }) => kind)).toEqual([
        'drill.context',
        'drill.started',
        'drill.evidence',
        'drill.ended',
      ]);
    },
  );

  /** What needs Kafka could not be told, whatever the service says of it; the rest was seen as ever. */
  function expectUnseen(findings: readonly Finding[], reason: string): void {
    const of = (id: string): Finding | undefined => findings.find((finding) => finding.id === id);
    for (const id of ['kafka.brokers.racks', 'kafka.topic.durability', 'projection.freshness'])
      expect(of(id)).toMatchObject({ status: 'inconclusive', summary: expect.stringMatching(ADDRESSES) });
    expect(of('kafka.brokers.racks')?.summary).toContain(`(${reason}, `);
    for (const id of ['postgres.replication', 'redis.cluster.slots'])
      expect(of(id)).toMatchObject({ status: 'pass' });
    expect(['pass', 'blocked']).toContain(of('service.ready')?.status);
  }

  test('is told to people in one sentence with what to type next', async () => {
    const { exit, stdout, stderr } = await sandbox.run(['topics', 'plan']);
    expect({ exit, stdout }).toEqual({ exit: 69, stdout: '' });
    expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(
      /^Cannot reach Kafka at [^()]+\(connection refused, [^()]+\)\. UPL-KAFKA-UNREACHABLE exit 69 Next: uplift sandbox status $/,
    );
  });

  async function unit(verb: string, id: string): Promise<void> {
    await sandbox.json(['sandbox', verb, id, '--name', sandbox.name], 0);
  }

  async function withBrokers(brokers: readonly string[]): Promise<string> {
    const text = await readFile(sandbox.configFile, 'utf8');
    const list = brokers.map((address) => `        - ${address}\n`).join('');
    const changed = text.replace(/( +brokers:\n)(?: +- 127\.0\.0\.1:\d+\n){3}/, `$1${list}`);
    expect(changed).toContain(list);
    const file = join(sandbox.workDir, 'hung-first.yaml');
    await writeFile(file, changed);
    return file;
  }
});
