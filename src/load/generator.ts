import { type HttpClient, openHttp } from '../clients/http/http.ts';
import type { Clock } from '../core/clock.ts';
import type { UpliftError } from '../core/error.ts';
import type { EndEntry, HistoryHeader } from './entries.ts';
import { type HistoryFile, openHistory } from './history.ts';
import { countAcks } from './measure.ts';
import { type OperationRun, openRunner } from './operation.ts';
import { type Schedule, startSchedule } from './schedule.ts';
import { type LoadStats, type LoadSummary, openTally, type Tally } from './tally.ts';
import type { AckTimes, Second } from './timeline.ts';
import { FOLLOW_UP_AFTER_S, planWorkload, type WorkloadOptions } from './workload.ts';

export interface LoadOptions {
  readonly clock: Clock;
  readonly runId: string;
  /** Tag of everything this load writes: `drill-<short run id>` or `load-<…>`. */
  readonly tenant: string;
  readonly gateways: readonly { readonly id: string; readonly url: string }[];
  readonly historyPath: string;
  readonly ratePerS: number;
  /** Absent: until `stop`. */
  readonly durationMs?: number;
  readonly partitions: number;
  readonly seed: number;
  /** Capacity of a resource as the service has it. */
  readonly capacity: number;
  /** Operations between their sending and their end (retries and their pauses included). */
  readonly maxInFlight?: number;
  /** Per gateway. */
  readonly connections?: number;
  /** One attempt. */
  readonly attemptTimeoutMs?: number;
  /** All attempts of an operation together, from its intended time. */
  readonly operationDeadlineMs?: number;
  readonly maxAttempts?: number;
  /** Share of acknowledged operations that are read back. */
  readonly readShare?: number;
  /** What is asked for: see `WorkloadOptions`. */
  readonly mix?: NonNullable<WorkloadOptions['mix']>;
  readonly followUpAfterS?: NonNullable<WorkloadOptions['followUpAfterS']>;
  readonly observer?: (stats: LoadStats) => void;
  /** Tests put a disk that fails here. */
  readonly openFile?: (path: string) => Promise<HistoryFile>;
}

/** A running load. Times are µs since its start; `atUs` places any moment of the same machine among them. */
export interface Load {
  readonly header: HistoryHeader;
  readonly acks: AckTimes;
  nowUs(): number;
  atUs(monoNs: bigint): number;
  stats(): LoadStats;
  /** Whole seconds that are on disk, the running one left out. */
  timeline(): Second[];
  /** Acknowledgements on disk with from ≤ time < to, of these partitions or all. */
  acksBetween(fromUs: number, toUs: number, partitions?: ReadonlySet<number>): number;
  /** Resolves when everything completed so far is counted (it is on disk then). */
  settle(): Promise<void>;
  /** Resolves when the schedule has ended (by duration or `stop`); rejects with UPL-CANNOT-WRITE when the disk failed. */
  readonly ended: Promise<void>;
  /** Ends the schedule, lets what is in flight finish (at most `drainMs`, then it is unknown), seals the history. Throws UPL-CANNOT-WRITE. */
  stop(options?: { readonly drainMs?: number }): Promise<LoadSummary>;
}

/** Defaults that depend on the rate: an outage of some 15 s must fit into what may be in flight. */
function limitsOf(options: LoadOptions) {
  return {
    maxInFlight: options.maxInFlight ?? Math.max(2_000, Math.ceil(options.ratePerS * 20)),
    connections: options.connections ?? Math.min(2_048, Math.max(256, Math.ceil(options.ratePerS))),
    attemptTimeoutMs: options.attemptTimeoutMs ?? 10_000,
    operationDeadlineMs: options.operationDeadlineMs ?? 30_000,
    maxAttempts: options.maxAttempts ?? 4,
    readShare: options.readShare ?? 0.05,
    followUpAfterS: options.followUpAfterS ?? FOLLOW_UP_AFTER_S,
  };
}

