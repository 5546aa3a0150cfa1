import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { killExactly } from '../../../clients/process/signal.ts';
import { systemClock } from '../../../core/clock.ts';
import { takeOver } from '../take-over.ts';
import { watchRun } from '../watch.ts';

/** A watchdog whose platform is a folder: `broken` stands in it as long as something has to be undone. */
const [dir = '', leaseMs] = process.argv.slice(2);
const broken = join(dir, 'broken');
const end = await watchRun({
  channel: process,
  clock: systemClock,
  owes: async () => existsSync(broken),
  leaseMs: Number(leaseMs),
  lookEveryMs: 20,
});
if (process.connected) process.disconnect();
process.stdout.write(`${end.how}\n`);
if (end.how !== 'finished')
  await takeOver({
    clock: systemClock,
    say: (line) => process.stdout.write(`${line}\n`),
    attempt: async () => {
      if (end.run !== undefined) await killExactly([end.run]);
      rmSync(broken, { force: true });
      return { left: [] };
    },
  });
