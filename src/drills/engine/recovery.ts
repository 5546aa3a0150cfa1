import { formatMs } from '../../core/units.ts';
import type { Load } from '../../load/generator.ts';
import {
  ackGap,
  type Baseline,
  backInsideSlo,
  countAcks,
  errorWindow,
  longestGap,
  notBackBeforeMs,
} from '../../load/measure.ts';
import { sloOf } from './baseline.ts';
import type { FaultTimes } from './fault.ts';
import type { Coverage, Observation, Recovery } from './judge.ts';
import type { Interruption } from './result.ts';

type Measured = Pick<Load, 'acks' | 'timeline' | 'atUs'>;
type Partitions = ReadonlySet<number> | undefined;

/** Pure over the load's measurements: the recovery split, each part in ms. */
export function recoveryOf(
  load: Measured,
  baseline: Baseline,
  { faultNs, moments }: Pick<FaultTimes, 'faultNs' | 'moments'>,
  partitions: Partitions,
): Recovery {
  const { detectedNs, electedNs, reconnectedNs, freshNs } = moments;
  const between = (from: bigint, to: bigint): number => Number(to - from) / 1e6;
  const fromNs = moments.struckNs ?? faultNs;
  const backIn = backInsideSlo(load.timeline(), load.atUs(fromNs), sloOf(baseline)).backInMs;
  const reconnect =
    electedNs === null || reconnectedNs === null
      ? null
      : reconnectedNs === undefined
        ? reconnectMs(load, electedNs, partitions ?? new Set())
        : between(electedNs, reconnectedNs);
  // The sum of all partitions can look well before the last one takes writes again, or if it never does: then it is not back.
  const writesAgainMs =
    electedNs === null
      ? reconnectedNs === null || partitions !== undefined
        ? null
        : 0
      : reconnect === null
        ? null
        : between(fromNs, electedNs) + reconnect;
  return {
    detectMs: detectedNs === null ? null : between(faultNs, detectedNs),
    // Where nobody had to notice anything (a planned handover), electing begins with the fault.
    electMs: electedNs === null ? null : between(detectedNs ?? fromNs, electedNs),
    reconnectMs: reconnect,
    ...(freshNs === undefined ? {} : { freshMs: freshNs === null ? null : between(faultNs, freshNs) }),
    backInsideSloMs: backIn === null || writesAgainMs === null ? null : Math.max(backIn, writesAgainMs),
  };
}

/** Pure: how long a fault was looked at, and how much of that the load was outside its SLO for certain. */
export function observationOf(
  load: Pick<Load, 'timeline' | 'atUs'>,
  baseline: Baseline,
  { faultNs, moments }: Pick<FaultTimes, 'faultNs' | 'moments'>,
  endedNs: bigint,
): Observation {
  const fromNs = moments.struckNs ?? faultNs;
  return {
    lastedMs: Number(endedNs - fromNs) / 1e6,
    outsideMs: notBackBeforeMs(load.timeline(), load.atUs(fromNs), sloOf(baseline)),
  };
}

/** From the last election to the moment every struck partition had taken a write again; null when one never did. */
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

/** Pure: the parts of a recovery in one line. */
export function observedText(recovery: Recovery): string {
  const { detectMs, electMs, reconnectMs: reconnect, freshMs, backInsideSloMs } = recovery;
  const inside = backInsideSloMs === null ? 'not back inside SLO' : `inside SLO ${formatMs(backInsideSloMs)}`;
  if (freshMs !== undefined)
    return `${freshMs === null ? 'reads not fresh again' : `reads fresh ${formatMs(freshMs)}`} · ${inside}`;
  const movedMs = electMs === null ? null : (detectMs ?? 0) + electMs;
  const moved = movedMs === null ? 'leaders not seen to move' : `leaders moved ${formatMs(movedMs)}`;
  const writes =
    movedMs === null || reconnect === null
      ? 'no writes again'
      : `writes again ${formatMs(movedMs + reconnect)}`;
  return `${moved} · ${writes} · ${inside}`;
}

/** Pure: the three times that are told together. */
export function interruptionOf(
  load: Measured,
  { faultNs, endNs }: { readonly faultNs: bigint; readonly endNs: bigint },
  partitions: Partitions,
  recovery: Recovery,
): Interruption {
  const faultUs = load.atUs(faultNs);
  return {
    acknowledgementGapMs: longestGap(load.acks, faultUs, load.atUs(endNs), partitions).gapMs,
    errorWindowMs: errorWindow(load.timeline(), faultUs, { cleanSeconds: 3 })?.windowMs ?? null,
    backInsideSloMs: recovery.backInsideSloMs,
  };
}

/** Pure: how much was acknowledged where a loss would show. */
export function coverageOf(
  load: Pick<Load, 'acks' | 'atUs'>,
  faultNs: bigint,
  restoredNs: bigint,
  partitions: Partitions,
): Coverage {
  const faultUs = load.atUs(faultNs);
  return {
    acknowledgedInFaultWindow: countAcks(load.acks, faultUs, load.atUs(restoredNs)),
    acknowledgedJustBeforeOnVictim: countAcks(load.acks, faultUs - 1_000_000, faultUs, partitions),
  };
}
