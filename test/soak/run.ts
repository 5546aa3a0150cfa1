import { loadavg } from 'node:os';
import { procEntry } from '../../src/clients/process/proc-table.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { reasonOf } from '../../src/core/error.ts';
import { type Examined, examine } from '../../src/drills/engine/examine.ts';
import type { LoadSummary } from '../../src/load/tally.ts';
import type { Platform, Ports } from '../support/driven-platform.ts';
import { documentOf, type RunningCli } from '../support/sandbox-cli.ts';
import { type Killing, killAll } from './killing.ts';
import type { Sample } from './lives.ts';
import type { SoakOptions } from './options.ts';
import { startSampler } from './sampler.ts';
import { type Candidate, type KillPlan, planKills, type VictimKind } from './schedule.ts';

/** Everything that was seen; judging it comes after. */
export interface Observed extends Killing {
  readonly plan: KillPlan;
  readonly samples: readonly Sample[];
  readonly load: { readonly exit: number | null; readonly summary: LoadSummary | undefined };
  readonly examined: Examined | undefined;
  readonly troubles: readonly string[];
  /** Load average of the machine, once a minute. */
  readonly machineLoad: readonly number[];
}

export interface RunContext {
  readonly platform: Platform;
  readonly options: SoakOptions;
  readonly historyPath: string;
  readonly lifeMs: number;
  readonly say: (text: string) => void;
  readonly onSample: (sample: Sample) => void;
  readonly signal: AbortSignal;
}

const SAMPLE_MS = 5_000;
const QUIET_MS = 60_000;
const LOAD_GRACE_MS = 120_000;
const QUIESCE_MS = 120_000;
const TOPIC_MS = 300_000;

/** Loads the platform, kills its processes by plan, looks at all of them, and reads everything back at the end. */
export async function observe(context: RunContext): Promise<Observed> {
  const { options, signal } = context;
  const ports = await context.platform.open();
  const units = await context.platform.units();
  const load = startLoad(context);
  const loadOver = new AbortController();
  const ending = outcomeOf(load).finally(() => loadOver.abort());
  const startedMs = performance.now();
  const nowMs = (): number => performance.now() - startedMs;
  const machineLoad: number[] = [];
  const everyMinute = setInterval(() => machineLoad.push(loadavg()[0] ?? 0), 60_000);
  const loadProcess = { unit: 'load', kind: 'load', name: 'load', pid: load.pid };
  const startTime = (await procEntry(load.pid))?.startTime ?? '';
  const sampler = startSampler({
    units,
    others: [{ ...loadProcess, startTime }],
    everyMs: SAMPLE_MS,
    nowMs,
    onSample: context.onSample,
  });
  const plan = planKills({
    seed: options.seed,
    durationMs: options.durationMs,
    everyMs: options.killEveryMs,
    quietMs: QUIET_MS,
    lifeMs: context.lifeMs,
    candidates: candidatesOf(units),
  });
  context.say(
    `${plan.kills.length} kills planned; spared for the whole run: ${plan.spared.join(', ') || 'none'}`,
  );
  try {
    const { platform, say } = context;
    const request = { platform, ports, units, plan, nowMs, say, signal, loadOver: loadOver.signal };
    const killing = await killAll(request);
    if (killing.notBack !== undefined || signal.aborted) load.kill('SIGINT');
    const ended = await ending;
    say(`load ended (exit ${ended.exit}); reading everything back`);
    await sampler.stop();
    const seen = { plan, ...killing, samples: sampler.samples, machineLoad, load: ended };
    return { ...seen, ...(await examineAll(context, ports)) };
  } finally {
    clearInterval(everyMinute);
    load.kill('SIGKILL');
    await sampler.stop();
    await ports.close();
  }
}

function startLoad({ platform, options, historyPath }: RunContext): RunningCli {
  const seconds = Math.round(options.durationMs / 1000);
  const args = ['load', 'run', '--rate', String(options.ratePerS), '--duration', `${seconds}s`];
  return platform.start(
    [...args, '--seed', String(options.seed), '--history', historyPath, '--output', 'json'],
    options.durationMs + LOAD_GRACE_MS,
  );
}

/** How the load ended; a load that outlived its time was killed and has no exit code. */
async function outcomeOf(load: RunningCli): Promise<Observed['load']> {
  try {
    const ended = await load.ended;
    const summary = ended.stdout === '' ? undefined : documentOf<LoadSummary>(ended);
    return { exit: ended.exit, summary };
  } catch {
    return { exit: null, summary: undefined };
  }
}

/** What may be killed: brokers and every process of the service. */
export function candidatesOf(units: readonly PlacedUnit[]): Candidate[] {
  return units.flatMap(({ id, kind, labels }) => {
    if (kind === 'kafka') return [{ id, kind: 'broker' as const }];
    return kind === 'service' ? [{ id, kind: labels.role as VictimKind }] : [];
  });
}

async function examineAll(
  { historyPath, signal }: RunContext,
  ports: Ports,
): Promise<Pick<Observed, 'examined' | 'troubles'>> {
  if (signal.aborted)
    return { examined: undefined, troubles: ['the run was stopped before its final reads'] };
  try {
    const { gateways, timeoutMs } = ports;
    const request = {
      history: historyPath,
      gateways,
      timeoutMs,
      quiesceMs: QUIESCE_MS,
      topicMs: TOPIC_MS,
    };
    const examined = await examine(ports, request);
    return { examined, troubles: examined.troubles };
  } catch (error) {
    return { examined: undefined, troubles: [`the final reads failed: ${reasonOf(error)}`] };
  }
}
