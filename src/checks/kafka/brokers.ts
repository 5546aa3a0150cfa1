import { type Check, type CheckFacts, type Judgement, judged, kafkaNotSeen, notSeen } from '../check.ts';

const MIN_BROKERS = 3;
const MIN_RACKS = 3;

/** Blueprint §2: three brokers on three zones, and the metadata quorum has a leader with every voter close behind. */
export const brokersAndRacks: Check = {
  id: 'kafka.brokers.racks',
  title: 'every broker is registered and answers, on three racks, with a healthy quorum',
  judge: judgeBrokers,
};

function judgeBrokers({ kafka, bootstrap, originOf, region }: CheckFacts): Judgement {
  if (!kafka.state.seen) return kafkaNotSeen('Metadata', kafka.state);
  const { brokers } = kafka.state.value;
  const racks = new Set(brokers.flatMap(({ rack }) => (rack === null ? [] : [rack])));
  const evidence = [
    {
      query: 'DescribeCluster + Metadata',
      value: brokers.map((b) => `${b.id}@${b.host}:${b.port} ${b.rack ?? 'no rack'}`).join(', '),
    },
  ];
  if (!kafka.quorum.seen) return notSeen('DescribeQuorum', kafka.quorum.reason);
  const { leaderId, voters } = kafka.quorum.value;
  evidence.push({
    query: 'DescribeQuorum',
    value: `leader ${leaderId}, voters ${voters.map(({ id }) => id).join(', ')}`,
  });
  const registered = new Set(brokers.map(({ host, port }) => `${host}:${port}`));
  const problems = bootstrap
    .filter((address) => !registered.has(address))
    .map((address) => `${address} is not a registered broker`);
  for (const { id, address, reason } of kafka.silent)
    problems.push(`broker ${id} at ${address} is registered and does not answer (${reason})`);
  if (brokers.length < MIN_BROKERS)
    problems.push(`${brokers.length} brokers registered (at least ${MIN_BROKERS})`);
  if (racks.size < MIN_RACKS) problems.push(`${racks.size} racks (at least ${MIN_RACKS})`);
  if (leaderId < 0) problems.push('the metadata quorum has no leader');
  return judged(
    problems,
    'fail',
    `${brokers.length} brokers on ${racks.size} racks, quorum leader ${leaderId} of ${voters.length} voters`,
    {
      evidence,
      promise: originOf(['regions', region, 'kafka', 'brokers']),
    },
  );
}
