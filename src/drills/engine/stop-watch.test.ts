import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { refusedWhileStopped } from './refuse.ts';
import { unlessStopped, watchStop } from './stop-watch.ts';

const BY_ADA = 'drills are stopped by ada';
const still = new AbortController().signal;
const REFUSED = { code: 'UPL-PREFLIGHT-REFUSED', exit: 15, next: 'uplift drill allow' };

/** Switch, and how often it was looked at. */
function switched() {
  const world = { why: undefined as string | undefined, looks: 0 };
  const look = async (): Promise<string | undefined> => {
    world.looks += 1;
    return world.why;
  };
  return { world, watch: watchStop(look, refusedWhileStopped, 1) };
}

describe('the watch of the stop switch', () => {
  it('sees that drills are stopped, once, and looks no more', async () => {
    const { world, watch } = switched();
    await waitFor(async () => world.looks > 3, { what: 'looks', timeoutMs: 2000, intervalMs: 1 });
    expect(watch.why()).toBeUndefined();
    world.why = BY_ADA;
    await waitFor(async () => watch.signal.aborted, { what: 'seen', timeoutMs: 2000, intervalMs: 1 });
    const { looks } = world;
    world.why = undefined;
    await delay(10);
    expect(watch.why()).toBe(BY_ADA);
    expect(watch.signal.reason).toMatchObject(REFUSED);
    expect(world.looks).toBe(looks);
    await watch.close();
  });

  it('closed, it looks no more and aborts nothing', async () => {
    const { world, watch } = switched();
    await watch.close();
    const { looks } = world;
    world.why = BY_ADA;
    await delay(10);
    expect(world.looks).toBe(looks);
    expect(watch.signal.aborted).toBe(false);
  });
});

describe('work before anything is touched', () => {
  const wait = (signal: AbortSignal): Promise<void> => delay(20_000, undefined, { signal });

  it('ends as a refusal when drills are stopped', async () => {
    const { world, watch } = switched();
    const work = unlessStopped(watch, still, wait);
    world.why = BY_ADA;
    await expect(work).rejects.toMatchObject(REFUSED);
  });

  it('keeps its own error and result, and that of a signal', async () => {
    const { watch } = switched();
    await expect(
      unlessStopped(watch, still, () => Promise.reject(new Error('no steady state'))),
    ).rejects.toThrow('no steady state');
    expect(await unlessStopped(watch, still, async () => 5)).toBe(5);
    expect(await unlessStopped(undefined, still, async () => 6)).toBe(6);
    await expect(unlessStopped(watch, AbortSignal.abort(), wait)).rejects.toThrow('aborted');
    await watch.close();
  });
});
