import { CAPACITY_PER_RESOURCE } from '../../contract/rules.ts';
import { reasonOf } from '../../core/error.ts';
import type { Json } from '../../core/step.ts';
import { formatCount } from '../../core/units.ts';
import { waitFor } from '../../core/wait.ts';
import type { Load } from '../../load/generator.ts';
import type { Baseline } from '../../load/measure.ts';
import { writeProbeHistory } from '../probe/history.ts';
import { baselineText, measureBaseline, runFor } from './baseline.ts';
import { conclude } from './conclude.ts';
import type { Drill, DrillOptions, DrillPorts, HeldLock, Prepared, Watchdog } from './drill.ts';
import { AFTER_RESTORE_MS } from './duration.ts';
import { type FaultTimes, injectAndObserve } from './fault.ts';
import { planOf, tellLoad } from './live.ts';
import { lookAgain, prepareDrill, requireNothingUnfinished } from './permit.ts';
import { inPhase } from './phase.ts';
import { refusedFor, refusedWhileStopped, requireReady } from './refuse.ts';
import { notRestored, putBack, putBackText, unrecordedOf } from './restore.ts';
import type { DrillResult } from './result.ts';
import { type StopWatch, unlessStopped, watchStop } from './stop-watch.ts';

/**
 * Runs a drill. Whatever happens once the fault was attempted, everything is put back before this returns or throws.
 * Throws UPL-PREFLIGHT-REFUSED (15) with nothing touched, UPL-NOT-RESTORED (16), or what went wrong after restoring.
 */
export async function runDrill(drill: Drill, ports: DrillPorts, options: DrillOptions): Promise<DrillResult> {
  const { journal, progress } = ports;
  await journal.append('drill.started', {
    drill: drill.id,
    region: options.region,
    environment: options.environment,
    ratePerS: options.ratePerS,
    seed: options.seed,
    limits: { ...options.limits },
  });
  const prepared = await prepare(drill, ports, options);
  await journal.append('drill.preflight', {
    findings: prepared.findings as unknown as Json,
    target: prepared.target,
    victim: { ...prepared.victim },
    blast: { ...prepared.blast },
    topology: prepared.topology,
  });
  ports.live?.(planOf(drill, options, prepared, AFTER_RESTORE_MS));
  progress({ phase: 'preflight', state: 'done', text: `${prepared.findings.length} checks pass` });
  const lock = await ports.lock();
  const stop = watchStop(() => ports.permission.stopped(), refusedWhileStopped);
  try {
    // Whoever had the lock until now may have left something broken since the preflight.
    await requireNothingUnfinished(options.journalDir);
    const moved = lookAgain(prepared, options.journalDir);
    // Before the load: its start is work, and must not lie in what is measured.
    const watchdog = await ports.watchdog();
    await journal.append('drill.watched', { pid: watchdog.pid, leaseMs: watchdog.leaseMs });
    return await withLoad(drill, ports, options, {
      ...guardedBy({ ...prepared, moved }, lock, watchdog),
      stop,
    });
  } finally {
    await stop.close();
    await lock.release();
  }
}

/** A session of the lock: whoever does not hold it again by then has lost it. */
const LOCK_SESSION_MS = 10_000;

/** What was prepared, under the lock of the cluster. */
interface Locked extends Prepared {
  readonly held: () => boolean;
  /** Absent: nobody can stop it but a signal. */
  readonly stop?: StopWatch;
}

/** Without the lock, or without a watchdog, the fault must not strike; a watchdog that is lost ends one that did. */
export function guardedBy<P extends Pick<Prepared, 'moved' | 'secondFailure'>>(
  prepared: P,
  lock: Pick<HeldLock, 'held'>,
  watchdog: Pick<Watchdog, 'trouble'>,
  patienceMs = LOCK_SESSION_MS,
): P & Pick<Locked, 'held'> {
  return {
    ...prepared,
    held: () => lock.held(),
    moved: async () =>
      ((await heldAgain(lock, patienceMs)) ? watchdog.trouble() : 'the lock of the cluster was lost') ??
      prepared.moved(),
    secondFailure: async (step) => watchdog.trouble() ?? prepared.secondFailure(step),
  };
}

/** A lock is not held for a moment whenever somebody else asks for it; nothing strikes yet, so that is waited for. */
async function heldAgain(lock: Pick<HeldLock, 'held'>, patienceMs: number): Promise<boolean> {
  const wait = { what: 'the lock held', timeoutMs: patienceMs, intervalMs: 20 };
  return waitFor(async () => lock.held(), wait).catch(() => false);
}

async function withLoad(
  drill: Drill,
  ports: DrillPorts,
  options: DrillOptions,
  prepared: Locked,
): Promise<DrillResult> {
  const load = await startDrillLoad(ports, options, prepared);
  const silence = tellLoad(load, ports.live);
  try {
    await startProbe(prepared);
    return await underLoad(drill, ports, options, prepared, load);
  } catch (error) {
    await keepProbe(prepared, options);
    throw error;
  } finally {
    silence();
    await prepared.probe?.close({ keep: options.keepProbe === true });
    // A second stop answers the first one's summary; a load that failed has said so already.
    await load.stop({ drainMs: 0 }).catch(() => undefined);
  }
}

