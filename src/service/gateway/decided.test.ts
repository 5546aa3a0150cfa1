import { describe, expect, test } from 'vitest';
import { decidedForCertain } from './decided.ts';

const OPERATION = { tenant: 'acme', operationId: 'op', partition: 3 };

/** A projection that shows the answers in turn, once it has settled as told. */
function world(
  answers: readonly (string | undefined)[],
  settle: () => Promise<void> = async () => undefined,
) {
  const asked: string[] = [];
  const left = [...answers];
  const ask = decidedForCertain<string>(
    {
      look: async (tenant, operationId) => {
        asked.push(`${tenant}/${operationId}`);
        return left.shift();
      },
      settle: async (partition) => {
        asked.push(`settle ${partition}`);
        await settle();
      },
    },
    50,
  );
  return { asked, ask: () => ask(OPERATION) };
}

describe('whether an operation was decided', () => {
  test('is said at once by a projection that shows it', async () => {
    const { asked, ask } = world(['there']);
    expect(await ask()).toBe('there');
    expect(asked).toEqual(['acme/op']);
  });

  test('is asked again once the projection has passed its partition: it may only have been behind', async () => {
    const { asked, ask } = world([undefined, 'there']);
    expect(await ask()).toBe('there');
    expect(asked).toEqual(['acme/op', 'settle 3', 'acme/op']);
  });

  test('is "no" only then', async () => {
    expect(await world([undefined, undefined]).ask()).toBeUndefined();
    const behind = world([undefined, undefined], () => Promise.reject(new Error('the projector is away')));
    await expect(behind.ask()).rejects.toThrow('the projector is away');
  });

  test('is not waited for without an end', async () => {
    const hung = world([undefined, undefined], () => new Promise(() => undefined));
    await expect(hung.ask()).rejects.toThrow('the projection to pass what was sent before');
  });
});
