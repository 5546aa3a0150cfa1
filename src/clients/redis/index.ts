export { openBits } from './bits.ts';
export { openClaims } from './claims.ts';
export { openRedisNode, type RedisNodeTarget } from './node.ts';
export { parseInfo, splitAddress } from './parse.ts';
export type {
  Bits,
  Claim,
  Claims,
  Look,
  QuotaPolicy,
  Quotas,
  RedisNode,
  RedisTarget,
  Taken,
} from './ports.ts';
export { openQuotas } from './quotas.ts';
