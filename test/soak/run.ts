import { loadavg } from 'node:os';
import { procEntry } from '../../src/clients/process/proc-table.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { reasonOf } from '../../src/core/error.ts';
import { type Examined, examine } from '../../src/drills/examine.ts';
import { topologyOf } from '../../src/drills/topology.ts';
import type { LoadSummary } from '../../src/load/tally.ts';
import { documentOf, type RunningCli } from '../support/sandbox-cli.ts';
import { type Kill, killOne, pause, untilBack } from './kill.ts';
import type { Sample } from './lives.ts';
import type { SoakOptions } from './options.ts';
import type { Platform, Ports } from './platform.ts';
import { startSampler } from './sampler.ts';
import { type Candidate, type KillPlan, type PlannedKill, planKills, type VictimKind } from './schedule.ts';

export interface Skipped extends PlannedKill {
  readonly why: string;
}

/** Everything that was seen; judging it comes after. */
export interface Observed {
  readonly plan: KillPlan;
  readonly kills: readonly Kill[];
  readonly skipped: readonly Skipped[];
  /** Why the kills ended early: something did not come back. */
  readonly notBack: string | undefined;
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
/** A kill that is due while the one before is not through yet is skipped, not made up for. */
const LATE_MS = 10_000;
const LOAD_GRACE_MS = 120_000;
const QUIESCE_MS = 120_000;
const TOPIC_MS = 300_000;

/** Loads the platform, kills its processes by plan, looks at all of them, and reads everything back at the end. */
export async function observe(context: RunContext): Promise<Observed> {
  const { platform, options, signal } = context;
  const ports = await platform.open();
  const units = await platform.units();
  const load = startLoad(context);
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
    const killing = await killAll(context, { ports, units, plan, nowMs });
    if (killing.notBack !== undefined || signal.aborted) load.kill('SIGINT');
    const ended = await load.ended;
    context.say(`load ended (exit ${ended.exit}); reading everything back`);
    await sampler.stop();
    const seen = { plan, ...killing, samples: sampler.samples, machineLoad };
    const summary = ended.stdout === '' ? undefined : documentOf<LoadSummary>(ended);
    return { ...seen, load: { exit: ended.exit, summary }, ...(await examineAll(context, ports)) };
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

/** What may be killed: brokers and every process of the service. */
export function candidatesOf(units: readonly PlacedUnit[]): Candidate[] {
  return units.flatMap(({ id, kind, labels }) => {
    if (kind === 'kafka') return [{ id, kind: 'broker' as const }];
    return kind === 'service' ? [{ id, kind: labels.role as VictimKind }] : [];
  });
}

interface Killing {
  readonly ports: Ports;
  readonly units: readonly PlacedUnit[];
  readonly plan: KillPlan;
  readonly nowMs: () => number;
}

async function killAll(
  context: RunContext,
  { ports, units, plan, nowMs }: Killing,
): Promise<Pick<Observed, 'kills' | 'skipped' | 'notBack'>> {
  const { platform, signal, say } = context;
  const kills: Kill[] = [];
  const skipped: Skipped[] = [];
  const topology = topologyOf(await ports.cluster.describe({ timeoutMs: 5_000 }));
  const own = { platform, ports, units, topology, nowMs, signal };
  try {
    await untilBack(own);
    for (const planned of plan.kills) {
      if (nowMs() > planned.atMs + LATE_MS) {
        skipped.push({ ...planned, why: `${kills.at(-1)?.victim ?? 'the platform'} was not back yet` });
        say(`minute ${minute(planned.atMs)}: ${planned.victim} not killed, ${skipped.at(-1)?.why}`);
        continue;
      }
      await pause(planned.atMs - nowMs(), signal);
      const kill = await killOne(planned, own);
      kills.push(kill);
      say(
        `minute ${minute(kill.killedAtMs)}: ${kill.victim} killed, back after ${(kill.backAfterMs / 1000).toFixed(1)} s`,
      );
    }
    return { kills, skipped, notBack: undefined };
  } catch (error) {
    if (!signal.aborted) say(`no more kills: ${reasonOf(error)}`);
    return { kills, skipped, notBack: signal.aborted ? 'the run was stopped' : reasonOf(error) };
  }
}

const minute = (ms: number): string => (ms / 60_000).toFixed(1);

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
