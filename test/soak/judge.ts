import { type Life, within } from './lives.ts';
import { leastSquares, quantile, theilSen } from './slope.ts';

export interface Limits {
  /** First part of a life: code is compiled, caches and heaps fill; it is not judged. */
  readonly warmUpMs: number;
  /** A life must go on at least so long after it, or its slope says nothing. */
  readonly leastJudgedMs: number;
  /** Looks a minute that there must be at least, or what happened between them is anybody's guess. */
  readonly leastLooksPerMin: number;
  /** Part at the beginning and at the end of what is judged whose handles are compared. */
  readonly windowMs: number;
  /** Growth of resident memory a minute that is too much. */
  readonly slopeBytesPerMin: number;
  /** Handles more or less that are too many. */
  readonly handles: number;
}

const MINUTE_MS = 60_000;
const MIDDLE = 0.5;
/**
 * Handles are compared at their quiet level, the lower quartile of two minutes: a death opens connections elsewhere for
 * a while, a restart closes some for seconds. A leak lifts the floor.
 */
const QUIET = 0.25;

/** The limits of the soak: below 1 MB a minute after minute 5, handles within ± 5. */
export const LIMITS: Limits = {
  warmUpMs: 5 * MINUTE_MS,
  leastJudgedMs: 10 * MINUTE_MS,
  leastLooksPerMin: 6,
  windowMs: 2 * MINUTE_MS,
  slopeBytesPerMin: 1_000_000,
  handles: 5,
};

/** A life that was long enough, with what it is judged by. */
export interface JudgedLife {
  readonly life: Life;
  readonly judgedMs: number;
  /** Theil–Sen; this one is judged. */
  readonly slopeBytesPerMin: number;
  readonly leastSquaresBytesPerMin: number;
  readonly residentAtStart: number;
  readonly residentAtEnd: number;
  readonly handlesAtStart: number;
  readonly handlesAtEnd: number;
  /** What it missed, as sentences; empty when it met both limits. */
  readonly misses: readonly string[];
}

export interface JudgedLives {
  readonly judged: readonly JudgedLife[];
  /** Lives too short to say anything, by unit kind. */
  readonly tooShort: ReadonlyMap<string, number>;
  /** Kinds of unit of which no life could be judged: no data is never a pass. */
  readonly unseenKinds: readonly string[];
}

/** Pure: judges each life that is long enough; every kind must have at least one. */
export function judgeLives(
  lives: readonly Life[],
  kinds: readonly string[],
  limits: Limits = LIMITS,
): JudgedLives {
  const judged: JudgedLife[] = [];
  const tooShort = new Map<string, number>();
  for (const life of lives) {
    const result = judgeLife(life, limits);
    if (result === undefined) tooShort.set(life.kind, (tooShort.get(life.kind) ?? 0) + 1);
    else judged.push(result);
  }
  const unseenKinds = kinds.filter((kind) => !judged.some(({ life }) => life.kind === kind));
  return { judged, tooShort, unseenKinds };
}

/** Undefined: too short, or not looked at often enough, to be judged. */
export function judgeLife(life: Life, limits: Limits): JudgedLife | undefined {
  const fromMs = life.fromMs + limits.warmUpMs;
  const judgedMs = life.toMs - fromMs;
  if (judgedMs < limits.leastJudgedMs) return undefined;
  const samples = life.samples.filter(({ atMs }) => atMs >= fromMs);
  if (samples.length < (judgedMs / MINUTE_MS) * limits.leastLooksPerMin) return undefined;
  const points = samples.map(({ atMs, residentBytes }) => ({
    atMin: atMs / MINUTE_MS,
    value: residentBytes,
  }));
  const first = (of: 'residentBytes' | 'handles', share: number): number | undefined =>
    quantile(
      within(samples, fromMs, fromMs + limits.windowMs).map((sample) => sample[of]),
      share,
    );
  const last = (of: 'residentBytes' | 'handles', share: number): number | undefined =>
    quantile(
      within(samples, life.toMs - limits.windowMs, life.toMs + 1).map((sample) => sample[of]),
      share,
    );
  const slope = theilSen(points);
  const squares = leastSquares(points);
  const [residentAtStart, residentAtEnd] = [first('residentBytes', MIDDLE), last('residentBytes', MIDDLE)];
  const [handlesAtStart, handlesAtEnd] = [first('handles', QUIET), last('handles', QUIET)];
  if (slope === undefined || squares === undefined) return undefined;
  if (residentAtStart === undefined || residentAtEnd === undefined) return undefined;
  if (handlesAtStart === undefined || handlesAtEnd === undefined) return undefined;
  const figures = { residentAtStart, residentAtEnd, handlesAtStart, handlesAtEnd };
  return {
    life,
    judgedMs,
    slopeBytesPerMin: slope,
    leastSquaresBytesPerMin: squares,
    ...figures,
    misses: missesOf(life, slope, handlesAtEnd - handlesAtStart, limits),
  };
}

function missesOf(life: Life, slope: number, handles: number, limits: Limits): string[] {
  const name = life.name === life.unit ? life.unit : `${life.unit} (${life.name})`;
  const grows =
    slope < limits.slopeBytesPerMin
      ? []
      : [`${name} grows by ${(slope / 1_000_000).toFixed(2)} MB a minute, less than 1 is allowed`];
  const leaks =
    Math.abs(handles) <= limits.handles
      ? []
      : [
          `${name} holds ${handles > 0 ? `${handles} handles more` : `${-handles} handles less`}, ${limits.handles} are allowed`,
        ];
  return [...grows, ...leaks];
}
