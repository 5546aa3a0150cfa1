import { pino } from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { captureOf } from '../../domain/snapshot.ts';
import { emptyState } from '../../domain/state.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { type CoveredCapture, emptyBase } from '../base.ts';
import { SlotBook } from './codec.ts';
import { SnapshotKeeper } from './keeper.ts';
import type { Covered } from './policy.ts';

const AT = { nextOffset: 1n, leaderEpoch: 0 };

/** A keeper of partitions that are overdue by so many periods each; the writer waits for `gate`. */
function setUp(overdueBy: readonly number[]) {
  const metrics = createMetrics();
  const written: number[] = [];
  const control = { gate: Promise.resolve(), fail: false, outstanding: 0, most: 0 };
  const owners = new Map(
    overdueBy.map((periods, partition) => {
      const covered: Covered = { decisions: 1, nextCommandOffset: 1n, logTimeMs: periods * 1000 };
      const owner = {
        phase: 'deciding',
        covered,
        capture: async (): Promise<CoveredCapture | undefined> => ({
          ...{ capture: captureOf(emptyState()), covered, commands: AT, events: AT },
        }),
      };
      return [partition, owner] as const;
    }),
  );
  const writer = {
    learn: () => {},
    write: async (partition: number) => {
      control.outstanding += 1;
      control.most = Math.max(control.most, control.outstanding);
      await control.gate;
      control.outstanding -= 1;
      if (control.fail) throw new Error('Kafka is away');
      written.push(partition);
      return undefined;
    },
  };
  const settings = { everyMs: 1000, everyDecisions: 1000 };
  const log = pino({ level: 'silent' });
  const keeper = new SnapshotKeeper({ owners, writer, settings, metrics, log });
  for (const partition of owners.keys()) {
    const slots = { book: new SlotBook(), endOffset: 0n };
    keeper.restored(partition, { base: emptyBase(), slots, taken: undefined, misfits: [] });
  }
  const value = async (name: string) =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values[0]?.value;
  return { keeper, owners, written, control, value };
}

describe('the keeper of snapshots', () => {
  test('writes what is due, the most overdue first, one at a time, and each once', async () => {
    const { keeper, written, control } = setUp([2, 0.5, 7, 3]);
    keeper.look();
    keeper.look();
    await vi.waitFor(() => expect(written).toEqual([2, 3, 0]));
    keeper.look();
    await keeper.stop();
    expect([written, control.most]).toEqual([[2, 3, 0], 1]);
  });

  test('takes none of a partition that does not decide', async () => {
    const { keeper, owners, written } = setUp([2, 2]);
    const [owner] = owners.values();
    if (owner !== undefined) owner.phase = 'restoring';
    keeper.look();
    await vi.waitFor(() => expect(written).toEqual([1]));
    await keeper.stop();
  });

  test('counts a failure, goes on with the others, and tries again later, not at once', async () => {
    const { keeper, written, control, value } = setUp([2, 3]);
    control.fail = true;
    keeper.look();
    await vi.waitFor(async () => expect(await value('uplift_snapshots_failed_total')).toBe(2));
    control.fail = false;
    keeper.look();
    await keeper.stop();
    expect([written, control.outstanding]).toEqual([[], 0]);
  });

  test('says how old the oldest is and how many partitions have none, and never 0 for no data', async () => {
    const { keeper, written, value } = setUp([2]);
    keeper.look();
    expect([await value('uplift_snapshots_missing'), await value('uplift_snapshot_age_seconds')]).toEqual([
      1,
      Number.NaN,
    ]);
    await vi.waitFor(() => expect(written).toEqual([0]));
    keeper.look();
    expect(await value('uplift_snapshots_missing')).toBe(0);
    expect(await value('uplift_snapshot_age_seconds')).toBeLessThan(5);
    await keeper.stop();
  });

  test('is over when the one under way is, and begins no other', async () => {
    const { keeper, written, control } = setUp([2, 3]);
    const gate = Promise.withResolvers<void>();
    control.gate = gate.promise;
    keeper.look();
    await vi.waitFor(() => expect(control.outstanding).toBe(1));
    const stopped = keeper.stop();
    gate.resolve();
    await stopped;
    expect(written).toEqual([1]);
  });
});
