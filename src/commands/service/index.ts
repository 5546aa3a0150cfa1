import type { Command } from 'commander';
import type { Runner } from '../../deps.ts';

export function registerService(program: Command, run: Runner): void {
  const service = program
    .command('service')
    .description('the reference reservation service; each role is a process, configured by its environment');
  service
    .command('migrate')
    .description('bring the database of POSTGRES_DIRECT_URL to the newest schema')
    .addHelpText('after', '\nExample:\n  POSTGRES_DIRECT_URL=postgres://localhost/app uplift service migrate')
    .action(() => run(() => import('./migrate.ts').then((m) => m.migrateService), {}));
  service
    .command('gateway')
    .description('HTTP in, commands topic out')
    .addHelpText('after', '\nExample:\n  HTTP_PORT=8080 uplift service gateway')
    .action(() => run(() => import('./roles.ts').then((m) => m.serveGateway), {}));
  service
    .command('commands')
    .description('decide the commands of its SHARE of the partitions, write events')
    .addHelpText('after', '\nExample:\n  SHARE=1/2 uplift service commands')
    .action(() => run(() => import('./roles.ts').then((m) => m.serveCommands), {}));
  service
    .command('projector')
    .description('write events to Postgres')
    .addHelpText('after', '\nExample:\n  uplift service projector')
    .action(() => run(() => import('./roles.ts').then((m) => m.serveProjector), {}));
  service
    .command('sweeper')
    .description('send commands of unknown outcome again until they are decided, or put them aside')
    .addHelpText('after', '\nExample:\n  uplift service sweeper')
    .action(() => run(() => import('./roles.ts').then((m) => m.serveSweeper), {}));
  service
    .command('all')
    .description('the four roles in one process, on HTTP_PORT and the three ports after it')
    .addHelpText('after', '\nExample:\n  HTTP_PORT=8080 uplift service all')
    .action(() => run(() => import('./roles.ts').then((m) => m.serveAll), {}));
}
