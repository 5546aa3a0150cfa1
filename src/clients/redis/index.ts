export { openClaims } from './claims.ts';
export { openRedisNode, type RedisNodeTarget } from './node.ts';
export { parseInfo, splitAddress } from './parse.ts';
export type { Claim, Claims, RedisNode, RedisTarget } from './ports.ts';
