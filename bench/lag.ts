/**
 * What `uplift lag --once` asks of a cluster, beside `kafka-consumer-groups --all-groups --describe` from the same jars,
 * on three brokers of its own: requests as the brokers count them (JMX), and the wall time of each process. Only the
 * ratio travels between machines. Two looks, no pause between them. `node bench/lag.ts [groups] [partitions] [runs]`
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openGroups, openProduce, openTopics } from '../src/clients/kafka/index.ts';
import { startKafka, type TestKafka } from '../test/support/kafka-cluster.ts';
import { freePorts, IDS } from '../test/support/kafka-node.ts';

const TOPIC = 'bench.lag';
const RECORDS = 10;
/** Requests of clients; brokers among themselves use others. */
const COUNTED =
  /request=(ApiVersions|Metadata|DescribeCluster|DescribeTopicPartitions|FindCoordinator|ListGroups|DescribeGroups|ConsumerGroupDescribe|OffsetFetch|ListOffsets|FetchConsumer),/;

interface Cost {
  readonly requests: number;
  readonly wallMs: number;
}

async function requestsSoFar(kafka: TestKafka, jmxPorts: readonly number[]): Promise<number> {
  const counts = jmxPorts.map(async (port) => {
    const out = await kafka.tool('org.apache.kafka.tools.JmxTool', [
      '--jmx-url',
      `service:jmx:rmi:///jndi/rmi://127.0.0.1:${port}/jmxrmi`,
      '--object-name',
      'kafka.network:type=RequestMetrics,name=RequestsPerSec,*',
      '--attributes',
      'Count',
      '--one-time',
      '--report-format',
      'properties',
    ]);
    const lines = out.split('\n').filter((line) => COUNTED.test(line));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf('=') + 1)), 0);
  });
  return (await Promise.all(counts)).reduce((sum, one) => sum + one, 0);
}

async function fill(kafka: TestKafka, groupCount: number, partitions: number): Promise<void> {
  const topics = openTopics(kafka.target);
  const produce = await openProduce(kafka.target);
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const assignment = all.map((at) => [0, 1, 2].map((next) => ((at + next) % 3) + 1));
  await topics.create([{ name: TOPIC, assignment, configs: {} }], { validateOnly: false, timeoutMs: 20_000 });
  const records = Array.from({ length: RECORDS }, () => ({
    key: null,
    value: Buffer.alloc(100),
    headers: [],
  }));
  for (const partition of all)
    await produce.send({ topic: TOPIC, partition, records }, { deadlineMs: 60_000 });
  await Promise.all([topics.close(), produce.close()]);
  // Each group at a position of its own kind: ages cannot be shared by all of them.
  await commitAll(kafka, groupCount, partitions, (at) => BigInt(at % RECORDS));
}

async function commitAll(
  kafka: TestKafka,
  groupCount: number,
  partitions: number,
  offsetOf: (group: number) => bigint,
): Promise<void> {
  const groups = openGroups(kafka.target);
  for (let at = 0; at < groupCount; at += 1) {
    const offset = offsetOf(at);
    const offsets = Array.from({ length: partitions }, (_, partition) => ({
      topic: TOPIC,
      partition,
      offset,
    }));
    await groups.commit(`bench-${at}`, offsets, { timeoutMs: 60_000 });
  }
  await groups.close();
}

function uplift(config: string, cwd: string): Promise<string> {
  const flags = ['--interval', '1ms', '--patience', '1ms', '--output', 'json', '--config', config];
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../bin/uplift.js'), 'lag', '--once', ...flags],
    {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(out));
  });
}

const EXACT = /"behindIs": "exact"/g;

const best = (list: readonly Cost[] = []): Cost => ({
  requests: Math.min(...list.map(({ requests }) => requests)),
  wallMs: Math.min(...list.map(({ wallMs }) => wallMs)),
});

function line(name: string, { requests, wallMs }: Cost, than: Cost): string {
  const ratios = `${(requests / than.requests).toFixed(3)} of its requests, ${(wallMs / than.wallMs).toFixed(2)} of its time`;
  return `  ${name.padEnd(46)}${String(requests).padStart(6)} requests${(wallMs / 1000).toFixed(2).padStart(8)} s   ${ratios}`;
}

async function main(groupCount: number, partitions: number, runs: number): Promise<void> {
  const jmxPorts = await freePorts(IDS.length);
  const jmx = 'com.sun.management.jmxremote';
  const kafka = await startKafka('uplift-bench-lag', {
    jvm: (id) => {
      const port = jmxPorts[id - 1] ?? 0;
      return [`-D${jmx}.port=${port}`, `-D${jmx}.rmi.port=${port}`].concat([
        `-D${jmx}.authenticate=false`,
        `-D${jmx}.ssl=false`,
        '-Djava.rmi.server.hostname=127.0.0.1',
      ]);
    },
  });
  const folder = await mkdtemp(join(tmpdir(), 'lag-bench-'));
  try {
    await fill(kafka, groupCount, partitions);
    const config = join(folder, 'uplift.yaml');
    const brokers = kafka.target.brokers.map((one) => `"${one}"`).join(', ');
    await writeFile(
      config,
      `version: 1\nenvironment: { name: bench }\nregions: [{ name: local, kafka: { brokers: [${brokers}] } }]\n`,
    );
    const measured = async (work: () => Promise<string>, complete: RegExp): Promise<Cost> => {
      const before = await requestsSoFar(kafka, jmxPorts);
      const startMs = performance.now();
      const out = await work();
      const wallMs = performance.now() - startMs;
      if ((out.match(complete) ?? []).length < groupCount)
        throw new Error(`incomplete answer: ${out.slice(0, 300)}`);
      return { requests: (await requestsSoFar(kafka, jmxPorts)) - before, wallMs };
    };
    const tool = (): Promise<string> =>
      kafka.tool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', [
        '--bootstrap-server',
        kafka.target.brokers.join(','),
        '--all-groups',
        '--describe',
      ]);
    console.log(
      `${groupCount} groups × ${partitions} partitions, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, fastest of ${runs} runs:`,
    );
    const [behind, java, caughtUp]: Cost[][] = [[], [], []];
    for (let run = 0; run < runs; run += 1) {
      behind?.push(await measured(() => uplift(config, folder), EXACT));
      java?.push(await measured(tool, /^bench-\d+ +bench\.lag +0 /gm));
    }
    await commitAll(kafka, groupCount, partitions, () => BigInt(RECORDS));
    for (let run = 0; run < runs; run += 1)
      caughtUp?.push(await measured(() => uplift(config, folder), EXACT));
    const floor = best(java);
    console.log(line('kafka-consumer-groups --all-groups --describe', floor, floor));
    console.log(line('uplift lag --once, all behind (with ages)', best(behind), floor));
    console.log(line('uplift lag --once, all caught up', best(caughtUp), floor));
  } finally {
    await kafka.stop();
    await rm(folder, { recursive: true });
  }
}

await main(Number(process.argv[2] ?? 200), Number(process.argv[3] ?? 50), Number(process.argv[4] ?? 3));
