import { once } from 'node:events';
import { createServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { socketTo } from './kafkajs-config.ts';

const warnings: Error[] = [];
const note = (warning: Error): void => void warnings.push(warning);
afterEach(() => {
  process.off('warning', note);
  warnings.length = 0;
});

/** A port of this machine that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

it('prints no warning when kafkajs lets go of one dead socket again and again', async () => {
  process.on('warning', note);
  const socket = socketTo({}, { host: '127.0.0.1', port: await closedPort() }, () => undefined);
  // Not `once` of node:events: it throws at the refusal that comes first.
  await new Promise((resolve) => socket.once('close', resolve));
  // What `Connection.disconnect` of kafkajs does with its socket.
  for (let times = 0; times < 20; times += 1) socket.end().unref();
  await turn();
  expect(warnings).toEqual([]);
});
