import { answerOf, connect, script } from './connect.ts';
import type { Bits, RedisTarget } from './ports.ts';

/**
 * All of it in one script, so that the bits and the name of the process that has them are one look: a failover between
 * two commands could not be seen. `run_id` is new at every start of a server and unlike the node id after a promotion.
 */
const RUN = `string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')`;

/** ARGV: life in ms (0: untouched), then bits. PTTL is -2 without a key and -1 without an end. */
const SET = `
local stays = redis.call('PTTL', KEYS[1]) == -1
for i = 2, #ARGV do redis.call('SETBIT', KEYS[1], ARGV[i], 1) end
if ARGV[1] ~= '0' and not stays then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return ${RUN}
`;

const LOOK = `
for i = 2, #ARGV do
  if redis.call('GETBIT', KEYS[1], ARGV[i]) == 0 then
    return {0, redis.call('GETBIT', KEYS[1], ARGV[1]), ${RUN}}
  end
end
return {1}
`;

/** Opens bits on a Redis Cluster; the caller closes them. */
export function openBits(target: RedisTarget): Bits {
  const cluster = connect(target);
  const set = script(cluster, SET);
  const look = script(cluster, LOOK);
  return {
    set: async (key, bits, lifeMs = 0) => String(await answerOf(target, () => set(key, [lifeMs, ...bits]))),
    look: async (key, bits, sealBit) => {
      const answer = await answerOf(target, () => look(key, [sealBit, ...bits]));
      const [all, sealed, runId] = Array.isArray(answer) ? answer : [];
      return all === 1 ? { all: true } : { all: false, sealed: sealed === 1, runId: String(runId) };
    },
    read: async (key) => (await answerOf(target, () => cluster.get(key))) ?? undefined,
    write: async (key, text, lifeMs) => {
      await answerOf(target, () =>
        lifeMs === undefined ? cluster.set(key, text) : cluster.set(key, text, 'PX', lifeMs),
      );
    },
    live: async (key, lifeMs) => {
      await answerOf(target, () =>
        lifeMs === undefined ? cluster.persist(key) : cluster.pexpire(key, lifeMs),
      );
    },
    drop: async (key) => {
      await answerOf(target, () => cluster.unlink(key));
    },
    close: async () => cluster.disconnect(),
  };
}
