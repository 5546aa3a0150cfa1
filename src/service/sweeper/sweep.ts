import type { Logger } from 'pino';
import type { Sql } from '../../clients/postgres/index.ts';
import { dlqOf } from '../../contract/dead-letter.ts';
import { reasonOf } from '../../core/error.ts';
import { traceparentOf } from '../domain/codec.ts';
import type { Append } from '../runtime/produce.ts';
import { type Sending, startSending } from '../telemetry/messaging.ts';
import type { Tracing } from '../telemetry/spans.ts';
import { parseTraceparent } from '../telemetry/traceparent.ts';
import type { UnknownMetrics } from '../unknown/metrics.ts';
import { type Entry, type EntryUpdate, finishEntries, takeDue } from '../unknown/store.ts';
import { letterOf } from './letter.ts';
import { backoffMs, type Move, plan, type SweepRules } from './plan.ts';

export interface SweepDeps {
  readonly sql: Sql;
  readonly append: Append;
  readonly rules: SweepRules;
  /** Entries of one take; all their appends run at once. */
  readonly batch: number;
  /** Id of the commands topic while it is as it has to be. */
  readonly commandsTopicId: () => string | undefined;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly metrics: UnknownMetrics;
  /** Undefined: nothing is recorded. */
  readonly tracing?: Tracing | undefined;
  readonly log: Logger;
  readonly instance: string;
}

/** What a round did. */
export interface Round {
  readonly taken: number;
  readonly decided: number;
  /** Appends that were acknowledged, and those that were not. */
  readonly sent: number;
  readonly failed: number;
  readonly givenUp: number;
}

/** A dead letter that Kafka does not take in this time is tried again later; its entry stays open. */
const LETTER_DEADLINE_MS = 5000;
/** Beyond the longest send: what a sweeper took and did not finish in this time, another one takes. */
const LEASE_SLACK_MS = 10_000;

/**
 * One round: takes what is due, does what the plan says of each entry, writes down what came of it. Throws when Postgres does not answer; entries it took then come back when their lease is over.
 */
export async function sweepOnce(deps: SweepDeps): Promise<Round> {
  const { sql, rules } = deps;
  const leaseMs = Math.max(rules.produceDeadlineMs, LETTER_DEADLINE_MS) + LEASE_SLACK_MS;
  const taken = await takeDue(sql, deps.batch, leaseMs);
  const updates = await Promise.all(taken.map((entry) => sweepEntry(deps, entry)));
  await finishEntries(sql, updates);
  for (const { outcome } of updates) if (outcome !== 'open') deps.metrics.settled.inc({ outcome });
  return roundOf(updates);
}

function roundOf(updates: readonly EntryUpdate[]): Round {
  const tried = updates.filter(({ entry, attempts }) => attempts > entry.attempts);
  const sent = tried.filter(({ appendedOffset }) => appendedOffset !== null).length;
  return {
    taken: updates.length,
    decided: updates.filter(({ outcome }) => outcome === 'decided').length,
    sent,
    failed: tried.length - sent,
    givenUp: updates.filter(({ outcome }) => outcome === 'deadLettered').length,
  };
}

/** Never rejects: whatever goes wrong with one entry, the others of its batch are finished. */
async function sweepEntry(deps: SweepDeps, entry: Entry): Promise<EntryUpdate> {
  const state = { ...entry, appended: entry.appendedOffset !== null };
  const seen = { decided: entry.decided, topicId: deps.commandsTopicId() };
  const move = plan(state, seen, deps.nowMs(), deps.rules);
  const same = { entry, attempts: entry.attempts, appendedOffset: entry.appendedOffset, delayMs: 0 };
  switch (move.kind) {
    case 'settle':
      return { ...same, outcome: 'decided' };
    case 'wait':
      return { ...same, outcome: 'open', delayMs: move.delayMs };
    case 'produce':
      return produceAgain(deps, entry, move.deadlineMs);
    case 'deadLetter':
      return giveUp(deps, entry, move);
  }
}

async function produceAgain(deps: SweepDeps, entry: Entry, deadlineMs: number): Promise<EntryUpdate> {
  const { append, metrics, log, rules, random } = deps;
  const attempts = entry.attempts + 1;
  const { topic, partition, record } = entry;
  const sending = startAgain(deps, entry, attempts);
  try {
    const { offset } = await append.append(topic, partition, record, deadlineMs);
    metrics.produced.inc({ result: 'acknowledged' });
    sending?.acknowledged(offset);
    const delayMs = rules.firstBackoffMs;
    return { entry, outcome: 'open', attempts, appendedOffset: offset, delayMs };
  } catch (error) {
    metrics.produced.inc({ result: 'failed' });
    sending?.failed(error);
    log.warn({ ...aboutEntry(entry), attempts, reason: reasonOf(error) }, 'sending again failed');
    const delayMs = backoffMs(attempts, random(), rules);
    return { entry, outcome: 'open', attempts, appendedOffset: null, delayMs };
  }
}

/** A span beside the first try's, in the same trace: the record goes out byte for byte, its trace header too. */
function startAgain({ tracing }: SweepDeps, entry: Entry, attempt: number): Sending | undefined {
  const parent = tracing?.ofRecord(entry.record.headers);
  if (tracing === undefined || parent === undefined) return undefined;
  const { topic, partition } = entry;
  const attributes = {
    'uplift.tenant': entry.tenant,
    'uplift.operation': entry.eventId,
    'uplift.attempt': attempt,
  };
  return startSending(tracing, { topic, partition, parent, attributes });
}

/** Whose command a log line is about, and where its trace is. */
function aboutEntry({ eventId, tenant, record }: Entry) {
  const trace = parseTraceparent(traceparentOf(record.headers)?.toString('latin1'))?.traceId;
  return { trace, tenant, operation: eventId };
}

async function giveUp(
  deps: SweepDeps,
  entry: Entry,
  { code, message }: Extract<Move, { kind: 'deadLetter' }>,
): Promise<EntryUpdate> {
  const { append, metrics, log, rules, random, instance, nowMs } = deps;
  const same = { entry, attempts: entry.attempts, appendedOffset: entry.appendedOffset };
  const about = { ...aboutEntry(entry), code };
  try {
    const letter = letterOf(entry, { code, message, failedBy: instance, failedAtMs: nowMs() });
    await append.append(dlqOf(entry.topic), entry.partition, letter, LETTER_DEADLINE_MS);
  } catch (error) {
    metrics.letterFailed.inc();
    log.error({ ...about, reason: reasonOf(error) }, 'given up, and its dead letter cannot be written');
    return { ...same, outcome: 'open', delayMs: backoffMs(rules.maxAttempts, random(), rules) };
  }
  metrics.deadLetters.inc({ code });
  log.error({ ...about, message }, 'given up: put into the dead letters of the commands');
  return { ...same, outcome: 'deadLettered', delayMs: 0, givenUpFor: code };
}
