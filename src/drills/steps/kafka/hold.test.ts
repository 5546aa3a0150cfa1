import { expect, it } from 'vitest';
import type { Cluster } from '../../../clients/kafka/ports.ts';
import { type HoldArgs, holdTopologyStep } from './hold.ts';
import { KafkaModel } from './testing/model.ts';

const RATE = 'follower.replication.throttled.rate';
const control = { signal: new AbortController().signal };

function held(throttles?: readonly { of: string; name: string; value: string }[]): HoldArgs {
  const topology = new KafkaModel().topology();
  return structuredClone({
    topology: throttles === undefined ? topology : { ...topology, throttles },
  }) as unknown as HoldArgs;
}

it('keeps the throttles in the journal, and reads one that was written before there were any', () => {
  for (const args of [held(), held([]), held([{ of: 'broker 2', name: RATE, value: '1000' }])])
    expect(holdTopologyStep.parse?.(args)).toEqual(args);
});

it('stops a drill before its fault when a throttle was set since the preflight', async () => {
  const model = new KafkaModel();
  const { context } = model;
  const rate = { name: RATE, value: '1000', own: true };
  const configs: Pick<Cluster, 'brokerConfigs' | 'topicConfigs'> = {
    brokerConfigs: async (ids) => new Map(ids.map((id) => [id, id === 3 ? [rate] : []])),
    topicConfigs: async () => new Map(),
  };
  const ports = { ...context, cluster: { ...context.cluster, ...configs } };
  await expect(holdTopologyStep.verify(held([]), ports, control)).rejects.toThrow(
    `the topology changed since the preflight: broker 3: ${RATE} is 1000, was not set`,
  );
  const same = held([{ of: 'broker 3', name: RATE, value: '1000' }]);
  await expect(holdTopologyStep.verify(same, ports, control)).resolves.toBeUndefined();
});
