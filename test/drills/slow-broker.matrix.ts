import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openProduce } from '../../src/clients/kafka/index.ts';
import { TOPICS } from '../../src/contract/records.ts';
import { waitFor } from '../../src/core/wait.ts';
import { freePorts } from '../support/kafka-node.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { editProperties, settled, topologyNow, withProperties } from '../support/sandbox-brokers.ts';
import { openSlowDoor, type SlowDoor } from '../support/slow-door.ts';

const TEST_MS = 300_000;
const SLOW = { unit: 'kafka-3', broker: 3 };
/** Longer than the producer first waits for a sign of life, and than kafkajs by itself waits for a connection (1 s). */
const DOOR_MS = 1300;
/** Requests time out (3 s). */
const HANGS_MS = 5000;
/** Far longer than it hangs: it keeps what it leads. */
const PATIENT_BROKER = { 'broker.session.timeout.ms': '30000', 'replica.lag.time.max.ms': '30000' };
/** A broker that was shut out for being slow came back after 60 s. */
const BACK_WITHIN_MS = 20_000;

let sandbox: ProofSandbox;
let door: SlowDoor | undefined;

beforeAll(async () => {
  sandbox = await ProofSandbox.start({ service: false, secure: true });
}, 300_000);
afterAll(async () => {
  try {
    // It stands on a port of the sandbox.
    await door?.close();
  } finally {
    await sandbox?.down();
  }
});

/** Clients are still told the port of the door; who stands behind it listens elsewhere. */
function listeningAt(text: string, port: number, behind: number): string {
  const moved = text.replace(new RegExp(`^(listeners=\\w+://127\\.0\\.0\\.1:)${port},`, 'm'), `$1${behind},`);
  expect(moved).not.toBe(text);
  return moved;
}

/** Patient brokers, one of them behind a slow door. */
async function slowBroker(): Promise<void> {
  const before = await topologyNow(sandbox);
  for (const { id, labels } of await sandbox.units('kafka')) {
    await sandbox.json(['sandbox', 'kill', id, '--name', sandbox.name], 0);
    await editProperties(sandbox, id, (text) => withProperties(text, PATIENT_BROKER));
    if (id === SLOW.unit) {
      const port = Number(labels.port);
      const [behind = 0] = await freePorts(1);
      await editProperties(sandbox, id, (text) => listeningAt(text, port, behind));
      door = await openSlowDoor(port, behind, DOOR_MS);
    }
    await sandbox.json(['sandbox', 'start', id, '--name', sandbox.name], 0);
    await settled(sandbox, before);
  }
}

/** Partitions of a topic that this broker leads. */
async function ledBy(broker: number, topic: string): Promise<number[]> {
  const state = await sandbox.withCluster((cluster) =>
    cluster.describe({ topics: [topic], timeoutMs: 5000 }),
  );
  const partitions = state.topics.flatMap((one) => one.partitions);
  return partitions.flatMap(({ partition, leader }) => (leader === broker ? [partition] : []));
}

/** Sends to each of these partitions without an end, one record after the other. */
async function writer(topic: string, partitions: readonly number[]) {
  const produce = await openProduce(await sandbox.kafkaTarget());
  const acknowledgedAtMs = new Map<number, number>();
  let stopped = false;
  let failed: unknown;
  const lane = async (partition: number): Promise<void> => {
    const records = [{ key: null, value: Buffer.from('x'), headers: [] }];
    while (!stopped) {
      await produce.send({ topic, partition, records }, { deadlineMs: 60_000 });
      acknowledgedAtMs.set(partition, performance.now());
      await delay(100);
    }
  };
  const lanes = partitions.map((partition) =>
    lane(partition).catch((error: unknown) => {
      failed ??= error;
    }),
  );
  const allSince = async (ms: number, timeoutMs: number): Promise<void> => {
    const all = (): boolean => partitions.every((each) => (acknowledgedAtMs.get(each) ?? 0) > ms);
    const what = 'an acknowledgement of every partition';
    await waitFor(async () => failed !== undefined || all(), { what, timeoutMs });
    if (failed !== undefined) throw failed;
  };
  const stop = async (): Promise<void> => {
    stopped = true;
    await produce.close();
    await Promise.all(lanes);
  };
  return { allSince, stop };
}

test(
  'a broker that hung for a moment, and is slow to take new connections, is written to again within seconds',
  async () => {
    await slowBroker();
    const partitions = await ledBy(SLOW.broker, TOPICS.events);
    expect(partitions.length).toBeGreaterThan(0);
    const { allSince, stop } = await writer(TOPICS.events, partitions);
    try {
      await allSince(0, 30_000);
      await sandbox.json(['sandbox', 'pause', SLOW.unit, '--name', sandbox.name], 0);
      await delay(HANGS_MS);
      const letIn = door?.letIn() ?? 0;
      await sandbox.json(['sandbox', 'resume', SLOW.unit, '--name', sandbox.name], 0);
      const resumedMs = performance.now();
      await allSince(resumedMs, BACK_WITHIN_MS);
      process.stderr.write(`written to again after ${Math.round(performance.now() - resumedMs)} ms\n`);
      // It had been shut out: the connections are new ones.
      expect(door?.letIn()).toBeGreaterThan(letIn);
      // Nobody else took over: it is this broker that was written to.
      expect(await ledBy(SLOW.broker, TOPICS.events)).toEqual(partitions);
    } finally {
      await stop();
    }
  },
  TEST_MS,
);
