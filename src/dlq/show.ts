import type { InRecord } from '../clients/kafka/ports.ts';
import { originalHeaders } from '../contract/dead-letter.ts';
import { UpliftError } from '../core/error.ts';
import { readSlices } from '../facts/kafka/slices.ts';
import { type ShownBytes, showBytes } from './content.ts';
import type { DlqFacts } from './facts.ts';
import type { DlqPorts } from './look.ts';
import type { JudgedLetter } from './standing.ts';

/** One letter with its bytes. */
export interface ShownLetter {
  readonly facts: DlqFacts;
  readonly judged: JudgedLetter;
  readonly record: InRecord;
  readonly traceparent: string | null;
  /** Those it had before it was put aside, in their order. */
  readonly headers: readonly (readonly [name: ShownBytes | null, value: ShownBytes | null])[];
}

/** Reads one record of a dead letter topic that was just looked at. Throws UPL-INPUT-INVALID when it is not there. */
export async function showLetter(
  read: DlqPorts['read'],
  facts: DlqFacts,
  judged: readonly JudgedLetter[],
  at: { readonly partition: number; readonly offset: bigint },
  timeoutMs: number,
): Promise<ShownLetter> {
  const found = judged.find(({ seen }) => seen.partition === at.partition && seen.offset === at.offset);
  let record: InRecord | undefined;
  if (found !== undefined) {
    const { topic, topicId } = facts.dlq;
    const slice = {
      topic,
      topicId,
      partition: at.partition,
      fromOffset: at.offset,
      endOffset: at.offset + 1n,
    };
    const add = (_: unknown, one: InRecord): void => {
      record = one;
    };
    await readSlices({ read, slices: [slice], add, limits: { timeoutMs } });
  }
  if (found === undefined || record === undefined)
    throw new UpliftError('UPL-INPUT-INVALID', {
      message: `${facts.source.dlq} holds no record at ${at.partition}/${at.offset}.`,
      next: `uplift dlq show ${facts.source.dlq}`,
    });
  const headers = originalHeaders(record.headers);
  const trace = headers.findLast(([name]) => name.toString('utf8') === 'traceparent')?.[1];
  return {
    facts,
    judged: found,
    record,
    traceparent: trace?.toString('utf8') ?? null,
    headers: headers.map(([name, value]) => [showBytes(name), showBytes(value)]),
  };
}
