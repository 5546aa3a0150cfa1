// A process that shows the view of a drill on its own terminal, and ends in the way that its argument says: after a signal
// that it takes, by an exception that nobody catches, by process.exit.
import { systemClock } from '../../src/core/clock.ts';
import { styleOf } from '../../src/output/style.ts';
import { openDrillView } from '../../src/tui/drill/show.ts';

const view = openDrillView({
  drill: 'kafka-broker-loss',
  clock: systemClock,
  style: styleOf(process.stderr, process.env),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  onStop: () => void process.kill(process.pid, 'SIGINT'),
  plain: ({ phase, text }) => void process.stderr.write(`  ${phase}: ${text}\n`),
});
view.progress({ phase: 'preflight', state: 'done', text: '34 checks pass' });
process.once('SIGINT', () => {
  process.stdout.write('somebody prints\n');
  if (process.argv[2] === 'throws') throw new Error('a bug');
  if (process.argv[2] === 'exits') process.exit(3);
  void view.close().then(() => process.stdout.write('the result\n'));
});
