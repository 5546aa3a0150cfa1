import { machineFacts, machineTable, placePage } from '../support/results-page.ts';
import { momentOf, type Point } from './plan.ts';

/** What one point showed. */
export interface Row {
  readonly point: Point;
  readonly passed: boolean;
  /** From the signal to the end of the command. */
  readonly tookMs: number;
  /** The command was over before the signal came. */
  readonly tooLate: boolean;
  readonly found: string;
}

export interface Matrix {
  readonly seed: number;
  readonly startedAt: Date;
  readonly rows: readonly Row[];
  readonly wantedPoints: number;
}

/** The table of a matrix, as it goes into the docs. Pure but for the machine's facts it is given. */
export function pageOf(matrix: Matrix, machine: Readonly<Record<string, string>>, tookMs: number): string {
  const { seed, startedAt, rows, wantedPoints } = matrix;
  const passed = rows.filter((row) => row.passed).length;
  const late = rows.filter((row) => row.tooLate).length;
  return [
    '# Signals',
    '',
    'Written by `npm run test:signals`. One signal at one moment of one command; then somebody else looks: the exit code,',
    'the processes, ports and folders that are left, the topology, the journals and histories. `--seed N --only K` runs one',
    'point again.',
    '',
    `**${passed} of ${rows.length} points passed** (seed ${seed}, ${wantedPoints} points in the plan). ${late} came after their command had`,
    `ended well by itself. Run at ${startedAt.toISOString()}, ${Math.round(tookMs / 60_000)} minutes.`,
    '',
    ...machineTable(machine),
    '',
    '| # | command | signal | moment | ended after | seen | |',
    '| ---: | --- | --- | --- | ---: | --- | --- |',
    ...rows.map(rowOf),
    '',
  ].join('\n');
}

function rowOf({ point, passed, tookMs, tooLate, found }: Row): string {
  const seen = tooLate ? `over before the signal; ${found}` : found;
  const cells = [
    point.number,
    point.command,
    point.signal,
    momentOf(point),
    `${(tookMs / 1000).toFixed(1)} s`,
  ];
  return `| ${[...cells, passed ? seen : '', passed ? 'passed' : 'FAILED'].join(' | ')} |`;
}

/** Writes the page to SIGNALS_PAGE, or prints it. */
export async function writePage(matrix: Matrix): Promise<void> {
  const page = pageOf(matrix, await machineFacts(), Date.now() - matrix.startedAt.getTime());
  await placePage(page, process.env.SIGNALS_PAGE);
}
