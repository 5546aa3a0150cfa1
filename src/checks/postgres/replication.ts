import type { ReplicaFacts, StandbyFacts, WriterFacts } from '../../facts/postgres/replication.ts';
import { type Check, type CheckFacts, type Judgement, judged, notSeen } from '../check.ts';

const REPLY_FRESH_MS = 10_000;

/** One writer that is no standby and commits durably, and every declared replica streams from it, close behind. */
export const writerAndReplicas: Check = {
  id: 'postgres.replication',
  title: 'the writer accepts durable writes and every replica streams close behind',
  judge: judgeReplication,
};

function judgeReplication({ postgres, limits, originOf, region }: CheckFacts): Judgement {
  const promise = originOf(['regions', region, 'postgres']);
  if (postgres === undefined)
    return { status: 'notApplicable', summary: 'no Postgres in uplift.yaml', evidence: [] };
  const { writer, replicas } = postgres;
  if (!writer.facts.seen)
    return { ...notSeen(`pg_stat_replication on ${writer.name}`, writer.facts.reason), promise };
  const unseen = replicas.flatMap(({ name, facts }) =>
    facts.seen ? [] : [`${name} does not answer (${facts.reason})`],
  );
  const { value } = writer.facts;
  const problems = writerProblems(writer.name, value);
  for (const { name, facts } of replicas) {
    if (facts.seen) problems.push(...replicaProblems(name, facts.value, value.timeline, limits.replicaLag));
  }
  const streaming = value.standbys.filter(({ state }) => state === 'streaming');
  if (streaming.length < replicas.length)
    problems.push(`${streaming.length} of ${replicas.length} replicas stream from ${writer.name}`);
  const sync = streaming.filter(({ syncState }) => syncState === 'sync' || syncState === 'quorum').length;
  if (value.synchronousStandbyNames !== '' && sync === 0)
    problems.push('commits wait for a synchronous standby and there is none');
  // What the writer itself says of a lost replica is a fact; one that only we do not reach could not be told.
  if (problems.length === 0 && unseen.length > 0)
    return { ...notSeen('pg_stat_wal_receiver', unseen.join('; ')), promise };
  const good = `writer ${writer.name}, ${streaming.length} replicas streaming, ${sync} count for synchronous commit`;
  const evidence = [
    {
      query: 'SELECT … FROM pg_stat_replication',
      value: value.standbys.map(standbyText).join('; ') || 'no rows',
    },
  ];
  const all = problems.length === 0 ? [] : [...problems, ...unseen];
  return judged(all, 'fail', good, { evidence, promise });
}

function writerProblems(name: string, facts: WriterFacts): string[] {
  const problems: string[] = [];
  if (facts.inRecovery) problems.push(`${name} is a standby, not a writer`);
  if (facts.fsync !== 'on') problems.push(`${name} has fsync ${facts.fsync}`);
  if (facts.synchronousCommit === 'off') problems.push(`${name} has synchronous_commit off`);
  return problems;
}

/** Lag 0 is believed only when the primary was heard lately; `now() - last replay` alone grows while idle. */
export function replicaLagMs(facts: ReplicaFacts): number {
  const heardMs = facts.lastMessageAgeMs ?? Number.POSITIVE_INFINITY;
  if (facts.receivedBytesAhead === 0 && heardMs < REPLY_FRESH_MS) return 0;
  return Math.max(
    heardMs,
    facts.receivedBytesAhead > 0 ? (facts.replayAgeMs ?? Number.POSITIVE_INFINITY) : 0,
  );
}

function replicaProblems(name: string, facts: ReplicaFacts, timeline: number, limitMs: number): string[] {
  const problems: string[] = [];
  const lagMs = replicaLagMs(facts);
  if (!facts.inRecovery) problems.push(`${name} is not a standby: two writers`);
  if (facts.timeline !== timeline)
    problems.push(`${name} is on timeline ${facts.timeline}, the writer on ${timeline}`);
  if (!facts.streaming) problems.push(`${name} does not stream`);
  else if (lagMs > limitMs)
    problems.push(`${name} is ${(lagMs / 1000).toFixed(1)} s behind (limit ${limitMs / 1000} s)`);
  return problems;
}

function standbyText(standby: StandbyFacts): string {
  return `${standby.name} ${standby.state} ${standby.syncState} ${standby.replayLagBytes} bytes behind`;
}
