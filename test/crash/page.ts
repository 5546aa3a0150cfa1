import { endOf, lastOf } from '../support/attempts.ts';
import { machineTable } from '../support/results-page.ts';
import type { Row } from './row.ts';

export interface Matrix {
  readonly seed: number;
  readonly ratePerS: number;
  /** Every attempt, in the order in which they were made. */
  readonly rows: readonly Row[];
  readonly planned: number;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The result of a matrix as a page; every figure in it was measured by the runs it tells of. */
export function pageOf(matrix: Matrix, machine: Readonly<Record<string, string>>): string {
  const { rows: attempts, planned, seed } = matrix;
  const rows = lastOf(attempts);
  const passed = rows.filter((row) => endOf(row) === 'passed');
  const notPassed = attempts.filter((row) => endOf(row) !== 'passed');
  const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const versions = [...new Set(attempts.map(({ version }) => version))];
  const times = attempts.map(({ at }) => at).toSorted();
  return [
    '# The service under kills and hangs',
    '',
    `Written by \`npm run test:crash:service -- --seed ${seed}\`. ` +
      `Attempts from ${times[0] ?? '—'} to ${times.at(-1) ?? '—'}, of the tree at ${versions.join(', ') || '—'}.`,
    '',
    `**${passed.length} of ${planned} planned points passed** (seed ${seed}; ${rows.length} were tried, in ` +
      `${attempts.length} attempts): ${sum(({ acknowledged }) => acknowledged)} acknowledged, ` +
      `${sum(({ lost }) => lost)} lost, ${sum(({ duplicates }) => duplicates)} duplicates, ` +
      `${sum(({ oversold }) => oversold)} oversold, ${sum(({ broken }) => broken)} gaps, ` +
      `${sum(({ differs }) => differs)} differences of the projection; ${sum(({ unknown }) => unknown)} unknown; ` +
      `${sum(({ kept = 0 }) => kept)} kept for the sweeper.`,
    '',
    `One platform; at each point a load of ${matrix.ratePerS} operations a second (creates, holds, confirms, changes and cancels), and in the middle of it one process is killed ` +
      '(SIGKILL, then started) or hangs (SIGSTOP, then SIGCONT). A killed Redis master stays away until its replica has ' +
      'taken over. A Postgres primary that is killed or hangs is fenced, the most advanced replica promoted, the other ' +
      'replica and PgBouncer repointed, the old primary rewound: the next point meets the new one. Then everything is ' +
      'read back: nothing acknowledged may be lost, doubled or oversold, the events must be one unbroken chain of ' +
      'decisions, and the projection of every Postgres server must equal a fold of the topic made by the test itself. ' +
      'A point with anything that could not be looked at is inconclusive and tried again, never passed. *Back*: from the ' +
      'act until every process is ready, every ISR full and every replica follows. *Unknown*: neither acknowledged nor ' +
      'refused, and never counted as kept or lost. *Kept*: ended ' +
      'without an answer at a gateway and left to the sweeper: one gateway gives up on an append after a second, and before a ' +
      "sweeper's turn a broker hangs for 2.5 s. A sweeper without such work was not tried: inconclusive.",
    '',
    ...machineTable(machine),
    '',
    '| kind | points | passed | acknowledged | lost | duplicates | oversold | gaps | projection | slowest back |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |',
    ...kinds(rows),
    '',
    '| # | victim | act | after | away | load seed | acknowledged | unknown | kept | back | |',
    '| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
    ...rows.map(line),
    '',
    '## Attempts that did not pass',
    '',
    ...(notPassed.length === 0 ? ['None.'] : notPassed.map(attempt)),
    '',
  ].join('\n');
}

function kinds(rows: readonly Row[]): string[] {
  const groups = Map.groupBy(rows, ({ point }) => `${point.victim} ${point.act}`);
  return [...groups].toSorted().map(([kind, own]) => {
    const total = (of: (row: Row) => number): number => own.reduce((sum, row) => sum + of(row), 0);
    const passed = own.filter((row) => endOf(row) === 'passed').length;
    const differs = total((row) => row.differs);
    const cells = [
      kind,
      own.length,
      passed,
      total((row) => row.acknowledged),
      total((row) => row.lost),
      total((row) => row.duplicates),
      total((row) => row.oversold),
      total((row) => row.broken),
      // A point that was not compared proves nothing.
      differs > 0 ? `${differs} differences` : passed === own.length ? 'equal' : 'not told',
      seconds(Math.max(...own.map(({ backMs }) => backMs))),
    ];
    return `| ${cells.join(' | ')} |`;
  });
}

function line(row: Row): string {
  const { point, unit, note, acknowledged, unknown, kept = '–', backMs } = row;
  const end = endOf(row);
  const said = end === 'passed' ? note : [`**${end}**`, note].filter((text) => text !== '').join('; ');
  const times = [point.afterMs, point.awayMs].map(seconds).join(' | ');
  return `| ${point.number} | ${unit} | ${point.act} | ${times} | ${point.seed} | ${acknowledged} | ${unknown} | ${kept} | ${seconds(backMs)} | ${said} |`;
}

function attempt(row: Row): string {
  const { point, unit, at, version } = row;
  const why = [...row.wrong, ...row.open].join('; ').replaceAll(/\s+/g, ' ');
  return `- point ${point.number}, ${point.act} ${unit}, ${at}, tree ${version}: **${endOf(row)}**: ${why}`;
}
