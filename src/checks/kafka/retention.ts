import { TOPICS } from '../../contract/records.ts';
import { LONGEST_SNAPSHOT_AGE_MS, retentionProblems } from '../../contract/retention.ts';
import { type Check, type CheckFacts, type Judgement, judged, kafkaNotSeen, notSeen } from '../check.ts';

/** What a restart or a rebuild needs is deleted by nobody: logs end by age, late enough, and snapshots by key alone. */
export const topicRetention: Check = {
  id: 'kafka.topic.retention',
  title: 'commands and events are kept as long as a restart or a rebuild needs them, snapshots by key',
  judge: judgeRetention,
};

const NAMES: readonly string[] = Object.values(TOPICS);
const SHOWN = ['cleanup.policy', 'retention.ms', 'retention.bytes'];

function judgeRetention({ kafka, desired, limits }: CheckFacts): Judgement {
  const ours = desired.filter(({ name }) => NAMES.includes(name));
  if (ours.length === 0) {
    const summary = 'uplift.yaml declares no topic of the reservation service';
    return { status: 'notApplicable', summary, evidence: [] };
  }
  if (!kafka.state.seen) return kafkaNotSeen('DescribeConfigs', kafka.state);
  if (!kafka.topicConfigs.seen) return notSeen('DescribeConfigs', kafka.topicConfigs.reason);
  const configs = kafka.topicConfigs.value;
  const kept = { snapshotAgeMs: LONGEST_SNAPSHOT_AGE_MS, rebuildWindowMs: limits.rebuildWindow };
  const settingIn = (topic: string) => (name: string) =>
    configs.get(topic)?.find((entry) => entry.name === name)?.value;
  const there = ours.filter(({ name }) => configs.has(name));
  const found = there.map((topic) => ({
    topic,
    problems: retentionProblems(topic.name, settingIn(topic.name), kept),
  }));
  const problems = found.flatMap((each) => each.problems);
  const absent = ours.filter(({ name }) => !configs.has(name)).map(({ name }) => name);
  if (problems.length === 0 && absent.length > 0)
    return notSeen('DescribeConfigs', `absent: ${absent.join(', ')}`, 'uplift topics plan');
  const first = found.find((each) => each.problems.length > 0)?.topic ?? there[0];
  const settings = there.map(({ name }) => {
    const values = SHOWN.map((setting) => `${setting}=${settingIn(name)(setting) ?? '?'}`);
    return `${name}: ${values.join(' ')}`;
  });
  return judged(problems, 'fail', `${there.length} topics keep what a restart and a rebuild need`, {
    evidence: [{ query: 'DescribeConfigs', value: settings.join('; ') }],
    ...(first === undefined ? {} : { promise: { source: 'file', text: first.origin } as const }),
  });
}
