import { UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Action } from '../../deps.ts';
import { showBytes } from '../../dlq/content.ts';
import type { DlqFacts } from '../../dlq/facts.ts';
import { presentLetter, presentLetters } from '../../dlq/present.ts';
import { type ShownLetter, showLetter } from '../../dlq/show.ts';
import { type JudgedLetter, judgeLetters } from '../../dlq/standing.ts';
import { durationFlag } from '../shared/duration.ts';
import { openOneRegion } from '../shared/region.ts';
import { freePlanName } from './free-plan-name.ts';
import type { ShowInput } from './index.ts';
import { lookAt, sourceNamed, withKafka } from './look.ts';

/** `uplift dlq show`: the letters of a topic, or one of them whole. */
export const showCommand: Action<ShowInput> = async (deps, input) => {
  const at = input.at === undefined ? undefined : positionIn(input.at);
  const readTimeoutMs = durationFlag('--read-timeout', input.readTimeout);
  const region = await openOneRegion(deps);
  return withKafka(region, async (kafka) => {
    const facts = await lookAt(deps, kafka, sourceNamed(kafka, input.topic), readTimeoutMs);
    const judged = judgeLetters(facts);
    if (at === undefined) return listed(facts, judged, input.limit);
    return whole(await showLetter(kafka.read, facts, judged, at, readTimeoutMs), freePlanName(deps));
  });
};

function positionIn(text: string): { partition: number; offset: bigint } {
  const [, partition, offset] = /^(\d{1,9})\/(\d{1,19})$/.exec(text) ?? [];
  if (partition === undefined || offset === undefined)
    throw new UpliftError('UPL-USAGE', { message: `"${text}" is not a partition/offset such as 3/17.` });
  return { partition: Number(partition), offset: BigInt(offset) };
}

function listed(facts: DlqFacts, judged: readonly JudgedLetter[], limit: number): Outcome {
  const letters = judged.toSorted((a, b) => a.seen.timestampMs - b.seen.timestampMs).slice(0, limit);
  return {
    exit: EXIT.ok,
    kind: 'dlq.show',
    data: {
      region: facts.region,
      topic: facts.source.dlq,
      records: judged.length,
      unread: facts.unread,
      letters: letters.map(documentOf),
    },
    blocks: presentLetters(facts, letters, judged.length),
  };
}

function documentOf({ seen, standing, reason, newerEvents }: JudgedLetter): object {
  const { partition, offset, timestampMs, letter, sha256, replayBytes } = seen;
  return { partition, offset, timestampMs, standing, reason, newerEvents, sha256, replayBytes, letter };
}

function whole(shown: ShownLetter, planName: string): Outcome {
  const { record, judged, facts, traceparent, headers } = shown;
  return {
    exit: EXIT.ok,
    kind: 'dlq.letter',
    data: {
      region: facts.region,
      topic: facts.source.dlq,
      letter: {
        ...documentOf(judged),
        traceparent,
        headers: headers.map(([name, value]) => ({ name, value })),
        key: showBytes(record.key),
        value: showBytes(record.value),
      },
    },
    blocks: presentLetter(shown, planName),
  };
}
