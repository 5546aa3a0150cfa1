import { expect, test } from 'vitest';
import { cachesProbe } from './warm-up.ts';

test('caches are warm once every part was used once, and are left alone from then on', async () => {
  let uses = 0;
  let isAway = true;
  const use = async (): Promise<undefined> => {
    uses += 1;
    if (isAway) throw new Error('no connection');
  };
  const probe = cachesProbe([{ name: 'writer', use }]);
  expect(probe.name).toBe('caches');
  await expect(probe.run()).rejects.toThrow(/^cold: writer \(no connection\)$/);
  isAway = false;
  expect(await probe.run()).toBe('warm: writer');
  isAway = true;
  expect(await probe.run()).toBe('warm: writer');
  expect(uses).toBe(2);
});

test('a part that can be done without does not keep them cold, and is tried until it was used', async () => {
  const answers = ['1 of 2 away', new Error('not within 20 ms'), undefined];
  const use = async (): Promise<string | undefined> => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const probe = cachesProbe([
    { name: 'replicas', use },
    { name: 'writer', use: async () => undefined },
  ]);
  expect(await probe.run()).toBe('warm: writer; without: replicas (1 of 2 away)');
  expect(await probe.run()).toBe('warm: writer; without: replicas (1 of 2 away)');
  expect(await probe.run()).toBe('warm: replicas, writer');
});

test('a part that hangs is named, and does not hide the others', async () => {
  const probe = cachesProbe(
    [
      { name: 'claims', use: () => new Promise(() => undefined) },
      { name: 'writer', use: async () => undefined },
    ],
    20,
  );
  await expect(probe.run()).rejects.toThrow(/^cold: claims \(claims: not within 20 ms\)$/);
});
