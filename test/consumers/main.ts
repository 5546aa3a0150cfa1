/**
 * How long the partitions of a member that dies or hangs stand still: groups (cooperative-sticky, KIP-848; session of 45 s
 * and tuned) beside the static ownership of the commands role, on three brokers. Some ten minutes.
 * `node test/consumers/main.ts [--page FILE]`
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openTopics } from '../../src/clients/kafka/index.ts';
import { TOPICS } from '../../src/contract/records.ts';
import { waitFor } from '../../src/core/wait.ts';
import { startKafka, type TestKafka } from '../support/kafka-cluster.ts';
import { freePorts } from '../support/kafka-node.ts';
import { machineFacts, placePage } from '../support/results-page.ts';
import { type RoleProcess, startRole } from '../support/service-roles.ts';
import { type Gaps, gapsOf, type Seen } from './gaps.ts';
import type { MemberOptions } from './member.ts';
import { pageOf, type Row } from './page.ts';
import { startFlow, startMember, type Victim, watchDecisions } from './watch.ts';

const PARTITIONS = 12;
const HANG_MS = 12_000;
const SETTLED_MS = 6000;
const AFTER_MS = 15_000;
/** A supervisor starts a dead process again so soon. */
const RESTART_MS = 1000;
const BROKER_SETTINGS = [
  'group.consumer.min.session.timeout.ms=5000',
  'group.consumer.min.heartbeat.interval.ms=1000',
];

type Fault = 'kill -9' | 'SIGSTOP 12 s';
const FAULTS: readonly Fault[] = ['kill -9', 'SIGSTOP 12 s'];

const { values } = parseArgs({ options: { page: { type: 'string' } } });
const say = (line: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);

interface Setting {
  readonly name: string;
  readonly protocol: MemberOptions['protocol'];
  readonly sessionMs: number;
  readonly heartbeatMs: number;
}

const GROUPS: readonly Setting[] = [
  { name: 'cooperative-sticky, 6 s', protocol: 'classic', sessionMs: 6000, heartbeatMs: 1000 },
  { name: 'KIP-848, 6 s', protocol: 'consumer', sessionMs: 6000, heartbeatMs: 1000 },
  { name: 'cooperative-sticky, 45 s', protocol: 'classic', sessionMs: 45_000, heartbeatMs: 3000 },
  { name: 'KIP-848, 45 s', protocol: 'consumer', sessionMs: 45_000, heartbeatMs: 3000 },
];

async function createTopics(kafka: TestKafka, names: readonly string[]): Promise<void> {
  const topics = openTopics(kafka.target);
  const assignment = Array.from({ length: PARTITIONS }, (_, p) => [0, 1, 2].map((at) => ((p + at) % 3) + 1));
  const configsOf: Readonly<Record<string, Record<string, string>>> = {
    [TOPICS.commands]: { 'message.timestamp.type': 'LogAppendTime' },
    [TOPICS.snapshots]: { 'cleanup.policy': 'compact' },
  };
  const specs = names.map((name) => ({ name, assignment, configs: configsOf[name] ?? {} }));
  await topics.create(specs, { validateOnly: false, timeoutMs: 20_000 });
  await topics.close();
}

/** Every partition was given within the last second, and two members have some. */
function flowing(seen: readonly Seen[]): boolean {
  const recent = seen.filter(({ atMs }) => atMs > performance.now() - 1500);
  return new Set(recent.map(({ partition }) => partition)).size === PARTITIONS;
}

/** Hits the victim once everything flows, and looks until `longestMs` and some more are over. */
async function hit(
  seen: Seen[],
  victim: Victim,
  { fault, longestMs, afterKill }: { fault: Fault; longestMs: number; afterKill?: () => Promise<void> },
): Promise<Gaps> {
  await waitFor(async () => flowing(seen), { what: 'all partitions flow', timeoutMs: 120_000 });
  await delay(SETTLED_MS);
  await waitFor(async () => flowing(seen), { what: 'all partitions flow', timeoutMs: 120_000 });
  const atMs = performance.now();
  victim.signal(fault === 'kill -9' ? 'SIGKILL' : 'SIGSTOP');
  if (fault === 'kill -9') await afterKill?.();
  else {
    await delay(HANG_MS);
    victim.signal('SIGCONT');
  }
  await delay(Math.max(0, atMs + longestMs + AFTER_MS - performance.now()));
  return gapsOf(seen, { atMs, endMs: performance.now(), victim: victim.name, partitions: PARTITIONS });
}

