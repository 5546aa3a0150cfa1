import { answerOf, connect, script } from './connect.ts';
import { paceOf, takenOf } from './gcra.ts';
import type { Quotas, RedisTarget } from './ports.ts';

/**
 * `meter` of gcra.ts, where the meter is. Numbers are written out: Lua's own text of a number keeps 14 digits. The key
 * ends when all units have come back.
 */
export const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local emission, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local from = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or now), now), now + burst)
local to = from + emission
if to - now > burst then
  return {0, string.format('%.0f', from), string.format('%.0f', now)}
end
redis.call('SET', KEYS[1], string.format('%.0f', to), 'PX', math.ceil((to - now) / 1000))
return {1, string.format('%.0f', to), string.format('%.0f', now)}
`;

/** Opens quotas on a Redis Cluster; the caller closes them. */
export function openQuotas(target: RedisTarget): Quotas {
  const cluster = connect(target);
  const take = script(cluster, TAKE);
  return {
    take: async (name, policy) => {
      const pace = paceOf(policy);
      const answer = await answerOf(target, () => take(`quota:{${name}}`, [pace.emissionUs, pace.burstUs]));
      const [allowed, meterUs, nowUs] = Array.isArray(answer) ? answer.map(Number) : [];
      return takenOf({ allowed: allowed === 1, meterUs: meterUs ?? 0 }, nowUs ?? 0, pace);
    },
    close: async () => cluster.disconnect(),
  };
}
