import type { Command } from 'commander';
import type { Runner } from '../../deps.ts';

export function registerInit(program: Command, run: Runner): void {
  program
    .command('init')
    .description('write a commented uplift.yaml for a cluster of your own; never overwrites')
    .argument('[file]', 'where to write it', 'uplift.yaml')
    .addHelpText('after', '\nExample:\n  uplift init staging.yaml')
    .action((file: string) => run(() => import('./init.ts').then((m) => m.init), { file }));
}
