import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../core/clock.ts';
import { startWatchdog } from '../start.ts';

/** A stand-in for a run: starts the watchdog of its first argument (JSON), says its pid, then does as it is told. */
const { argv, logFile, leaseMs, beatEveryMs } = JSON.parse(process.argv[2] ?? '{}') as {
  argv: string[];
  logFile: string;
  leaseMs?: number;
  beatEveryMs?: number;
};
const watchdog = await startWatchdog({
  ...{ argv, logFile, cwd: process.cwd(), env: process.env, clock: systemClock },
  ...(leaseMs === undefined ? {} : { leaseMs }),
  ...(beatEveryMs === undefined ? {} : { beatEveryMs }),
});
process.stdout.write(`watched by ${watchdog.pid}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const [word, ms] = line.split(' ');
  if (word === 'finish') {
    await watchdog.finish();
    break;
  }
  if (word === 'block') for (const end = performance.now() + Number(ms); performance.now() < end; );
  if (word === 'wait') await delay(Number(ms));
  process.stdout.write(`${word} done\n`);
}
process.stdout.write('over\n');
