import type { Sql } from '../../clients/postgres/index.ts';
import type { Claim } from '../../clients/redis/index.ts';
import { VIEWS } from '../../contract/projection.ts';
import { UpliftError } from '../../core/error.ts';
import { parseClaimKey } from './claim-entry.ts';
import type { FallbackClaims } from './claims-first-of.ts';

const TABLE = 'uplift_service.idempotency_claims';

// A claim that expired is as good as none. The unique key decides between two that come at once; `decided` tells that the
// event id has been decided before, so somebody else (Redis) had granted this key.
const CLAIM = `INSERT INTO ${TABLE} AS c (tenant, key_hash, value, expires_at)
  VALUES ($1, $2, $3, now() + $4 * interval '1 millisecond')
  ON CONFLICT (tenant, key_hash) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
  WHERE c.expires_at <= now()
  RETURNING EXISTS (SELECT 1 FROM ${VIEWS.operations} o WHERE o.tenant = $1 AND o.event_id = $2) AS decided`;
const LOOK = `SELECT value FROM ${TABLE} WHERE tenant = $1 AND key_hash = $2 AND expires_at > now()`;
const PUT = `INSERT INTO ${TABLE} (tenant, key_hash, value, expires_at)
  VALUES ($1, $2, $3, now() + $4 * interval '1 millisecond')
  ON CONFLICT (tenant, key_hash) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`;
const IN_USE = `SELECT EXISTS (SELECT 1 FROM ${TABLE} WHERE expires_at > now()) AS in_use`;
const EXPIRE = `DELETE FROM ${TABLE} WHERE (tenant, key_hash) IN (
    SELECT tenant, key_hash FROM ${TABLE} WHERE expires_at <= now()
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)`;

/** Between a refused insert and the look at what stands there, a claim can expire and be deleted. */
const ROUNDS = 3;

/**
 * Claims in Postgres, under the unique key (tenant, hash of tenant and idempotency key): for the time without Redis.
 * `onCrossed` is told when a key is granted whose event id was decided before.
 */
export function postgresClaims(sql: Sql, onCrossed: () => void): FallbackClaims {
  const look = async (key: string): Promise<string | undefined> => {
    const { tenant, keyHash } = parseClaimKey(key);
    return (await sql.query<{ value: string }>(LOOK, [tenant, keyHash])).rows[0]?.value;
  };
  return {
    async claim(key, value, ttlMs): Promise<Claim> {
      const { tenant, keyHash } = parseClaimKey(key);
      for (let round = 0; round < ROUNDS; round += 1) {
        const { rows } = await sql.query<{ decided: boolean }>(CLAIM, [tenant, keyHash, value, ttlMs]);
        if (rows[0]?.decided === true) {
          onCrossed();
          return { claimed: true, decidedBefore: true };
        }
        if (rows[0] !== undefined) return { claimed: true };
        const standing = await look(key);
        if (standing !== undefined) return { claimed: false, value: standing };
      }
      throw new UpliftError('UPL-POSTGRES-QUERY', {
        message: `The claim of a key was neither granted nor found in ${ROUNDS} rounds`,
      });
    },
    async put(key, value, ttlMs): Promise<void> {
      const { tenant, keyHash } = parseClaimKey(key);
      await sql.query(PUT, [tenant, keyHash, value, ttlMs]);
    },
    look,
  };
}

/** Whether any claim stands in Postgres that has not expired. */
export async function anyClaims(sql: Sql): Promise<boolean> {
  return (await sql.query<{ in_use: boolean }>(IN_USE)).rows[0]?.in_use === true;
}

/** Deletes up to `limit` expired claims; answers how many. */
export async function deleteExpiredClaims(sql: Sql, limit: number): Promise<number> {
  return (await sql.query(EXPIRE, [limit])).rowCount;
}
