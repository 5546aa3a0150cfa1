import { machineTable } from '../support/results-page.ts';
import type { Row } from './point.ts';

export interface Matrix {
  readonly seed: number;
  readonly startedAt: string;
  readonly ratePerS: number;
  readonly rows: readonly Row[];
  readonly planned: number;
  /** Operations in the topic and in each projection at the end. */
  readonly operations: number;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The result of a matrix as a page; every figure in it was measured by the run it tells of. */
export function pageOf(matrix: Matrix, machine: Readonly<Record<string, string>>): string {
  const { rows, planned, seed } = matrix;
  const passed = rows.filter(({ wrong }) => wrong.length === 0);
  const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0);
  return [
    '# The service under kills and hangs',
    '',
    `Written by \`npm run test:crash:service -- --seed ${seed}\` at ${matrix.startedAt}.`,
    '',
    `**${passed.length} of ${rows.length} points passed** (${planned} planned, seed ${seed}): ` +
      `${sum(({ acknowledged }) => acknowledged)} acknowledged, ${sum(({ lost }) => lost)} lost, ` +
      `${sum(({ unknown }) => unknown)} unknown; ${matrix.operations} operations in the topic at the end.`,
    '',
    `One platform; at each point a load of ${matrix.ratePerS} operations a second, and in the middle of it one process is killed ` +
      '(SIGKILL, then started) or hangs (SIGSTOP, then SIGCONT). Then everything is read back: nothing acknowledged may be ' +
      'lost, doubled or oversold, the events must be one unbroken chain of decisions, and the projection of every Postgres ' +
      'server must equal a fold of the topic made by the test itself.',
    '',
    ...machineTable(machine),
    '',
    '| kind | points | passed | lost | slowest back |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...kinds(rows),
    '',
    '| # | victim | act | after | away | acknowledged | unknown | back | |',
    '| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |',
    ...rows.map(line),
    '',
  ].join('\n');
}

function kinds(rows: readonly Row[]): string[] {
  const groups = Map.groupBy(rows, ({ point }) => `${point.victim} ${point.act}`);
  return [...groups].toSorted().map(([kind, own]) => {
    const passed = own.filter(({ wrong }) => wrong.length === 0).length;
    const lost = own.reduce((total, row) => total + row.lost, 0);
    const slowest = Math.max(...own.map(({ backMs }) => backMs));
    return `| ${kind} | ${own.length} | ${passed} | ${lost} | ${seconds(slowest)} |`;
  });
}

function line({ point, unit, acknowledged, unknown, backMs, wrong }: Row): string {
  const end = wrong.length === 0 ? 'passed' : `**FAILED** ${wrong.join('; ').replaceAll('|', '/')}`;
  const times = [point.afterMs, point.awayMs].map(seconds).join(' | ');
  return `| ${point.number} | ${unit} | ${point.act} | ${times} | ${acknowledged} | ${unknown} | ${seconds(backMs)} | ${end} |`;
}
