import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadHistory } from '../../src/load/history-reader.ts';
import type { ProofSandbox } from '../support/sandbox.ts';
import type { Attempt, TryPoint } from './attempt.ts';
import type { Point } from './points.ts';
import { problemsOf, type Struck, strike } from './strike.ts';

const BOUND_MS = 20_000;
let made = 0;

/** A history of its own for each attempt. It can be read, and holds whole every acknowledgement that was counted. */
export const tryLoadRun =
  (sandbox: ProofSandbox): TryPoint =>
  async (point, delayMs): Promise<Attempt> => {
    made += 1;
    const history = join(sandbox.workDir, `struck-${made}.ndjson`);
    const child = sandbox.start(['load', 'run', '--duration', '7s', '--rate', '100', '--history', history]);
    const seen = (): Promise<boolean> => eventSeen(history, point.moment.after);
    const struck = await strike({ child, point, seen, lookEveryMs: 10, delayMs });
    const problems = struck.tooLate ? [] : problemsOf(struck, point, BOUND_MS);
    const { afterwards, problems: found } = await judge(history, struck, point);
    return { struck, afterwards, problems: [...problems, ...found] };
  };

async function eventSeen(history: string, event: string): Promise<boolean> {
  if (event === 'start') return true;
  const text = await readFile(history, 'utf8').catch(() => '');
  return event === 'history' ? text.includes('\n') : text.includes('"t":"ok"');
}

async function judge(
  history: string,
  struck: Struck,
  point: Point,
): Promise<{ readonly afterwards: string; readonly problems: string[] }> {
  const text = await readFile(history, 'utf8').catch(() => undefined);
  const claimed = claimedBy(struck);
  // Created, but the first line never came: as good as never begun, provided nothing was counted.
  if (text === undefined || !text.includes('\n')) {
    const problems = claimed > 0 ? [`${claimed} acknowledged were reported, and there is no history`] : [];
    return { afterwards: 'no history begun', problems };
  }
  const { report, ops } = await loadHistory(history);
  const acknowledged = ops.filter(({ outcome }) => outcome === 'ok').length;
  const open = ops.filter(({ outcome }) => outcome === 'open').length;
  const problems: string[] = [];
  if (acknowledged < claimed)
    problems.push(`${claimed} acknowledged were reported, the history holds ${acknowledged}`);
  if (point.signal !== 'SIGKILL' && (report.end === null || report.digest !== 'equal' || open > 0))
    problems.push(
      `the history is not whole: end ${report.end !== null}, digest ${report.digest}, ${open} open`,
    );
  const ending = report.end === null ? `cut, ${report.tornBytes} torn bytes` : `sealed, ${report.digest}`;
  return { afterwards: `history ${ending}; ${acknowledged} acknowledged ≥ ${claimed} reported`, problems };
}

/** The highest number of acknowledgements that the command itself reported. */
function claimedBy({ result }: Struck): number {
  const counts = [...`${result.stderr}\n${result.stdout}`.matchAll(/([\d,]+) acknowledged/g)];
  return Math.max(0, ...counts.map(([, count = '0']) => Number(count.replaceAll(',', ''))));
}
