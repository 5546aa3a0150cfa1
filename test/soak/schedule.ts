import { randomFrom } from '../../src/load/workload.ts';

export type VictimKind = 'broker' | 'gateway' | 'commands' | 'projector' | 'sweeper';

/** A unit that may be killed. */
export interface Candidate {
  readonly id: string;
  readonly kind: VictimKind;
}

export interface PlannedKill {
  /** Due so long after the load began. */
  readonly atMs: number;
  readonly victim: string;
  readonly kind: VictimKind;
  /** How long the victim stays away once its absence was seen. */
  readonly awayMs: number;
}

export interface KillPlan {
  readonly kills: readonly PlannedKill[];
  /** Units that are never killed: their one life is as long as the run. */
  readonly spared: readonly string[];
}

export interface PlanRequest {
  readonly seed: number;
  readonly durationMs: number;
  readonly everyMs: number;
  /** No kill begins in the last part of the run: what was broken last must come back under load. */
  readonly quietMs: number;
  /** A kind that has a single unit is left alone so long, once in the run, that one of its lives can be judged. */
  readonly lifeMs: number;
  readonly candidates: readonly Candidate[];
}

const LEAST_AWAY_MS = 2_000;
const MOST_AWAY_MS = 6_000;

/**
 * Pure: who is killed when. One kind after the other in an order drawn anew each round, so that none is forgotten; of
 * each kind with several units one is spared, drawn too; a single one is killed only outside of a window in which it
 * lives long enough to be judged. The same request gives the same plan.
 */
export function planKills(request: PlanRequest): KillPlan {
  const { seed, durationMs, everyMs, quietMs } = request;
  const random = randomFrom(seed);
  const kinds = [...Map.groupBy(request.candidates, ({ kind }) => kind)].map(([kind, units]) => ({
    kind,
    units,
    spared: units.length > 1 ? draw(units, random) : undefined,
  }));
  const protectedFromMs = Math.floor(random() * Math.max(0, durationMs - request.lifeMs));
  const mayDie = (units: readonly Candidate[], atMs: number): boolean =>
    units.length > 1 || atMs < protectedFromMs || atMs >= protectedFromMs + request.lifeMs;

  const kills: PlannedKill[] = [];
  const next = (atMs: number): number =>
    round.findIndex(
      ({ kind, units }) => mayDie(units, atMs) && (kind !== kills.at(-1)?.kind || kinds.length === 1),
    );
  let round: typeof kinds = [];
  for (let atMs = everyMs; atMs <= durationMs - quietMs; atMs += everyMs) {
    let at = next(atMs);
    if (at === -1) {
      round = shuffled(kinds, random);
      at = next(atMs);
    }
    const [chosen] = at === -1 ? [] : round.splice(at, 1);
    if (chosen === undefined) continue;
    const victim = draw(
      chosen.units.filter((unit) => unit !== chosen.spared),
      random,
    );
    if (victim === undefined) continue;
    const awayMs = LEAST_AWAY_MS + Math.floor(random() * (MOST_AWAY_MS - LEAST_AWAY_MS));
    kills.push({ atMs, victim: victim.id, kind: chosen.kind, awayMs });
  }
  return { kills, spared: kinds.flatMap(({ spared }) => spared?.id ?? []) };
}

function draw<T>(values: readonly T[], random: () => number): T | undefined {
  return values[Math.floor(random() * values.length)];
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value);
}
