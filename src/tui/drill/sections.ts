import type { LivePart } from '../../core/live.ts';
import { formatCount, formatMs } from '../../core/units.ts';
import { padEnd, padStart } from '../../output/letters.ts';
import { type Line, type Span, span } from '../line.ts';
import { spark } from '../spark.ts';
import { type DrillView, SECONDS_KEPT } from './model.ts';
import { KEEP, LABEL, labelled, type Screen } from './parts.ts';

/** Pure: the load as it is now, and its last minute. */
export function loadLines(view: DrillView, screen: Screen): Line[] {
  const pieces = view.loadEnded === undefined ? nowPieces(view, screen) : [span(`ended: ${view.loadEnded}`)];
  if (pieces.length === 0) return [];
  const load = labelled('load', pieces, { columns: screen.columns, first: KEEP.load, others: KEEP.more });
  return [...load, ...lastMinute(view, screen)];
}

/** Older than that, the last second says so: the disk is behind, or nothing comes back. */
const STALE_MS = 2500;
/** From this width on everything of the load fits on one line. */
const ROOM_FOR_ALL = 96;

function nowPieces({ load, seconds }: DrillView, { columns }: Screen): Span[] {
  if (load === undefined) return [];
  const last = seconds.at(-1);
  const failing = last?.failing ?? 0;
  return [
    span(`${formatCount(last?.ok ?? 0)}/s acknowledged`, 'strong'),
    span(`${formatCount(failing)}/s failing`, failing > 0 ? 'bad' : 'plain'),
    span(load.p99Ms === null ? 'p99 –' : `p99 ${formatMs(load.p99Ms)}`),
    span(`${formatCount(load.inFlight)} in flight`),
    ...(load.ageMs < STALE_MS ? [] : [span(`${formatMs(load.ageMs)} ago`, 'warn')]),
    ...(columns < ROOM_FOR_ALL ? [] : [span(`${formatCount(load.acknowledged)} in all`)]),
  ];
}

/** One letter a second, the newest at the right: how many were acknowledged, and in which some failed. */
function lastMinute({ seconds, plan }: DrillView, { columns, unicode }: Screen): Line[] {
  const shown = seconds.slice(-Math.max(0, Math.min(SECONDS_KEPT, columns - LABEL)));
  if (shown.length === 0) return [];
  const full = Math.max(plan?.ratePerS ?? 0, ...shown.map(({ ok }) => ok));
  const rate = spark(
    shown.map(({ ok }) => ok),
    full,
    unicode,
  );
  const label = (text: string): Span => span(padEnd(text, LABEL));
  const lines: Line[] = [{ spans: [label(`last ${shown.length} s`), span(rate)], keep: KEEP.rate }];
  if (!shown.some(({ failing }) => failing > 0)) return lines;
  const marks = shown.map(({ failing }) => (failing > 0 ? '!' : ' ')).join('');
  return [...lines, { spans: [label('  failing'), span(marks, 'bad')], keep: KEEP.failing }];
}

/** Pure: who leads, where the drill can tell; after the fault nobody looks any more. */
export function leaderLines({ phase, seen }: DrillView): Line[] {
  if (phase !== 'fault' || seen?.leaders === undefined) return [];
  const { text, waits } = seen.leaders;
  const mark = waits ? span('! ', 'warn') : span('');
  return [{ spans: [span(padEnd('leaders', LABEL)), mark, span(text)], keep: KEEP.leaders }];
}

const MEASURED = 9;

/** Pure: each part of the recovery beside what explains it, from the moment of the fault. */
export function recoveryLines(view: DrillView, { columns }: Screen): Line[] {
  const { plan, seen } = view;
  if (plan === undefined || seen === undefined || plan.parts.length === 0) return [];
  const width = Math.max(LABEL, ...plan.parts.map(({ name }) => name.length + 2));
  return plan.parts.map((part, at) => {
    const ms = measuredOf(view, part);
    const late = ms !== null && part.id === 'slo' && ms > plan.recoveryTargetMs;
    const measured = padStart(ms === null ? missingText(view, part) : formatMs(ms), MEASURED);
    const beside = columns < 60 ? '' : `   ${besideText(part, plan.recoveryTargetMs)}`;
    return {
      spans: [
        span(padEnd(part.name, width)),
        span(measured, ms === null ? 'dim' : late ? 'bad' : 'good'),
        span(`${late ? ' late' : ''}${beside}`, 'dim'),
      ],
      keep: KEEP.recovery - at / 10,
    };
  });
}

function measuredOf({ seen, restoredInMs }: DrillView, { id }: LivePart): number | null {
  return (id === 'restored' ? restoredInMs : seen?.parts[id]) ?? null;
}

/** What was not seen by the end of the fault will not be seen any more. */
function missingText({ phases }: DrillView, { id }: LivePart): string {
  const { mark } = id === 'restored' ? phases.restore : phases.fault;
  return mark === 'running' || mark === 'waiting' ? 'not yet' : 'not seen';
}

function besideText({ id, by, expectedMs }: LivePart, targetMs: number): string {
  if (id === 'slo') return `target ≤ ${formatMs(targetMs)}: ${by}`;
  return expectedMs === null ? by : `expected ${formatMs(expectedMs)}: ${by}`;
}
