import { TOPICS } from '../../contract/records.ts';
import { isUpliftError } from '../../core/error.ts';
import { formatClock, formatMs } from '../../core/units.ts';
import { waitFor } from '../../core/wait.ts';
import type { Load } from '../../load/generator.ts';
import { ackGap, type Baseline, backInsideSlo, countAcks } from '../../load/measure.ts';
import { runSteps } from '../../steps/engine.ts';
import { stepOf } from '../../steps/kind.ts';
import type { Coverage, Recovery } from '../judge.ts';
import { type LeadershipMoves, watchLeadership } from '../leadership.ts';
import { type DrillStepContext, drillSteps, holdTopologyStep, killBrokerStep } from '../steps.ts';
import { ledBy } from '../topology.ts';
import { sloOf } from './baseline.ts';
import type { Prepared } from './prepare.ts';
import type { BrokerLossOptions, BrokerLossPorts } from './types.ts';

/** What the fault did, on the machine's monotonic clock. */
export interface FaultTimes {
  readonly killedNs: bigint;
  readonly killedAtMs: number;
  readonly moves: LeadershipMoves;
}

/** Journals the undo, kills the victim, and watches until the platform is back inside its SLO without it. */
export async function injectAndObserve(
  ports: BrokerLossPorts,
  options: BrokerLossOptions,
  context: DrillStepContext,
  run: { readonly prepared: Prepared; readonly load: Load; readonly baseline: Baseline },
): Promise<FaultTimes> {
  const { prepared, load, baseline } = run;
  const { victim, topology } = prepared;
  const led = new Set(ledBy(topology, victim.broker).map(({ topic, partition }) => `${topic}/${partition}`));
  const steps = [
    stepOf(holdTopologyStep, { topology: structuredClone(topology) } as never),
    stepOf(killBrokerStep, { units: options.units, broker: victim.broker }),
  ];
  const topics = [...new Set(ledBy(topology, victim.broker).map(({ topic }) => topic))];
  const deadlineMs = options.recoveryTargetMs + 30_000;
  const watch = watchLeadership({
    cluster: ports.cluster,
    monoNs: () => ports.clock.monoNs(),
    victim: victim.broker,
    ledByVictim: led,
    topics,
    intervalMs: 100,
    deadlineMs,
  });
  try {
    const results = await runSteps({
      registry: drillSteps,
      journal: ports.journal,
      context,
      steps,
      signal: ports.signal,
    });
    const killedNs = killedNsOf(results.at(-1)?.result);
    const killedAtMs = ports.clock.nowMs() - Number((ports.clock.monoNs() - killedNs) / 1_000_000n);
    const text = `SIGKILL broker ${victim.broker} (${victim.rack ?? 'no rack'}, leads ${victim.leads} of ${victim.partitions} partitions) at ${formatClock(killedAtMs)}`;
    ports.progress({ phase: 'inject', state: 'done', text });
    await untilBack(ports, load, baseline, killedNs, deadlineMs);
    const times = { killedNs, killedAtMs, moves: watch.moves() };
    ports.progress({
      phase: 'observe',
      state: 'done',
      text: observedText(recoveryOf(load, baseline, times, victimPartitions(prepared))),
    });
    return times;
  } finally {
    await watch.stop();
  }
}

function killedNsOf(result: unknown): bigint {
  const text = (result as { killedNs?: string } | undefined)?.killedNs;
  if (text === undefined) throw new TypeError('the kill left no time');
  return BigInt(text);
}

/** Waits for the SLO; not coming back in time is an observation, not an error. */
async function untilBack(
  ports: BrokerLossPorts,
  load: Load,
  baseline: Baseline,
  killedNs: bigint,
  timeoutMs: number,
): Promise<void> {
  const back = async (): Promise<boolean> =>
    backInsideSlo(load.timeline(), load.atUs(killedNs), sloOf(baseline)).backUs !== null;
  try {
    await Promise.race([
      waitFor(back, { what: 'back inside SLO', timeoutMs, intervalMs: 250, signal: ports.signal }),
      load.ended,
    ]);
  } catch (error) {
    if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
  }
}

/** Partitions of the commands topic that the victim led: where its acknowledged operations stood. */
export function victimPartitions({ topology, victim }: Prepared): ReadonlySet<number> {
  return new Set(
    ledBy(topology, victim.broker).flatMap(({ topic, partition }) =>
      topic === TOPICS.commands ? [partition] : [],
    ),
  );
}

/** Pure over the load's measurements: the recovery split, each part in ms. */
export function recoveryOf(
  load: Pick<Load, 'acks' | 'timeline' | 'atUs'>,
  baseline: Baseline,
  times: FaultTimes,
  partitions: ReadonlySet<number>,
): Recovery {
  const { detectedNs, electedNs } = times.moves;
  const between = (from: bigint, to: bigint): number => Number(to - from) / 1e6;
  const backIn = backInsideSlo(load.timeline(), load.atUs(times.killedNs), sloOf(baseline)).backInMs;
  const reconnect = electedNs === null ? null : reconnectMs(load, electedNs, partitions);
  // The sum of all partitions can look well before the last one takes writes again, or if it never does: then it is not back.
  const writesAgainMs =
    electedNs === null ? 0 : reconnect === null ? null : between(times.killedNs, electedNs) + reconnect;
  return {
    detectMs: detectedNs === null ? null : between(times.killedNs, detectedNs),
    electMs: detectedNs === null || electedNs === null ? null : between(detectedNs, electedNs),
    reconnectMs: reconnect,
    backInsideSloMs: backIn === null || writesAgainMs === null ? null : Math.max(backIn, writesAgainMs),
  };
}

/** From the last election to the moment every partition of the victim had taken a write again; null when one never did. */
function reconnectMs(
  load: Pick<Load, 'acks' | 'atUs'>,
  electedNs: bigint,
  partitions: ReadonlySet<number>,
): number | null {
  const electedUs = load.atUs(electedNs);
  let latestUs = electedUs;
  for (const partition of partitions) {
    const { firstAfterUs } = ackGap(load.acks, electedUs, new Set([partition]));
    if (firstAfterUs === null) return null;
    latestUs = Math.max(latestUs, firstAfterUs);
  }
  return (latestUs - electedUs) / 1000;
}

function observedText({ detectMs, electMs, reconnectMs: reconnect, backInsideSloMs }: Recovery): string {
  const moved =
    detectMs === null || electMs === null
      ? 'leaders not seen to move'
      : `leaders moved ${formatMs(detectMs + electMs)}`;
  const writes =
    detectMs === null || electMs === null || reconnect === null
      ? 'no writes again'
      : `writes again ${formatMs(detectMs + electMs + reconnect)}`;
  return `${moved} · ${writes} · ${backInsideSloMs === null ? 'not back inside SLO' : `inside SLO ${formatMs(backInsideSloMs)}`}`;
}

/** Pure: how much was acknowledged where a loss would show. */
export function coverageOf(
  load: Pick<Load, 'acks' | 'atUs'>,
  killedNs: bigint,
  restoredNs: bigint,
  partitions: ReadonlySet<number>,
): Coverage {
  const killedUs = load.atUs(killedNs);
  return {
    acknowledgedInFaultWindow: countAcks(load.acks, killedUs, load.atUs(restoredNs)),
    acknowledgedJustBeforeOnVictim: countAcks(load.acks, killedUs - 1_000_000, killedUs, partitions),
  };
}
