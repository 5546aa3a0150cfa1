/**
 * One member of a consumer group: prints a line `partition offset` for each record it is given, until it is killed. Keeps
 * its consumer and opens a new stream after an error. `node test/consumers/member.ts <JSON of MemberOptions>`
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Consumer } from '@platformatic/kafka';

export interface MemberOptions {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly groupId: string;
  readonly protocol: 'classic' | 'consumer';
  /** Of the classic protocol; in KIP-848 the group has it. */
  readonly sessionMs: number;
  readonly heartbeatMs: number;
}

const COMMIT_MS = 500;
const PAUSE_MS = 250;

function open(options: MemberOptions): Consumer<Buffer, Buffer, Buffer, Buffer> {
  const common = {
    clientId: 'bench-member',
    groupId: options.groupId,
    bootstrapBrokers: [...options.brokers],
    requestTimeout: 3000,
    metadataMaxAge: 1000,
    retries: 3,
    retryDelay: 200,
    maxWaitTime: 250,
  };
  if (options.protocol === 'consumer') return new Consumer({ ...common, groupProtocol: 'consumer' });
  return new Consumer({
    ...common,
    groupProtocol: 'classic',
    sessionTimeout: options.sessionMs,
    heartbeatInterval: options.heartbeatMs,
    rebalanceTimeout: Math.max(options.sessionMs, 10_000),
    protocols: [{ name: 'cooperative-sticky', version: 3 }],
  });
}

async function main(options: MemberOptions): Promise<void> {
  const consumer = open(options);
  consumer.on('error', (error: unknown) => process.stderr.write(`${String(error)}\n`));
  for (;;) {
    try {
      const stream = await consumer.consume({
        topics: [options.topic],
        mode: 'committed',
        fallbackMode: 'earliest',
        autocommit: COMMIT_MS,
      });
      for await (const { partition, offset } of stream) process.stdout.write(`${partition} ${offset}\n`);
    } catch (error) {
      process.stderr.write(`${String(error)}\n`);
    }
    await delay(PAUSE_MS);
  }
}

const [text] = process.argv.slice(2);
if (text !== undefined) await main(JSON.parse(text) as MemberOptions);
