import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Runner } from '../../deps.ts';

export interface LoadRunInput {
  readonly rate: number;
  /** As typed: `30s`, `2m`. */
  readonly duration: string;
  readonly history?: string;
  readonly seed: number;
  readonly capacity: number;
  readonly mix: 'all' | 'creates';
}

/** `uplift load run`. */
export function registerLoad(program: Command, run: Runner): void {
  const load = program
    .command('load')
    .summary('put traffic on the service')
    .description('put traffic on the service and keep a history of every operation');
  load
    .command('run')
    .description(
      'open-loop load through all gateways and over all partitions; an acknowledgement counts once it is on disk',
    )
    .option('--rate <perSecond>', 'operations per second', positive, 200)
    .option('--duration <time>', 'how long, such as 30s or 5m', '30s')
    .option(
      '--history <file>',
      'new file for the history (default: runs/<run id>/history.ndjson in the state folder)',
    )
    .option('--seed <number>', 'the same seed asks for the same resources and slots', integer, 1)
    .option('--capacity <units>', 'capacity of a resource, as the service has it', positive, 100)
    .addOption(
      new Option('--mix <verbs>', 'creates alone, or also holds, confirmations, changes and cancels')
        .choices(['all', 'creates'])
        .default('all'),
    )
    .addHelpText(
      'after',
      '\nExits 12 when nothing was acknowledged,\n10 when less than 95 % of the schedule was sent in time.\n\nExample:\n  uplift load run --rate 200 --duration 30s',
    )
    .action((options: LoadRunInput) => run(() => import('./run.ts').then((m) => m.loadRun), options));
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1_000_000)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}
