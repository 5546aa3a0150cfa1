import type { ConfigEntry, TopicState } from '../../clients/kafka/ports.ts';
import type { DesiredTopic } from '../../topics/section.ts';
import { type Check, type CheckFacts, type Judgement, judged, kafkaNotSeen, notSeen } from '../check.ts';

/** Every declared topic survives the loss of a broker: RF and min ISR as declared, full ISR, no unclean election. */
export const topicDurability: Check = {
  id: 'kafka.topic.durability',
  title: 'every declared topic has its replicas, its full ISR and its min ISR',
  judge: judgeDurability,
};

function judgeDurability({ kafka, desired }: CheckFacts): Judgement {
  if (!kafka.state.seen) return kafkaNotSeen('Metadata', kafka.state);
  if (!kafka.topicConfigs.seen) return notSeen('DescribeConfigs', kafka.topicConfigs.reason);
  if (desired.length === 0)
    return {
      status: 'inconclusive',
      summary: 'uplift.yaml declares no topic: nothing was examined',
      evidence: [],
    };
  const { topics } = kafka.state.value;
  const configs = kafka.topicConfigs.value;
  const problems = desired.flatMap((wish) =>
    problemsOf(
      wish,
      topics.find(({ name }) => name === wish.name),
      configs.get(wish.name) ?? [],
      kafka.silent.map(({ id }) => id),
    ),
  );
  const first = desired.find((wish) => problems[0]?.startsWith(`${wish.name}:`)) ?? desired[0];
  const partitions = desired.reduce((sum, { partitions: count }) => sum + count, 0);
  return judged(problems, 'fail', `${desired.length} topics, ${partitions} partitions, every ISR full`, {
    evidence: [
      {
        query: 'Metadata + DescribeConfigs',
        value: desired
          .map(({ name }) => `${name}: ${isrText(topics.find((t) => t.name === name))}`)
          .join('; '),
      },
    ],
    ...(first === undefined ? {} : { promise: { source: 'file', text: first.origin } as const }),
    ...(problems.length === 0 ? {} : { next: 'uplift topics plan' }),
  });
}

function problemsOf(
  wish: DesiredTopic,
  topic: TopicState | undefined,
  configs: readonly ConfigEntry[],
  silent: readonly number[],
): string[] {
  if (topic === undefined) return [`${wish.name}: does not exist`];
  const settingOf = (name: string): string | null =>
    configs.find((entry) => entry.name === name)?.value ?? null;
  const count = (test: (p: TopicState['partitions'][0]) => boolean): number =>
    topic.partitions.filter(test).length;
  const minIsr = Number(settingOf('min.insync.replicas'));
  const problems: string[] = [];
  const note = (bad: boolean, text: string): void => void (bad && problems.push(`${wish.name}: ${text}`));
  const offline = count((p) => p.leader < 0);
  // A dead broker stays in every ISR until its session ends; it holds nobody's records safe meanwhile.
  const inSync = ({ isr }: TopicState['partitions'][0]): number =>
    isr.filter((id) => !silent.includes(id)).length;
  const under = count((p) => inSync(p) < minIsr);
  const thin = count((p) => inSync(p) < p.replicas.length);
  const few = count((p) => p.replicas.length < wish.replicationFactor);
  note(offline > 0, `${offline} partitions have no leader`);
  note(under > 0, `${under} partitions are under min ISR ${minIsr}`);
  note(thin > 0, `${thin} partitions lack in-sync replicas`);
  note(few > 0, `${few} partitions have fewer than ${wish.replicationFactor} replicas`);
  note(
    String(minIsr) !== wish.configs['min.insync.replicas'],
    `min ISR is ${minIsr}, declared ${wish.configs['min.insync.replicas'] ?? '?'}`,
  );
  note(settingOf('unclean.leader.election.enable') === 'true', 'unclean leader election is on');
  return problems;
}

function isrText(topic: TopicState | undefined): string {
  if (topic === undefined) return 'absent';
  const full = topic.partitions.filter((p) => p.isr.length === p.replicas.length).length;
  return `${full}/${topic.partitions.length} full ISR`;
}
