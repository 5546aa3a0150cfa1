import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { withDeadline } from '../../core/wait.ts';
import { procEntry } from './proc-table.ts';
import type { UnitProcess } from './unit.ts';

/**
 * The shell waits for one line before it becomes the program: what is known of it is on disk first, and when the starter
 * dies in between, the read ends and nothing is left behind. Pid and start time survive exec.
 */
export const GATE = 'read -r go && exec "$@" </dev/null';
export const GATE_TIMEOUT_MS = 10_000;

/** Records the process of a child that waits at its gate, then lets it become its program. */
export async function openGate(
  child: ChildProcess,
  what: string,
  record: (started: UnitProcess) => Promise<void>,
): Promise<UnitProcess> {
  await withDeadline(`${what} spawned`, GATE_TIMEOUT_MS, once(child, 'spawn'));
  const { pid, stdin } = child;
  try {
    const entry = pid === undefined ? undefined : await procEntry(pid);
    if (pid === undefined || stdin === null || entry === undefined)
      throw new Error('the process was gone at once');
    const started: UnitProcess = { pid, startTime: entry.startTime, startedAtMs: Date.now() };
    await record(started);
    stdin.on('error', () => undefined); // EPIPE: died before the gate opened; whoever waits for it tells
    stdin.end('go\n');
    return started;
  } catch (error) {
    stdin?.destroy();
    throw error;
  }
}