/** What the drill would do, with everything looked at and nothing touched. Throws UPL-PREFLIGHT-REFUSED, UPL-DRILL-UNFINISHED. */
async function prepare(drill: Drill, ports: DrillPorts, options: DrillOptions): Promise<Prepared> {
  await requireNothingUnfinished(options.journalDir);
  return requireReady(await prepareDrill(drill, ports, options), options.limits.maxShare);
}

/** A store that cannot be written to before the fault says nothing after it. Throws UPL-PREFLIGHT-REFUSED. */
async function startProbe({ probe }: Prepared): Promise<void> {
  await probe?.start().catch((error: unknown) => {
    throw refusedFor(`${probe.store} takes no writes of the probe (${reasonOf(error)})`);
  });
}

/** A run that fails leaves what its probe wrote as evidence, as it leaves the load's history. Its own failure is what counts. */
async function keepProbe({ probe }: Prepared, { folder }: DrillOptions): Promise<void> {
  if (probe === undefined || probe.writes().length === 0) return;
  try {
    await probe.stop();
    await writeProbeHistory(folder.probe, probe.writes());
  } catch {
    // On a full disk there is none, and after the verdict it stands there already.
  }
}

function startDrillLoad(ports: DrillPorts, options: DrillOptions, prepared: Prepared): Promise<Load> {
  return ports.startLoad({
    clock: ports.clock,
    runId: options.runId,
    tenant: `drill-${options.runId.slice(-12)}`,
    gateways: options.gateways,
    historyPath: options.folder.history,
    ratePerS: options.ratePerS,
    partitions: prepared.commandPartitions,
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
  drill: Drill,
  ports: DrillPorts,
  options: DrillOptions,
  prepared: Locked,
  load: Load,
): Promise<DrillResult> {
  const { journal, progress } = ports;
  await journal.append('load.started', {
    tenant: load.header.tenant,
    monoNs: load.header.monoNs,
    history: 'history.ndjson',
  });
  const baseline = await inPhase(journal, 'baseline', () =>
    unlessStopped(prepared.stop, ports.signal, (signal) =>
      measureBaseline(load, options.baselineMs, options.ratePerS, signal),
    ),
  );
  await journal.append('drill.baseline', { ...baseline });
  progress({ phase: 'baseline', state: 'done', text: baselineText(baseline) });
  const struck = await strikeAndPutBack(ports, options, { prepared, load, baseline });
  await inPhase(journal, 'after', () => runFor(load, AFTER_RESTORE_MS, ports.signal));
  return conclude(drill, ports, options, { prepared, load, baseline, ...struck });
}

interface Struck {
  readonly times: FaultTimes;
  readonly restoredNs: bigint;
}

/** From the fault to the end of the restore. Throws what went wrong only after everything was put back. */
export async function strikeAndPutBack(
  ports: DrillPorts,
  options: DrillOptions,
  run: { readonly prepared: Locked; readonly load: Load; readonly baseline: Baseline },
): Promise<Struck> {
  const { journal, progress, clock } = ports;
  const context = {
    ...ports.context,
    onRestore: (text: string) => progress({ phase: 'restore', state: 'running', text }),
  };
  let times: FaultTimes | undefined;
  let failure: unknown;
  try {
    times = await inPhase(journal, 'fault', () =>
      injectAndObserve({ ...ports, context }, options, {
        ...run,
        held: run.prepared.held,
        stop: run.prepared.stop,
      }),
    );
    await journal.append('drill.observed', {
      faultNs: times.faultNs.toString(),
      faultAtMs: times.faultAtMs,
      detectedNs: textOf(times.moments.detectedNs),
      electedNs: textOf(times.moments.electedNs),
      aborted: times.aborted === undefined ? null : { ...times.aborted },
    });
  } catch (error) {
    failure = error;
  }
  const back = await inPhase(journal, 'restore', () =>
    putBack({ journal, journalPath: options.folder.journal, context }),
  ).catch((error: unknown) => {
    // Whatever was begun may still stand: nothing is known to be back.
    const reason = `what has to be undone is not known: ${reasonOf(error)}`;
    throw notRestored(options.runId, [reason], failure ?? error);
  });
  const left = back.failed.map(({ pending, error }) => `${pending.describe}: ${reasonOf(error)}`);
  if (left.length > 0) throw notRestored(options.runId, left, failure ?? back.failed[0]?.error);
  progress({ phase: 'restore', state: 'done', text: putBackText(back, clock.monoNs()) });
  const unrecorded = unrecordedOf(options.runId, back);
  if (unrecorded !== undefined) throw unrecorded;
  if (times === undefined || failure !== undefined) throw failure;
  return { times, restoredNs: clock.monoNs() };
}

function textOf(value: bigint | null): string | null {
  return value === null ? null : value.toString();
}
