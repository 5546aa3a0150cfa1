// A gateway of the reference service composed with the unguarded producer; started by tests as a sandbox unit.
import { createLog, realAdapters, runGateway } from '../../src/service/index.ts';
import { openUnguardedProduce } from './unguarded-produce.ts';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort('SIGTERM'));
await runGateway(process.env, {
  adapters: { ...realAdapters, openProduce: openUnguardedProduce },
  log: createLog('gateway', process.env),
  signal: stop.signal,
});
