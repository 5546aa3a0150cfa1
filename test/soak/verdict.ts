import { EXIT, type ExitCode } from '../../src/core/exit.ts';
import type { JudgedLives } from './judge.ts';
import type { SoakOptions } from './options.ts';
import type { Observed } from './run.ts';
import type { VictimKind } from './schedule.ts';

export interface Verdict {
  readonly exit: ExitCode;
  /** What was promised and is not so. */
  readonly broken: readonly string[];
  /** What could not be told. */
  readonly open: readonly string[];
}

/** Fewer kills than this share of those planned is another test than the one asked for. */
const LEAST_KILLS_SHARE = 0.8;
const LEAST_ACKNOWLEDGED_SHARE = 0.8;
const VICTIMS: readonly VictimKind[] = ['broker', 'gateway', 'commands', 'projector', 'sweeper'];

/** Pure: 10 when a promise is broken, 12 when something could not be told, else 0. */
export function verdictOf(observed: Observed, lives: JudgedLives, options: SoakOptions): Verdict {
  const { examined, notBack } = observed;
  const broken = [
    ...(examined?.judgement.verdict === 'fail' ? examined.judgement.reasons : []),
    ...(notBack === undefined ? [] : [`the platform did not come back: ${notBack}`]),
    ...lives.judged.flatMap(({ misses }) => misses),
  ];
  const open = [
    ...observed.troubles,
    ...(examined === undefined ? ['the history was not judged'] : []),
    ...(examined?.judgement.verdict === 'inconclusive' ? examined.judgement.reasons : []),
    ...lives.unseenKinds.map((kind) => `no process of kind ${kind} lived long enough to be judged`),
    ...killGaps(observed),
    ...loadGaps(observed, options),
  ];
  const exit = broken.length > 0 ? EXIT.fail : open.length > 0 ? EXIT.inconclusive : EXIT.ok;
  return { exit, broken, open: [...new Set(open)] };
}

function killGaps({ kills, plan }: Observed): string[] {
  const never = VICTIMS.filter((kind) => !kills.some((kill) => kill.kind === kind));
  const few = kills.length < plan.kills.length * LEAST_KILLS_SHARE || kills.length === 0;
  return [
    ...(few ? [`only ${kills.length} of ${plan.kills.length} planned kills were made`] : []),
    ...never.map((kind) => `no ${kind} was killed`),
  ];
}

function loadGaps({ load, examined }: Observed, options: SoakOptions): string[] {
  if (load.exit !== 0) return [`the load ended with exit ${load.exit}`];
  const wanted = (options.durationMs / 1000) * options.ratePerS * LEAST_ACKNOWLEDGED_SHARE;
  const acknowledged = examined?.judgement.acknowledged ?? 0;
  return acknowledged >= wanted
    ? []
    : [`${acknowledged} acknowledged operations, at least ${Math.round(wanted)} are needed`];
}
