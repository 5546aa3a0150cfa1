import { join } from 'node:path';
import { openProduce } from '../../clients/kafka/index.ts';
import { openSql, type Sql } from '../../clients/postgres/index.ts';
import { isUpliftError, reasonOf, UpliftError } from '../../core/error.ts';
import { EXIT, exitForSignal } from '../../core/exit.ts';
import { newRunId } from '../../core/ids.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Action, Deps } from '../../deps.ts';
import { type ReplayPlan, staleReasons } from '../../dlq/plan.ts';
import { readReplayPlan, writeReplayPlan } from '../../dlq/plan-file.ts';
import { presentReplay, presentUnproved, sentText } from '../../dlq/present-replay.ts';
import { exitOfReplay, runReplay } from '../../dlq/replay.ts';
import { newTally, type ReplayContext, replayPartition, sinceThePlan } from '../../dlq/replay-partition.ts';
import { partitionsOf } from '../../dlq/step.ts';
import { makeRunFolder } from '../../drills/run-folder.ts';
import type { Journal } from '../../record/journal.ts';
import { openJournal } from '../../record/open.ts';
import { type Confirmed, confirm } from '../shared/confirm.ts';
import { durationFlag } from '../shared/duration.ts';
import { openOneRegion, postgresTargets, type Region } from '../shared/region.ts';
import type { ReplayInput } from './index.ts';
import { type RegionKafka, requestTimeoutOf, withKafka } from './look.ts';

interface Input extends ReplayInput {
  readonly timeoutMs: number;
  readonly readTimeoutMs: number;
}

/** `uplift dlq replay`: check the plan against the cluster, ask, send, prove. */
export const replayCommand: Action<ReplayInput> = async (deps, typed) => {
  const input: Input = {
    ...typed,
    timeoutMs: durationFlag('--timeout', typed.timeout),
    readTimeoutMs: durationFlag('--read-timeout', typed.readTimeout),
  };
  const plan = await readReplayPlan(input.plan);
  const region = await openOneRegion(deps);
  return withKafka(region, async (kafka) => {
    await refuseStale(plan, kafka, input.plan);
    if (input.dryRun) return dryRun(deps, input, kafka, plan);
    if (plan.letters.length === 0) return nothing(plan);
    const confirmed = await confirm(deps, {
      yes: input.yes,
      environment: region.project.config.value.environment,
      question: `Replay ${plan.letters.length} letters into ${plan.target.topic} of ${plan.region}?`,
      command: `uplift dlq replay ${input.plan}`,
    });
    return replayIn(deps, input, kafka, plan, confirmed);
  });
};

async function refuseStale(
  plan: ReplayPlan,
  { region, state, read }: RegionKafka,
  file: string,
): Promise<void> {
  const reasons =
    plan.region === region.config.name
      ? staleReasons(plan, state)
      : [`it was made for region ${plan.region}, this is ${region.config.name}`];
  if (reasons.length === 0) {
    const now = await read.bounds([plan.target.topic], { timeoutMs: requestTimeoutOf(region) });
    sinceThePlan(plan, plan.letters, now);
    return;
  }
  throw new UpliftError('UPL-PLAN-STALE', {
    message: `${file} does not fit any more: ${reasons.join('; ')}. Nothing was sent.`,
    next: `uplift dlq plan ${plan.dlq.topic} --out <file>`,
  });
}

function nothing(plan: ReplayPlan): Outcome {
  return {
    exit: EXIT.ok,
    kind: 'dlq.replay',
    data: { planned: 0, replayed: 0 },
    blocks: presentUnproved(
      plan,
      { sent: 0, already: 0, refused: [] },
      { text: 'The plan holds nothing to replay.', mark: 'ok', sentAs: 'replayed' },
    ),
  };
}

function contextOf(
  { region, read }: RegionKafka,
  plan: ReplayPlan,
  input: Input,
  produce: ReplayContext['produce'],
): ReplayContext {
  return {
    plan,
    read,
    produce,
    requestTimeoutMs: requestTimeoutOf(region),
    readTimeoutMs: input.readTimeoutMs,
    tally: newTally(),
  };
}

async function dryRun(deps: Deps, input: Input, kafka: RegionKafka, plan: ReplayPlan): Promise<Outcome> {
  const never = { send: () => Promise.reject(new Error('a dry run sends nothing')) };
  const context = contextOf(kafka, plan, input, never);
  const options = { replayId: newRunId(), send: false, signal: deps.signal };
  for (const partition of partitionsOf(plan)) await replayPartition(context, partition, options);
  const { sent, already, refused } = context.tally;
  return {
    exit: refused.length > 0 ? EXIT.fail : EXIT.ok,
    kind: 'dlq.replay',
    data: { dryRun: true, planned: plan.letters.length, wouldReplay: sent, already: already.size, refused },
    blocks: presentUnproved(
      plan,
      { sent, already: already.size, refused },
      {
        text: `${sent} letters are as reviewed and would be replayed. Nothing was sent.`,
        mark: refused.length > 0 ? 'warn' : 'ok',
        sentAs: 'would replay',
        next: `uplift dlq replay ${input.plan}`,
      },
    ),
  };
}

