import { machineTable } from '../support/results-page.ts';

/** What one server on a full disk showed. */
export interface Row {
  readonly server: string;
  readonly passed: boolean;
  /** In the order it was seen. */
  readonly seen: readonly string[];
}

/** The page of a run, as it goes into the docs. Pure. */
export function pageOf(
  rows: readonly Row[],
  run: {
    readonly startedAt: Date;
    readonly tookMs: number;
    readonly machine: Readonly<Record<string, string>>;
  },
): string {
  const passed = rows.filter((row) => row.passed).length;
  return [
    '# A full disk under a server',
    '',
    'Written by `npm run test:disk`. The data folder of one server stands on a small tmpfs; under load the tmpfs is filled,',
    'later freed, and the server started again if it ended. What commands are asked for then, and what is asked of Postgres',
    'directly at the end, is below. A disk that runs full under uplift itself (journal, history) is part of `npm test`:',
    '`test/proof/full-disk.real.test.ts`.',
    '',
    `**${passed} of ${rows.length} passed.** Run at ${run.startedAt.toISOString()}, ${(run.tookMs / 60_000).toFixed(1)} minutes.`,
    '',
    ...machineTable(run.machine),
    '',
    ...rows.flatMap((row) => [
      `## ${row.server}: ${row.passed ? 'passed' : 'FAILED'}`,
      '',
      ...row.seen.map((line) => `- ${line}`),
      '',
    ]),
  ].join('\n');
}
