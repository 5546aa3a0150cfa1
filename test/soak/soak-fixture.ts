import type { Examined } from '../../src/drills/engine/examine.ts';
import type { Judgement } from '../../src/load/verdicts.ts';
import { type JudgedLives, judgeLives } from './judge.ts';
import type { Kill } from './kill.ts';
import { livesOf, type Sample } from './lives.ts';
import type { SoakOptions } from './options.ts';
import type { Observed } from './run.ts';
import { planKills, type VictimKind } from './schedule.ts';

export const OPTIONS: SoakOptions = {
  durationMs: 1_800_000,
  ratePerS: 100,
  seed: 1,
  killEveryMs: 60_000,
  page: undefined,
};

const VICTIMS: readonly VictimKind[] = ['broker', 'gateway', 'commands', 'projector', 'sweeper'];

const JUDGEMENT: Judgement = {
  verdict: 'pass',
  reasons: [],
  invoked: 180_000,
  acknowledged: 179_000,
  unknown: 900,
  unknownFound: 880,
  refused: 100,
  ends: { accepted: 160_000, rejected: 19_000, deadLettered: 0, lost: 0, unknown: 0 },
  lost: [],
  moved: [],
  duplicates: [],
  repeated: [],
  replayed: 0,
  phantoms: [],
  stale: [],
  visibility: { operations: 0, seen: 0, p50Ms: null, p99Ms: null, maxMs: null },
  oversold: [],
  outOfOrder: [],
  disagreements: [],
  projected: [],
};

export function examinedWith(change: Partial<Judgement> = {}): Examined {
  return {
    judgement: { ...JUDGEMENT, ...change },
    proof: { proved: true, probes: [{ hop: 'writer → API', planted: 'create', eventId: 'e', named: true }] },
    troubles: [],
    counts: { partitions: 48, commands: 179_900, events: 179_900, servers: 3, api: 179_000 },
  };
}

/** A run in which nothing went wrong: one process that stayed as it was, four kills, everything acknowledged is there. */
export function observedWith(change: Partial<Observed> = {}): Observed {
  const kills = VICTIMS.map(
    (kind, index): Kill => ({
      kind,
      victim: `${kind}-1`,
      atMs: (index + 1) * 60_000,
      awayMs: 3_000,
      killedAtMs: (index + 1) * 60_000,
      seenAfterMs: 400,
      startedAfterMs: 5_000,
      backAfterMs: 9_000,
    }),
  );
  const plan = planKills({
    seed: 1,
    durationMs: 300_000,
    everyMs: 60_000,
    quietMs: 60_000,
    lifeMs: 0,
    candidates: VICTIMS.flatMap((kind) => [1, 2].map((n) => ({ id: `${kind}-${n}`, kind }))),
  });
  return {
    plan,
    kills,
    skipped: [],
    notBack: undefined,
    samples: steadySamples(),
    load: { exit: 0, summary: undefined },
    examined: examinedWith(),
    troubles: [],
    machineLoad: [2, 9, 4],
    ...change,
  };
}

function steadySamples(growsBytesPerMin = 0): Sample[] {
  return Array.from({ length: 361 }, (_, index) => ({
    atMs: index * 5_000,
    unit: 'gateway-1',
    kind: 'gateway',
    pid: 7,
    startTime: '1',
    name: 'gateway-1',
    residentBytes: 100_000_000 + (growsBytesPerMin * index) / 12,
    handles: 30,
    connections: 0,
    cached: 0,
  }));
}

export function livesWith(growsBytesPerMin = 0, kinds: readonly string[] = ['gateway']): JudgedLives {
  return judgeLives(livesOf(steadySamples(growsBytesPerMin)), kinds);
}
