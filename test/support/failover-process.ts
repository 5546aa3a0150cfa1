import { readFile } from 'node:fs/promises';
import { systemClock } from '../../src/core/clock.ts';
import type { Step } from '../../src/core/step.ts';
import { processPooler } from '../../src/drills/actuators/pooler-process.ts';
import { processPostgres } from '../../src/drills/actuators/postgres-process.ts';
import { postgresKinds } from '../../src/drills/steps/postgres/index.ts';
import { openJournal } from '../../src/record/open.ts';
import { runSteps } from '../../src/steps/engine.ts';
import { stepRegistry } from '../../src/steps/kind.ts';

// A process that runs the steps of a file under a journal and is killed by its test: node failover-process.ts <steps> <journal>

const [stepsFile = '', journalFile = ''] = process.argv.slice(2);
const steps = JSON.parse(await readFile(stepsFile, 'utf8')) as Step[];
const journal = await openJournal(journalFile, { runId: 'failover', actor: 'test', clock: systemClock });
await runSteps({
  registry: stepRegistry(postgresKinds),
  journal,
  context: { postgresOf: processPostgres, poolerOf: processPooler },
  steps,
  signal: AbortSignal.timeout(120_000),
  onEvent: ({ state, step }) => void process.stdout.write(`${state} ${step.kind}\n`),
});
await journal.seal();
await journal.close();
