import type { LiveLeaders } from '../../core/live.ts';
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

function successorOf(
  looks: readonly RedisLook[],
  topology: RedisTopology,
  victim: RedisPlace,
): RedisLook | undefined {
  const replicas = replicasOf(topology, victim.id).map(({ address }) => address);
  return looks.find((look) => replicas.includes(look.address) && leads(look, victim.ranges));
}

/** Pure: does a replica of this master lead its slots? */
export const replaced = (looks: readonly RedisLook[], topology: RedisTopology, victim: RedisPlace): boolean =>
  successorOf(looks, topology, victim) !== undefined;

/** Pure: who leads the victim's slots, for those who watch the run. */
export function leadersOf(
  looks: readonly RedisLook[],
  topology: RedisTopology,
  victim: RedisPlace,
): LiveLeaders {
  const successor = successorOf(looks, topology, victim);
  if (successor !== undefined)
    return { text: `${successor.address} leads the slots of ${victim.address}`, waits: false };
  const own = looks.find(({ address }) => address === victim.address);
  if (own !== undefined && leads(own, victim.ranges))
    return { text: `${victim.address} leads its slots still`, waits: false };
  const noticed = markedFailed(looks, topology, victim) ? ', which most masters call failed' : '';
  return { text: `nobody leads the slots of ${victim.address}${noticed}`, waits: true };
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
