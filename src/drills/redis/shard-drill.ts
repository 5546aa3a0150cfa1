import { runChecks } from '../../checks/check.ts';
import { CHECKS } from '../../checks/registry.ts';
import { openRedisWriter } from '../../clients/redis/writer.ts';
import type { Finding } from '../../core/finding.ts';
import type { Json, Step } from '../../core/step.ts';
import { stepOf } from '../../steps/kind.ts';
import { isExecName, strikeText } from '../actuators/through.ts';
import { finding } from '../engine/conditions.ts';
import type { Drill, DrillOptions, DrillPorts, Preparation, Prepared } from '../engine/drill.ts';
import { COVERAGE_BESIDE_LOG } from '../engine/judge.ts';
import { notMet } from '../engine/refuse.ts';
import { commandPartitionsOf } from '../kafka/topology.ts';
import { nameOf } from '../names.ts';
import { firstAckNs } from '../probe/judge.ts';
import type { StoreProbe } from '../probe/probe.ts';
import { redisProbe } from '../probe/redis.ts';
import { failoverRedisStep, holdRedisStep, killRedisStep } from '../steps/redis/index.ts';
import { lookAtNodes, type RedisLook } from './look.ts';
import { looksOf } from './looks.ts';
import { bestReplica, everyView, redisFindings } from './preflight.ts';
import { explainRedis, type RedisSettings, readSettings } from './settings.ts';
import { lastFailover } from './spacing.ts';
import { mastersOf, type RedisPlace, type RedisTopology, replicasOf, topologyOf } from './topology.ts';

const PROBE_RATE_PER_S = 100;
const PROBE_TIMEOUT_MS = 1000;
/** Longer than any drill beside its fault: baseline, restore, final reads. */
const PROBE_TTL_MS = 3_600_000;

type Mode = 'kill' | 'failover';

/** Kills the master of the largest shard; its replica takes over by itself. */
export const shardLoss: Drill = {
  ...nameOf('redis-shard-loss'),
  question: (region) => `Kill a Redis master of ${region}?`,
  prepare: (ports, options) => prepare(ports, options, 'kill'),
};

/** Hands the largest shard over to its replica, as maintenance would, and back. */
export const shardFailover: Drill = {
  ...nameOf('redis-shard-failover'),
  question: (region) => `Hand a Redis shard of ${region} over to its replica?`,
  prepare: (ports, options) => prepare(ports, options, 'failover'),
};

/** What was found of Redis and chosen from it. */
export interface Chosen {
  readonly looks: readonly RedisLook[];
  readonly topology: RedisTopology;
  readonly victim: RedisPlace;
  readonly replica: RedisPlace;
  readonly settings: RedisSettings;
  readonly nodeTimeoutMs: number;
  readonly mode: Mode;
}

async function prepare(ports: DrillPorts, options: DrillOptions, mode: Mode): Promise<Preparation> {
  const facts = await ports.look();
  const checks = runChecks(CHECKS, facts);
  const refused = (findings: readonly Finding[]): Preparation => ({ kind: 'refused', findings });
  if (facts.redis === undefined) return refused([...checks, notConfigured(options.region)]);
  const addresses = facts.redis.views.map(({ address }) => address);
  const looks = await lookAtNodes(ports.context.redis, addresses);
  const topology = topologyOf(looks);
  const victim = largest(topology);
  if (victim === undefined || !facts.kafka.state.seen)
    return refused([...checks, everyView({ looks, topology })]);
  const settings = await readSettings(ports.context.redis.at(victim.address));
  const findings = [
    ...checks,
    ...redisFindings({
      ...{ region: options.region, looks, topology, victim, settings },
      uptimesMs: await uptimesOf(ports, addresses),
      lastFailover: await lastFailover(options.journalDir),
      nowMs: ports.clock.nowMs(),
      victimProcess:
        mode === 'failover' && isExecName(options.units)
          ? undefined
          : await ports.context.redisOf(options.units).describe(victim.address),
    }),
  ];
  const replica = bestReplica({ looks, topology, victim })?.place;
  const { nodeTimeoutMs } = settings;
  if (notMet(findings).length > 0 || replica === undefined || nodeTimeoutMs === null)
    return refused(findings);
  const chosen = { looks, topology, victim, replica, settings, nodeTimeoutMs, mode };
  const probe = probeOf(ports, options, chosen);
  return {
    kind: 'ready',
    findings,
    ...planOf(chosen, options),
    partitions: undefined,
    commandPartitions: commandPartitionsOf(facts.kafka.state.value),
    coverageNeeded: COVERAGE_BESIDE_LOG,
    expected: explainRedis(settings, mode === 'failover'),
    probe,
    ...looksOf(ports, { ...chosen, firstAckNs: (fromNs) => firstAckNs(probe, fromNs) }),
  };
}

