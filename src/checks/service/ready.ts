import { type Check, type CheckFacts, type Judgement, judged, notSeen } from '../check.ts';

/** `/readyz` of every declared process answers ready, each on fresh probes. */
export const serviceReady: Check = {
  id: 'service.ready',
  title: 'every service process says it is ready',
  judge: judgeReady,
};

function judgeReady({ instances, originOf, region }: CheckFacts): Judgement {
  const promise = originOf(['regions', region, 'service']);
  if (instances === undefined)
    return { status: 'notApplicable', summary: 'no service in uplift.yaml', evidence: [] };
  const answers = instances.flatMap(({ id, readyz }) => (readyz.seen ? [{ id, answer: readyz.value }] : []));
  const silent = instances.flatMap(({ id, url, readyz }) =>
    readyz.seen ? [] : [`${id} at ${url} (${readyz.reason})`],
  );
  const problems = answers
    .filter(({ answer }) => !answer.ready)
    .map(
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
  if (problems.length === 0 && silent.length > 0)
    return { ...notSeen('GET /readyz', `no answer from ${silent.join(', ')}`), promise };
  return judged(problems, 'fail', `${answers.length} processes ready`, { evidence, promise });
}
