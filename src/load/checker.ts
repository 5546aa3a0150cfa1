import { findOversold } from './checker-capacity.ts';
import { findDuplicates, findFalseRepeats, findPhantoms, findRepeated } from './checker-effects.ts';
import { type EventHistory, eventsOf } from './checker-events.ts';
import { type Trace, traceEvent } from './checker-hops.ts';
import { findOutOfOrder } from './checker-order.ts';
import { findProjected } from './checker-projection.ts';
import { judgeReads } from './checker-reads.ts';
import { sequenceOf } from './checker-sequence.ts';
import type { Ends, JudgeInput, Judgement } from './verdicts.ts';

/**
 * Judges a history against the final reads. Pure. An acknowledged command that is not where it must be is *lost*, and
 * the hop is named; what may or may not have happened is *unknown* and never counted as lost or kept. Anything that
 * could not be looked at makes the verdict inconclusive, unless something is proved wrong: fail > inconclusive > pass.
 */
export function judge(input: JudgeInput): Judgement {
  const events = eventsOf(input.ops);
  const acknowledged = [...events.values()].filter((event) => event.state === 'acknowledged');
  const traces = acknowledged.map((event) => traceEvent(event, input.finalReads));
  const sequence = sequenceOf(input.finalReads);
  const { oversold, unknown: withoutCapacity } = findOversold(input.finalReads, sequence, input.capacityOf);
  const lost = traces.flatMap((trace) => trace.lost ?? []);
  const phantoms = findPhantoms(events, input.finalReads);
  const results = {
    lost,
    moved: traces.flatMap((trace) => trace.moved),
    duplicates: findDuplicates(events, input.finalReads, input.reads),
    repeated: findRepeated(input.finalReads),
    replayed: input.finalReads.events?.replayed ?? 0,
    phantoms,
    oversold,
    outOfOrder: [...findOutOfOrder(events, input.finalReads), ...sequence.broken],
    disagreements: [...traces.flatMap((trace) => trace.disagreements), ...findFalseRepeats(input.finalReads)],
    projected: findProjected(input.finalReads, sequence, lost),
    ...judgeReads(events, input.reads),
  };
  // Without its end a history may miss the last invocations: an unexpected effect proves nothing then.
  const provenPhantoms = phantoms.filter((phantom) => input.historyComplete || phantom.why === 'refused');
  const failures = failuresOf({ ...results, phantoms: provenPhantoms });
  const open = [
    ...openOf(input, acknowledged.length, traces),
    ...withoutCapacity.map((resource) => `the capacity of ${resource} is not known`),
  ];
  return {
    verdict: verdictOf(failures, open),
    reasons: [...failures, ...open],
    invoked: events.size,
    acknowledged: acknowledged.length,
    ...countUnacknowledged(events, input),
    ends: endsOf(traces),
    ...results,
  };
}

function verdictOf(failures: readonly string[], open: readonly string[]): Judgement['verdict'] {
  if (failures.length > 0) return 'fail';
  return open.length > 0 ? 'inconclusive' : 'pass';
}

function failuresOf(
  results: Pick<
    Judgement,
    'lost' | 'duplicates' | 'phantoms' | 'oversold' | 'outOfOrder' | 'disagreements' | 'projected'
  >,
): string[] {
  const counted: readonly (readonly [number, string])[] = [
    [results.lost.length, 'acknowledged operations lost'],
    [results.duplicates.length, 'duplicated effects'],
    [results.phantoms.length, 'effects nobody asked for or that were refused'],
    [results.oversold.length, 'resources oversold'],
    [results.outOfOrder.length, 'pairs out of order'],
    [results.disagreements.length, 'contradictions between sources'],
    [results.projected.length, 'rows that differ from the log'],
  ];
  return counted.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}

function openOf(input: JudgeInput, acknowledged: number, traces: readonly Trace[]): string[] {
  const { finalReads: reads } = input;
  const open = new Set<string>();
  if (acknowledged === 0) open.add('nothing was acknowledged');
  if (!input.historyComplete) open.add('the history has no valid end');
  // Named even when no operation got that far.
  if (reads.commands === null) open.add('the commands log was not read');
  if (reads.events === null) open.add('the events log was not read');
  for (const name of [reads.servers.writer, ...reads.servers.replicas]) {
    if (!reads.postgres.has(name)) open.add(`Postgres ${name} was not read`);
  }
  if (reads.api === null) open.add('the API was not read');
  else if (reads.api.sampled && reads.api.answers.size === 0) open.add('the API was asked for no operation');
  for (const trace of traces) for (const why of trace.open) open.add(why);
  return [...open];
}

function endsOf(traces: readonly Trace[]): Ends {
  const ends = { accepted: 0, rejected: 0, deadLettered: 0, lost: 0, unknown: 0 };
  for (const trace of traces) ends[trace.end] += 1;
  return ends;
}

function countUnacknowledged(
  events: ReadonlyMap<string, EventHistory>,
  input: JudgeInput,
): Pick<Judgement, 'unknown' | 'unknownFound' | 'refused'> {
  const counts = { unknown: 0, unknownFound: 0, refused: 0 };
  for (const event of events.values()) {
    if (event.state === 'refused') counts.refused += 1;
    if (event.state !== 'unknown') continue;
    counts.unknown += 1;
    const { commands, events: log } = input.finalReads;
    if (commands?.positions.has(event.eventId) === true || log?.decisions.has(event.eventId) === true)
      counts.unknownFound += 1;
  }
  return counts;
}
