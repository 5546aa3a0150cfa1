/**
 * What the reference service costs, on a sandbox of its own: CPU of the gateway beside bare Fastify, rates of the commands
 * role and of the projector beside its statements alone, restore, memory.
 * `npm run bench:service -- [--page FILE] [--rate N] [--seconds N] [--rounds N] [--backlog N] [--otel URL]`
 */
import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import { startCollector } from '../../test/support/otlp-collector.ts';
import { machineFacts, placePage } from '../../test/support/results-page.ts';
import { measureDrain } from './drain.ts';
import { type GatewayOptions, measureGateway } from './gateway.ts';
import { type FoldMemory, pageOf } from './page.ts';
import { type Platform, startPlatform } from './platform.ts';

const { values } = parseArgs({
  options: {
    page: { type: 'string' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '2' },
    backlog: { type: 'string', default: '240000' },
    /** OTLP/gRPC endpoint of a collector, to which a second gateway traces 1 % of its requests; unset: one in this process. */
    otel: { type: 'string' },
  },
});

const say = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)}  ${line}`);

/** Standard variables of OpenTelemetry: 1 % of the traces that begin here. */
function tracing(endpoint: string): Readonly<Record<string, string>> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.01',
  };
}

async function foldMemory(): Promise<FoldMemory> {
  const script = new URL('./fold-memory.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script], {
    timeout: 120_000,
  });
  return JSON.parse(stdout) as FoldMemory;
}

async function measureAll(platform: Platform, options: GatewayOptions, backlog: number) {
  say('gateway beside bare Fastify');
  const gateway = await measureGateway(platform, options);
  for (const { side, method, cpuMsPer1000, p50Ms, p99Ms } of gateway.segments)
    say(`${method} ${side}: ${cpuMsPer1000.toFixed(0)} CPU-ms per 1,000, p50 ${p50Ms} ms, p99 ${p99Ms} ms`);
  const drain = await measureDrain(platform, { from: 0, to: backlog }, say);
  return { gateway, drain };
}

async function main(): Promise<void> {
  const startedAt = new Date();
  const collector = values.otel === undefined ? await startCollector() : undefined;
  const options: GatewayOptions = {
    ratePerS: Number(values.rate),
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
    tracing: tracing(values.otel ?? collector?.endpoint ?? ''),
  };
  const machine = await machineFacts();
  const fold = await foldMemory();
  say('starting a sandbox');
  const platform = await startPlatform();
  try {
    const measured = await measureAll(platform, options, Number(values.backlog));
    const minutes = (Date.now() - startedAt.getTime()) / 60_000;
    const page = pageOf({ startedAt: startedAt.toISOString(), minutes, machine, options, fold, ...measured });
    await placePage(page, values.page);
  } finally {
    say('taking the sandbox down');
    await platform.down();
    if (collector !== undefined) {
      say(`the collector got ${collector.spans.length} spans in ${collector.calls} exports`);
      await collector.close();
    }
  }
}

await main();
