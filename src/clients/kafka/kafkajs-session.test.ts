import type { Producer, RecordMetadata } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HungBrokers } from './hung-brokers.ts';
import { KafkaJsSession } from './kafkajs-session.ts';

// What cannot be brought about at will with real brokers: a send of kafkajs that comes to no end.
const forgotten = vi.hoisted(() => ({ sends: 0, disconnects: 0 }));
vi.mock('kafkajs', async (original) => {
  const actual = await original<object>();
  const producer = {
    events: { REQUEST_TIMEOUT: 'timeout' },
    on: () => () => undefined,
    connect: async () => undefined,
    disconnect: async () => {
      forgotten.disconnects += 1;
    },
    send: () => {
      forgotten.sends += 1;
      return new Promise<RecordMetadata[]>(() => undefined);
    },
  } as unknown as Producer;
  class Kafka {
    producer(): Producer {
      return producer;
    }
  }
  return { ...actual, Kafka };
});
vi.mock('./kafkajs-idle.ts', () => ({ mendKafkaJsIdleTimer: () => undefined }));

const target = { brokers: ['127.0.0.1:1'], clientId: 'test', requestTimeoutMs: 3000 };
let ended = 0;

async function opened(): Promise<KafkaJsSession> {
  const session = new KafkaJsSession({
    ...{ target, seeds: target.brokers, hung: new HungBrokers(target, () => undefined) },
    onEnd: () => {
      ended += 1;
    },
  });
  await session.open(1000);
  return session;
}

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(forgotten, { sends: 0, disconnects: 0 });
  ended = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a send that kafkajs does not end', () => {
  it('settles when its session is retired, within two request time-outs and a second', async () => {
    const session = await opened();
    const sent = session.send('topic', []).catch((error: Error) => error.message);
    session.retire();
    await vi.advanceTimersByTimeAsync(6900);
    expect(ended).toBe(0);
    await vi.advanceTimersByTimeAsync(200);
    expect(await sent).toBe('this producer was discarded');
    expect([ended, forgotten.sends, forgotten.disconnects]).toEqual([1, 1, 1]);
  });

  it('settles when its session is closed', async () => {
    const session = await opened();
    const sent = session.send('topic', []).catch((error: Error) => error.message);
    await session.close();
    expect(await sent).toBe('this producer was discarded');
    expect(ended).toBe(1);
  });
});
