import type { Evidence, Finding, FindingStatus, PromiseOrigin } from '../core/finding.ts';
import type { KafkaFacts } from '../facts/kafka/cluster.ts';
import type { Observed, Unseen } from '../facts/observed.ts';
import type { PostgresFacts } from '../facts/postgres/replication.ts';
import type { CatchUp } from '../facts/projection/progress.ts';
import type { RedisFacts } from '../facts/redis/cluster.ts';
import type { InstanceFacts } from '../facts/service/readiness.ts';
import type { DesiredTopic } from '../topics/section.ts';
import type { Limits } from './section.ts';

/** Everything the checks judge, of one region at one moment. A part that is not configured is undefined. */
export interface CheckFacts {
  readonly region: string;
  readonly bootstrap: readonly string[];
  readonly kafka: KafkaFacts;
  readonly desired: readonly DesiredTopic[];
  readonly postgres: PostgresFacts | undefined;
  readonly redis: RedisFacts | undefined;
  readonly instances: readonly InstanceFacts[] | undefined;
  readonly projection: Observed<CatchUp> | undefined;
  readonly limits: Limits;
  /** Where uplift.yaml made the promise: path → origin. */
  readonly originOf: (path: readonly (string | number)[]) => PromiseOrigin;
}

/** One question. The judge is pure: it sees facts, never a client. Its id is permanent. */
export interface Check {
  readonly id: string;
  /** The healthy condition, in words. */
  readonly title: string;
  readonly judge: (facts: CheckFacts) => Judgement;
}

export interface Judgement {
  readonly status: FindingStatus;
  readonly summary: string;
  readonly evidence: readonly Evidence[];
  readonly promise?: PromiseOrigin;
  readonly next?: string;
}

/** Nothing could be seen: neither good nor bad news, and never a pass. */
export function notSeen(query: string, reason: string, next?: string): Judgement {
  const judgement = {
    status: 'inconclusive',
    summary: `could not tell: ${reason}`,
    evidence: [{ query, value: reason }],
  } as const;
  return next === undefined ? judgement : { ...judgement, next };
}

/** Kafka was not seen at all; what to do next depends on whether it is away or refused us. */
export function kafkaNotSeen(query: string, { reason, code, next }: Unseen): Judgement {
  return notSeen(query, reason, code === 'UPL-KAFKA-AUTH' ? next : 'uplift sandbox status');
}

/** Pass without problems, otherwise the status given, naming the first few. */
export function judged(
  problems: readonly string[],
  bad: 'fail' | 'warn',
  good: string,
  rest: Omit<Judgement, 'status' | 'summary'>,
): Judgement {
  if (problems.length === 0) return { ...rest, status: 'pass', summary: good };
  const more = problems.length > 3 ? ` … and ${problems.length - 3} more` : '';
  return { ...rest, status: bad, summary: problems.slice(0, 3).join('; ') + more };
}

/** Runs checks over facts. A judge that throws is a bug and is not hidden as a finding. */
export function runChecks(checks: readonly Check[], facts: CheckFacts): Finding[] {
  return checks.map((check) => ({
    id: check.id,
    title: check.title,
    region: facts.region,
    ...check.judge(facts),
  }));
}
