import type { LearningProduce } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { TOPICS } from '../../contract/records.ts';
import type { Bloom } from '../bloom/index.ts';
import { QUESTION_MS } from '../runtime/probes.ts';
import type { WarmPart } from '../runtime/warm-up.ts';
import type { GatewayClaims } from './claims.ts';
import type { IdSource } from './ids.ts';
import type { TenantLimiter } from './rate-limit.ts';
import { type Reader, WARMING_READ } from './reader.ts';

export interface WarmUpDeps {
  readonly produce: Pick<LearningProduce, 'learn'>;
  /** Id of the commands topic while it is as it has to be. */
  readonly commandsTopicId: () => string | undefined;
  readonly claims: Pick<GatewayClaims, 'where'>;
  readonly ids: Pick<IdSource, 'state'>;
  readonly writer: Pick<Sql, 'query'>;
  readonly replicas: number;
  readonly reader: Pick<Reader, 'warm'>;
  /** Undefined: there is no filter. */
  readonly bloom?: Pick<Bloom, 'hasLooked'> | undefined;
  /** Undefined: there is no limit. */
  readonly limiter?: Pick<TenantLimiter, 'warm'> | undefined;
}

/**
 * What the first request of a gateway needs, as parts to be used once. What a gateway can do without (Redis, a replica) need
 * only have been asked: that it is away is known then, and the first request does not wait for it.
 */
export function gatewayParts(deps: WarmUpDeps): readonly WarmPart[] {
  const { bloom, limiter, replicas } = deps;
  const parts: WarmPart[] = [
    { name: 'leaders of the commands topic', use: () => learnLeaders(deps) },
    { name: 'claims', use: async () => claimsOf(deps.claims) },
    { name: 'reservation ids', use: async () => void deps.ids.state() },
    { name: 'writer', use: () => ask(deps.writer) },
  ];
  if (replicas > 0)
    parts.push({ name: 'replicas', use: async () => away(await deps.reader.warm(), replicas) });
  if (limiter !== undefined) parts.push({ name: 'limits', use: async () => limited(await limiter.warm()) });
  if (bloom !== undefined) parts.push({ name: 'filter of ids', use: async () => lookedUp(bloom) });
  return parts;
}

async function learnLeaders({ produce, commandsTopicId }: WarmUpDeps): Promise<undefined> {
  // A topic that is not there would be asked for again and again.
  if (commandsTopicId() === undefined) throw new Error(`${TOPICS.commands} was not seen yet`);
  await produce.learn(TOPICS.commands, { timeoutMs: QUESTION_MS });
}

function claimsOf({ where }: Pick<GatewayClaims, 'where'>): string | undefined {
  const store = where();
  if (store === 'redis') return undefined;
  if (store === 'postgres') return 'Redis is away: Postgres takes them';
  throw new Error(store === 'nowhere' ? 'no store takes any' : 'no store was asked yet');
}

async function ask(writer: Pick<Sql, 'query'>): Promise<undefined> {
  await writer.query(WARMING_READ, [], { timeoutMs: QUESTION_MS });
}

const away = (count: number, of: number): string | undefined =>
  count === 0 ? undefined : `${count} of ${of} away: the writer is read`;

const limited = (isCounted: boolean): string | undefined =>
  isCounted ? undefined : 'Redis is away: nobody is limited';

async function lookedUp({ hasLooked }: Pick<Bloom, 'hasLooked'>): Promise<undefined> {
  if (!hasLooked()) throw new Error('not looked up yet');
}
