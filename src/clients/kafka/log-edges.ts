import { errorName } from './answers.ts';
import type { Edge, Told, TopicPartition } from './group-ports.ts';
import { askLeaders, type Directory, type Reply } from './leaders.ts';
import { EARLIEST, LATEST, listOffsets, READ_COMMITTED, READ_UNCOMMITTED } from './offset-request.ts';

const MAX_PER_REQUEST = 5000;
/** Codes that asking again does not change: no permission on topic or cluster, invalid topic name. */
const REFUSED = new Set([17, 29, 31]);

const ASKED: Readonly<Record<Edge, readonly [timestamp: bigint, isolation: number]>> = {
  start: [EARLIEST, READ_UNCOMMITTED],
  end: [LATEST, READ_UNCOMMITTED],
  stable: [LATEST, READ_COMMITTED],
};

/** See `Groups.edges`. */
export function edges(
  directory: Directory,
  partitions: readonly TopicPartition[],
  edge: Edge,
  timeoutMs: number,
): Promise<Told<bigint>[]> {
  const [timestamp, isolation] = ASKED[edge];
  return askLeaders(
    directory,
    partitions,
    { timeoutMs, maxPerRequest: MAX_PER_REQUEST },
    async (to, asked) => {
      const wants = asked.map(({ want, leaderEpoch }) => ({ ...want, leaderEpoch }));
      const got = await listOffsets(to, wants, () => timestamp, isolation);
      const byKey = new Map(got.map((one) => [`${one.topic}/${one.partition}`, one]));
      return asked.map(({ want }) => replyOf(byKey.get(`${want.topic}/${want.partition}`)));
    },
  );
}

function replyOf(got: { readonly errorCode: number; readonly offset: bigint } | undefined): Reply<bigint> {
  if (got === undefined) return { kind: 'stale', reason: 'its leader left it out of the answer' };
  if (got.errorCode === 0) return { kind: 'value', value: got.offset };
  return refusal(got.errorCode);
}

/** What an error code of one partition means for asking again. */
export function refusal(errorCode: number): Exclude<Reply<never>, { kind: 'value' }> {
  return { kind: REFUSED.has(errorCode) ? 'refused' : 'stale', reason: errorName(errorCode) };
}
