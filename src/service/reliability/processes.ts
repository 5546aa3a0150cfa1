import type { Known, ReliabilityStatus } from '../../contract/reliability.ts';
import {
  type GatewayReport,
  gatewayReportSchema,
  HEARD_MS,
  projectorReportSchema,
  ROUND_LIMIT_MS,
  type SweeperReport,
  sweeperReportSchema,
} from '../reports/report.ts';
import type { ReportRow } from '../reports/store.ts';

type Instance = Known<'sweeper'>['instances'][number];

/** Who is silent for longer is history, not a state: pods get new names with every rollout. */
const SHOWN_MS = 3_600_000;

interface Heard<R> {
  readonly row: ReportRow;
  readonly silentMs: number;
  readonly report: R;
}

/** What gateways say, summed up. Counts of what is rare are those of every life that is remembered. */
export interface Gateways {
  readonly claimsIn: Known<'idempotency'>['gateways'];
  readonly heard: number;
  readonly running: number;
  readonly oldestRunningMs: number | null;
  readonly crossed: number;
  readonly lastCrossedAtMs: number | null;
  readonly notKept: number;
  readonly lastNotKeptAtMs: number | null;
}

/** Pure. Running attempts are those of gateways that were heard from lately: a dead one runs nothing. */
export function gatewaysOf(rows: readonly ReportRow[], nowMs: number): Gateways {
  const all = read(rows, 'gateway', nowMs, (json) => gatewayReportSchema.parse(json));
  const heard = all.filter(({ silentMs }) => silentMs <= HEARD_MS);
  const count = (where: GatewayReport['claims']): number =>
    heard.filter(({ report }) => report.claims === where).length;
  return {
    claimsIn: {
      redis: count('redis'),
      postgres: count('postgres'),
      nowhere: count('nowhere'),
      notAsked: count('notAsked'),
    },
    heard: heard.length,
    running: sum(heard.map(({ report }) => report.running)),
    oldestRunningMs: largest(
      heard.map(({ report, silentMs }) => later(report.oldestRunningMs, report.running > 0 ? silentMs : 0)),
    ),
    crossed: sum(all.map(({ report }) => report.crossed)),
    lastCrossedAtMs: largest(all.map(({ row, report }) => before(row.heardAtMs, report.crossedAgoMs))),
    notKept: sum(all.map(({ report }) => report.notKept)),
    lastNotKeptAtMs: largest(all.map(({ row, report }) => before(row.heardAtMs, report.notKeptAgoMs))),
  };
}

/** How far the projectors that live are, each over its own partitions. */
export interface Projectors {
  readonly covered: number;
  readonly stopped: number;
  readonly lagRecords: number;
  /** Of the one that is furthest behind; null when none was heard from, or one of them cannot tell. */
  readonly lagMs: number | null;
}

/** Pure. */
export function projectorsOf(rows: readonly ReportRow[], nowMs: number): Projectors {
  const heard = read(rows, 'projector', nowMs, (json) => projectorReportSchema.parse(json)).filter(
    ({ silentMs }) => silentMs <= HEARD_MS,
  );
  // What was behind goes on ageing until it says otherwise.
  const lags = heard.map(({ report, silentMs }) => later(report.lagMs, report.lagRecords > 0 ? silentMs : 0));
  return {
    covered: sum(heard.map(({ report }) => report.partitions)),
    stopped: sum(heard.map(({ report }) => report.stopped)),
    lagRecords: sum(heard.map(({ report }) => report.lagRecords)),
    lagMs: lags.includes(null) ? null : largest(lags),
  };
}

/** The sweepers of the last hour, those that work first. Pure. */
export function sweepersOf(
  rows: readonly ReportRow[],
  nowMs: number,
): Pick<Known<'sweeper'>, 'instances' | 'working'> {
  const shown = read(rows, 'sweeper', nowMs, (json) => sweeperReportSchema.parse(json)).filter(
    ({ silentMs }) => silentMs <= SHOWN_MS,
  );
  const instances = shown
    .map(instanceOf)
    .toSorted((a, b) => RANK[a.standing] - RANK[b.standing] || (a.instance < b.instance ? -1 : 1));
  return { instances, working: instances.filter(({ standing }) => standing === 'working').length };
}

const RANK: Readonly<Record<Instance['standing'], number>> = { working: 0, notReady: 1, hangs: 2, silent: 3 };

function instanceOf({ row, silentMs, report }: Heard<SweeperReport>): Instance {
  const { lastWork } = report;
  const sweptAtMs = before(row.heardAtMs, report.sweptAgoMs);
  return {
    instance: row.instance,
    startedAt: iso(row.startedAtMs),
    heardAt: iso(row.heardAtMs),
    standing: standingOf(row, silentMs, report),
    notReady: row.notReady,
    sweptAt: sweptAtMs === null ? null : iso(sweptAtMs),
    lastWork: lastWork === null ? null : workOf(lastWork, row.heardAtMs),
  };
}

function workOf({ agoMs, ...counts }: NonNullable<SweeperReport['lastWork']>, heardAtMs: number) {
  return { at: iso(heardAtMs - agoMs), ...counts };
}

function standingOf(
  { notReady }: ReportRow,
  silentMs: number,
  { sweptAgoMs }: SweeperReport,
): Instance['standing'] {
  if (silentMs > HEARD_MS) return 'silent';
  if (sweptAgoMs !== null && sweptAgoMs + silentMs > ROUND_LIMIT_MS) return 'hangs';
  return notReady === null && sweptAgoMs !== null ? 'working' : 'notReady';
}

/** Rows of a role whose report can be read: one that another version wrote says nothing here. */
function read<R>(
  rows: readonly ReportRow[],
  role: ReportRow['role'],
  nowMs: number,
  parse: (json: unknown) => R,
): Heard<R>[] {
  return rows
    .filter((row) => row.role === role)
    .flatMap((row) => {
      try {
        const report = parse(JSON.parse(row.report));
        return [{ row, silentMs: Math.max(0, nowMs - row.heardAtMs), report }];
      } catch {
        return [];
      }
    });
}

/** What the whole status is made of, as of a time of the database. */
export type Instant = ReliabilityStatus['at'];
export const iso = (ms: number): Instant => new Date(ms).toISOString();

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const later = (age: number | null, by: number): number | null => (age === null ? null : age + by);
const before = (atMs: number, agoMs: number | null): number | null => (agoMs === null ? null : atMs - agoMs);
function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
