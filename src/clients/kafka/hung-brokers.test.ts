import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { HungBrokers } from './hung-brokers.ts';

/** Empty but well-formed: a size and four bytes. */
const ANSWER = Buffer.from([0, 0, 0, 4, 0, 0, 0, 1]);
const sockets: Socket[] = [];
let server: Server | undefined;
let brokers: HungBrokers | undefined;
let asked = 0;
afterEach(async () => {
  asked = 0;
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
      asked += 1;
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

it('remembers how long a slow broker needed: suspected again, it is not cut off again', async () => {
  const address = await brokerThatTakes(() => 700);
  const { brokers: hung, cut } = watching(address);
  const suspectedAndCleared = async (): Promise<void> => {
    const before = asked;
    hung.suspect(address);
    const answered = async (): Promise<boolean> =>
      asked > before && !hung.has(address) && !hung.isAsking(address);
    await waitFor(answered, { what: 'it has answered', timeoutMs: 10_000 });
  };
  await suspectedAndCleared();
  await suspectedAndCleared();
  expect(cut).toEqual([address]);
});

it('does not blame a broker for an answer that this process was too busy to read', async () => {
  const address = await brokerThatTakes(() => 0);
  const { brokers: hung, cut } = watching(address);
  hung.suspect(address);
  const busyUntilMs = performance.now() + 900;
  while (performance.now() < busyUntilMs);
  await waitFor(async () => !hung.isAsking(address), { what: 'it has answered', timeoutMs: 5000 });
  expect(asked).toBeGreaterThan(0);
  expect(cut).toEqual([]);
});

it('asks nobody any more once it is closed', async () => {
  const address = await brokerThatTakes(() => Number.POSITIVE_INFINITY);
  const { brokers: hung } = watching(address);
  hung.suspect(address);
  await waitFor(async () => asked > 0, { what: 'it is asked', timeoutMs: 3000 });
  hung.close();
  await waitFor(async () => sockets.every((socket) => socket.destroyed), {
    what: 'the connection is gone',
    timeoutMs: 400,
    intervalMs: 10,
  });
  expect(hung.isAsking(address)).toBe(false);
});
