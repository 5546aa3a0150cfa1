import type { CommandOf, Decision, TenantCommand } from '../../contract/records.ts';
import { NEWEST_RULES } from '../../contract/rules.ts';
import { judgeRequest } from './judge.ts';
import { parseCommand } from './parse.ts';
import { LONGEST_WINDOW_MS, rulesOf, unknownRules } from './rules.ts';
import type { FoldState } from './state.ts';

/** A record of the commands topic, as far as it decides. */
export interface CommandRecord {
  readonly offset: bigint;
  /** The broker's own (LogAppendTime). */
  readonly timestampMs: number;
  readonly value: Uint8Array | null;
}

/** What follows from a command record. */
export type Outcome =
  | { readonly kind: 'decided'; readonly decision: Decision }
  /** A tick with which nothing ended: log time is now this, and no event is written. */
  | { readonly kind: 'quiet'; readonly logTimeMs: number }
  /** From here on rules hold that this process does not know: it must not decide on (S1). */
  | { readonly kind: 'beyond'; readonly reason: string };

type Verdict = Partial<Omit<Decision, 'v' | 'commandOffset' | 'previousCommandOffset' | 'logTimeMs'>> &
  Pick<Decision, 'decision'>;

const REASON_MAX = 200;

/**
 * What a command leads to, from the state before it. Pure: the same state and record give the same outcome in every
 * process, so a zombie that decides again does no harm. Does not change the state.
 */
export function decide(state: FoldState, record: CommandRecord): Outcome {
  const logTimeMs = Math.max(state.logTimeMs, record.timestampMs);
  const command = parseCommand(record.value);
  const decided = (verdict: Verdict): Outcome => ({
    kind: 'decided',
    decision: {
      v: 1,
      rulesVersion: state.rulesVersion,
      commandOffset: record.offset.toString(),
      previousCommandOffset: state.lastCommandOffset.toString(),
      logTimeMs,
      command: typeof command === 'string' ? null : command.type,
      eventId: null,
      tenant: null,
      reservation: null,
      reason: null,
      first: null,
      expired: [],
      ...verdict,
    },
  });
  if (typeof command === 'string') return decided(unparseable(command));
  if (command.type === 'tick') {
    const expired = endedHolds(state, logTimeMs);
    return expired.length === 0 ? { kind: 'quiet', logTimeMs } : decided({ decision: 'accepted', expired });
  }
  if (command.type === 'rules') return changeRules(state, command, logTimeMs, decided);
  return decided(judge(state, command, record, logTimeMs));
}

/** The same for every command of a tenant: its first decision, its window; then what it asks for. */
function judge(state: FoldState, command: TenantCommand, record: CommandRecord, logTimeMs: number): Verdict {
  const { eventId, tenant, notAfterMs } = command;
  const repeated = repeatOf(state, eventId, logTimeMs);
  if (repeated !== undefined) return { ...repeated, tenant };
  // Compared with this record's own time, so that every copy of the command expires before its id is forgotten.
  if (notAfterMs > record.timestampMs + LONGEST_WINDOW_MS)
    return unparseable(`notAfterMs is more than ${LONGEST_WINDOW_MS} ms after the log time`);
  if (logTimeMs > notAfterMs) return { decision: 'expired', eventId, tenant, reason: 'expired' };
  const judged = judgeRequest(state, command, logTimeMs);
  return typeof judged === 'string'
    ? { decision: 'rejected', eventId, tenant, reason: judged }
    : { decision: 'accepted', eventId, tenant, reservation: judged };
}

function changeRules(
  state: FoldState,
  { eventId, rulesVersion }: CommandOf<'rules'>,
  logTimeMs: number,
  decided: (verdict: Verdict) => Outcome,
): Outcome {
  const repeated = repeatOf(state, eventId, logTimeMs);
  if (repeated !== undefined) return decided(repeated);
  if (rulesVersion <= state.rulesVersion)
    return decided({ decision: 'rejected', eventId, reason: 'rules-not-newer' });
  if (rulesVersion <= NEWEST_RULES) return decided({ decision: 'accepted', eventId, rulesVersion });
  return { kind: 'beyond', reason: unknownRules(rulesVersion) };
}

function repeatOf(state: FoldState, eventId: string, logTimeMs: number): Verdict | undefined {
  const first = state.firsts.at(eventId, logTimeMs);
  if (first === undefined) return undefined;
  const { commandOffset, decision, reservation } = first;
  return { decision: 'repeated', eventId, reservation, first: { commandOffset, decision } };
}

/** Holds that have ended, as they are from now on. */
function endedHolds(state: FoldState, logTimeMs: number): Decision['expired'] {
  const { expiriesPerTick } = rulesOf(state.rulesVersion);
  return state.holds.due(logTimeMs, expiriesPerTick).flatMap(({ id }) => {
    const held = state.live.get(id);
    return held === undefined
      ? []
      : [{ ...held, status: 'expired' as const, version: held.version + 1, holdUntilMs: null }];
  });
}

function unparseable(reason: string): Verdict {
  return { decision: 'unparseable', reason: reason.slice(0, REASON_MAX) };
}
