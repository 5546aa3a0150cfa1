import { waitFor } from '../../src/core/wait.ts';
import type { DrillResult } from '../../src/drills/engine/result.ts';
import type { ProofSandbox } from './sandbox.ts';
import { documentOf, type ErrorDocument } from './sandbox-cli.ts';

/** A busy machine now and then has no steady state to measure anything by. */
const TRIES = 3;
const RUN_MS = 240_000;

/** What is not ready yet (an ISR after a start, failovers that have to be apart) a drill refuses, and then it does not. */
export async function whenReady(sandbox: ProofSandbox, drill: string, timeoutMs = 60_000): Promise<void> {
  const ready = async (): Promise<boolean> => (await sandbox.run(['drill', 'plan', drill])).exit === 0;
  await waitFor(ready, { what: `${drill} may begin`, timeoutMs, intervalMs: 1000 });
}

export interface Drilled {
  readonly exit: number | null;
  readonly result: DrillResult;
}

/** A drill run to its result; one that found no steady state has touched nothing and is run again. */
export async function drillRun(
  sandbox: ProofSandbox,
  drill: string,
  flags: readonly string[],
): Promise<Drilled> {
  let last: ErrorDocument | undefined;
  for (let at = 0; at < TRIES; at += 1) {
    await whenReady(sandbox, drill, 180_000);
    const run = await sandbox.run(['drill', 'run', drill, '--yes', ...flags, '--output', 'json'], RUN_MS);
    const { result, ...error } = documentOf<ErrorDocument & { result?: DrillResult }>(run);
    if (result !== undefined) return { exit: run.exit, result };
    last = error;
    if (error.code !== 'UPL-PREFLIGHT-REFUSED') break;
  }
  throw new Error(`${drill}: ${last?.code} ${last?.message}`);
}
