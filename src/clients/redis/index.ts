export { openBits } from './bits.ts';
export { openClaims } from './claims.ts';
export { openRedisNode, openRedisNodes, type RedisNodeTarget } from './node.ts';
export { parseInfo, splitAddress } from './parse.ts';
export type {
  Bits,
  Claim,
  Claims,
  Look,
  QuotaPolicy,
  Quotas,
  RedisNode,
  RedisNodes,
  RedisRole,
  RedisTarget,
  RedisWriter,
  Taken,
  WriteAnswer,
} from './ports.ts';
export { openQuotas } from './quotas.ts';
export { slotOf } from './slot.ts';
export { openRedisWriter } from './writer.ts';
