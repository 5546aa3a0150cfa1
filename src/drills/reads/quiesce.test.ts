import { expect, it } from 'vitest';
import type { Read } from '../../clients/kafka/ports.ts';
import type { AskPostgres } from '../../facts/ask-postgres.ts';
import { quiesce } from './quiesce.ts';

const ask = { query: () => Promise.reject(new Error('az-a is away')) } as unknown as AskPostgres;
const request = { servers: [{ name: 'az-a', ask }], timeoutMs: 100, deadlineMs: 50 };
const bound = { topic: 'c', topicId: 'id', partition: 0, leaderEpoch: 0, startOffset: 0n, endOffset: 5n };

it('a log whose ends nobody tells is a sentence, not the end of the verdict', async () => {
  const read = { bounds: () => Promise.reject(new Error('no answer in 100 ms')) } as unknown as Read;
  expect(await quiesce({ ...request, read })).toEqual([
    'the last commands could not be read, so that nothing was waited for: no answer in 100 ms',
  ]);
});

it('a log that cannot be read is a sentence as well', async () => {
  const open = (): never => {
    throw new Error('no reader');
  };
  const read = { bounds: async () => [bound], open } as unknown as Read;
  expect(await quiesce({ ...request, read })).toEqual([expect.stringMatching(/nothing was waited for/)]);
});

it('a server that does not get there is named', async () => {
  const read = { bounds: async () => [{ ...bound, endOffset: 0n }] } as unknown as Read;
  expect(await quiesce({ ...request, read })).toEqual([expect.stringMatching(/az-a through the end of/)]);
});
