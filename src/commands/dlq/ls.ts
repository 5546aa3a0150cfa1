import { EXIT } from '../../core/exit.ts';
import type { Action, Deps } from '../../deps.ts';
import { presentList } from '../../dlq/present.ts';
import type { DlqSource } from '../../dlq/sources.ts';
import { type DlqSummary, summarize } from '../../dlq/summary.ts';
import { durationFlag } from '../shared/duration.ts';
import { openRegions, type Region } from '../shared/region.ts';
import { freePlanName } from './free-plan-name.ts';
import type { LsInput } from './index.ts';
import { lookAt, withKafka } from './look.ts';

/** `uplift dlq ls`: one line a dead letter topic and region. */
export const lsCommand: Action<LsInput> = async (deps, input) => {
  const readTimeoutMs = durationFlag('--read-timeout', input.readTimeout);
  const topics: DlqSummary[] = [];
  for (const region of await openRegions(deps)) topics.push(...(await listIn(deps, region, readTimeoutMs)));
  // Nothing examined is no answer: topics that are not made yet say nothing about dead letters.
  const isAnswer = topics.length === 0 || topics.some(({ exists }) => exists);
  const exit = isAnswer ? EXIT.ok : EXIT.inconclusive;
  return { exit, kind: 'dlq.ls', data: { topics }, blocks: presentList(topics, freePlanName(deps)) };
};

function listIn(deps: Deps, region: Region, readTimeoutMs: number): Promise<DlqSummary[]> {
  return withKafka(region, async (kafka) => {
    const summaries: DlqSummary[] = [];
    for (const source of kafka.sources) {
      summaries.push(
        source.exists
          ? summarize(await lookAt(deps, kafka, source, readTimeoutMs))
          : absent(region.config.name, source),
      );
    }
    return summaries;
  });
}

function absent(region: string, { dlq, target, origin }: DlqSource): DlqSummary {
  const none = { letters: 0, copies: 0, replayed: 0, waiting: 0, cannotTell: 0, refused: 0 };
  return {
    region,
    dlq,
    target,
    origin,
    exists: false,
    partitions: 0,
    ...none,
    oldestAgeMs: null,
    expiresInMs: null,
    errors: [],
    unread: null,
  };
}
