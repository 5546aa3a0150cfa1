import type { Command } from 'commander';
import type { Runner } from '../../deps.ts';

export interface NameInput {
  readonly name: string;
}

export interface UpInput extends NameInput {
  readonly brokers: string;
  readonly racks: string;
  readonly portBase?: string;
  readonly kafkaHome?: string;
  readonly service: boolean;
  readonly secure: boolean;
}

export interface DownInput extends NameInput {
  readonly keepData: boolean;
}

export interface InstallInput {
  readonly yes: boolean;
}

export interface UnitInput extends NameInput {
  readonly unit: string;
}

export interface RestartInput extends NameInput {
  readonly units: readonly string[];
  /** `NAME=VALUE` words. */
  readonly env: readonly string[];
}

export interface LogsInput extends UnitInput {
  readonly lines: string;
}

const NAME = '--name <name>';
const NAME_HELP = 'which sandbox';
const DEFAULT = 'demo';

/** `uplift sandbox install | up | down | status | logs | restart | kill | pause | resume | start | env`. */
export function registerSandbox(program: Command, run: Runner): void {
  const sandbox = program
    .command('sandbox')
    .description('a real platform as local processes: Kafka, Postgres, Redis and the service');
  registerInstall(sandbox, run);
  registerWhole(sandbox, run);
  registerUnits(sandbox, run);
}

function registerInstall(sandbox: Command, run: Runner): void {
  sandbox
    .command('install')
    .description(
      'get what a sandbox needs and this machine lacks: Kafka into the cache of the user; as root on Debian also Java, Maven, ' +
        'Postgres, PgBouncer and Redis, elsewhere the line to type',
    )
    .option('--yes', 'install system packages without asking', false)
    .addHelpText(
      'after',
      '\nEvery file of Kafka is compared with its known hash. No service is started.\n\nExample:\n  uplift sandbox install',
    )
    .action((options: InstallInput) =>
      run(() => import('./install.ts').then((m) => m.installCommand), options),
    );
}

function registerWhole(sandbox: Command, run: Runner): void {
  sandbox
    .command('up')
    .summary('start the platform')
    .description('start Kafka, Postgres with replicas and pooler, Redis Cluster and the reference service')
    .option(NAME, NAME_HELP, DEFAULT)
    .option('--brokers <n>', 'Kafka nodes; the first three form the quorum', '3')
    .option('--racks <n>', 'racks the Kafka nodes are spread over', '3')
    .option('--port-base <n>', 'first port (default: a free block is searched)')
    .option('--kafka-home <folder>', 'Kafka installation with libs/ (also KAFKA_HOME)')
    .option('--no-service', 'only the servers, without the reference service')
    .option('--secure', 'Kafka takes TLS with a login (SCRAM-SHA-512) only', false)
    .addHelpText('after', '\nExample:\n  uplift sandbox up --name six --brokers 6')
    .action((options: UpInput) => run(() => import('./up.ts').then((m) => m.upCommand), options));
  sandbox
    .command('down')
    .description('stop everything and remove the sandbox; nothing is left behind')
    .option(NAME, NAME_HELP, DEFAULT)
    .option('--keep-data', 'stop only; `up` starts the same servers on the same data again', false)
    .addHelpText('after', '\nExample:\n  uplift sandbox down --name six')
    .action((options: DownInput) => run(() => import('./down.ts').then((m) => m.downCommand), options));
  sandbox
    .command('status')
    .description('every process with its state; exit 0 when all run, 10 when not')
    .option(NAME, NAME_HELP, DEFAULT)
    .addHelpText('after', '\nExample:\n  uplift sandbox status --output json')
    .action((options: NameInput) => run(() => import('./status.ts').then((m) => m.statusCommand), options));
  sandbox
    .command('env')
    .description('lines for a shell: eval "$(uplift sandbox env)"')
    .option(NAME, NAME_HELP, DEFAULT)
    .addHelpText('after', '\nExample:\n  eval "$(uplift sandbox env)"')
    .action((options: NameInput) => run(() => import('./env.ts').then((m) => m.envCommand), options));
}

const UNIT_VERBS = [
  ['kill', 'SIGKILL one server or process, as a crash would end it'],
  ['pause', 'SIGSTOP one server or process: it hangs, its connections stay open'],
  ['resume', 'SIGCONT a paused one'],
  ['start', 'start a killed or stopped one again and wait until it answers'],
] as const;
export type UnitVerb = (typeof UNIT_VERBS)[number][0];

function registerUnits(sandbox: Command, run: Runner): void {
  sandbox
    .command('logs')
    .description('the last lines one server or process wrote')
    .argument('<unit>', 'for example kafka-1 (uplift sandbox status lists them)')
    .option(NAME, NAME_HELP, DEFAULT)
    .option('--lines <n>', 'how many', '50')
    .addHelpText('after', '\nExample:\n  uplift sandbox logs kafka-1 --lines 20')
    .action((unit: string, options: Omit<LogsInput, 'unit'>) =>
      run(() => import('./logs.ts').then((m) => m.logsCommand), { ...options, unit }),
    );
  sandbox
    .command('restart')
    .description(
      'stop and start processes, one after the other; --env changes what a service process is told',
    )
    .argument('<unit...>', 'for example commands-1 commands-2')
    .option(NAME, NAME_HELP, DEFAULT)
    .option('--env <NAME=VALUE...>', 'set this variable from now on (NAME= takes it away)', [])
    .addHelpText('after', '\nExample:\n  uplift sandbox restart projector-1 --env EVENT_SCHEMA=2')
    .action((units: string[], options: Omit<RestartInput, 'units'>) =>
      run(() => import('./restart.ts').then((m) => m.restartCommand), { ...options, units }),
    );
  for (const [verb, description] of UNIT_VERBS) {
    sandbox
      .command(verb)
      .description(description)
      .argument('<unit>', 'for example kafka-1 (uplift sandbox status lists them)')
      .option(NAME, NAME_HELP, DEFAULT)
      .addHelpText('after', `\nExample:\n  uplift sandbox ${verb} kafka-1`)
      .action((unit: string, options: NameInput) =>
        run(() => import('./unit.ts').then((m) => m.unitCommand(verb)), { ...options, unit }),
      );
  }
}
