import type { Readyz } from '../../contract/http.ts';
import { type Check, type CheckFacts, type Judgement, judged, notSeen } from '../check.ts';

/** `/readyz` of every declared process answers ready, each on fresh probes. */
export const serviceReady: Check = {
  id: 'service.ready',
  title: 'every service process says it is ready',
  judge: judgeReady,
};

/** Probes of the service that say nothing of their own while Kafka is away. */
const KAFKA_PROBES: readonly string[] = ['kafka', 'partitions', 'producer', 'caches'];

const waitsForKafka = ({ probes }: Readyz): boolean =>
  probes.some(({ name, ok }) => !ok && name === 'kafka') &&
  probes.every(({ name, ok }) => ok || KAFKA_PROBES.includes(name));

function judgeReady({ instances, originOf, region, kafka }: CheckFacts): Judgement {
  const promise = originOf(['regions', region, 'service']);
  if (instances === undefined)
    return { status: 'notApplicable', summary: 'no service in uplift.yaml', evidence: [] };
  const answers = instances.flatMap(({ id, readyz }) => (readyz.seen ? [{ id, answer: readyz.value }] : []));
  const silent = instances.flatMap(({ id, url, readyz }) =>
    readyz.seen ? [] : [`${id} at ${url} (${readyz.reason})`],
  );
  const unready = answers.filter(({ answer }) => !answer.ready);
  const problems = unready.map(
    ({ id, answer }) =>
      `${id} is not ready: ${
        answer.probes
          .filter(({ ok }) => !ok)
          .map(({ name, detail }) => `${name} ${detail}`)
          .join(', ') || 'no reason given'
      }`,
  );
  const evidence = [
    {
      query: 'GET /readyz',
      value:
        answers.map(({ id, answer }) => `${id} ${answer.ready ? 'ready' : 'not ready'}`).join(', ') ||
        'no answer',
    },
  ];
  // Whether Kafka is down or out of our sight could not be told, so neither can this: one cause, one finding.
  if (!kafka.state.seen && unready.length > 0 && unready.every(({ answer }) => waitsForKafka(answer))) {
    const names = unready.map(({ id }) => id).join(', ');
    return { status: 'blocked', summary: `${names} wait for Kafka, which was not seen`, evidence, promise };
  }
  if (problems.length === 0 && silent.length > 0)
    return { ...notSeen('GET /readyz', `no answer from ${silent.join(', ')}`), promise };
  const all = problems.length === 0 ? [] : [...problems, ...silent.map((one) => `no answer from ${one}`)];
  return judged(all, 'fail', `${answers.length} processes ready`, { evidence, promise });
}
