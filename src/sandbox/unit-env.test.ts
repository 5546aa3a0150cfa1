import { describe, expect, test } from 'vitest';
import type { Unit } from '../clients/process/unit.ts';
import { parseEnvChange, withEnv } from './unit-env.ts';

const unit = (kind: Unit['kind']): Unit => ({
  v: 1,
  id: 'commands-1',
  kind,
  argv: ['node'],
  env: { INSTANCE: 'commands-1', EVENT_SCHEMA: '1' },
  cwd: '/',
  logFile: '/log',
  ready: { kind: 'tcp', host: '127.0.0.1', port: 1 },
  readyTimeoutMs: 1,
  stop: { signal: 'SIGTERM', graceMs: 1 },
  labels: {},
});

describe('the environment of a unit', () => {
  test('is changed by NAME=VALUE words, and a variable without a value goes away', () => {
    const change = parseEnvChange(['EVENT_SCHEMA=2', 'NOTE=a=b', 'INSTANCE=']);
    expect(withEnv(unit('service'), change).env).toEqual({ EVENT_SCHEMA: '2', NOTE: 'a=b' });
  });

  test('is not changed by anything else', () => {
    expect(() => parseEnvChange(['EVENT_SCHEMA', 'event=2'])).toThrow('"EVENT_SCHEMA", "event=2"');
  });

  test('belongs to the service only: servers are configured by files', () => {
    expect(() => withEnv(unit('kafka'), parseEnvChange(['A=1']))).toThrow('its configuration is a file');
    expect(withEnv(unit('kafka'), parseEnvChange([])).env).toEqual(unit('kafka').env);
  });
});
