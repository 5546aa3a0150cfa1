import { waitFor } from '../core/wait.ts';
import { REDIS_SHARDS } from './layout.ts';
import { type RedisNode, slotsOf } from './redis-plan.ts';
import { redisCall } from './resp.ts';

export type RedisAddress = Pick<RedisNode, 'unit' | 'port'>;

const JOIN_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

/**
 * Makes one cluster of running, empty nodes: slots and epochs on the masters, everybody introduced to the first, each
 * replica told its master; returns once every node says cluster_state:ok and every replica has its link up.
 * redis-cli --cluster create would place replicas by address, and here all addresses are the same.
 */
export async function assembleRedis(nodes: readonly RedisNode[], signal: AbortSignal): Promise<void> {
  const masters = nodes.filter((node) => node.master);
  await Promise.all(
    masters.map(async (node) => {
      const [first, last] = slotsOf(node.shard);
      await redisCall(node.port, ['CLUSTER', 'ADDSLOTSRANGE', first, last]);
      await redisCall(node.port, ['CLUSTER', 'SET-CONFIG-EPOCH', node.shard + 1]);
    }),
  );
  const [first, ...others] = nodes;
  if (first === undefined) return;
  await Promise.all(
    others.map((node) => redisCall(node.port, ['CLUSTER', 'MEET', '127.0.0.1', first.port, first.busPort])),
  );
  const wait = { timeoutMs: JOIN_TIMEOUT_MS, intervalMs: POLL_MS, signal };
  await Promise.all(
    nodes.map((node) =>
      waitFor(async () => (await clusterInfo(node)).get('cluster_known_nodes') === String(nodes.length), {
        what: `${node.unit} knows all ${nodes.length} Redis nodes`,
        ...wait,
      }),
    ),
  );
  const ids = new Map(
    await Promise.all(
      masters.map(async (node) => [node.shard, await redisCall(node.port, ['CLUSTER', 'MYID'])] as const),
    ),
  );
  await Promise.all(
    nodes.map(async (node) => {
      if (node.master) return;
      await redisCall(node.port, ['CLUSTER', 'REPLICATE', String(ids.get(node.shard))]);
    }),
  );
  await redisClusterOk(nodes, signal);
}

/** Waits until every node says cluster_state:ok, sees every replica as one, and has its own link up. */
export async function redisClusterOk(nodes: readonly RedisAddress[], signal: AbortSignal): Promise<void> {
  await Promise.all(
    nodes.map((node) =>
      waitFor(async () => (await clusterInfo(node)).get('cluster_state') === 'ok' && (await settled(node)), {
        what: `${node.unit} in a cluster that is ok`,
        timeoutMs: JOIN_TIMEOUT_MS,
        intervalMs: POLL_MS,
        signal,
      }),
    ),
  );
}

/** Gossip has told this node who the replicas are, nobody is suspected, and a replica's first copy is through. */
async function settled(node: RedisAddress): Promise<boolean> {
  const lines = String(await redisCall(node.port, ['CLUSTER', 'NODES']))
    .trimEnd()
    .split('\n');
  const flags = lines.map((line) => (line.split(' ')[2] ?? '').split(','));
  const unsettled = flags.some(
    (own) => own.includes('handshake') || own.includes('fail') || own.includes('fail?'),
  );
  if (unsettled || flags.filter((own) => own.includes('slave')).length !== REDIS_SHARDS) return false;
  const info = await infoOf(node.port, ['INFO', 'replication']);
  return info.get('role') === 'master' ? true : info.get('master_link_status') === 'up';
}

const clusterInfo = (node: RedisAddress): Promise<ReadonlyMap<string, string>> =>
  infoOf(node.port, ['CLUSTER', 'INFO']);

async function infoOf(port: number, command: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const lines = String(await redisCall(port, command)).split('\r\n');
  return new Map(
    lines.flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );
}
