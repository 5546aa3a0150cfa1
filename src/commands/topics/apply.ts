import { openTopics } from '../../clients/kafka/index.ts';
import type { Cluster } from '../../clients/kafka/ports.ts';
import type { Block } from '../../core/blocks.ts';
import { UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import { exitOfVerdict, verdictOf } from '../../core/finding.ts';
import { newRunId } from '../../core/ids.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Json } from '../../core/step.ts';
import type { Action, Deps } from '../../deps.ts';
import { makeRunFolder } from '../../drills/run-folder.ts';
import { openJournal } from '../../record/open.ts';
import { runSteps } from '../../steps/engine.ts';
import { stepOf, stepRegistry } from '../../steps/kind.ts';
import { creations, planTopics, refusals, type TopicsPlan } from '../../topics/plan.ts';
import { readPlan } from '../../topics/plan-file.ts';
import { presentPlan, presentVerify } from '../../topics/present.ts';
import { createTopicsStep, refuseFailures, type TopicStepContext } from '../../topics/step.ts';
import { verifyTopics } from '../../topics/verify.ts';
import { type Confirmed, confirm } from '../shared/confirm.ts';
import { endJournal } from '../shared/end-journal.ts';
import { openOneRegion, type Region } from '../shared/region.ts';
import type { ApplyInput } from './index.ts';
import { lookAtTopics, withCluster } from './observe.ts';

/** `uplift topics apply`: plan again or take the saved one, ask, create in one request, read back. */
export const applyCommand: Action<ApplyInput> = async (deps, input) => {
  const region = await openOneRegion(deps);
  return withCluster(region, async (cluster) => {
    const topics = openTopics(region.kafka);
    try {
      return await applyIn(deps, input, region, { cluster, topics });
    } finally {
      await topics.close();
    }
  });
};

async function applyIn(
  deps: Deps,
  input: ApplyInput,
  region: Region,
  clients: Pick<TopicStepContext, 'cluster' | 'topics'>,
): Promise<Outcome> {
  const { cluster } = clients;
  const plan = await planToApply(deps, input, region, cluster);
  const blocks = presentPlan(plan).filter(({ kind }) => kind !== 'next');
  const refused = refusals(plan).length;
  if (refused > 0) return { exit: EXIT.refused, kind: 'topics.apply', data: { plan, created: 0 }, blocks };
  if (creations(plan).length === 0)
    return { exit: EXIT.ok, kind: 'topics.apply', data: { plan, created: 0 }, blocks };
  const timeoutMs = region.project.config.value.limits.requestTimeout;
  const context: TopicStepContext = { ...clients, timeoutMs };
  if (input.dryRun) return dryRun(context, plan, blocks);
  const confirmed = await confirm(deps, {
    yes: input.yes,
    environment: region.project.config.value.environment,
    question: `Create ${creations(plan).length} topics in ${region.config.name}?`,
    command: 'uplift topics apply',
  });
  await createJournaled(deps, region, context, plan, confirmed);
  const findings = verifyTopics(await lookAtTopics(deps, region, cluster), region.desired);
  return {
    exit: exitOfVerdict(verdictOf(findings)),
    kind: 'topics.apply',
    data: { plan, created: creations(plan).length, findings },
    blocks: [...blocks.filter(({ kind }) => kind !== 'verdict'), ...presentVerify(findings)],
  };
}

async function planToApply(
  deps: Deps,
  input: ApplyInput,
  region: Region,
  cluster: Cluster,
): Promise<TopicsPlan> {
  const now = planTopics(await lookAtTopics(deps, region, cluster), region.desired);
  if (input.plan === undefined) return now;
  const saved = await readPlan(input.plan);
  if (saved.region === now.region && saved.fingerprint === now.fingerprint) return saved;
  throw new UpliftError('UPL-PLAN-STALE', {
    message: `${input.plan} was made for another state of ${now.region}: brokers, topics or their settings changed since. Nothing was touched.`,
    next: 'uplift topics plan --out <file>',
  });
}

async function dryRun(
  context: TopicStepContext,
  plan: TopicsPlan,
  blocks: readonly Block[],
): Promise<Outcome> {
  const results = await context.topics.create(creations(plan), {
    validateOnly: true,
    timeoutMs: context.timeoutMs,
  });
  refuseFailures(results.filter(({ error }) => error !== null));
  const verdict: Block = {
    kind: 'verdict',
    text: `Kafka would create all ${results.length}. Nothing was changed.`,
    mark: 'ok',
  };
  return {
    exit: EXIT.ok,
    kind: 'topics.apply',
    data: { plan, created: 0, dryRun: true },
    blocks: [...blocks.filter(({ kind }) => kind !== 'verdict'), verdict],
  };
}

async function createJournaled(
  deps: Deps,
  region: Region,
  context: TopicStepContext,
  plan: TopicsPlan,
  confirmed: Confirmed,
): Promise<void> {
  const runId = newRunId();
  const folder = await makeRunFolder(region.project.stateDir, runId);
  const journal = await openJournal(folder.journal, {
    runId,
    actor: `topics.apply pid ${process.pid}`,
    clock: deps.clock,
  });
  try {
    await journal.append('topics.plan', { plan: plan as unknown as Json, confirmedBy: confirmed.by });
    const step = stepOf(createTopicsStep, {
      topics: creations(plan).map((spec) => ({
        ...spec,
        assignment: spec.assignment.map((r) => [...r]),
        configs: { ...spec.configs },
      })),
    });
    await runSteps({
      registry: stepRegistry<TopicStepContext>([createTopicsStep]),
      journal,
      context,
      steps: [step],
      signal: deps.signal,
      onEvent: ({ state, describe }) => {
        if (state === 'verified') deps.progress({ phase: 'create', state: 'done', text: describe });
        if (state === 'failed') deps.progress({ phase: 'create', state: 'failed', text: describe });
      },
    });
    await journal.append('topics.ended', { execution: 'completed' });
    await journal.seal();
  } catch (error) {
    await endJournal(journal, 'topics.ended', error, deps.signal);
    throw error;
  } finally {
    await journal.close();
  }
}
