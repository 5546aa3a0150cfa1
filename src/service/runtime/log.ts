import { type Logger, pino } from 'pino';
import { type Env, parseEnv } from '../env.ts';

/** JSON lines on stdout, with role and instance on each. Nothing that is logged carries a payload or a secret. */
export function createLog(role: string, env: Env): Logger {
  const { INSTANCE, LOG_LEVEL } = parseEnv(env);
  return pino({
    level: LOG_LEVEL,
    base: { role, instance: INSTANCE },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
