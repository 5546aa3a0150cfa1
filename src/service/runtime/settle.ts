import type { Groups, Told } from '../../clients/kafka/group-ports.ts';
import type { Cluster } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { GROUPS } from '../../contract/groups.ts';
import { TOPICS } from '../../contract/records.ts';
import { waitFor } from '../../core/wait.ts';
import { checkTopics } from './topics.ts';

/** How far the projection has to be: next offset by events partition, of this very topic. */
export interface Settled {
  readonly topicId: string;
  readonly ends: ReadonlyMap<number, bigint>;
}

export interface SettleDeps {
  readonly groups: Pick<Groups, 'committed' | 'edges'>;
  readonly cluster: Cluster;
  readonly sql: Sql;
  readonly partitions: number;
  /** Only this partition; undefined: all of them. */
  readonly only?: number;
  /** For each of the two waits. */
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal: AbortSignal;
}

const REQUEST_TIMEOUT_MS = 3000;

/**
 * Waits until everything that stood in the commands topic (or one partition of it) when it was called is in the projection: the ends of the
 * commands, until the commands role says that it has decided and written up to there, then the ends of the events, until
 * the projection has applied up to there. Offsets, never clocks. Throws when it is not so within the time.
 */
export async function settle(deps: SettleDeps): Promise<Settled> {
  const { groups, cluster, partitions, only, timeoutMs, intervalMs = 500, signal } = deps;
  const asked = only === undefined ? Array.from({ length: partitions }, (_, partition) => partition) : [only];
  const names = [TOPICS.commands, TOPICS.events];
  const ids = await checkTopics(cluster, { names, partitions, timeoutMs: REQUEST_TIMEOUT_MS });
  const commandEnds = await endsOf(groups, TOPICS.commands, asked);
  const wait = { timeoutMs, intervalMs, signal };
  const decided = async (): Promise<boolean> => reached(await decidedOf(groups), commandEnds);
  await waitFor(decided, { ...wait, what: 'the commands role to decide what was sent' });
  const settled = {
    topicId: ids.get(TOPICS.events) ?? '',
    ends: await endsOf(groups, TOPICS.events, asked),
  };
  const applied = async (): Promise<boolean> => hasApplied(deps.sql, settled);
  await waitFor(applied, { ...wait, what: 'the projection to apply what was decided' });
  return settled;
}

/** Every position is there and none is before its end. */
export function reached(positions: ReadonlyMap<number, bigint>, ends: ReadonlyMap<number, bigint>): boolean {
  return [...ends].every(([partition, end]) => {
    const at = positions.get(partition);
    // Nothing was ever reported for a log that is empty.
    return at === undefined ? end === 0n : at >= end;
  });
}

/** Has this server of Postgres applied all of it? In a transaction: also for every later statement of it. */
export async function hasApplied(sql: Pick<Sql, 'query'>, { topicId, ends }: Settled): Promise<boolean> {
  const { rows } = await sql.query<{ partition: number; next_offset: bigint }>(
    'SELECT partition, next_offset FROM uplift_service.offsets WHERE topic = $1 AND topic_id = $2',
    [TOPICS.events, topicId],
  );
  return reached(new Map(rows.map((row) => [row.partition, row.next_offset])), ends);
}

async function endsOf(
  groups: Pick<Groups, 'edges'>,
  topic: string,
  partitions: readonly number[],
): Promise<ReadonlyMap<number, bigint>> {
  const all = partitions.map((partition) => ({ topic, partition }));
  const answers = await groups.edges(all, 'end', { timeoutMs: REQUEST_TIMEOUT_MS });
  return new Map(all.map(({ partition }, at) => [partition, told(answers[at])]));
}

async function decidedOf(groups: Pick<Groups, 'committed'>): Promise<ReadonlyMap<number, bigint>> {
  const asked = [{ groupId: GROUPS.commands, coordinator: null }];
  const answers = await groups.committed(asked, { timeoutMs: REQUEST_TIMEOUT_MS });
  const offsets = answers.flatMap((answer) => told(answer));
  return new Map(
    offsets
      .filter(({ topic }) => topic === TOPICS.commands)
      .map(({ partition, offset }) => [partition, offset]),
  );
}

function told<T>(answer: Told<T> | undefined): T {
  if (answer?.told === true) return answer.value;
  throw new Error(answer?.reason ?? 'no answer');
}
