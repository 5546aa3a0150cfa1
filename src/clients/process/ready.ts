import { open } from 'node:fs/promises';
import { get } from 'node:http';
import { connect } from 'node:net';
import { isUpliftError, reasonOf, UpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { statusOf } from './status.ts';
import type { ReadyProbe } from './unit.ts';
import type { PlacedUnit } from './unit-files.ts';

const PROBE_TIMEOUT_MS = 2000;
const LOG_TAIL_BYTES = 64 * 1024;
const ERROR_LINES = 12;

/**
 * Waits until the unit's probe answers, at most `readyTimeoutMs` of the unit. A process that died, or never answered,
 * is UPL-SANDBOX-START with the last lines of its log. A listening port proves no more than that.
 */
export async function waitReady(
  unit: PlacedUnit,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const probe = async (): Promise<'ready' | 'died' | false> => {
    if ((await statusOf(unit)).state === 'exited') return 'died';
    return (await probeOnce(unit.ready)) ? 'ready' : false;
  };
  const waiting = { what: `${unit.id} ready`, timeoutMs: unit.readyTimeoutMs, intervalMs: 60, ...options };
  const end = await waitFor(probe, waiting).catch(async (error: unknown) => {
    if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
    throw await startFailure(unit, `did not answer within ${unit.readyTimeoutMs} ms`, error);
  });
  if (end === 'died') throw await startFailure(unit, 'ended before it was ready');
}

/** The error every failed start ends in: it names the unit and shows the last lines of its log. */
export async function startFailure(unit: PlacedUnit, how: string, cause?: unknown): Promise<UpliftError> {
  const lines = await tailLog(unit, ERROR_LINES).catch((error: unknown) => [
    `(log not readable: ${reasonOf(error)})`,
  ]);
  const shown = lines.length === 0 ? '  (its log is empty)' : lines.map((line) => `  ${line}`).join('\n');
  return new UpliftError('UPL-SANDBOX-START', {
    message: `${unit.id} ${how}. Last lines of its log:\n${shown}`,
    next: `uplift sandbox logs ${unit.id}${unit.labels.sandbox === undefined ? '' : ` --name ${unit.labels.sandbox}`}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The last lines of the unit's log, from its last 64 KiB. */
export async function tailLog(unit: Pick<PlacedUnit, 'logFile'>, maxLines: number): Promise<string[]> {
  const file = await open(unit.logFile, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer
      .toString('utf8', 0, bytesRead)
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .slice(-maxLines);
  } finally {
    await file.close();
  }
}

/** One try of a probe: does the port accept, or the URL answer 2xx, within two seconds? */
export function probeOnce(probe: ReadyProbe): Promise<boolean> {
  return probe.kind === 'tcp' ? tcpAccepts(probe.host, probe.port) : httpOk(probe.url);
}

function tcpAccepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

function httpOk(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) }, (response) => {
      const code = response.statusCode ?? 0;
      response.resume();
      resolve(code >= 200 && code < 300);
    });
    request.once('error', () => resolve(false));
  });
}
