import { CAPACITY_PER_RESOURCE } from '../../contract/rules.ts';
import { UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Json } from '../../core/step.ts';
import { formatCount, formatMs } from '../../core/units.ts';
import type { Load } from '../../load/generator.ts';
import type { Baseline } from '../../load/measure.ts';
import { processPooler } from '../actuators/pooler-process.ts';
import { processPostgres } from '../actuators/postgres-process.ts';
import { examine } from '../examine.ts';
import { judgeEvidence } from '../judge.ts';
import { type PutBack, putBack, unrecordedOf } from '../restore.ts';
import { remainingDifferences } from '../settle.ts';
import type { DrillStepContext } from '../steps.ts';
import { baselineText, measureBaseline, runFor } from './baseline.ts';
import { coverageOf, type FaultTimes, injectAndObserve, recoveryOf, victimPartitions } from './fault.ts';
import { type Prepared, prepare } from './prepare.ts';
import { type BrokerLossOptions, type BrokerLossPorts, type BrokerLossResult, DRILL_ID } from './types.ts';

/** The load goes on this long after leadership was given back: a loss at the election would show. */
const AFTER_ELECTION_MS = 4000;

/**
 * Runs the drill. Whatever happens once the kill was attempted, everything is put back before this returns or throws.
 * Throws UPL-PREFLIGHT-REFUSED (15) with nothing touched, UPL-NOT-RESTORED (16), or what went wrong after restoring.
 */
export async function runBrokerLoss(
  ports: BrokerLossPorts,
  options: BrokerLossOptions,
): Promise<BrokerLossResult> {
  const { journal, progress } = ports;
  await journal.append('drill.started', {
    drill: DRILL_ID,
    region: options.region,
    environment: options.environment,
    ratePerS: options.ratePerS,
    seed: options.seed,
  });
  const prepared = await prepare(ports, options);
  await journal.append('drill.preflight', {
    findings: prepared.findings as unknown as Json,
    victim: { ...prepared.victim },
    topology: prepared.topology as unknown as Json,
  });
  progress({ phase: 'preflight', state: 'done', text: `${prepared.findings.length} checks pass` });
  const load = await startDrillLoad(ports, options, prepared);
  try {
    return await underLoad(ports, options, prepared, load);
  } finally {
    // A second stop answers the first one's summary; a load that failed has said so already.
    await load.stop({ drainMs: 0 }).catch(() => undefined);
  }
}

function startDrillLoad(
  ports: BrokerLossPorts,
  options: BrokerLossOptions,
  { topology }: Prepared,
): Promise<Load> {
  const partitions = topology.partitions.filter(({ topic }) => topic === 'reservations.commands').length;
  return ports.startLoad({
    clock: ports.clock,
    runId: options.runId,
    tenant: `drill-${options.runId.slice(-12)}`,
    gateways: options.gateways,
    historyPath: options.folder.history,
    ratePerS: options.ratePerS,
    partitions,
    seed: options.seed,
    capacity: CAPACITY_PER_RESOURCE,
    observer: (stats) => {
      const failing = stats.failuresPerS > 0 ? ` · ${stats.failuresPerS} failing/s` : '';
      ports.progress({
        phase: 'load',
        state: 'running',
        text: `${formatCount(stats.acknowledged)} acknowledged · ${stats.ackPerS} op/s${failing} · ${stats.inFlight} in flight`,
      });
    },
  });
}

async function underLoad(
  ports: BrokerLossPorts,
  options: BrokerLossOptions,
  prepared: Prepared,
  load: Load,
): Promise<BrokerLossResult> {
  const { journal, progress } = ports;
  await journal.append('load.started', {
    tenant: load.header.tenant,
    monoNs: load.header.monoNs,
    history: 'history.ndjson',
  });
  const baseline = await measureBaseline(load, options.baselineMs, options.ratePerS, ports.signal);
  await journal.append('drill.baseline', { ...baseline });
  progress({ phase: 'baseline', state: 'done', text: baselineText(baseline) });
  const context: DrillStepContext = {
    cluster: ports.cluster,
    topics: ports.topics,
    actuatorOf: ports.actuatorOf,
    postgresOf: processPostgres,
    poolerOf: processPooler,
    monoNs: () => ports.clock.monoNs(),
    onRestore: (text) => progress({ phase: 'restore', state: 'running', text }),
  };
  let times: FaultTimes | undefined;
  let failure: unknown;
  try {
    times = await injectAndObserve(ports, options, context, { prepared, load, baseline });
    await journal.append('drill.observed', {
      killedNs: times.killedNs.toString(),
      killedAtMs: times.killedAtMs,
      detectedNs: textOf(times.moves.detectedNs),
      electedNs: textOf(times.moves.electedNs),
    });
  } catch (error) {
    failure = error;
  }
  const back = await putBack({ journal, journalPath: options.folder.journal, context });
  if (back.failed.length > 0) throw notRestored(options.runId, back, failure);
  progress({ phase: 'restore', state: 'done', text: restoreText(ports, back) });
  const unrecorded = unrecordedOf(options.runId, back);
  if (unrecorded !== undefined) throw unrecorded;
  if (times === undefined) throw failure;
  const restoredNs = ports.clock.monoNs();
  await runFor(load, AFTER_ELECTION_MS, ports.signal);
  return conclude(ports, options, { prepared, load, baseline, times, restoredNs, back });
}

