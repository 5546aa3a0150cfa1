import type { Command } from 'commander';
import type { Runner } from '../../deps.ts';

export interface LagInput {
  readonly once: boolean;
  readonly group: readonly string[];
  /** As typed: `30s`, `2m`. */
  readonly max?: string;
  readonly interval: string;
  readonly patience: string;
}

/** `uplift lag`. */
export function registerLag(program: Command, run: Runner): void {
  program
    .command('lag')
    .description('how far consumer groups and the projection are behind: seconds, records, state')
    .option('--once', 'look once and end (the only way for now)', false)
    .option('--group <name>', 'only this group or projection; can be repeated', collect, [])
    .option('--max <time>', 'fail (10) what is further behind than this, such as 30s')
    .option('--interval <time>', 'between two looks', '1s')
    .option('--patience <time>', 'what is behind and stands still is watched this long', '6s')
    .addHelpText(
      'after',
      '\nExits 12 when something could not be told, whatever else was seen to be well;\nwithout --max no lag fails.\n\nExample:\n  uplift lag --once --max 30s',
    )
    .action((options: LagInput) => run(() => import('./lag.ts').then((m) => m.lagCommand), options));
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