function notConfigured(region: string): Finding {
  const title = 'the region has a Redis Cluster';
  return { ...finding('drill.redis.views', title, 'fail', 'no Redis in uplift.yaml', 'uplift.yaml'), region };
}

const slotsOf = ({ ranges }: RedisPlace): number =>
  ranges.reduce((sum, range) => {
    const [from = '0', to = from] = range.split('-');
    return sum + Number(to) - Number(from) + 1;
  }, 0);

/** The master of most slots; the first by address on a tie. */
export function largest(topology: RedisTopology): RedisPlace | undefined {
  return mastersOf(topology).toSorted(
    (a, b) => slotsOf(b) - slotsOf(a) || (a.address < b.address ? -1 : 1),
  )[0];
}

async function uptimesOf(
  { context: { redis } }: DrillPorts,
  addresses: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const asked = addresses.map(async (address) => {
    const info = await redis
      .at(address)
      .info('server')
      .catch(() => new Map<string, string>());
    return [address, Number(info.get('uptime_in_seconds')) * 1000] as const;
  });
  return new Map((await Promise.all(asked)).filter(([, uptimeMs]) => !Number.isNaN(uptimeMs)));
}

type Planned = Pick<Prepared, 'target' | 'victim' | 'blast' | 'topology' | 'steps' | 'faultAt' | 'fault'>;

/** Pure: who is hit, how, and what is undone afterwards. */
export function planOf(chosen: Omit<Chosen, 'looks'>, { units }: Pick<DrillOptions, 'units'>): Planned {
  const { topology, victim, replica, mode, nodeTimeoutMs, settings } = chosen;
  const masters = mastersOf(topology).length;
  const text = `Redis master ${victim.address} (${slotsOf(victim)} slots, replica ${replica.address})`;
  const saved = (): never => structuredClone(topology) as never;
  const strike: Step =
    mode === 'kill'
      ? stepOf(killRedisStep, {
          ...{ units, topology: saved(), node: victim.id, nodeTimeoutMs },
          // A snapshot is older than what the replica has: only a log of every write makes an early start harmless.
          persists: settings.persistence === 'aof',
        })
      : stepOf(failoverRedisStep, { topology: saved(), from: victim.id, to: replica.id });
  return {
    target: `Redis Cluster of ${masters} shards`,
    victim: { id: victim.id, text },
    blast: { hit: 1, of: masters, what: 'Redis shards' },
    topology: structuredClone(topology) as unknown as Json,
    steps: [stepOf(holdRedisStep, { topology: saved(), nodeTimeoutMs }), strike],
    faultAt: 1,
    fault:
      mode === 'kill'
        ? strikeText(units, { signal: 'SIGKILL', act: 'kill' }, text)
        : `CLUSTER FAILOVER of ${text}`,
  };
}

/** As the service writes its claims: the master's word is enough. */
function probeOf(ports: DrillPorts, options: DrillOptions, { topology, victim }: Chosen): StoreProbe {
  const waitReplicas = 0;
  return redisProbe({
    redis: ports.context.redis,
    openWriter: (address) => openRedisWriter({ address, timeoutMs: PROBE_TIMEOUT_MS, waitReplicas }),
    shards: mastersOf(topology).map((master) => ({
      master: master.address,
      members: [master, ...replicasOf(topology, master.id)].map(({ address }) => address),
      ranges: master.ranges,
    })),
    struck: [victim.address],
    runId: options.runId,
    ratePerS: PROBE_RATE_PER_S,
    waitReplicas,
    ttlMs: PROBE_TTL_MS + options.limits.maxFaultMs,
    timeoutMs: options.timeoutMs,
    monoNs: () => ports.clock.monoNs(),
  });
}
