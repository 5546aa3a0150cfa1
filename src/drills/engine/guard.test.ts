import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Step } from '../../core/step.ts';
import { waitFor } from '../../core/wait.ts';
import type { Second } from '../../load/timeline.ts';
import { type Guard, type Guarded, guard } from './guard.ts';

const STEP: Step = { kind: 'a', version: 1, args: null };
const FAILING: Second = {
  ...{ ok: 1, fail: 9, info: 0, p50Ms: null, p99Ms: null, firstAckUs: null },
  ...{ second: 1, lastAckUs: null, firstFailureUs: null },
};

const world = {
  nowMs: 0,
  timeline: [] as Second[],
  held: true,
  away: [] as (string | undefined)[],
  asked: [] as (Step | undefined)[],
};
let guarding: Guard;
let stopped = new AbortController();

function begin(over: Partial<Guarded> = {}): Guard {
  const begun = guard({
    clock: { monoNs: () => BigInt(world.nowMs) * 1_000_000n },
    load: { atUs: () => 0, timeline: () => world.timeline },
    limits: { maxFaultMs: 10_000, maxDurationMs: 1, maxShare: 1, abortErrorRate: 0.5, abortAfterS: 1 },
    held: () => world.held,
    secondFailure: async (step) => {
      world.asked.push(step);
      return world.away.shift();
    },
    stop: { signal: stopped.signal, why: () => 'drills are stopped by ada' },
    intervalMs: 1,
    ...over,
  });
  begun.at(STEP);
  begun.begin(0n);
  return begun;
}

beforeEach(() => {
  Object.assign(world, { nowMs: 0, timeline: [], held: true, away: [], asked: [] });
  stopped = new AbortController();
  guarding = begin();
});
afterEach(async () => {
  await guarding.stop();
});

/** Lets this time pass, and the guard look three times after it or end. */
async function pass(ms: number): Promise<void> {
  world.nowMs += ms;
  const from = world.asked.length;
  await waitFor(async () => guarding.aborted() !== undefined || world.asked.length >= from + 3, {
    ...{ what: 'looks', timeoutMs: 2000, intervalMs: 1 },
  });
}

describe('while the steps of a fault go on', () => {
  it('a load that fails too much ends them, and the platform has failed', async () => {
    world.timeline = [FAILING];
    await pass(300);
    expect(guarding.aborted()).toMatchObject({ deviated: true });
    expect(guarding.signal.aborted).toBe(true);
  });

  it('a second failure ends them when it is seen twice in a row, never once', async () => {
    world.away = ['x is gone', undefined, 'x is gone'];
    await pass(2000);
    expect(guarding.aborted()).toBeUndefined();
    world.away = ['x is gone', 'x is gone'];
    await pass(600);
    expect(guarding.aborted()).toEqual({ why: 'x is gone', deviated: false });
    expect(world.asked[0]).toBe(STEP);
  });

  it('a lost lock ends them, one that comes back does not', async () => {
    await pass(300);
    world.held = false;
    await pass(1500);
    world.held = true;
    await pass(1000);
    expect(guarding.aborted()).toBeUndefined();
    world.held = false;
    await pass(2600);
    expect(guarding.aborted()).toEqual({ why: 'the lock of the cluster was lost', deviated: false });
  });

  it('their time ends them', async () => {
    await pass(10_600);
    expect(guarding.aborted()).toEqual({
      why: 'the steps of the fault took longer than 10.0 s',
      deviated: false,
    });
  });
});

it('once the steps are done neither the lock nor their time ends anything, a failing load does', async () => {
  guarding.at(undefined);
  world.held = false;
  await pass(20_000);
  expect(guarding.aborted()).toBeUndefined();
  world.timeline = [FAILING];
  await pass(300);
  expect(guarding.aborted()).toMatchObject({ deviated: true });
});

it('the stop switch ends a drill at any moment, before its fault and while it is observed', async () => {
  guarding.at(undefined);
  stopped.abort();
  expect(guarding.aborted()).toEqual({ why: 'drills are stopped by ada', deviated: false });
  expect(guarding.signal.aborted).toBe(true);
});

it('stopped, it looks no more', async () => {
  await guarding.stop();
  const { length } = world.asked;
  await delay(10);
  expect(world.asked).toHaveLength(length);
});

describe('a store that does not answer', () => {
  const ended = (one: Guard): Promise<boolean> =>
    waitFor(async () => one.aborted() !== undefined, { what: 'an end', timeoutMs: 2000, intervalMs: 1 });

  /** Never answers until it is let go. */
  function silent(): {
    readonly asked: () => number;
    readonly ask: () => Promise<string | undefined>;
    letGo(): void;
  } {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    let asked = 0;
    const ask = (): Promise<undefined> => {
      asked += 1;
      return promise;
    };
    return { asked: () => asked, ask, letGo: () => resolve(undefined) };
  }

  it('keeps nobody from seeing that the load fails', async () => {
    const store = silent();
    const one = begin({ secondFailure: store.ask });
    world.timeline = [FAILING];
    await ended(one);
    expect(one.aborted()).toMatchObject({ deviated: true });
    expect(store.asked()).toBe(1);
    // The restore begins now, and not when a server has answered.
    await one.stop();
    store.letGo();
  });

  it('keeps nobody from seeing that the lock is lost', async () => {
    const store = silent();
    const one = begin({ secondFailure: store.ask });
    await delay(5);
    world.held = false;
    world.nowMs += 2600;
    await ended(one);
    expect(one.aborted()).toMatchObject({ why: 'the lock of the cluster was lost' });
    store.letGo();
    await one.stop();
  });

  it('ends a drill that nobody can watch, and is never asked while it owes an answer', async () => {
    const store = silent();
    const one = begin({ secondFailure: store.ask, lookMs: 5 });
    await ended(one);
    expect(one.aborted()).toEqual({
      why: 'it cannot be watched: a look at what else fails: not within 5 ms',
      deviated: false,
    });
    expect(store.asked()).toBe(1);
    await one.stop();
  });
});
