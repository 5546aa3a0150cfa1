import { z } from 'zod';
import { duration } from '../config/duration.ts';
import { defineSection, type RuleProblem } from '../config/section.ts';

const topicName = z
  .string()
  .regex(/^[a-zA-Z0-9._-]{1,249}$/, { error: 'must be 1–249 letters, digits, dots, dashes or underscores' });

/** Topic configuration as Kafka takes it: every value is a string there; numbers and booleans are written plainly here. */
const configs = z.record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()])).default({});

const topicSchema = z.strictObject({
  name: topicName,
  partitions: z.int().min(1).max(10_000),
  replicationFactor: z.int().min(1).max(15),
  minInsyncReplicas: z.int().min(1).max(15),
  config: configs.describe('Kafka topic configs; min.insync.replicas has its own key.'),
  dlq: z
    .strictObject({ retention: duration })
    .optional()
    .describe('Makes <name>.dlq with the same partitions and durability.'),
});

export type TopicConfig = z.output<typeof topicSchema>;

/** `topics:` of uplift.yaml. */
export const topicsSection = defineSection({
  key: 'topics',
  schema: z.array(topicSchema).default([]),
  describe: 'Topics that must exist, with their durability.',
  rules: [
    function* (topics): Generator<RuleProblem> {
      for (const [index, topic] of topics.entries()) {
        for (const message of topicProblems(topic)) yield { path: ['topics', index], message };
        const first = topics.findIndex(({ name }) => name === topic.name);
        if (first !== index)
          yield { path: ['topics', index, 'name'], message: `${topic.name} is declared twice` };
      }
    },
  ],
});

/** A topic as it must be, dead-letter topics included, every config spelt out as Kafka's string. */
export interface DesiredTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
  /** Where uplift.yaml asks for it: `uplift.yaml:31`. */
  readonly origin: string;
}

/** Declared topics plus their `.dlq`, in declaration order. A dead-letter topic is never compacted (keys repeat there). */
export function desiredTopics(
  topics: readonly TopicConfig[],
  originOf: (index: number) => string,
): DesiredTopic[] {
  return topics.flatMap((topic, index) => {
    const origin = originOf(index);
    const durability = {
      'min.insync.replicas': String(topic.minInsyncReplicas),
      'unclean.leader.election.enable': 'false',
    };
    const own: DesiredTopic = {
      name: topic.name,
      partitions: topic.partitions,
      replicationFactor: topic.replicationFactor,
      configs: { ...durability, ...stringified(topic.config) },
      origin,
    };
    if (topic.dlq === undefined) return [own];
    const dlq: DesiredTopic = {
      ...own,
      name: `${topic.name}.dlq`,
      configs: { ...durability, 'cleanup.policy': 'delete', 'retention.ms': String(topic.dlq.retention) },
    };
    return [own, dlq];
  });
}

function stringified(values: Readonly<Record<string, string | number | boolean>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
}

/** Rules across fields of one topic, as sentences; empty when all hold. */
export function topicProblems(topic: TopicConfig): string[] {
  const problems: string[] = [];
  if (topic.minInsyncReplicas > topic.replicationFactor) {
    problems.push(
      `minInsyncReplicas ${topic.minInsyncReplicas} is more than replicationFactor ${topic.replicationFactor}: no write could ever be acknowledged`,
    );
  }
  if ('min.insync.replicas' in topic.config)
    problems.push('min.insync.replicas stands in config; use minInsyncReplicas');
  if (topic.dlq !== undefined && topic.name.endsWith('.dlq'))
    problems.push('a dead-letter topic has no dead-letter topic of its own');
  return problems;
}
