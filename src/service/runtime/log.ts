import { type DestinationStream, type Logger, pino } from 'pino';
import { isUpliftError } from '../../core/error.ts';
import { type Env, parseEnv } from '../env.ts';

const MAX_FRAMES = 10;

/** JSON lines on stdout (or `to`), with role and instance on each. Nothing that is logged carries a payload or a secret. */
export function createLog(role: string, env: Env, to?: DestinationStream): Logger {
  const { INSTANCE, LOG_LEVEL } = parseEnv(env);
  const options = {
    level: LOG_LEVEL,
    base: { role, instance: INSTANCE },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: errorForLog },
  };
  return to === undefined ? pino(options) : pino(options, to);
}

/** Errors of the language about the program itself; others quote what they were given. */
const QUOTES_NOTHING: ReadonlySet<string> = new Set(['TypeError', 'ReferenceError']);

/** An error without what it may quote: of most, only name, code and where it was thrown. */
export function errorForLog(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const says = isUpliftError(error) || QUOTES_NOTHING.has(error.name);
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const frames =
    error.stack
      ?.split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, MAX_FRAMES) ?? [];
  const at = frames.map((frame) => frame.trim());
  return { name: error.name, ...code, ...(says ? { message: error.message } : {}), at };
}
