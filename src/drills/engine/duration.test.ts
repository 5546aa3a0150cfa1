import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, Step } from '../../core/step.ts';
import { type AnyStepKind, stepOf } from '../../steps/kind.ts';
import { START_MS } from '../actuators/process.ts';
import { drillsSection } from '../section.ts';
import { holdTopologyStep } from '../steps/kafka/hold.ts';
import { hangBrokerStep, killBrokerStep } from '../steps/kafka/index.ts';
import { moveLeadersStep } from '../steps/kafka/move-leaders.ts';
import {
  failoverSteps,
  holdSetStep,
  killStep as postgresKill,
  switchoverSteps,
} from '../steps/postgres/index.ts';
import { loseManagedStep } from '../steps/postgres/managed.ts';
import type { PostgresSet } from '../steps/postgres/set.ts';
import { failoverRedisStep } from '../steps/redis/failover.ts';
import { holdRedisStep } from '../steps/redis/hold.ts';
import { killRedisStep } from '../steps/redis/kill.ts';
import { killProjectorStep, startProcessStep } from '../steps/service/index.ts';
import { type DrillStepContext, drillSteps } from '../steps.ts';
import { durationFinding, longestOf } from './duration.ts';

const ARGS = { units: '/units', id: 'projector-1' };
const LIMITS = {
  maxFaultMs: 300_000,
  maxDurationMs: 3_600_000,
  maxShare: 1,
  abortErrorRate: 0.5,
  abortAfterS: 5,
};
const options = (baselineMs: number, maxFaultMs = 300_000) => ({
  baselineMs,
  limits: { ...LIMITS, maxFaultMs },
});
const kill = stepOf(killProjectorStep, ARGS);
const start = stepOf(startProcessStep, ARGS);

/** As of actuators whose `start` takes at most so long. */
function contextOf(startMs: number | undefined): DrillStepContext {
  const pace = startMs === undefined ? {} : { pace: { effectMs: 1, lookEveryMs: 1, startMs } };
  const of = () => pace;
  return { actuatorOf: of, redisOf: of, serviceOf: of, managed: { of } } as unknown as DrillStepContext;
}
const LOCAL = contextOf(undefined);

describe('the longest that a drill may take', () => {
  it('follows what its actuator says of itself, up to the deadline of the undo', () => {
    const of = (startMs: number): number =>
      longestOf({ steps: [kill], faultAt: 0 }, options(1000), contextOf(startMs)).restoreMs;
    expect(of(600_000)).toBe(180_000 + 600_000);
    expect(of(1e9)).toBe(killProjectorStep.undoTimeoutMs);
  });

  it('is the sum of the deadlines of its parts', () => {
    const longest = longestOf({ steps: [kill, start], faultAt: 0 }, options(10_000), LOCAL);
    expect(drillSteps.find(start).undo).toBe('irreversible');
    expect(longest).toMatchObject({
      beforeMs: 90_000 + 3000 + 4 * 11_000,
      faultMs: 300_000,
      restoreMs: 60_000 + 120_000 + 60_000,
    });
    expect(longest.totalMs).toBe(longest.beforeMs + longest.faultMs + longest.restoreMs + longest.readsMs);
  });

  it('counts steps before the fault twice: asked for, and seen', () => {
    const first = longestOf({ steps: [kill, start], faultAt: 0 }, options(1000), LOCAL).beforeMs;
    expect(longestOf({ steps: [kill, start], faultAt: 1 }, options(1000), LOCAL).beforeMs).toBe(
      first + 2 * (killProjectorStep.timeoutMs ?? 120_000),
    );
  });

  it('grows with the baseline, the fault and every step', () => {
    const ms = fc.integer({ min: 0, max: 1e7 });
    fc.assert(
      fc.property(ms, ms, ms, ms, fc.nat(4), (baseline, more, fault, longer, steps) => {
        const plan = (count: number) => ({ steps: Array.from({ length: count }, () => kill), faultAt: 0 });
        const total = (count: number, a: number, b: number): number =>
          longestOf(plan(count), options(a, b), LOCAL).totalMs;
        const least = total(steps, baseline, fault);
        expect(total(steps, baseline + more, fault)).toBeGreaterThanOrEqual(least);
        expect(total(steps, baseline, fault + longer)).toBe(least + longer);
        expect(total(steps + 1, baseline, fault)).toBeGreaterThan(least);
      }),
    );
  });

  it('has to stay within drills.maxDuration', () => {
    const longest = longestOf({ steps: [kill], faultAt: 0 }, options(10_000), LOCAL);
    expect(durationFinding(longest, longest.totalMs).status).toBe('pass');
    expect(durationFinding(longest, longest.totalMs - 1)).toMatchObject({
      status: 'fail',
      summary: expect.stringMatching(
        /^at most \d+ min \d+ s \(.* until the fault, .*\); drills\.maxDuration is /,
      ),
    });
  });

  it('is within what drills.maxDuration is where nothing is said, for every drill', () => {
    const set = { primary: 'az-a', servers: ['az-a', 'az-b', 'az-c'], pool: {} } as unknown as PostgresSet;
    const hold = stepOf(holdSetStep, { set } as never);
    const broker = { units: '/units', broker: 1 };
    const of = (kind: AnyStepKind<never>, args: Json = null): Step => ({
      kind: kind.kind,
      version: kind.version,
      args,
    });
    const redis = {
      ...{ units: '/units', node: 'a', nodeTimeoutMs: 1, persists: true },
      topology: { nodes: [], links: [] },
    };
    const managed = { units: '/units', server: 'a', startedAt: 'then', standbys: 1 };
    const drills: readonly (readonly [steps: readonly Step[], faultAt: number])[] = [
      [[of(holdTopologyStep), of(killBrokerStep, broker)], 1],
      [[of(holdTopologyStep), of(hangBrokerStep, broker)], 1],
      [[of(holdTopologyStep), of(moveLeadersStep)], 1],
      [[of(holdRedisStep), of(killRedisStep, redis)], 1],
      [[of(holdRedisStep), of(failoverRedisStep)], 1],
      [[kill, start], 0],
      [[hold, stepOf(postgresKill, { set } as never), ...failoverSteps(set, { killedByUs: true })], 1],
      [[hold, ...switchoverSteps(set, 'az-b')], 3],
      [[of(loseManagedStep, managed)], 0],
    ];
    const { maxDuration } = drillsSection.schema.parse({});
    for (const [steps, faultAt] of drills)
      for (const startMs of [60_000, START_MS]) {
        const { totalMs } = longestOf({ steps, faultAt }, options(10_000), contextOf(startMs));
        expect(totalMs, steps[faultAt]?.kind).toBeLessThan(maxDuration);
      }
  });
});
