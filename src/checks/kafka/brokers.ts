import type { ClusterState, SilentBroker } from '../../clients/kafka/ports.ts';
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
  const promise = originOf(['regions', region, 'kafka', 'brokers']);
  const problems = brokerProblems(kafka.state.value, kafka.silent, bootstrap);
  const metadata = {
    query: 'DescribeCluster + Metadata',
    value: brokers.map((b) => `${b.id}@${b.host}:${b.port} ${b.rack ?? 'no rack'}`).join(', '),
  };
  if (!kafka.quorum.seen) {
    if (problems.length === 0) return notSeen('DescribeQuorum', kafka.quorum.reason);
    // A dead broker may have led the quorum: what is certain is not hidden behind what could not be told.
    const unseen = `the quorum could not be seen: ${kafka.quorum.reason}`;
    return judged([...problems, unseen], 'fail', '', { evidence: [metadata], promise });
  }
  const { leaderId, voters } = kafka.quorum.value;
  if (leaderId < 0) problems.push('the metadata quorum has no leader');
  const ids = voters.map(({ id }) => id).join(', ');
  const evidence = [metadata, { query: 'DescribeQuorum', value: `leader ${leaderId}, voters ${ids}` }];
  const racks = racksOf(brokers).size;
  const good = `${brokers.length} brokers on ${racks} racks, quorum leader ${leaderId} of ${voters.length} voters`;
  return judged(problems, 'fail', good, { evidence, promise });
}

function brokerProblems(
  { brokers }: ClusterState,
  silent: readonly SilentBroker[],
  bootstrap: readonly string[],
): string[] {
  const registered = new Set(brokers.map(({ host, port }) => `${host}:${port}`));
  const racks = racksOf(brokers).size;
  return [
    ...bootstrap
      .filter((address) => !registered.has(address))
      .map((address) => `${address} is not a registered broker`),
    ...silent.map(
      ({ id, address, reason }) => `broker ${id} at ${address} is registered and does not answer (${reason})`,
    ),
    ...(brokers.length < MIN_BROKERS
      ? [`${brokers.length} brokers registered (at least ${MIN_BROKERS})`]
      : []),
    ...(racks < MIN_RACKS ? [`${racks} racks (at least ${MIN_RACKS})`] : []),
  ];
}

function racksOf(brokers: ClusterState['brokers']): Set<string> {
  return new Set(brokers.flatMap(({ rack }) => (rack === null ? [] : [rack])));
}
