import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { freePorts } from '../../../test/support/kafka-node.ts';
import { socketTo } from './kafkajs-config.ts';

const warnings: Error[] = [];
const note = (warning: Error): void => void warnings.push(warning);
afterEach(() => {
  process.off('warning', note);
  warnings.length = 0;
});

it('prints no warning when kafkajs lets go of one dead socket again and again', async () => {
  process.on('warning', note);
  const [port = 0] = await freePorts(1);
  // Nobody listens there.
  const socket = socketTo({}, { host: '127.0.0.1', port }, () => undefined);
  // Not `once` of node:events: it throws at the refusal that comes first.
  await new Promise((resolve) => socket.once('close', resolve));
  // What `Connection.disconnect` of kafkajs does with its socket.
  for (let times = 0; times < 20; times += 1) socket.end().unref();
  await turn();
  expect(warnings).toEqual([]);
});
