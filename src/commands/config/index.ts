import type { Command } from 'commander';
import type { Runner } from '../../deps.ts';

export function registerConfig(program: Command, run: Runner): void {
  const config = program.command('config').description('show and check uplift.yaml');
  config
    .command('show')
    .description('the configuration in force')
    .option('--origin', 'say where each value comes from', false)
    .addHelpText('after', '\nExample:\n  uplift config show --origin')
    .action((options: { origin: boolean }) =>
      run(() => import('./show.ts').then((m) => m.showConfig), options),
    );
  config
    .command('validate')
    .description('report every problem of uplift.yaml at once')
    .addHelpText('after', '\nExample:\n  uplift --config staging.yaml config validate')
    .action(() => run(() => import('./validate.ts').then((m) => m.validateConfig), {}));
  config
    .command('schema')
    .description('JSON Schema of uplift.yaml, for editors')
    .addHelpText('after', '\nExample:\n  uplift config schema > uplift.schema.json')
    .action(() => run(() => import('./schema.ts').then((m) => m.configSchema), {}));
}
