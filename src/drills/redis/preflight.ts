import type { Finding, FindingStatus } from '../../core/finding.ts';
import { formatCount, formatMs } from '../../core/units.ts';
import type { Held } from '../actuators/process.ts';
import { finding, victimAtHand } from '../engine/conditions.ts';
import type { RedisLook, SeenLook } from './look.ts';
import type { RedisSettings } from './settings.ts';
import { SPACING_TIMES } from './settle.ts';
import type { LastFailover } from './spacing.ts';
import {
  diffRedis,
  majorityOf,
  mastersOf,
  type RedisPlace,
  type RedisTopology,
  replicasOf,
} from './topology.ts';

/** What the preflight of a Redis drill looks at beside the ordinary checks. */
export interface RedisPreflight {
  readonly region: string;
  readonly looks: readonly RedisLook[];
  readonly topology: RedisTopology;
  /** The master that is struck. */
  readonly victim: RedisPlace;
  readonly settings: RedisSettings;
  /** How long each node runs; one that could not be asked is absent. */
  readonly uptimesMs: ReadonlyMap<string, number>;
  readonly lastFailover: LastFailover | undefined;
  readonly nowMs: number;
  /** Undefined: Redis hands the shard over by itself, and commands are not needed for it. */
  readonly victimProcess: Held | undefined;
}

/** A replica that is this far behind would lose that much; Redis's own offsets count bytes. */
const GAP_BYTES = 1_048_576;

/** Pure: one finding per condition; the drill starts only when all pass. */
export function redisFindings(facts: RedisPreflight): Finding[] {
  return [
    everyView(facts),
    replicasKnown(facts),
    replicaCloseBehind(facts),
    majoritySurvives(facts),
    timeoutKnown(facts),
    lastOneLongAgo(facts),
    ...(facts.victimProcess === undefined
      ? []
      : [victimAtHand(`Redis at ${facts.victim.address}`, facts.victimProcess)]),
  ].map((each) => ({ ...each, region: facts.region }));
}

/** Pure: all nodes answer, agree with what each says of itself, and are all known to us. */
export function everyView({ looks, topology }: Pick<RedisPreflight, 'looks' | 'topology'>): Finding {
  const title = 'every Redis node answers, says cluster_state ok with all slots, and all say the same';
  const of = (status: FindingStatus, summary: string): Finding =>
    finding('drill.redis.views', title, status, summary, 'CLUSTER INFO, CLUSTER NODES, ROLE', 'uplift check');
  const silent = looks.flatMap((look) => (look.seen ? [] : [`${look.address} (${look.reason})`]));
  if (looks.length === 0) return of('inconclusive', 'no Redis node was asked');
  if (silent.length > 0) return of('inconclusive', `no answer from ${silent.join(', ')}`);
  const strangers = seenOf(looks)
    .flatMap(({ view }) => view.nodes)
    .filter(({ id }) => !topology.nodes.some((node) => node.id === id));
  const [stranger] = strangers;
  if (stranger !== undefined)
    return of(
      'inconclusive',
      `${stranger.address} is in the cluster and not in uplift.yaml: it was not asked`,
    );
  const [first, ...more] = diffRedis(topology, looks);
  if (first === undefined) return of('pass', `${looks.length} nodes say the same`);
  return of('fail', more.length === 0 ? first : `${first} (and ${more.length} more)`);
}

function seenOf(looks: readonly RedisLook[]): SeenLook[] {
  return looks.filter((look) => look.seen);
}

/** A replica that most masters do not know gets no votes. */
function replicasKnown({ looks, topology }: RedisPreflight): Finding {
  const title = 'every Redis master has a linked replica that a majority of the masters knows';
  const masters = mastersOf(topology);
  const views = seenOf(looks).filter(({ address }) => masters.some((master) => master.address === address));
  const bare = masters.filter(
    ({ id }) =>
      !replicasOf(topology, id).some((replica) => {
        const known = views.filter(({ view }) =>
          view.nodes.some(
            (node) =>
              node.id === replica.id && node.masterId === id && node.linked && node.troubles.length === 0,
          ),
        );
        return known.length >= majorityOf(masters.length);
      }),
  );
  const of = (status: FindingStatus, summary: string): Finding =>
    finding('drill.redis.replicas', title, status, summary, 'CLUSTER NODES of every master');
  return bare.length === 0
    ? of('pass', `${masters.length} masters, each with one`)
    : of('fail', `none for ${bare.map(({ address }) => address).join(', ')}`);
}

