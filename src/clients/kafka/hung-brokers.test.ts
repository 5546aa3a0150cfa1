import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { HungBrokers } from './hung-brokers.ts';

/** Empty but well-formed: a size and four bytes. */
const ANSWER = Buffer.from([0, 0, 0, 4, 0, 0, 0, 1]);
const sockets: Socket[] = [];
let server: Server | undefined;
let brokers: HungBrokers | undefined;
afterEach(async () => {
  brokers?.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => server?.close(resolve));
});

/** A broker that answers each request after a while; Infinity: it takes connections and says nothing. */
async function brokerThatTakes(answersAfterMs: () => number): Promise<string> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => {
      const afterMs = answersAfterMs();
      if (Number.isFinite(afterMs)) setTimeout(() => socket.write(ANSWER), afterMs);
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

function watching(address: string): { readonly brokers: HungBrokers; readonly cut: string[] } {
  const cut: string[] = [];
  const target = { brokers: [address], clientId: 'test', requestTimeoutMs: 1000 };
  brokers = new HungBrokers(target, (hung) => cut.push(hung));
  return { brokers, cut };
}

it('takes a broker that says nothing for hung, and lets it back as soon as it answers', async () => {
  let awake = false;
  const address = await brokerThatTakes(() => (awake ? 0 : Number.POSITIVE_INFINITY));
  const { brokers: hung, cut } = watching(address);
  hung.suspect(address);
  await waitFor(async () => hung.has(address), { what: 'it is taken for hung', timeoutMs: 3000 });
  expect(cut).toEqual([address]);
  awake = true;
  await waitFor(async () => !hung.has(address), { what: 'it is let back', timeoutMs: 10_000 });
});

it('lets a broker back that only answers slowly, within seconds', async () => {
  const address = await brokerThatTakes(() => 1200);
  const { brokers: hung } = watching(address);
  hung.suspect(address);
  await waitFor(async () => hung.has(address), { what: 'it is taken for hung', timeoutMs: 3000 });
  await waitFor(async () => !hung.has(address), { what: 'it is let back', timeoutMs: 10_000 });
});

it('does not blame a broker for an answer that this process was too busy to read', async () => {
  const address = await brokerThatTakes(() => 0);
  const { brokers: hung, cut } = watching(address);
  hung.suspect(address);
  const busyUntilMs = performance.now() + 900;
  while (performance.now() < busyUntilMs);
  await delay(1000);
  expect(cut).toEqual([]);
  expect(hung.has(address)).toBe(false);
});
