import { reasonOf } from '../../core/error.ts';
import type { Json } from '../../core/step.ts';
import { formatCount, formatMs } from '../../core/units.ts';
import { waitFor } from '../../core/wait.ts';
import type { Load } from '../../load/generator.ts';
import type { Baseline } from '../../load/measure.ts';
import type { LoadSummary } from '../../load/tally.ts';
import { appendLong } from '../../record/long-body.ts';
import { writeProbeHistory } from '../probe/history.ts';
import { type ProbeReport, probeVerdict, reportOf } from '../probe/judge.ts';
import type { Drill, DrillOptions, DrillPorts, Prepared } from './drill.ts';
import { type Examined, examine } from './examine.ts';
import type { FaultTimes } from './fault.ts';
import type { Abort } from './guard.ts';
import { type Judged, judgeEvidence, type Observation } from './judge.ts';
import { coverageOf, interruptionOf } from './recovery.ts';
import { type DrillResult, RESULT_KIND } from './result.ts';

export interface Concluding {
  readonly prepared: Prepared;
  readonly load: Load;
  readonly baseline: Baseline;
  readonly times: FaultTimes;
  readonly restoredNs: bigint;
}

/** Ends the load, reads everything, judges, and journals the result. */
export async function conclude(
  drill: Drill,
  ports: DrillPorts,
  options: DrillOptions,
  run: Concluding,
): Promise<DrillResult> {
  const { prepared, load, baseline, times, restoredNs } = run;
  const summary = await load.stop();
  const p99 = summary.p99Ms === null ? '–' : formatMs(summary.p99Ms);
  const text = `${formatCount(summary.acknowledged)} acknowledged in ${formatMs(summary.scheduledMs)} · p99 ${p99}`;
  ports.progress({ phase: 'load', state: 'done', text });
  const probe = await readProbe(ports, options, run);
  const examined = await readEverything(ports, options);
  const topologyDiff = await lookAtDifferences(prepared);
  // What was seen before the restore began: that it healed everything says nothing of the platform.
  const { seen: recovery, observation } = times;
  const span = { faultNs: times.faultNs, endNs: restoredNs };
  const coverage = coverageOf(load, times.faultNs, restoredNs, prepared.partitions);
  const result: DrillResult = {
    drill: drill.id,
    runId: options.runId,
    region: options.region,
    environment: options.environment,
    target: prepared.target,
    execution: times.aborted === undefined ? 'completed' : 'aborted',
    ...judgeRun({
      ...{ ...run, examined, probe, summary, coverage, recovery, observation, options },
      aborted: times.aborted,
    }),
    restored: topologyDiff.length === 0 ? 'restored' : 'notRestored',
    victim: prepared.victim,
    blast: prepared.blast,
    fault: prepared.fault,
    preflight: prepared.findings,
    baseline,
    faultAtMs: times.faultAtMs,
    recovery,
    interruption: interruptionOf(load, span, prepared.partitions, recovery),
    recoveryTargetMs: options.recoveryTargetMs,
    restoredInMs: Number(restoredNs - times.faultNs) / 1e6,
    expected: prepared.expected,
    coverage,
    judgement: examined.judgement,
    proof: examined.proof,
    ...(probe === undefined ? {} : { probe }),
    topologyDiff,
    finalReads: examined.counts,
    history: { path: 'history.ndjson', sha256: summary.sha256 },
  };
  await appendLong(ports.journal, RESULT_KIND, JSON.parse(JSON.stringify(result, bigintAsText)) as Json);
  return result;
}

const DIFFERENCES_MS = 15_000;

/**
 * What is not as it was. A look that fails is tried again; one that fails for long is a difference itself, for nothing
 * is known to be back. Never throws: what was measured so far must not be lost with it. No signal ends it.
 */
export async function lookAtDifferences(
  { target, differences }: Pick<Prepared, 'target' | 'differences'>,
  timeoutMs = DIFFERENCES_MS,
): Promise<readonly string[]> {
  try {
    return await waitFor(differences, { what: 'looked at again', timeoutMs, intervalMs: 500 });
  } catch (error) {
    return [`${target} could not be looked at: ${reasonOf(error)}`];
  }
}

/** Ends the store probe, if there is one, and reads back what it wrote. */
async function readProbe(
  { progress }: Pick<DrillPorts, 'progress'>,
  { folder }: Pick<DrillOptions, 'folder'>,
  { prepared: { probe }, times: { faultNs }, restoredNs }: Concluding,
): Promise<DrillResult['probe']> {
  if (probe === undefined) return undefined;
  await probe.stop();
  const sha256 = await writeProbeHistory(folder.probe, probe.writes());
  const reads = await probe.read().catch((error: unknown) => ({
    places: [],
    unread: [`the probe in ${probe.store} could not be read: ${reasonOf(error)}`],
  }));
  const report = reportOf(probe, { writes: probe.writes(), reads, faultNs, restoredNs });
  const text = `${probe.store}: ${formatCount(report.acknowledged)} acknowledged, ${formatCount(report.lostCount)} lost, read back from ${report.places} places`;
  progress({ phase: 'store probe', state: 'done', text });
  return { ...report, history: { path: 'probe.ndjson', sha256 } };
}

async function readEverything(ports: DrillPorts, options: DrillOptions): Promise<Examined> {
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
  return examined;
}

/** Pure: what service, store probe, coverage and recovery say together. A loss by the store alone deviates as well. */
export function judgeRun(run: {
  readonly prepared: Pick<Prepared, 'coverageNeeded'>;
  readonly examined: Pick<Examined, 'troubles'> & {
    readonly judgement: Pick<Examined['judgement'], 'verdict' | 'reasons'>;
  };
  readonly probe: ProbeReport | undefined;
  readonly summary: Pick<LoadSummary, 'truncated'>;
  readonly coverage: DrillResult['coverage'];
  readonly recovery: DrillResult['recovery'];
  readonly observation: Observation;
  readonly aborted: Abort | undefined;
  readonly options: Pick<DrillOptions, 'recoveryTargetMs'>;
}): Judged {
  const { judgement, troubles } = run.examined;
  const bad = judgement.verdict === 'fail';
  const probed = run.probe === undefined ? { broken: [], missing: [] } : probeVerdict(run.probe);
  const ended = run.aborted === undefined ? [] : [`ended before its time: ${run.aborted.why}`];
  const missing = [
    ...(run.aborted?.deviated === true ? [] : ended),
    ...(bad ? [] : judgement.reasons),
    ...troubles,
    ...probed.missing,
    ...(run.summary.truncated ? ['more acknowledgements than are kept one by one'] : []),
  ];
  return judgeEvidence({
    broken: [
      ...(bad ? judgement.reasons : []),
      ...probed.broken,
      ...(run.aborted?.deviated === true ? ended : []),
    ],
    missing,
    coverage: run.coverage,
    coverageNeeded: run.prepared.coverageNeeded,
    recovery: run.recovery,
    observation: run.observation,
    recoveryTargetMs: run.options.recoveryTargetMs,
  });
}

/** JSON has no 64-bit integers: offsets are decimal strings in a record. */
function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