/** Pure: the replica that should take over: linked, the least behind; and how many bytes it is behind. */
export function bestReplica({
  looks,
  topology,
  victim,
}: Pick<RedisPreflight, 'looks' | 'topology' | 'victim'>):
  | { readonly place: RedisPlace; readonly behindBytes: number }
  | undefined {
  const lookOf = (address: string): SeenLook | undefined =>
    seenOf(looks).find((look) => look.address === address);
  const master = lookOf(victim.address)?.role.offset;
  if (master === undefined) return undefined;
  const linked = replicasOf(topology, victim.id).flatMap((place) => {
    const role = lookOf(place.address)?.role;
    if (role?.role !== 'replica' || role.link !== 'connected' || role.offset < 0) return [];
    return [{ place, behindBytes: Math.max(0, master - role.offset) }];
  });
  return linked.toSorted((a, b) => a.behindBytes - b.behindBytes)[0];
}

function replicaCloseBehind(facts: RedisPreflight): Finding {
  const { address } = facts.victim;
  const title = `a replica of ${address} is linked and close behind`;
  const of = (status: FindingStatus, summary: string): Finding =>
    finding('drill.redis.behind', title, status, summary, 'ROLE of master and replica');
  const best = bestReplica(facts);
  if (best === undefined) return of('fail', 'no replica has its link up');
  const summary = `${best.place.address} is ${formatCount(best.behindBytes)} bytes behind, at most ${formatCount(GAP_BYTES)} are allowed`;
  return of(best.behindBytes <= GAP_BYTES ? 'pass' : 'fail', summary);
}

function majoritySurvives({ looks, topology, victim }: RedisPreflight): Finding {
  const masters = mastersOf(topology);
  const left = masters.filter(
    ({ id, address }) => id !== victim.id && seenOf(looks).some((look) => look.address === address),
  ).length;
  const needed = majorityOf(masters.length);
  return finding(
    'drill.redis.majority',
    'a majority of the Redis masters is up without the victim',
    left >= needed ? 'pass' : 'fail',
    `${left} of ${masters.length} masters left, ${needed} needed`,
    'CLUSTER NODES',
  );
}

function timeoutKnown({ settings }: RedisPreflight): Finding {
  const { nodeTimeoutMs } = settings;
  return finding(
    'drill.redis.timeout',
    'cluster-node-timeout can be read: all times of a failover follow from it',
    nodeTimeoutMs === null ? 'inconclusive' : 'pass',
    nodeTimeoutMs === null ? 'CONFIG GET did not answer it' : `${nodeTimeoutMs} ms`,
    'CONFIG GET cluster-node-timeout',
  );
}

/** Soon after a failover masters do not vote for the same shard again, and a replica does not ask again. */
function lastOneLongAgo(facts: RedisPreflight): Finding {
  const { settings, uptimesMs, looks, lastFailover: last, nowMs } = facts;
  const neededMs = SPACING_TIMES * (settings.nodeTimeoutMs ?? 0);
  const title = `no failover and no start of a Redis node within ${SPACING_TIMES} × cluster-node-timeout`;
  const of = (status: FindingStatus, summary: string): Finding =>
    finding('drill.redis.spacing', title, status, summary, 'own journals, INFO server');
  const unasked = looks.filter(({ address }) => !uptimesMs.has(address));
  if (unasked.length > 0)
    return of('inconclusive', `uptime of ${unasked.map(({ address }) => address).join(', ')} is not known`);
  const agoMs = last === undefined ? undefined : nowMs - last.atMs;
  if (last !== undefined && agoMs !== undefined && agoMs < neededMs)
    return of(
      'fail',
      `run ${last.runId} changed it ${formatMs(agoMs)} ago, ${formatMs(neededMs)} are needed`,
    );
  const [young] = [...uptimesMs].filter(([, uptimeMs]) => uptimeMs < neededMs);
  if (young !== undefined)
    return of('fail', `${young[0]} was started ${formatMs(young[1])} ago, ${formatMs(neededMs)} are needed`);
  const ours = agoMs === undefined ? 'none of ours is known' : `the last of ours was ${formatMs(agoMs)} ago`;
  return of('pass', `${ours}; every node runs for longer than ${formatMs(neededMs)}`);
}
