import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { type Load, type LoadOptions, startLoad } from '../generator.ts';
import { type LoadedHistory, loadHistory } from '../history-reader.ts';
import { type FakeGateway, type FakeOptions, startFakeGateway } from './gateway.ts';

export const PARTITIONS = 24;

/** Starts gateways and loads for one test file, and takes them away again. */
export interface LoadBench {
  gateway(options?: Partial<FakeOptions>): Promise<FakeGateway>;
  start(gateways: readonly { readonly url: string }[], options?: Partial<LoadOptions>): Promise<Load>;
  /** The history of the load started last. */
  history(): Promise<LoadedHistory>;
  closeGateways(): Promise<void>;
  remove(): Promise<void>;
}

export async function openLoadBench(): Promise<LoadBench> {
  const folder = await mkdtemp(join(tmpdir(), 'load-bench-'));
  const open: FakeGateway[] = [];
  let loads = 0;
  return {
    async gateway(options = {}) {
      const fake = await startFakeGateway({ partitions: PARTITIONS, ...options });
      open.push(fake);
      return fake;
    },
    start(gateways, options = {}) {
      loads += 1;
      return startLoad({
        clock: systemClock,
        runId: 'run-1',
        tenant: 'load-test',
        gateways: gateways.map(({ url }, at) => ({ id: `gateway-${at + 1}`, url })),
        historyPath: join(folder, `${loads}.ndjson`),
        ratePerS: 200,
        durationMs: 1_000,
        partitions: PARTITIONS,
        seed: 3,
        capacity: 100,
        readShare: 0,
        ...options,
      });
    },
    history: () => loadHistory(join(folder, `${loads}.ndjson`)),
    async closeGateways() {
      await Promise.all(open.splice(0).map((fake) => fake.close()));
    },
    remove: () => rm(folder, { recursive: true }),
  };
}
