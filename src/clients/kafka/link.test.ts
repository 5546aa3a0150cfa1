import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { BrokerLink, LinkError } from './link.ts';

const sockets: Socket[] = [];
let server: Server | undefined;
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => server?.close(resolve));
});

/** Takes connections and says nothing, as a broker does that hangs after the kernel has accepted for it. */
async function silentBroker(): Promise<string> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

it('opens another connection after one whose login was never answered', async () => {
  const address = await silentBroker();
  const sasl = { mechanism: 'SCRAM-SHA-512', username: 'user', password: 'secret' } as const;
  const link = new BrokerLink(address, { brokers: [address], clientId: 'test', sasl, requestTimeoutMs: 100 });
  const ask = (): Promise<unknown> =>
    link.request(async () => undefined, 50).catch((error: unknown) => error);
  expect(await ask()).toBeInstanceOf(LinkError);
  const asksAnew = async (): Promise<boolean> => (await ask()) instanceof LinkError && sockets.length > 1;
  await waitFor(asksAnew, { what: 'a second connection', timeoutMs: 3000, intervalMs: 20 });
  link.close();
});
