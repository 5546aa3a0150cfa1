import { ABOUT, type About, type ReliabilityStatus, type Verdict } from '../../contract/reliability.ts';
import type { Value } from './facts.ts';
import type { Facts } from './look.ts';
import { counted, spanOf } from './words.ts';

export type Reason = ReliabilityStatus['reasons'][number];

/** Unknown outcomes end within a minute or two; one that is older has a reason. */
const WAITING_LIMIT_MS = 60_000;
/** Sweepers look twice a second: what is due for longer is taken by nobody. */
const OVERDUE_LIMIT_MS = 15_000;
/** An operation is decided and shown within a second or two; this is what nobody should get used to. */
const LAG_LIMIT_S = 30;
/** What is over and cannot be mended needs attention for a day, then it is history. */
const PAST_MS = 86_400_000;

/** What needs attention, and what nobody could tell, in plain words. Pure; nothing at all: everything was seen to be well. */
export function judge(facts: Facts, nowMs: number): readonly Reason[] {
  const judged: Readonly<Record<About, readonly Omit<Reason, 'about'>[]>> = {
    idempotency: ofFact(facts.idempotency, (value) => idempotency(value, nowMs)),
    unknownOutcomes: ofFact(facts.unknownOutcomes, (value) => unknownOutcomes(value, nowMs)),
    sweeper: ofFact(facts.sweeper, sweeper),
    deadLetters: ofFact(facts.deadLetters, deadLetters),
    projection: ofFact(facts.projection, projection),
  };
  return ABOUT.flatMap((about) => judged[about].map((reason) => ({ about, ...reason })));
}

/** Attention outweighs unknown: it is certain. Without any reason it is ok, which needs every fact to be known. */
export function verdictOf(reasons: readonly Pick<Reason, 'verdict'>[]): Verdict {
  if (reasons.some(({ verdict }) => verdict === 'attention')) return 'attention';
  return reasons.length > 0 ? 'unknown' : 'ok';
}

type Judged = Omit<Reason, 'about'>;
const attention = (says: string): Judged => ({ verdict: 'attention', says });
const unknown = (says: string): Judged => ({ verdict: 'unknown', says });

function ofFact<V>(fact: Facts[About] & { readonly value?: V }, look: (value: V) => readonly Judged[]) {
  if (fact.state === 'unknown') return [unknown(`could not be asked: ${fact.reason}`)];
  return look(fact.value as V);
}

const isRecent = (at: string | null, nowMs: number, withinMs: number): boolean =>
  at !== null && nowMs - Date.parse(at) < withinMs;

function idempotency(value: Value<'idempotency'>, nowMs: number): Judged[] {
  const { redis, postgres, nowhere, notAsked } = value.gateways;
  const heard = redis + postgres + nowhere + notAsked;
  const reasons: Judged[] = [];
  if (heard === 0) reasons.push(unknown('no gateway was heard from: where keys are claimed is not known'));
  if (nowhere > 0)
    reasons.push(
      attention(`${nowhere} of ${counted(heard, 'gateway')} can claim no key and refuse all writes`),
    );
  if (postgres > 0)
    reasons.push(
      attention(`${postgres} of ${counted(heard, 'gateway')} claim keys in Postgres: Redis does not answer`),
    );
  if (notAsked > 0)
    reasons.push(unknown(`${counted(notAsked, 'gateway')} cannot say yet where keys are claimed`));
  if (value.crossed > 0 && isRecent(value.lastCrossedAt, nowMs, PAST_MS))
    reasons.push(attention(`${counted(value.crossed, 'key')} granted by two stores, the last within a day`));
  return reasons;
}

function unknownOutcomes(value: Value<'unknownOutcomes'>, nowMs: number): Judged[] {
  const reasons: Judged[] = [];
  const { waiting, oldestWaitingSince, longestOverdueMs, givenUp, notKept } = value;
  if (waiting > 0 && !isRecent(oldestWaitingSince, nowMs, WAITING_LIMIT_MS))
    reasons.push(attention(`${counted(waiting, 'operation')} waiting, the oldest for more than a minute`));
  if (longestOverdueMs !== null && longestOverdueMs > OVERDUE_LIMIT_MS)
    reasons.push(attention(`${counted(value.due, 'operation')} due and taken by no sweeper`));
  if (givenUp > 0) reasons.push(attention(`${counted(givenUp, 'operation')} given up`));
  if (notKept !== null && notKept > 0 && isRecent(value.lastNotKeptAt, nowMs, PAST_MS))
    reasons.push(
      attention(
        `${counted(notKept, 'operation')} could not be kept: nobody but the client sends ${notKept === 1 ? 'it' : 'them'} again`,
      ),
    );
  return reasons;
}

function sweeper({ instances, working }: Value<'sweeper'>): Judged[] {
  if (instances.length === 0) return [unknown('no sweeper was heard from within an hour')];
  if (working > 0) return [];
  const silent = instances.every(({ standing }) => standing === 'silent');
  const [first] = instances;
  return [
    attention(
      silent
        ? 'no sweeper works: all are silent, unknown outcomes stay as they are'
        : `no sweeper works: ${first?.instance}: ${first?.notReady ?? 'no round ends'}`,
    ),
  ];
}

function deadLetters({ parked, reservationsBehind }: Value<'deadLetters'>): Judged[] {
  if (parked === 0) return [];
  const behind =
    reservationsBehind === 0
      ? ''
      : `; ${counted(reservationsBehind, 'reservation')} cannot change until then`;
  return [attention(`${counted(parked, 'event')} parked, to be replayed${behind}`)];
}

function projection({ partitions, covered, stopped, lagRecords, lagSeconds }: Value<'projection'>): Judged[] {
  if (partitions === 0) return [unknown('no position is stored: nothing was ever projected here')];
  const reasons: Judged[] = [];
  if (stopped > 0) reasons.push(attention(`${counted(stopped, 'partition')} stopped, with a finding`));
  if (covered < partitions)
    reasons.push(
      unknown(
        `no projector was heard from for ${partitions - covered} of ${counted(partitions, 'partition')}`,
      ),
    );
  else if (lagSeconds === null || lagRecords === null)
    reasons.push(unknown('how old the events are that wait is not known yet'));
  else if (lagSeconds > LAG_LIMIT_S)
    reasons.push(
      attention(
        `${spanOf(lagSeconds * 1000)} behind, ${counted(lagRecords, 'event')} (limit ${LAG_LIMIT_S} s)`,
      ),
    );
  return reasons;
}
