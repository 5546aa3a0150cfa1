import type { Command } from 'commander';
import type { Runner } from '../../deps.ts';

export interface PlanInput {
  readonly out?: string;
  readonly detailedExitcode: boolean;
}

export interface ApplyInput {
  readonly plan?: string;
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** `uplift topics plan | apply | verify`. */
export function registerTopics(program: Command, run: Runner): void {
  const topics = program.command('topics').description('make Kafka topics what uplift.yaml says they are');
  topics
    .command('plan')
    .description('show what would be created, with assignment over racks; changes nothing')
    .option('--out <file>', 'save the plan, to be applied later as it is')
    .option('--detailed-exitcode', 'exit 14 when there are changes to make', false)
    .addHelpText('after', '\nExample:\n  uplift topics plan --out topics.plan.json')
    .action((options: PlanInput) => run(() => import('./plan.ts').then((m) => m.planCommand), options));
  topics
    .command('apply')
    .description('create the missing topics in one request, then read them back')
    .option('--plan <file>', 'apply this saved plan; refused when the cluster has changed since')
    .option('--yes', 'do not ask', false)
    .option('--dry-run', 'show the plan and let Kafka validate it; create nothing', false)
    .addHelpText('after', '\nExample:\n  uplift topics apply --yes')
    .action((options: ApplyInput) => run(() => import('./apply.ts').then((m) => m.applyCommand), options));
  topics
    .command('verify')
    .description('compare declared topics with the cluster: partitions, replicas, racks, ISR, configs')
    .addHelpText('after', '\nExample:\n  uplift topics verify --output json')
    .action(() => run(() => import('./verify.ts').then((m) => m.verifyCommand), {}));
}