/**
 * Starts an open-loop load: operation i is due at i / rate seconds whatever came before, latency counts from that
 * time, and an operation that cannot be sent for want of room is written down as a shortfall, never skipped (no
 * coordinated omission). An acknowledgement counts only once it is in the history on disk. The caller stops it.
 */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const limits = limitsOf(options);
  const startNs = options.clock.monoNs();
  const header = headerOf(options, startNs);
  const nowUs = (): number => Number((options.clock.monoNs() - startNs) / 1000n);
  let onFailed = (_error: UpliftError): void => {};
  const history = await openHistory({
    path: options.historyPath,
    header,
    onFailed: (error) => onFailed(error),
    ...(options.openFile === undefined ? {} : { openFile: options.openFile }),
  });
  const tally = openTally({ ratePerS: options.ratePerS, partitions: options.partitions });
  const http = openHttp({
    origins: options.gateways.map((gateway) => gateway.url),
    connections: limits.connections,
    timeoutMs: limits.attemptTimeoutMs,
    maxWaiting: limits.maxInFlight * 2,
  });
  const runner = openRunner({
    ...limits,
    gateways: options.gateways,
    tenant: options.tenant,
    seed: options.seed,
    http,
    history,
    tally,
    nowUs,
  });
  const workload = planWorkload(options);
  // The file took some ms to open; the schedule starts when it is there.
  const schedule = startSchedule({
    ratePerS: options.ratePerS,
    ...(options.durationMs === undefined ? {} : { durationMs: options.durationMs }),
    startUs: nowUs(),
    nowUs,
    issue: (index, dueUs) => runner.run(workload.at(index), index, dueUs),
  });
  onFailed = (error) => schedule.fail(error);
  const ticker = startTicker(options, tally, () => runner.inFlight(), nowUs);
  return loadOf({ header, startNs, nowUs, history, tally, http, runner, schedule, ticker });
}

function headerOf(options: LoadOptions, startNs: bigint): HistoryHeader {
  return {
    t: 'header',
    v: 1,
    runId: options.runId,
    tenant: options.tenant,
    wallMs: options.clock.nowMs(),
    monoNs: startNs.toString(),
    ratePerS: options.ratePerS,
    partitions: options.partitions,
    seed: options.seed,
    gateways: options.gateways.map(({ id, url }) => ({ id, url })),
  };
}

function startTicker(
  options: LoadOptions,
  tally: Tally,
  inFlight: () => number,
  nowUs: () => number,
): NodeJS.Timeout | undefined {
  const observer = options.observer;
  if (observer === undefined) return undefined;
  return setInterval(() => observer(tally.stats(nowUs(), inFlight())), 1_000);
}

interface Parts {
  readonly header: HistoryHeader;
  readonly startNs: bigint;
  readonly nowUs: () => number;
  readonly history: Awaited<ReturnType<typeof openHistory>>;
  readonly tally: Tally;
  readonly http: HttpClient;
  readonly runner: OperationRun;
  readonly schedule: Schedule;
  readonly ticker: NodeJS.Timeout | undefined;
}

function loadOf(parts: Parts): Load {
  const { header, nowUs, history, tally, runner, schedule } = parts;
  let stopping: Promise<LoadSummary> | undefined;
  return {
    header,
    acks: tally.timeline.acks,
    nowUs,
    atUs: (monoNs) => Number((monoNs - parts.startNs) / 1000n),
    stats: () => tally.stats(nowUs(), runner.inFlight()),
    timeline: () => {
      // Nothing waits for the disk: the seconds until now are final, empty ones of an outage included.
      if (!history.pending()) tally.reached(nowUs());
      return tally.timeline.seconds(tally.horizonUs());
    },
    acksBetween: (fromUs, toUs, partitions) => countAcks(tally.timeline.acks, fromUs, toUs, partitions),
    settle: async () => {
      const atUs = nowUs();
      await history.flush();
      tally.reached(atUs);
    },
    ended: schedule.ended,
    stop: (options) => {
      stopping ??= stopLoad(parts, options?.drainMs ?? 35_000);
      return stopping;
    },
  };
}

async function stopLoad(parts: Parts, drainMs: number): Promise<LoadSummary> {
  const { history, nowUs, runner, schedule, tally } = parts;
  schedule.stop();
  clearInterval(parts.ticker);
  await runner.drain(history.failure() === undefined ? drainMs : 0);
  await parts.http.close();
  const end: EndEntry = await history.close(nowUs());
  tally.reached(end.atUs);
  return tally.summary({
    end,
    header: parts.header,
    planned: schedule.planned(),
    scheduledMs: schedule.scheduledMs(),
  });
}
