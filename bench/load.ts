/**
 * What the load generator costs beside the cheapest way to send the same requests: CPU per 1,000 operations of
 * `startLoad` (open loop, history on disk, 5 % read back) and of a bare undici loop, against the same server in the
 * same run. Only the ratio travels between machines. `node bench/load.ts [operations per second] [seconds]`
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { idempotencyHeader, tenantHeader } from '../src/contract/http.ts';
import { systemClock } from '../src/core/clock.ts';
import { startLoad } from '../src/load/generator.ts';
import { startFakeGateway } from '../src/load/testing/gateway.ts';
import { planWorkload } from '../src/load/workload.ts';

const PARTITIONS = 24;
const CONCURRENCY = 16;

interface Cost {
  readonly operations: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}

async function measured(work: () => Promise<number>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const operations = await work();
  const used = process.cpuUsage(cpu);
  return { operations, wallMs: performance.now() - startMs, cpuMs: (used.user + used.system) / 1000 };
}

/** Sends and reads answers, nothing else: no schedule, no history, no classes of outcome. */
async function bareLoop(url: string, operations: number): Promise<number> {
  const pool = new Pool(url, { connections: CONCURRENCY });
  const workload = planWorkload({
    tenant: 'bare',
    partitions: PARTITIONS,
    seed: 1,
    ratePerS: 1,
    capacity: 100,
    mix: 'creates',
  });
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < operations; index = next++) {
      const planned = workload.at(index);
      const body = {
        resource: planned.resource,
        slot: {
          start: new Date(planned.slotStartMs).toISOString(),
          end: new Date(planned.slotEndMs).toISOString(),
        },
        quantity: planned.quantity,
      };
      const answer = await pool.request({
        method: 'POST',
        path: '/v1/reservations',
        headers: {
          'content-type': 'application/json',
          [tenantHeader]: 'bare',
          [idempotencyHeader]: planned.idempotencyKey,
        },
        body: JSON.stringify(body),
      });
      await answer.body.json();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  await pool.close();
  return operations;
}

async function ourLoad(url: string, ratePerS: number, seconds: number, folder: string): Promise<number> {
  const load = await startLoad({
    clock: systemClock,
    runId: 'bench',
    tenant: `bench-${ratePerS}`,
    gateways: [{ id: 'gateway-1', url }],
    historyPath: join(folder, `${ratePerS}.ndjson`),
    ratePerS,
    durationMs: seconds * 1000,
    partitions: PARTITIONS,
    seed: 1,
    capacity: 100,
    mix: 'creates',
    observer: () => undefined,
  });
  await load.ended;
  const summary = await load.stop();
  const { acknowledged, shortfall, late, p50Ms, p99Ms, maxMs } = summary;
  console.log(
    `  ${ratePerS} op/s: ${acknowledged} acknowledged, ${shortfall} not sent, ${late} late, p50 ${p50Ms} ms, p99 ${p99Ms} ms, max ${maxMs} ms`,
  );
  return acknowledged;
}

const perThousand = (cost: Cost): number => (cost.cpuMs * 1000) / cost.operations;

async function withServer(work: (url: string) => Promise<void>): Promise<void> {
  const child = fork(import.meta.filename, ['server'], { stdio: 'inherit' });
  try {
    await work(
      await new Promise<string>((resolve, reject) => {
        child.once('message', (url) => resolve(String(url)));
        child.once('exit', () => reject(new Error('the server did not start')));
      }),
    );
  } finally {
    child.kill();
  }
}

async function main(ratePerS: number, seconds: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'load-bench-'));
  try {
    await withServer(async (url) => {
      await bareLoop(url, 2_000);
      await ourLoad(url, ratePerS, 2, folder);
      await rm(join(folder, `${ratePerS}.ndjson`));
      console.log(
        `measured on ${cpus().length} cores, disk type ${(await statfs(folder)).type.toString(16)}:`,
      );
      const bare = await measured(() => bareLoop(url, ratePerS * seconds));
      const ours = await measured(() => ourLoad(url, ratePerS, seconds, folder));
      console.log(
        `bare undici loop   ${perThousand(bare).toFixed(0)} CPU-ms per 1,000 · ${((bare.operations * 1000) / bare.wallMs).toFixed(0)} op/s at ${CONCURRENCY} side by side`,
      );
      console.log(
        `uplift load        ${perThousand(ours).toFixed(0)} CPU-ms per 1,000 · ${((100 * ours.cpuMs) / ours.wallMs).toFixed(0)} % of one core at ${ratePerS} op/s`,
      );
      console.log(`ratio              ${(perThousand(ours) / perThousand(bare)).toFixed(2)}`);
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (process.argv[2] === 'server') {
  const gateway = await startFakeGateway({ partitions: PARTITIONS });
  process.send?.(gateway.url);
} else {
  await main(Number(process.argv[2] ?? 500), Number(process.argv[3] ?? 15));
}
