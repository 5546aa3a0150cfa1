import { endOf, lastOf } from '../support/attempts.ts';
import { machineTable } from '../support/results-page.ts';
import type { Point } from './plan.ts';
import type { Row } from './row.ts';

export interface Matrix {
  readonly seed: number;
  readonly ratePerS: number;
  readonly baselineS: number;
  readonly planned: readonly Point[];
  /** Every attempt, in the order in which they were made. */
  readonly rows: readonly Row[];
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The result of a matrix as a page; every figure in it was measured by the runs it tells of. */
export function pageOf(matrix: Matrix, machine: Readonly<Record<string, string>>): string {
  const { rows: attempts, planned, seed, ratePerS, baselineS } = matrix;
  const rows = lastOf(attempts);
  const passed = rows.filter((row) => endOf(row) === 'passed').length;
  const notPassed = attempts.filter((row) => endOf(row) !== 'passed');
  const versions = [...new Set(attempts.map(({ version }) => version))];
  const times = attempts.map(({ at }) => at).toSorted();
  const total = (of: (row: Row) => number): number => sum(rows.map(of));
  return [
    '# Drills that are killed',
    '',
    `Written by \`npm run test:crash:drills -- --seed ${seed}\`. ` +
      `Attempts from ${times[0] ?? '—'} to ${times.at(-1) ?? '—'}, of the tree at ${versions.join(', ') || '—'}.`,
    '',
    `**${passed} of ${planned.length} planned points passed** (${rows.length} were tried, in ${attempts.length} ` +
      `attempts): ${total(({ acknowledged }) => acknowledged)} acknowledged, ${total(({ lost }) => lost)} lost; ` +
      `${total(({ unknown }) => unknown)} unknown; ${seconds(total(({ tookMs }) => tookMs))} all in all.`,
    '',
    `One sandbox. At each point a drill runs under ${ratePerS} operations a second (baseline ${baselineS} s), and its process is ` +
      'killed (SIGKILL) right after the intent of one step of its fault is on the disk; in the column *both* its watchdog ' +
      'as well. A watchdog that lives puts things back; then `uplift drill recover` is asked, twice. Passed is a point ' +
      'where all of this holds: recover exits 0 and finds nothing the second time, the record is sealed as interrupted and ' +
      '`drill verify` accepts it, nothing that was begun is left undone, every store is as before the first point (brokers, ' +
      'replicas, ISR, leaders; roles and slots on every Redis node; Postgres leader, standbys, rule, slots, pool), every ' +
      'process runs and none more, the service takes a load of three seconds, and nothing that it or the load of the killed ' +
      'run was told of is lost, doubled or oversold. A kill that met another step than it was meant for, or anything that ' +
      'could not be looked at, is inconclusive and tried again. *Landed*: the last line about its steps that the run itself ' +
      'wrote. *Back*: from the kill until everything was put back and the record sealed.',
    '',
    ...machineTable(machine),
    '',
    '| # | drill | step | | killed | landed | undone | by | back | took | acknowledged | lost | unknown | |',
    '| ---: | --- | ---: | --- | --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |',
    ...rows.map(line),
    '',
    '## Attempts that did not pass',
    '',
    ...(notPassed.length === 0 ? ['None.'] : notPassed.map(attempt)),
    '',
  ].join('\n');
}

function line(row: Row): string {
  const { point, landed, undone, by, backMs, tookMs, acknowledged, lost, unknown } = row;
  const end = endOf(row);
  const cells = [
    ...[
      point.number,
      point.drill,
      point.step,
      `\`${point.kind}\``,
      point.column,
      `\`${landed}\``,
      undone,
      by,
    ],
    ...[seconds(backMs), seconds(tookMs), acknowledged, lost, unknown],
    end === 'passed' ? '' : `**${end}**`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function attempt(row: Row): string {
  const { point, at, version } = row;
  const why = [...row.wrong, ...row.open].join('; ').replaceAll(/\s+/g, ' ');
  return `- point ${point.number}, ${point.drill} step ${point.step}, ${at}, tree ${version}: **${endOf(row)}**: ${why}`;
}

/** Seconds of a point that was not tried yet. */
const GUESS_S = 75;

/** Pure: how long the points that are left will take, by those of the same drill that were tried, s. */
export function estimateOf(left: readonly Point[], rows: readonly Row[]): number {
  const mean = (of: readonly Row[]): number | undefined =>
    of.length === 0 ? undefined : sum(of.map(({ tookMs }) => tookMs)) / of.length / 1000;
  const all = mean(rows) ?? GUESS_S;
  return Math.round(
    sum(left.map(({ drill }) => mean(rows.filter(({ point }) => point.drill === drill)) ?? all)),
  );
}