async function groupRow(kafka: TestKafka, setting: Setting, fault: Fault, nth: number): Promise<Row> {
  const groupId = `group-${nth}`;
  if (setting.protocol === 'consumer') {
    const wish = `consumer.session.timeout.ms=${setting.sessionMs},consumer.heartbeat.interval.ms=${setting.heartbeatMs}`;
    const at = ['--bootstrap-server', kafka.target.brokers.join(','), '--alter', '--entity-type', 'groups'];
    await kafka.tool('kafka.admin.ConfigCommand', [...at, '--entity-name', groupId, '--add-config', wish]);
  }
  const topic = `flow-${nth}`;
  await createTopics(kafka, [topic]);
  const seen: Seen[] = [];
  const stopFlow = await startFlow(kafka.target, topic, PARTITIONS);
  const options: MemberOptions = { brokers: kafka.target.brokers, topic, groupId, ...setting };
  const members = [startMember('one', options, seen), startMember('two', options, seen)];
  try {
    const [victim] = members;
    const both = async (): Promise<boolean> => {
      const recent = seen.filter(({ atMs }) => atMs > performance.now() - 1500);
      return flowing(seen) && new Set(recent.map(({ by }) => by)).size === 2;
    };
    await waitFor(both, { what: 'two members share the partitions', timeoutMs: 120_000 });
    const longestMs = fault === 'kill -9' ? setting.sessionMs + 10_000 : HANG_MS + 10_000;
    return { name: setting.name, fault, gaps: await hit(seen, victim as Victim, { fault, longestMs }) };
  } finally {
    for (const member of members) member.signal('SIGKILL');
    await stopFlow();
  }
}

async function staticRows(kafka: TestKafka): Promise<Row[]> {
  await createTopics(kafka, Object.values(TOPICS));
  const ports = await freePorts(2);
  const start = (share: 1 | 2): RoleProcess =>
    startRole(
      'commands',
      ports[share - 1] ?? 0,
      {
        KAFKA_BROKERS: kafka.target.brokers.join(','),
        TOPIC_PARTITIONS: String(PARTITIONS),
        SHARE: `${share}/2`,
        INSTANCE: `commands-${share}`,
        SNAPSHOT_MS: '5000',
      },
      kafka.folder,
    );
  const roles = [start(1), start(2)];
  const seen: Seen[] = [];
  const stopFlow = await startFlow(kafka.target, TOPICS.commands, PARTITIONS);
  const stopWatch = await watchDecisions(kafka.target, (p) => (p % 2 === 0 ? 'one' : 'two'), seen);
  const victim: Victim = { name: 'one', signal: (signal) => roles[0]?.signal(signal) };
  const afterKill = async (): Promise<void> => {
    await delay(RESTART_MS);
    roles[0] = start(1);
  };
  const rows: Row[] = [];
  try {
    for (const fault of FAULTS) {
      const gaps = await hit(seen, victim, { fault, longestMs: 20_000, afterKill });
      rows.push({ name: 'static ownership (`SHARE`)', fault, gaps });
    }
    return rows;
  } finally {
    for (const role of roles) role.signal('SIGKILL');
    await stopWatch();
    await stopFlow();
  }
}

async function main(): Promise<void> {
  const startedAt = new Date().toISOString();
  const machine = await machineFacts();
  const kafka = await startKafka('uplift-consumers', { settings: BROKER_SETTINGS });
  const rows: Row[] = [];
  try {
    const note = (row: Row): void => {
      rows.push(row);
      say(`${row.name}, ${row.fault}: ${JSON.stringify(row.gaps)}`);
    };
    for (const row of await staticRows(kafka)) note(row);
    let nth = 0;
    for (const setting of GROUPS)
      for (const fault of FAULTS) note(await groupRow(kafka, setting, fault, nth++));
  } finally {
    await kafka.stop();
    if (rows.length > 0) await placePage(pageOf({ startedAt, machine, rows }), values.page);
  }
}

await main();
