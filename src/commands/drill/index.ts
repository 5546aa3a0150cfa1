import { type Command, InvalidArgumentError } from 'commander';
import type { Runner } from '../../deps.ts';

export interface LoadInput {
  readonly rate: number;
  readonly baseline: number;
  readonly seed: number;
}

export interface PlanInput extends LoadInput {
  readonly drill: string;
}

export interface RunInput extends PlanInput {
  readonly yes: boolean;
  readonly allowNoLock: boolean;
  readonly keepProbe?: boolean;
  /** Lines, also on a terminal. */
  readonly plain?: boolean;
  readonly approver?: string;
}

export interface RecoverInput {
  readonly run?: string;
  /** A host whose claims no longer count. */
  readonly takeOver?: string;
  /** Why what cannot be put back is left as it is. */
  readonly giveUp?: string;
}

export interface StopInput {
  readonly reason?: string;
}

export interface AllowInput {
  readonly yes: boolean;
}

export interface WatchdogInput {
  readonly run: string;
}

export interface ShowInput {
  readonly run: string;
  readonly lost: boolean;
}

export interface HistoryInput {
  readonly limit: number;
}

export interface VerifyInput {
  readonly run: string;
  readonly key?: string;
}

export interface ReportInput {
  readonly since?: string;
  readonly out?: string;
}

/** `uplift drill ls | plan | run | recover | stop | allow | show | history | verify | report`. */
export function registerDrill(program: Command, run: Runner): void {
  const drill = program
    .command('drill')
    .summary('rehearse a failure under live load')
    .description('rehearse a failure under live load, count what was lost, put everything back');
  drill
    .command('ls')
    .description('list the drills')
    .addHelpText('after', '\nExample:\n  uplift drill ls')
    .action(() => run(() => import('./ls.ts').then((m) => m.lsCommand), {}));
  withLoad(
    drill
      .command('plan')
      .description(
        'look at everything a drill looks at, and say whom it would hit and how; nothing is touched',
      )
      .argument('<drill>', 'id of the drill'),
  )
    .addHelpText(
      'after',
      '\nExits 15 when the drill would refuse.\n\nExample:\n  uplift drill plan kafka-broker-loss',
    )
    .action((id: string, options: LoadInput) =>
      run(() => import('./plan.ts').then((m) => m.planCommand), { ...options, drill: id }),
    );
  withLoad(
    drill
      .command('run')
      .description('run a drill: preflight, baseline, inject, observe, restore, final reads, verdict')
      .argument('<drill>', 'id of the drill')
      .option('--yes', 'do not ask', false)
      .option('--allow-no-lock', 'also when nobody can tell whether somebody else is at work', false)
      .option('--keep-probe', 'leave what the store probe writes in its store, for a second checker', false)
      .option('--plain', 'lines instead of the live view, also on a terminal', false)
      .option('--approver <name>', 'who approved it; production needs one'),
  )
    .addHelpText('after', '\nExample:\n  uplift drill run kafka-broker-loss --yes')
    .action((id: string, options: Omit<RunInput, 'drill'>) =>
      run(() => import('./run.ts').then((m) => m.runCommand), { ...options, drill: id }),
    );
  drill
    .command('recover')
    .description('finish what a killed or failed drill left: undo every step that was begun and not undone')
    .argument('[run]', 'run id, or its beginning; absent: every unfinished run')
    .option(
      '--take-over <host>',
      'also a run that this other host claims; it is certain that nothing runs there',
    )
    .option(
      '--give-up <reason>',
      'try once more; leave what fails as it is, and seal the record as NOT RESTORED. Drills may run again',
    )
    .addHelpText('after', '\nExample:\n  uplift drill recover')
    .action((id: string | undefined, options: Omit<RecoverInput, 'run'>) =>
      run(() => import('./recover.ts').then((m) => m.recoverCommand), {
        ...options,
        ...(id === undefined ? {} : { run: id }),
      }),
    );
  drill
    .command('show')
    .description('read the record of a run, check its seal, and show what it says')
    .argument('<run>', 'run id, or its beginning')
    .option('--lost', 'list every lost operation', false)
    .addHelpText('after', '\nExample:\n  uplift drill show 0194c2')
    .action((id: string, options: { lost: boolean }) =>
      run(() => import('./show.ts').then((m) => m.showCommand), { run: id, ...options }),
    );
  // Started by `drill run` alone.
  drill
    .command('watchdog', { hidden: true })
    .argument('<run>')
    .action((id: string) => run(() => import('./watchdog.ts').then((m) => m.watchdogCommand), { run: id }));
  registerSwitch(drill, run);
  registerRecords(drill, run);
}

/** What ends every drill, and lets them run again. */
function registerSwitch(drill: Command, run: Runner): void {
  drill
    .command('stop')
    .description('end the drills that run, put everything back, and let no other begin')
    .option('--reason <text>', 'why; whoever wants to run one is told')
    .addHelpText(
      'after',
      '\nIt reaches everybody who shares the journal folder (drills.journalDir).\n\nExample:\n  uplift drill stop --reason "incident 4711"',
    )
    .action((options: StopInput) => run(() => import('./stop.ts').then((m) => m.stopCommand), options));
  drill
    .command('allow')
    .description('let drills run again after `drill stop`')
    .option('--yes', 'do not ask', false)
    .addHelpText('after', '\nExample:\n  uplift drill allow')
    .action((options: AllowInput) => run(() => import('./allow.ts').then((m) => m.allowCommand), options));
}

/** What reads the records. */
function registerRecords(drill: Command, run: Runner): void {
  drill
    .command('history')
    .description('list the drills that ran, newest first; each with what its record is worth')
    .option('--limit <number>', 'at most so many', positive, 50)
    .addHelpText('after', '\nExample:\n  uplift drill history')
    .action((options: HistoryInput) =>
      run(() => import('./history.ts').then((m) => m.historyCommand), options),
    );
  drill
    .command('verify')
    .description('check a record: chain, seal, signature, and the history beside it')
    .argument('<run>', 'run id, or its beginning, or a path to its folder')
    .option('--key <file>', 'public key (PEM) that must have signed it')
    .addHelpText(
      'after',
      '\nExits 10 when anything was altered or another key signed it, 12 when it is\nincomplete, unsigned, or signed by a key that is not known here.\n\nExample:\n  uplift drill verify 0194c2 --key auditor.pub',
    )
    .action((id: string, options: Omit<VerifyInput, 'run'>) =>
      run(() => import('./verify.ts').then((m) => m.verifyCommand), { run: id, ...options }),
    );
  drill
    .command('report')
    .description('write a report: every drill, its timeline, and the trend by quarter')
    .option('--since <when>', 'only drills since then: 90d, or 2026-01-01')
    .option('--out <file>', 'a .md or .html file, or a name for both; absent: Markdown on stdout')
    .addHelpText('after', '\nExample:\n  uplift drill report --since 90d --out drills.html')
    .action((options: ReportInput) => run(() => import('./report.ts').then((m) => m.reportCommand), options));
}

function withLoad(command: Command): Command {
  return command
    .option('--rate <perSecond>', 'operations per second of the load', positive, 200)
    .option('--baseline <seconds>', 'length of the baseline', positive, 10)
    .option('--seed <number>', 'seed of the load', Number, 1);
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}
