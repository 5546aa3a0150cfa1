import { existsSync, readFileSync } from 'node:fs';

/**
 * Counts what vitest's JSON report says. A file that did not load, a run without a report or without a single test,
 * and a run that failed although each of its tests passed (an error nobody caught) all count as a failure.
 */
export function readReport(file, exitedWell) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0, note: 'vitest left no report' };
  return countReport(JSON.parse(readFileSync(file, 'utf8')), exitedWell);
}

/** The same on the report's content. */
export function countReport(report, exitedWell) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const testFile of report.testResults ?? []) {
    for (const { status } of testFile.assertionResults) {
      if (status === 'passed' || status === 'failed') count[status] += 1;
      else count.skipped += 1;
    }
    const ownFailure = testFile.assertionResults.some(({ status }) => status === 'failed');
    if (testFile.status === 'failed' && !ownFailure) count.failed += 1;
  }
  if (count.passed + count.failed === 0) return { ...count, failed: 1, note: 'no test ran' };
  if (!exitedWell && count.failed === 0)
    return { ...count, failed: 1, note: 'vitest failed outside of any test' };
  return count;
}
