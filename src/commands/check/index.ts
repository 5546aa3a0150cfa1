import type { Command } from 'commander';
import type { Runner } from '../../deps.ts';

export interface CheckInput {
  readonly strict: boolean;
}

/** `uplift check`. */
export function registerCheck(program: Command, run: Runner): void {
  program
    .command('check')
    .description('look at Kafka, Postgres, Redis, the service and its projection, and judge what was seen')
    .summary('judge what can be seen of the platform')
    .option('--strict', 'exit 11 when there are warnings', false)
    .addHelpText(
      'after',
      '\nWhat could not be seen is inconclusive (exit 12), never a pass.\n\nExample:\n  uplift check --output json',
    )
    .action((options: CheckInput) => run(() => import('./check.ts').then((m) => m.checkCommand), options));
}
