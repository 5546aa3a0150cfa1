import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { killUnit } from '../../clients/process/signal.ts';
import { startUnit } from '../../clients/process/start.ts';
import { statusOf } from '../../clients/process/status.ts';
import type { PlacedUnit } from '../../clients/process/unit-files.ts';
import { isUpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';

const BEGUN = 'uplift-tool begun';
const END = 'uplift-tool exit';
/** The shell writes that the program began and how it ended into its log, where another process finds it too. */
const SCRIPT = `echo "${BEGUN}"; "$@"; echo "${END} $?"`;

export interface ToolEnd {
  /** Null: it was cut off before it could end. */
  readonly exit: number | null;
  readonly text: string;
}

/** A program that works on the data of a stopped server (pg_rewind): its process and log survive whoever started it. */
export interface Tool {
  readonly unit: PlacedUnit;
}

/** The tool of a server; its state stands beside that of the server, as one nobody lists. */
export function toolOf(server: PlacedUnit): Tool {
  const id = `${server.id}-tool`;
  return {
    unit: {
      ...server,
      id,
      kind: 'service',
      labels: {},
      stateFile: join(dirname(server.stateFile), `${id}.state.json`),
      logFile: join(dirname(server.logFile), `${id}.log`),
    },
  };
}

/** How the last run ended, once it has; undefined: it never began. One that was begun by somebody who died is waited for. */
export async function lastEnd(
  { unit }: Tool,
  wait: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<ToolEnd | undefined> {
  const ended = async (): Promise<boolean> => !(await toolRuns({ unit }));
  try {
    await waitFor(ended, { what: `${unit.id} done`, intervalMs: 20, ...wait });
  } catch (error) {
    // Nobody else may touch the data while it still works on it.
    await killUnit(unit);
    if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
  }
  const text = await readFile(unit.logFile, 'utf8').catch(() => undefined);
  if (text?.includes(BEGUN) !== true) return undefined;
  const exit = new RegExp(`^${END} (\\d+)$`, 'm').exec(text)?.[1];
  return { exit: exit === undefined ? null : Number(exit), text };
}

/** Does somebody's tool work on the data right now? */
export async function toolRuns({ unit }: Tool): Promise<boolean> {
  const { state } = await statusOf(unit);
  return state === 'running' || state === 'paused';
}

/** The server runs on what the last run made: how that one ended counts no more. */
export async function forgetEnd({ unit }: Tool): Promise<void> {
  await rm(unit.logFile, { force: true });
}

/** Runs a program to its end under the server's user. A program that ran past its time is killed and counts as cut off. */
export async function runTool(
  tool: Tool,
  argv: readonly string[],
  wait: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<ToolEnd> {
  await lastEnd(tool, wait);
  await forgetEnd(tool);
  const unit: PlacedUnit = { ...tool.unit, argv: ['/bin/sh', '-c', SCRIPT, tool.unit.id, ...argv] };
  await startUnit(unit);
  return (await lastEnd({ unit }, wait)) ?? { exit: null, text: '' };
}