interface Concluding {
  readonly prepared: Prepared;
  readonly load: Load;
  readonly baseline: Baseline;
  readonly times: FaultTimes;
  readonly restoredNs: bigint;
  readonly back: PutBack;
}

async function conclude(
  ports: BrokerLossPorts,
  options: BrokerLossOptions,
  run: Concluding,
): Promise<BrokerLossResult> {
  const { prepared, load, baseline, times, restoredNs } = run;
  const summary = await load.stop();
  const text = `${formatCount(summary.acknowledged)} acknowledged in ${formatMs(summary.scheduledMs)} · p99 ${summary.p99Ms === null ? '–' : formatMs(summary.p99Ms)}`;
  ports.progress({ phase: 'load', state: 'done', text });
  ports.progress({ phase: 'final reads', state: 'running', text: 'logs, Postgres servers, API' });
  const examined = await examine(ports, {
    history: options.folder.history,
    gateways: options.gateways.map(({ url }) => url),
    timeoutMs: options.timeoutMs,
  });
  const { partitions, servers, api } = examined.counts;
  ports.progress({
    phase: 'final reads',
    state: 'done',
    text: `${partitions} partitions to their end · ${servers} Postgres servers · ${formatCount(api)} operations by API`,
  });
  const topologyDiff = await remainingDifferences(ports, prepared.topology);
  const onVictim = victimPartitions(prepared);
  const recovery = recoveryOf(load, baseline, times, onVictim);
  const coverage = coverageOf(load, times.killedNs, restoredNs, onVictim);
  const { judgement, proof, troubles } = examined;
  const bad = judgement.verdict === 'fail';
  const missing = [
    ...(bad ? [] : judgement.reasons),
    ...troubles,
    ...(summary.truncated ? ['more acknowledgements than are kept one by one'] : []),
  ];
  const judged = judgeEvidence({
    broken: bad ? judgement.reasons : [],
    missing,
    coverage,
    recovery,
    recoveryTargetMs: options.recoveryTargetMs,
  });
  const result: BrokerLossResult = {
    drill: DRILL_ID,
    runId: options.runId,
    region: options.region,
    environment: options.environment,
    clusterId: prepared.topology.clusterId,
    execution: 'completed',
    ...judged,
    restored: topologyDiff.length === 0 ? 'restored' : 'notRestored',
    victim: prepared.victim,
    preflight: prepared.findings,
    baseline,
    killedAtMs: times.killedAtMs,
    recovery,
    recoveryTargetMs: options.recoveryTargetMs,
    restoredInMs: Number(restoredNs - times.killedNs) / 1e6,
    explanations: prepared.explanations,
    coverage,
    judgement,
    proof,
    topologyDiff,
    finalReads: examined.counts,
    history: { path: 'history.ndjson', sha256: summary.sha256 },
  };
  await ports.journal.append('drill.result', JSON.parse(JSON.stringify(result, bigintAsText)) as Json);
  return result;
}

/** JSON has no 64-bit integers: offsets are decimal strings in a record. */
export function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

function textOf(value: bigint | null): string | null {
  return value === null ? null : value.toString();
}

function restoreText(ports: BrokerLossPorts, back: PutBack): string {
  const since = formatMs(Number(ports.clock.monoNs() - back.startedNs) / 1e6);
  return `everything back after ${since} · ISR full · leaders as before · topology diff empty`;
}

function notRestored(runId: string, back: PutBack, failure: unknown): UpliftError {
  const reasons = back.failed.map(
    ({ pending, error }) => `${pending.describe}: ${error instanceof Error ? error.message : String(error)}`,
  );
  return new UpliftError('UPL-NOT-RESTORED', {
    message: `NOT RESTORED: ${reasons.join('; ')}`,
    next: `uplift drill recover ${runId}`,
    cause: failure ?? back.failed[0]?.error,
    exit: EXIT.notRestored,
  });
}
