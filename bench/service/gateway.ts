import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { openTopics } from '../../src/clients/kafka/index.ts';
import { decidedSchema, idempotencyHeader, tenantHeader } from '../../src/contract/http.ts';
import { CALLS_TOPIC } from './calls.ts';
import { cpuMsOf, load } from './cpu.ts';
import { type Asked, type OpenLoop, openLoop } from './open-loop.ts';
import { NODE_OPTIONS, PARTITIONS, type Platform } from './platform.ts';

/** What is compared. */
export const SIDES = {
  bare: 'bare Fastify',
  calls: 'bare Fastify + the same calls',
  gateway: 'gateway',
  traced: 'gateway, tracing',
} as const;

const TENANT = 'bench';
const RESOURCES = 480;
/** Reservations that are read. */
const TO_READ = 120;
const WARM_UP_S = 4;
const FIRST_SLOT_MS = Date.UTC(2040, 0, 1);
const HOUR_MS = 3_600_000;

export interface GatewayOptions {
  readonly ratePerS: number;
  readonly seconds: number;
  readonly rounds: number;
  /** Environment of a second gateway that traces; undefined: it is not measured. */
  readonly tracing?: Readonly<Record<string, string>> | undefined;
}

/** One side of the comparison, one method, one round. */
export interface Segment extends OpenLoop {
  readonly side: string;
  readonly method: 'GET' | 'POST';
  readonly cpuMsPer1000: number;
  readonly loadAverage: number;
}

export interface GatewayResult {
  readonly segments: readonly Segment[];
  /** What a gateway uses that nobody asks: its probes. */
  readonly idleCpuMsPerS: number;
}

interface Side {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

let asked = 0;

/** A reservation that fits: each resource's slots are used once. */
function create(): Asked {
  const n = asked++;
  const start = FIRST_SLOT_MS + Math.floor(n / RESOURCES) * HOUR_MS;
  return {
    method: 'POST',
    path: '/v1/reservations',
    headers: {
      'content-type': 'application/json',
      [tenantHeader]: TENANT,
      [idempotencyHeader]: `bench-${n}`,
    },
    body: JSON.stringify({
      resource: `room-${n % RESOURCES}`,
      slot: { start: new Date(start).toISOString(), end: new Date(start + HOUR_MS).toISOString() },
      quantity: 1,
    }),
  };
}

const read = (id: string): Asked => ({
  method: 'GET',
  path: `/v1/reservations/${id}`,
  headers: { [tenantHeader]: TENANT },
});

/** CPU of the gateway beside bare Fastify at one open-loop rate, in turn, POST and GET apart; latencies of the same runs. */
export async function measureGateway(platform: Platform, options: GatewayOptions): Promise<GatewayResult> {
  const bare = await startBare({ PATH: process.env.PATH, NODE_OPTIONS });
  await createCallsTopic(platform);
  const calls = await startBare({ PATH: process.env.PATH, ...platform.env, INSTANCE: 'calls' });
  const commands = await platform.role('commands');
  const projector = await platform.role('projector');
  const gateway = await platform.role('gateway');
  const traced =
    options.tracing && (await platform.role('gateway', { INSTANCE: 'traced', ...options.tracing }));
  try {
    const sides: Side[] = [
      { name: SIDES.bare, url: bare.url, pid: bare.child.pid ?? 0 },
      { name: SIDES.calls, url: calls.url, pid: calls.child.pid ?? 0 },
      { name: SIDES.gateway, url: gateway.url, pid: gateway.pid },
      ...(traced === undefined ? [] : [{ name: SIDES.traced, url: traced.url, pid: traced.pid }]),
    ];
    const ids = await reservations(gateway.url);
    const runs = runsOf(ids);
    for (const side of sides)
      for (const run of runs)
        await openLoop({ ...run, url: side.url, ratePerS: options.ratePerS, seconds: WARM_UP_S });
    const segments: Segment[] = [];
    for (let round = 0; round < options.rounds; round += 1)
      for (const run of runs) for (const side of sides) segments.push(await segment(side, run, options));
    return { segments, idleCpuMsPerS: await idle(gateway.pid) };
  } finally {
    bare.child.kill();
    calls.child.kill();
    for (const role of [gateway, commands, projector, ...(traced === undefined ? [] : [traced])])
      await platform.end(role);
  }
}

interface Run {
  readonly method: 'GET' | 'POST';
  readonly status: number;
  readonly ask: (index: number) => Asked;
}

function runsOf(ids: readonly string[]): Run[] {
  return [
    { method: 'POST', status: 202, ask: create },
    { method: 'GET', status: 200, ask: (index) => read(ids[index % ids.length] ?? '') },
  ];
}

async function segment(side: Side, run: Run, { ratePerS, seconds }: GatewayOptions): Promise<Segment> {
  const before = await cpuMsOf(side.pid);
  const loop = await openLoop({ ...run, url: side.url, ratePerS, seconds });
  const cpuMs = (await cpuMsOf(side.pid)) - before;
  return {
    ...loop,
    side: side.name,
    method: run.method,
    cpuMsPer1000: (cpuMs * 1000) / loop.sent,
    loadAverage: load(),
  };
}

async function createCallsTopic(platform: Platform): Promise<void> {
  const topics = openTopics(platform.kafka);
  const assignment = Array.from({ length: PARTITIONS }, (_, p) => [0, 1, 2].map((at) => ((p + at) % 3) + 1));
  const configs = { 'min.insync.replicas': '2' };
  await topics.create([{ name: CALLS_TOPIC, assignment, configs }], {
    validateOnly: false,
    timeoutMs: 20_000,
  });
  await topics.close();
}

const IDLE_MS = 10_000;

async function idle(pid: number): Promise<number> {
  const before = await cpuMsOf(pid);
  await delay(IDLE_MS);
  return (((await cpuMsOf(pid)) - before) * 1000) / IDLE_MS;
}

/** Makes the reservations that are read; answers their ids. */
async function reservations(url: string): Promise<string[]> {
  const make = async (): Promise<string> => {
    const { method, path, headers, body } = create();
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { ...headers, prefer: 'wait=20' },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(30_000),
    });
    const id = decidedSchema.safeParse(await answer.json()).data?.reservation?.reservationId;
    if (answer.status !== 201 || id === undefined) throw new Error(`no reservation: ${answer.status}`);
    return id;
  };
  return Promise.all(Array.from({ length: TO_READ }, make));
}

async function startBare(
  env: NodeJS.ProcessEnv,
): Promise<{ readonly url: string; readonly child: ChildProcess }> {
  const child = spawn(process.execPath, [new URL('./bare.ts', import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', (code) => reject(new Error(`bare Fastify ended with ${code}`)));
  });
  return { url: `http://127.0.0.1:${port}`, child };
}
