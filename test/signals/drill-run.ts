import { setTimeout as delay } from 'node:timers/promises';
import { statusOf } from '../../src/clients/process/status.ts';
import { diffTopology, type KafkaTopology, topologyOf } from '../../src/drills/topology.ts';
import { readRecord } from '../../src/record/open.ts';
import type { RecordView } from '../../src/record/verify.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import type { ProofSandbox } from '../support/sandbox.ts';
import { killSays, runIds, type Said, seenRun } from '../support/sandbox-runs.ts';
import type { Attempt, TryPoint } from './attempt.ts';
import { problemsOf, strike, tail } from './strike.ts';

const DRILL = ['drill', 'run', 'kafka-broker-loss', '--yes', '--baseline', '1', '--rate', '60'];
const DRILL_MS = 400_000;
/** Putting a broker back, waiting for the ISR and for the leaders, on a busy machine. */
const BOUND_MS = 120_000;
const REFUSALS = 3;

/**
 * After a signal that can be answered everything is back before the command ends, and its record is sealed. After
 * SIGKILL `drill recover` puts back and seals. The topology is compared by a client of the harness's own.
 */
export const tryDrillRun =
  (sandbox: ProofSandbox): TryPoint =>
  async (point, delayMs): Promise<Attempt> => {
    const before = await topologyOfSandbox(sandbox);
    const known = await runIds(sandbox);
    const child = sandbox.start(DRILL, DRILL_MS);
    const ownRun = async (): Promise<string | undefined> =>
      (await runIds(sandbox)).find((id) => !known.includes(id));
    const seen = async (): Promise<boolean> => {
      const own = await ownRun();
      return own !== undefined && eventSeen(sandbox, own, point.moment.after);
    };
    const struck = await strike({ child, point, seen, lookEveryMs: 8, delayMs });
    const problems = struck.tooLate ? [] : problemsOf(struck, point, BOUND_MS);
    const own = (await ownRun()) ?? '';
    const record = await readRecord(seenRun(sandbox, own).journal);
    const afterwards =
      point.signal === 'SIGKILL'
        ? await recovered(sandbox, own, record, problems)
        : await restored(sandbox, record, problems);
    const differences = diffTopology(before, await topologyOfSandbox(sandbox));
    problems.push(...differences.map((one) => `topology: ${one}`), ...(await notRunning(sandbox)));
    return { struck, afterwards, problems };
  };

async function eventSeen(sandbox: ProofSandbox, runId: string, event: string): Promise<boolean> {
  const { entries } = await readRecord(seenRun(sandbox, runId).journal);
  const [kind, name = ''] = event.split(' ');
  return kind === 'kill' ? killSays(entries, name as Said) : entries.some((entry) => entry.kind === name);
}

async function restored(sandbox: ProofSandbox, record: RecordView, problems: string[]): Promise<string> {
  if (record.status !== 'sealed') problems.push(`its record is ${record.status}`);
  const pending = pendingUndo(record.entries);
  if (pending.length > 0) problems.push(`${pending.length} steps wait to be undone`);
  const again = await recover(sandbox, [], problems);
  if (again.length > 0) problems.push(`drill recover found ${again.length} runs`);
  return 'restored and sealed by itself; topology as before';
}

async function recovered(
  sandbox: ProofSandbox,
  runId: string,
  killed: RecordView,
  problems: string[],
): Promise<string> {
  const waiting = pendingUndo(killed.entries).length;
  if (waiting > 0) await recover(sandbox, [], problems);
  // A run that was killed before it broke anything waits for nobody; named, it is sealed too.
  else if (killed.entries.length > 0) await recover(sandbox, [runId], problems);
  const { status, entries } = await readRecord(seenRun(sandbox, runId).journal);
  const left = pendingUndo(entries).length;
  if (left > 0) problems.push(`${left} steps still wait to be undone after drill recover`);
  if (status !== 'sealed' && killed.entries.length > 0)
    problems.push(`its record is ${status} after drill recover`);
  return `\`drill recover\` undid ${waiting} steps, record ${status}; topology as before`;
}

async function recover(
  sandbox: ProofSandbox,
  args: readonly string[],
  problems: string[],
): Promise<readonly unknown[]> {
  const result = await sandbox.run(['drill', 'recover', ...args, '--output', 'json'], DRILL_MS);
  if (result.exit === 0) return (JSON.parse(result.stdout) as { runs: readonly unknown[] }).runs;
  problems.push(`drill recover: exit ${result.exit}: ${tail(result.stderr)}`);
  return [];
}

function topologyOfSandbox(sandbox: ProofSandbox): Promise<KafkaTopology> {
  return sandbox.withCluster(async (cluster) => topologyOf(await cluster.describe({ timeoutMs: 10_000 })));
}

async function notRunning(sandbox: ProofSandbox): Promise<string[]> {
  const units = await sandbox.units('kafka');
  const states = await Promise.all(units.map(statusOf));
  return states.flatMap(({ state }, at) => (state === 'running' ? [] : [`${units[at]?.id} is ${state}`]));
}

/**
 * A drill refuses to start while the platform has not settled from the one before: such an attempt is made again a few
 * times, because the point is about a drill that runs.
 */
export function settling(sandbox: ProofSandbox, tryPoint: TryPoint): TryPoint {
  return async (point, delayMs) => {
    for (let refusals = 0; ; refusals += 1) {
      await sandbox.serviceReady();
      const attempt = await tryPoint(point, delayMs);
      if (attempt.struck.result.exit !== 15 || refusals >= REFUSALS) return attempt;
      await delay(5_000);
    }
  };
}
