import { waitReady } from '../clients/process/ready.ts';
import { startUnit } from '../clients/process/start.ts';
import type { UnitKind } from '../clients/process/unit.ts';
import type { PlacedUnit } from '../clients/process/unit-files.ts';
import type { Progress } from '../core/blocks.ts';
import { formatMs } from '../core/units.ts';
import type { KafkaAccess } from './kafka-secure.ts';
import { runCommand } from './run-command.ts';
import { brokersRegistered, poolerAnswers, redisReady, replicasStreaming } from './servers-ready.ts';
import { together } from './together.ts';

type Step = (signal: AbortSignal) => Promise<void>;

/** What has to happen before servers start for the first time; absent when their data is already there. */
export interface Preparations {
  readonly kafka?: Step;
  readonly postgres?: Step;
  /** After the Redis nodes run. */
  readonly redis?: Step;
}

export interface StartRequest {
  /** The sandbox's folder. */
  readonly dir: string;
  readonly units: readonly PlacedUnit[];
  readonly prepare: Preparations;
  readonly password: string;
  /** How to log in to Kafka; read once its nodes run, because preparing them may have made it. */
  readonly kafkaAccess: () => Promise<KafkaAccess>;
  /** `[node, bin/uplift.js]`, for `service migrate`. */
  readonly uplift: readonly string[];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

const MIGRATE_TIMEOUT_MS = 60_000;

/** Starts Kafka, Postgres and Redis side by side (the JVMs are the slowest), then the service. Returns ms to ready by unit. */
export async function startServers(request: StartRequest): Promise<ReadonlyMap<string, number>> {
  const { prepare, progress, password } = request;
  const of = (kind: UnitKind): PlacedUnit[] => request.units.filter((unit) => unit.kind === kind);
  const took = new Map<string, number>();
  const start = (units: readonly PlacedUnit[], signal: AbortSignal): Promise<void> =>
    together(
      signal,
      units.map((unit) => (inner) => startOne(unit, progress, took, inner)),
    );
  await together(request.signal, [
    (signal) =>
      phase(progress, 'kafka', `${of('kafka').length} nodes registered`, async () => {
        await prepare.kafka?.(signal);
        await start(of('kafka'), signal);
        await brokersRegistered(of('kafka'), signal, await request.kafkaAccess());
      }),
    (signal) =>
      phase(progress, 'postgres', 'replicas streaming, pooler answers', async () => {
        await prepare.postgres?.(signal);
        await start(of('postgres'), signal);
        await replicasStreaming(of('postgres'), password, signal);
        await start(of('pgbouncer'), signal);
        for (const pooler of of('pgbouncer')) await poolerAnswers(pooler, password, signal);
      }),
    (signal) =>
      phase(progress, 'redis', 'cluster_state ok on every node, replicas linked', async () => {
        await start(of('redis'), signal);
        await prepare.redis?.(signal);
        await redisReady(of('redis'), signal);
      }),
  ]);
  const service = of('service');
  const [any] = service;
  if (any !== undefined) {
    await phase(progress, 'service', `${service.length} processes answer`, async () => {
      await migrate(any, request);
      await start(service, request.signal);
    });
  }
  return took;
}

async function migrate(unit: PlacedUnit, request: StartRequest): Promise<void> {
  await runCommand([...request.uplift, 'service', 'migrate'], {
    what: 'uplift service migrate',
    env: unit.env,
    cwd: unit.cwd,
    timeoutMs: MIGRATE_TIMEOUT_MS,
    noteIn: request.dir,
    signal: request.signal,
  });
}

async function startOne(
  unit: PlacedUnit,
  progress: Progress,
  took: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const where = `${unit.labels.rack ?? ''} 127.0.0.1:${unit.labels.port ?? ''}`.trim();
  await phase(progress, unit.id, where, async () => {
    const before = performance.now();
    await startUnit(unit);
    await waitReady(unit, { signal });
    took.set(unit.id, Math.round(performance.now() - before));
  });
}

/** One progress line for a piece of work, with its time at the end. */
async function phase(
  progress: Progress,
  name: string,
  done: string,
  work: () => Promise<void>,
): Promise<void> {
  const before = performance.now();
  progress({ phase: name, state: 'running', text: 'starting' });
  try {
    await work();
  } catch (error) {
    progress({ phase: name, state: 'failed', text: 'not started' });
    throw error;
  }
  progress({ phase: name, state: 'done', text: `${done}  ${formatMs(performance.now() - before)}` });
}
