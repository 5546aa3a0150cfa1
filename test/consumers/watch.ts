import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { openProduce, openRead } from '../../src/clients/kafka/index.ts';
import type { KafkaTarget } from '../../src/clients/kafka/target.ts';
import { TOPICS } from '../../src/contract/records.ts';
import type { Seen } from './gaps.ts';
import type { MemberOptions } from './member.ts';

/** A process that is hit. */
export interface Victim {
  readonly name: string;
  signal(signal: NodeJS.Signals): void;
}

export interface Member extends Victim {
  readonly pid: number;
}

/** Starts a member of a group; what it is given goes to `seen`. */
export function startMember(name: string, options: MemberOptions, seen: Seen[]): Member {
  const script = new URL('./member.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    const atMs = performance.now();
    for (const line of lines) {
      const [partition = '', offset = ''] = line.split(' ');
      seen.push({ atMs, partition: Number(partition), offset, by: name });
    }
  });
  return { name, pid: child.pid ?? 0, signal: (signal) => void child.kill(signal) };
}

const SEND_EVERY_MS = 250;

/** Appends a record to every partition four times a second, until it is stopped. */
export async function startFlow(target: KafkaTarget, topic: string, partitions: number) {
  const produce = await openProduce(target);
  const stop = new AbortController();
  const one = async (partition: number): Promise<void> => {
    while (!stop.signal.aborted) {
      const records = [{ key: null, value: Buffer.from('x'), headers: [] }];
      const next = delay(SEND_EVERY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      await produce.send({ topic, partition, records }, { deadlineMs: 30_000 }).catch(() => undefined);
      await next;
    }
  };
  const running = Promise.all(Array.from({ length: partitions }, (_, partition) => one(partition)));
  return async (): Promise<void> => {
    stop.abort();
    await running;
    await produce.close();
  };
}

/** Reads the decisions of all partitions into `seen`: the owner of each is who it must be. */
export async function watchDecisions(
  target: KafkaTarget,
  ownerOf: (partition: number) => string,
  seen: Seen[],
) {
  const read = openRead({ ...target, clientId: 'bench-watch' });
  const bounds = await read.bounds([TOPICS.events], { timeoutMs: 5000 });
  const reader = read.open(
    bounds.map(({ topic, topicId, partition, endOffset }) => ({
      topic,
      topicId,
      partition,
      nextOffset: endOffset,
    })),
  );
  const stop = new AbortController();
  const loop = (async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const batch = await reader.next(250);
      const atMs = performance.now();
      for (const { headers } of batch?.records ?? []) {
        const [, offset] = headers.find(([name]) => name.toString() === 'command-offset') ?? [];
        const partition = batch?.partition ?? 0;
        seen.push({ atMs, partition, offset: offset?.toString() ?? '', by: ownerOf(partition) });
      }
    }
  })();
  return async (): Promise<void> => {
    stop.abort();
    await loop;
    await reader.close();
    await read.close();
  };
}
