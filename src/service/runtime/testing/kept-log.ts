import type { Logger } from 'pino';
import { createLog } from '../log.ts';

/** The log of a role as it is, but into an array. */
export function keptLog(level: string): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const log = createLog('gateway', { LOG_LEVEL: level }, { write: (line) => void lines.push(line) });
  return { log, lines };
}
