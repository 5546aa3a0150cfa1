import { z } from 'zod';
import type { Cluster, TopicSpec, Topics } from '../clients/kafka/ports.ts';
import { UpliftError } from '../core/error.ts';
import type { Json } from '../core/step.ts';
import { waitFor } from '../core/wait.ts';
import type { StepKind } from '../steps/kind.ts';

export interface TopicStepContext {
  readonly cluster: Cluster;
  readonly topics: Topics;
  readonly timeoutMs: number;
}

const argsSchema = z.object({
  topics: z.array(
    z.object({
      name: z.string(),
      assignment: z.array(z.array(z.int())),
      configs: z.record(z.string(), z.string()),
    }),
  ),
});
type CreateArgs = z.infer<typeof argsSchema>;

const VISIBLE_MS = 15_000;

/**
 * Creates topics in one request. There is no undo: deleting a topic deletes what others may have written to it since.
 * A topic that exists already is left as it is, so a run that was cut off can be repeated.
 */
export const createTopicsStep: StepKind<TopicStepContext, CreateArgs> = {
  kind: 'kafka.createTopics',
  version: 1,
  parse: (args: Json) => argsSchema.parse(args),
  describe: ({ topics }) => `create ${topics.length} topics (${topics.map(({ name }) => name).join(', ')})`,
  async do({ topics }, context) {
    const results = await context.topics.create(topics, {
      validateOnly: false,
      timeoutMs: context.timeoutMs,
    });
    refuseFailures(results.filter(({ error }) => error !== null && error !== 'TOPIC_ALREADY_EXISTS'));
    return results.map(({ name, error }) => ({ name, error }));
  },
  async verify({ topics }, context) {
    await waitFor(async () => (await missing(topics, context)).length === 0, {
      what: 'created topics with a leader and a full ISR on every partition',
      timeoutMs: VISIBLE_MS,
      intervalMs: 150,
    });
    return { visible: topics.length };
  },
  undo: 'irreversible',
};

/** Throws naming every topic that Kafka refused. */
export function refuseFailures(
  failures: readonly {
    readonly name: string;
    readonly error: string | null;
    readonly message: string | null;
  }[],
): void {
  if (failures.length === 0) return;
  const shown = failures
    .map(({ name, error, message }) => `${name}: ${error ?? ''} ${message ?? ''}`.trim())
    .join('; ');
  throw new UpliftError('UPL-KAFKA-REQUEST', {
    message: `Kafka refused ${failures.length} topics: ${shown}`,
  });
}

async function missing(
  topics: readonly TopicSpec[],
  { cluster, timeoutMs }: TopicStepContext,
): Promise<string[]> {
  const state = await cluster.describe({ topics: topics.map(({ name }) => name), timeoutMs });
  return topics
    .filter((wanted) => {
      const found = state.topics.find(({ name }) => name === wanted.name);
      return (
        found === undefined ||
        found.partitions.length < wanted.assignment.length ||
        found.partitions.some((p) => p.leader < 0 || p.isr.length < p.replicas.length)
      );
    })
    .map(({ name }) => name);
}
