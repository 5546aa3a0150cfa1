import { z } from 'zod';
import type { Topics } from '../../../clients/kafka/ports.ts';
import type { StepKind } from '../../../steps/kind.ts';
import { paceOf, type SettlePorts } from '../../kafka/settle.ts';

const ASK_MS = 5000;
const MOVED_MS = 20_000;

const placeSchema = z.object({ topic: z.string(), partition: z.int(), replicas: z.array(z.int()).min(2) });
const moveSchema = z.object({
  /** The one cluster that this is about: its topics have namesakes elsewhere. */
  clusterId: z.string(),
  /** Replicas as they were, the preferred leader first. */
  partitions: z.array(placeSchema).min(1),
  rounds: z.int().min(1).max(100),
  /** From one change of all of them to the next. */
  everyMs: z.int().min(0).max(60_000),
});
export type MoveArgs = z.infer<typeof moveSchema>;
export type Place = z.infer<typeof placeSchema>;

/** Pure: the replicas with another one first; the set stays the same, so no data moves. */
export function rotated({ topic, partition, replicas }: Place, round: number): Place {
  const at = round % replicas.length;
  return { topic, partition, replicas: [...replicas.slice(at), ...replicas.slice(0, at)] };
}

/**
 * Pure: every other partition apart from the rest. Where all leaders move at once, whoever writes to several partitions is
 * refused for all of them and sends all again; what is lost is lost where one stays and another moves to its broker.
 */
export function inTwo(partitions: readonly Place[]): readonly (readonly Place[])[] {
  const parts = [0, 1].map((half) => partitions.filter((_, at) => at % 2 === half));
  return parts.filter((part) => part.length > 0);
}

/**
 * Gives these partitions another leader several times, one half of them after the other: the order of their replicas is
 * changed (KIP-455) and the preferred one elected (KIP-460). No server stops and no data moves; it is what a rolling
 * restart or a balancer does all the time. Undo puts the order and the leaders back.
 */
export const moveLeadersStep: StepKind<SettlePorts & { readonly monoNs: () => bigint }, MoveArgs> = {
  kind: 'drill.moveLeaders',
  version: 1,
  parse: (args) => moveSchema.parse(args),
  describe: ({ partitions, rounds }) =>
    `give ${partitions.length} partitions another leader, ${rounds} ${rounds === 1 ? 'time' : 'times'}`,
  async do({ clusterId, partitions, rounds, everyMs }, ports, { signal }) {
    await requireCluster(ports, clusterId, partitions);
    const parts = inTwo(partitions);
    for (let round = 1; round <= rounds; round += 1) {
      for (const [at, part] of parts.entries()) {
        if (round > 1 || at > 0) await paceOf(ports).pause(everyMs / parts.length, signal);
        await lead(
          ports,
          part.map((place) => rotated(place, round)),
          signal,
        );
      }
    }
    return { lastNs: ports.monoNs().toString() };
  },
  async verify({ partitions, rounds }, ports, { signal }) {
    await waitLed(
      ports,
      partitions.map((place) => rotated(place, rounds)),
      signal,
    );
  },
  async undo({ clusterId, partitions }, ports, { signal }) {
    await requireCluster(ports, clusterId, partitions);
    await lead(ports, partitions, signal);
  },
  timeoutMs: 300_000,
};

/** Throws where another cluster answers: it is not reordered. */
async function requireCluster(
  { cluster }: SettlePorts,
  clusterId: string,
  places: readonly Place[],
): Promise<void> {
  const now = await cluster.describe({ topics: topicsOf(places), timeoutMs: ASK_MS });
  if (now.clusterId !== clusterId)
    throw new Error(`cluster ${now.clusterId} answers, not ${clusterId}: nothing was reordered`);
}

const topicsOf = (places: readonly Place[]): string[] => [...new Set(places.map(({ topic }) => topic))];

/** These orders of replicas, each led by its first one. Asked again until it is so: an election can meet a broker that lags. */
async function lead(ports: SettlePorts, places: readonly Place[], signal: AbortSignal): Promise<void> {
  const refused = await reassign(ports.topics, places);
  if (refused !== undefined) throw new Error(refused);
  await waitLed(ports, places, signal, async (away) => {
    await ports.topics.electPreferred(away, { timeoutMs: ASK_MS });
  });
}

async function reassign(topics: Topics, places: readonly Place[]): Promise<string | undefined> {
  const results = await topics.reassign(places, { timeoutMs: ASK_MS });
  const bad = results.find(({ error }) => error !== null);
  return bad === undefined ? undefined : `${bad.topic}/${bad.partition} was not reordered: ${bad.error}`;
}

async function waitLed(
  ports: SettlePorts,
  places: readonly Place[],
  signal: AbortSignal,
  elect: (away: readonly Place[]) => Promise<void> = async () => undefined,
): Promise<void> {
  const topics = topicsOf(places);
  await paceOf(ports).wait(
    async () => {
      const now = await ports.cluster.describe({ topics, timeoutMs: ASK_MS });
      const away = places.filter(({ topic, partition, replicas: [first] }) => {
        const state = now.topics.find(({ name }) => name === topic);
        return state?.partitions.find((each) => each.partition === partition)?.leader !== first;
      });
      if (away.length === 0) return true;
      await elect(away);
      throw new Error(`${away.length} partitions are not led by the replica that was asked for`);
    },
    { what: 'leaders moved', timeoutMs: MOVED_MS, intervalMs: 100, signal },
  );
}
