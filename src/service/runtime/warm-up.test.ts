import { expect, test } from 'vitest';
import { cachesProbe } from './warm-up.ts';

test('caches are warm once every part was used once, and are left alone from then on', async () => {
  const used: string[] = [];
  let isAway = true;
  const writer = async (): Promise<undefined> => {
    used.push('writer');
    if (isAway) throw new Error('no connection');
  };
  const replicas = async (): Promise<string> => {
    used.push('replicas');
    return '1 of 2 away';
  };
  const probe = cachesProbe([
    { name: 'writer', use: writer },
    { name: 'replicas', use: replicas },
  ]);
  expect(probe.name).toBe('caches');
  await expect(probe.run()).rejects.toThrow(/^cold: writer \(no connection\)$/);
  isAway = false;
  expect(await probe.run()).toBe('warm: writer, replicas (1 of 2 away)');
  isAway = true;
  expect(await probe.run()).toBe('warm: writer, replicas (1 of 2 away)');
  expect(used).toEqual(['writer', 'replicas', 'writer']);
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
