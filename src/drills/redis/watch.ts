import type { Moments } from '../engine/drill.ts';
import type { RedisLook } from './look.ts';
import { leads, majorityOf, mastersOf, type RedisPlace, type RedisTopology, replicasOf } from './topology.ts';

/** Pure: does a majority of the masters mark this node as failed? */
export function markedFailed(
  looks: readonly RedisLook[],
  topology: RedisTopology,
  { id }: RedisPlace,
): boolean {
  const masters = mastersOf(topology);
  const marking = looks.filter(
    (look) =>
      look.seen &&
      masters.some(({ address }) => address === look.address) &&
      look.view.nodes.some((node) => node.id === id && node.troubles.includes('fail')),
  );
  return marking.length >= majorityOf(masters.length);
}

/** Pure: does a replica of this master lead its slots? */
export function replaced(looks: readonly RedisLook[], topology: RedisTopology, victim: RedisPlace): boolean {
  const replicas = replicasOf(topology, victim.id).map(({ address }) => address);
  return looks.some((look) => replicas.includes(look.address) && leads(look, victim.ranges));
}

/** Pure: adds a look to what is known. Nobody notices a planned handover: it is only elected. */
export function foldLook(
  known: Moments,
  seen: {
    readonly looks: readonly RedisLook[];
    readonly topology: RedisTopology;
    readonly victim: RedisPlace;
    readonly monoNs: bigint;
  },
): Moments {
  const { looks, topology, victim, monoNs } = seen;
  return {
    detectedNs: known.detectedNs ?? (markedFailed(looks, topology, victim) ? monoNs : null),
    electedNs: known.electedNs ?? (replaced(looks, topology, victim) ? monoNs : null),
  };
}

/** Pure: what else has failed beside the victim, as one sentence, or undefined. */
export function secondFailureOf(
  looks: readonly RedisLook[],
  topology: RedisTopology,
  victim: RedisPlace,
): string | undefined {
  const others = topology.nodes.filter(({ id }) => id !== victim.id);
  const failed = others.filter((other) => markedFailed(looks, topology, other));
  const silent = others.filter(({ address }) => looks.some((look) => look.address === address && !look.seen));
  const [gone] = [...failed, ...silent];
  return gone === undefined ? undefined : `Redis at ${gone.address} is gone as well`;
}
