import type { LiveLeaders } from '../../core/live.ts';
import type { DrillPorts, Prepared } from '../engine/drill.ts';
import { watchMoments } from '../engine/watch.ts';
import { type RedisLook, selfOf } from './look.ts';
import { differencesLeft, lookAtAll } from './settle.ts';
import { diffRedis, type RedisPlace, type RedisTopology } from './topology.ts';
import { foldLook, leadersOf, secondFailureOf } from './watch.ts';

const LOOK_EVERY_MS = 100;

type Looks = Pick<Prepared, 'moved' | 'watch' | 'secondFailure' | 'differences'>;

/** The looks of a Redis drill after its preflight, each a fresh one at every node. */
export function looksOf(
  { context, clock }: Pick<DrillPorts, 'context' | 'clock'>,
  chosen: {
    readonly looks: readonly RedisLook[];
    readonly topology: RedisTopology;
    readonly victim: RedisPlace;
    /** First acknowledgement of the probe on the victim's shard at or after a moment. */
    readonly firstAckNs: (fromNs: bigint) => bigint | null;
  },
): Looks {
  const { topology, victim } = chosen;
  const look = (): Promise<RedisLook[]> => lookAtAll(context, topology);
  return {
    async moved() {
      const looks = await look();
      const [first] = diffRedis(topology, looks);
      if (first !== undefined) return `${first}, since the preflight`;
      // A shard that was handed over and back looks as before; only its epoch tells.
      if (epochsOf(looks) === epochsOf(chosen.looks)) return undefined;
      return 'a Redis shard was handed over since the preflight';
    },
    watch(deadlineMs) {
      let leaders: LiveLeaders | undefined;
      const watch = watchMoments({
        intervalMs: LOOK_EVERY_MS,
        deadlineMs,
        look: async (known) => {
          const looks = await look();
          leaders = leadersOf(looks, topology, victim);
          return foldLook(known, { looks, topology, victim, monoNs: clock.monoNs() });
        },
      });
      const reconnectedNs = (): bigint | null => {
        const { electedNs } = watch.moments();
        return electedNs === null ? null : chosen.firstAckNs(electedNs);
      };
      return {
        stop: watch.stop,
        moments: () => ({ ...watch.moments(), reconnectedNs: reconnectedNs() }),
        settled: () => reconnectedNs() !== null,
        leaders: () => leaders,
      };
    },
    secondFailure: async () => secondFailureOf(await look(), topology, victim),
    differences: () => differencesLeft(context, topology),
  };
}

function epochsOf(looks: readonly RedisLook[]): string {
  return looks
    .flatMap((look) => {
      const own = look.seen ? selfOf(look.view) : undefined;
      return own?.role === 'master' ? [`${own.id}@${own.epoch}`] : [];
    })
    .toSorted()
    .join();
}
