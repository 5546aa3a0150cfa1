import { type Command, InvalidArgumentError } from 'commander';
import type { Runner } from '../../deps.ts';

/** How long reading the dead letters, and again the target log, may take; as typed. */
interface ReadOptions {
  readonly readTimeout: string;
}

export interface LsInput extends ReadOptions {}

export interface ShowInput extends ReadOptions {
  readonly topic: string;
  /** `partition/offset` of one letter. */
  readonly at?: string;
  readonly limit: number;
}

export interface PlanInput extends ReadOptions {
  readonly topic: string;
  readonly out?: string;
  readonly limit: number;
  readonly includeCannotTell: boolean;
}

export interface ReplayInput extends ReadOptions {
  readonly plan: string;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** How long to wait for the projection; as typed. */
  readonly timeout: string;
}

const READ_TIMEOUT = ['--read-timeout <time>', 'longest read of a topic', '60s'] as const;

/** `uplift dlq ls | show | plan | replay`. */
export function registerDlq(program: Command, run: Runner): void {
  const dlq = program
    .command('dlq')
    .description('look at dead letters, and replay them to where they came from');
  dlq
    .command('ls')
    .description('every dead letter topic: letters, errors, age, time left, how many are replayed')
    .option(...READ_TIMEOUT)
    .addHelpText('after', '\nExample:\n  uplift dlq ls')
    .action((options: LsInput) => run(() => import('./ls.ts').then((m) => m.lsCommand), options));
  dlq
    .command('show')
    .description('the letters of a topic, or one of them whole: origin, error, headers, key and value')
    .argument('<topic>', 'dead letter topic')
    .argument('[at]', 'partition/offset of one letter')
    .option('--limit <count>', 'letters to list', upTo(100_000), 20)
    .option(...READ_TIMEOUT)
    .addHelpText('after', '\nExamples:\n  uplift dlq show orders.dlq\n  uplift dlq show orders.dlq 3/17')
    .action((topic: string, at: string | undefined, options: Omit<ShowInput, 'topic' | 'at'>) =>
      run(() => import('./show.ts').then((m) => m.showCommand), {
        topic,
        ...(at === undefined ? {} : { at }),
        ...options,
      }),
    );
  dlq
    .command('plan')
    .description('which letters would be replayed and why not the others; sends nothing')
    .argument('<topic>', 'dead letter topic')
    .option('--out <file>', 'save the plan, to be replayed as it is')
    .option('--limit <count>', 'letters in the plan, oldest first (at most 10000)', upTo(10_000), 1_000)
    .option('--include-cannot-tell', 'also letters that may have been replayed before', false)
    .option(...READ_TIMEOUT)
    .addHelpText('after', '\nExample:\n  uplift dlq plan orders.dlq --out replay.plan.json')
    .action((topic: string, options: Omit<PlanInput, 'topic'>) =>
      run(() => import('./plan.ts').then((m) => m.planCommand), { topic, ...options }),
    );
  dlq
    .command('replay')
    .description('send what a saved plan holds, then prove what became of every letter')
    .argument('<plan>', 'file written by uplift dlq plan --out')
    .option('--yes', 'do not ask', false)
    .option('--dry-run', 'read and compare every letter again; send nothing', false)
    .option('--timeout <time>', 'how long to wait for the projection', '30s')
    .option(...READ_TIMEOUT)
    .addHelpText(
      'after',
      '\nRunning the same plan again sends only what is not in the target log yet.\nExits 12 when an end was not seen, 10 when a letter came back or was refused.\n\nExample:\n  uplift dlq replay replay.plan.json --yes',
    )
    .action((plan: string, options: Omit<ReplayInput, 'plan'>) =>
      run(() => import('./replay.ts').then((m) => m.replayCommand), { plan, ...options }),
    );
}

function upTo(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`);
  };
}
