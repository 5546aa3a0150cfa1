import type { Command } from 'commander';
import type { Runner } from '../../deps.ts';

export function registerConfig(program: Command, run: Runner): void {
  const config = program.command('config').description('show and check uplift.yaml');
  config
    .command('show')
    .description('the configuration in force')
    .option('--origin', 'say where each value comes from', false)
    .action((options: { origin: boolean }) =>
      run(() => import('./show.ts').then((m) => m.showConfig), options),
    );
  config
    .command('validate')
    .description('report every problem of uplift.yaml at once')
    .action(() => run(() => import('./validate.ts').then((m) => m.validateConfig), {}));
  config
    .command('schema')
    .description('JSON Schema of uplift.yaml, for editors')
    .action(() => run(() => import('./schema.ts').then((m) => m.configSchema), {}));
}