async function replayIn(
  deps: Deps,
  input: Input,
  kafka: RegionKafka,
  plan: ReplayPlan,
  confirmed: Confirmed,
): Promise<Outcome> {
  const replayId = newRunId();
  const folder = await makeRunFolder(kafka.region.project.stateDir, replayId);
  // Beside the journal: the record is read together with what was to be done.
  await writeReplayPlan(join(folder.dir, 'replay.plan.json'), plan);
  const actor = `dlq.replay pid ${process.pid}`;
  const journal = await openJournal(folder.journal, { runId: replayId, actor, clock: deps.clock });
  try {
    await journal.append('dlq.plan', {
      fingerprint: plan.fingerprint,
      region: plan.region,
      clusterId: plan.clusterId,
      dlq: plan.dlq.topic,
      target: plan.target.topic,
      letters: plan.letters.length,
      confirmedBy: confirmed.by,
    });
    return await withSenders(deps, kafka.region, (produce, ask) =>
      sendAndProve(deps, input, { journal, replayId, context: contextOf(kafka, plan, input, produce), ask }),
    );
  } finally {
    await journal.close();
  }
}

async function withSenders(
  deps: Deps,
  region: Region,
  work: (produce: ReplayContext['produce'], ask: Sql | undefined) => Promise<Outcome>,
): Promise<Outcome> {
  const targets = await postgresTargets(deps, region);
  const produce = await openProduce(region.kafka);
  const ask = targets === undefined ? undefined : openSql(targets.writer);
  try {
    return await work(produce, ask);
  } finally {
    await Promise.all([produce.close(), ask?.close()]);
  }
}

interface Sending {
  readonly journal: Journal;
  readonly replayId: string;
  readonly context: ReplayContext;
  readonly ask: Sql | undefined;
}

async function sendAndProve(deps: Deps, input: Input, sending: Sending): Promise<Outcome> {
  const { journal, context } = sending;
  try {
    const result = await runReplay({
      ...sending,
      timeoutMs: input.timeoutMs,
      signal: deps.signal,
      onEvent: ({ state, describe }) => {
        if (state === 'verified')
          deps.progress({ phase: 'replay', state: 'running', text: sentText(context) });
        if (state === 'failed') deps.progress({ phase: 'replay', state: 'failed', text: describe });
      },
    });
    deps.progress({ phase: 'replay', state: 'done', text: sentText(context) });
    const exit = exitOfReplay(result);
    await journal.append('dlq.ended', { execution: 'completed', exit });
    const { count, head } = await journal.seal();
    const record = { path: journal.path, lines: count + 1, head };
    return {
      exit,
      kind: 'dlq.replay',
      data: { ...result, record },
      blocks: presentReplay(result, record, input.timeoutMs),
    };
  } catch (error) {
    const execution = deps.signal.aborted ? 'interrupted' : 'errored';
    const { sent, already } = context.tally;
    // The error is what the caller must see; a record that cannot take its end stays unsealed, hence incomplete.
    await journal
      .append('dlq.ended', { execution, reason: reasonOf(error), sent, already: already.size })
      .then(() => journal.seal())
      .catch(() => undefined);
    if (deps.signal.aborted) return interrupted(deps, input, sending);
    throw withNext(error, input.plan);
  }
}

/** Told to stop: what went out so far, and how to finish. */
function interrupted(deps: Deps, input: Input, { context, replayId }: Sending): Outcome {
  const { plan, tally } = context;
  const { sent, already, refused } = tally;
  const signal = deps.signal.reason;
  const exit =
    signal === 'SIGINT' || signal === 'SIGTERM' || signal === 'SIGHUP' ? exitForSignal(signal) : EXIT.bug;
  return {
    exit,
    kind: 'dlq.replay',
    data: {
      replayId,
      interrupted: true,
      planned: plan.letters.length,
      replayed: sent,
      already: already.size,
      refused,
    },
    blocks: presentUnproved(
      plan,
      { sent, already: already.size, refused },
      {
        text: `STOPPED (${String(signal)}), nothing proved. The same plan sends only what is not in ${plan.target.topic} yet.`,
        mark: 'warn',
        sentAs: 'replayed',
        next: `uplift dlq replay ${input.plan}`,
      },
    ),
  };
}

/** A replay that failed half way is finished by the same command. */
function withNext(error: unknown, file: string): unknown {
  if (!isUpliftError(error) || error.next !== undefined) return error;
  const { code, message, exit, findings, cause } = error;
  return new UpliftError(code, { message, exit, findings, cause, next: `uplift dlq replay ${file}` });
}
